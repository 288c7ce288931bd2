// The home directory: where it is, who owns it, what it remembers. No absolute path is kept in it
// but the project's.
//
//   HOME/tatara.db       the database          HOME/artifacts/    files of runs and models
//   HOME/lock            held by the owner     HOME/jobs/         attempts: claim, log, exit record
//   HOME/server.json     the owner's address   HOME/capture/      what endpoints were asked
//   HOME/secret          signs job tokens      HOME/workspaces/   folders of rules' pipeline runs
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "db/db.h"
#include "os/files.h"

namespace tatara::app {

// The nearest .tatara upwards from `folder`, else .tatara at the root of the DVC or git
// repository, else folder/.tatara.
std::string FindHome(const std::string& folder);

// Makes the folder if it is not there, and the file that keeps it out of git.
Status PrepareHome(const std::string& home);

// How the owner of a home can be reached.
struct ServerRecord {
  std::string url;
  int pid = 0;
  std::string command;  // "up", "run": what owns it
};
Status WriteServerRecord(const std::string& home, const ServerRecord& record);
// The record when somebody holds the home's lock; nothing when nobody does.
std::optional<ServerRecord> RunningServer(const std::string& home);

// Named facts in the database.
Result<std::string> GetFact(db::Reader& reader, const std::string& name);  // empty: none
Status SetFact(db::Tx& tx, const std::string& name, const std::string& value);

// Changes when a home is moved or copied: a digest of its path, device and inode.
Result<std::string> HomeIdentity(const std::string& home);

}  // namespace tatara::app
