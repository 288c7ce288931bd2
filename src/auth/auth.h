// The door of auth: who calls, and from where a call is let in at all.
//
// This version knows one user, the one who owns the home, and serves loopback only. What it does
// check on every request:
//  1. A foreign Origin, or on loopback a foreign Host, is refused: a web page that the user visits
//     must not be able to run commands here (also not by DNS rebinding).
//  2. A Bearer token that a job was given names the job's attempt, so that runs, models and
//     artifacts know their cause. A token that is not ours is ignored, as MLflow without
//     authentication does.
// Threads: immutable after construction; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace tatara::auth {

// Tokens that carry their attempt's id, signed with the home's secret: nothing is stored, and a
// token is good for as long as its home.
class AttemptTokens {
 public:
  explicit AttemptTokens(std::string secret) : secret_(std::move(secret)) {}
  // Reads HOME/secret, or makes it (0600, durable).
  static Result<AttemptTokens> Open(const std::string& home);

  std::string Issue(std::string_view attempt) const;
  // The attempt that the token was issued for, or nothing.
  std::optional<std::string> Verify(std::string_view token) const;

 private:
  std::string secret_;
};

// The refusal of a request by its Origin and Host, or null. `loopback`: the server listens there.
std::unique_ptr<net::Response> RefuseForeign(const net::Request& request, bool loopback);

// The attempt named by the request's `Authorization: Bearer`, or empty.
std::string CallerOf(const net::Request& request, const AttemptTokens& tokens);

}  // namespace tatara::auth
