// What one endpoint was asked, what it answered, and what turned out to be true.
//
// Promises
//  1. Append costs a copy into memory; the journal is written within 50 ms and on the disk
//     (fdatasync) within a second, and before a truth is acknowledged or a window is read.
//  2. The first row of an inference id wins; the first truth of an id wins.
//  3. A torn tail of a journal (power loss) is left out; all before it is kept.
//  4. A journal is closed when the first row of a later UTC day comes, and becomes Parquet (zstd)
//     in the background; it goes only once the Parquet file is on the disk.
//  5. What cannot be written (a full disk) is tried again each second; beyond 64 MiB it is dropped,
//     counted, and told by `health`. Predictions go on.
//  6. Memory is bounded: the newest rows are kept (RowStore), older windows are read from files.
// Threads: any. Owned by Serving and by its Endpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "db/db.h"
#include "os/files.h"
#include "serving/call.h"
#include "serving/capture/journal.h"
#include "serving/capture/rows.h"
#include "sql/column.h"

namespace tatara::serving {

// One line of a ground-truth request.
struct Truth {
  std::string inference_id;
  std::string value;
  Time time{};
};

struct TruthCounts {
  int64_t taken = 0;
  int64_t unknown = 0;   // no row of this id is in memory: never asked, or long ago
  int64_t repeated = 0;  // it had a truth
};

// Whether what is captured reaches the disk.
struct CaptureHealth {
  std::string failure;    // why the last write failed; empty: it did not
  int64_t lost_rows = 0;  // dropped because too much waited to be written
};

class Capture {
 public:
  // `folder` is HOME/capture/ENDPOINT; made when first needed. `on_dirty` is called when there is
  // something to write again; it must only wake others.
  Capture(std::string folder, std::string endpoint, db::Database& database,
          std::function<void()> on_dirty);

  // Reads the journals. Once, before anything else.
  Status Recover();
  void SetSample(double percent);
  // Keeps the rows of an answered call, if it is in the sample.
  void Append(const Call& call, const inference::RunOutput& output, EndpointCounters& counters);
  // Returns once the truths are on the disk.
  Result<TruthCounts> AppendTruths(const std::vector<Truth>& truths, EndpointCounters& counters);
  // Writes what waits; with `durably` it is on the disk afterwards.
  Status Flush(bool durably);
  // Turns closed journals into Parquet. On a thread that may take long, one at a time.
  Status ConvertClosed();
  bool HasClosed() const;
  CaptureHealth health() const;
  // As Serving::Window.
  Result<sql::Table> Window(Time from, Time to);

 private:
  struct Pending {
    int64_t journal = 0;
    int64_t rows = 0;
    std::string bytes;
  };
  bool InSample(std::string_view id) const;
  void AddRow(const Call& call, const inference::RunOutput& output, int64_t row,
              EndpointCounters& counters);
  void RollOver(int64_t time);
  void MarkDirty();
  Pending TakeBlock();
  std::vector<Pending> TakePending();
  void StartJournal();
  void KeepOrDrop(std::vector<Pending> pending, const Error& error);
  Status WriteAll(std::vector<Pending>& pending, bool durably);
  Status WriteOne(const Pending& piece);
  Status OpenFile(int64_t journal);
  Status RecoverJournal(int64_t number);
  Status Convert(int64_t journal);

  const std::string folder_;
  const std::string endpoint_;
  db::Database& database_;
  const std::function<void()> on_dirty_;

  mutable std::mutex mutex_;  // guards what follows
  double sample_ = 100;
  RowStore rows_;
  JournalWriter writer_;                 // encodes into memory
  std::vector<Prediction> predictions_;  // of the row that is being added; keeps its memory
  int64_t journal_ = 1;                  // the number of the open one
  size_t journal_bytes_ = 0;             // of its blocks that were taken
  int64_t block_rows_ = 0;               // recorded in the writer's block
  CaptureHealth health_;
  int64_t journal_rows_ = 0;        // recorded in it
  int64_t count_ = 0;               // of records in it: the lower part of their sequence
  int64_t day_ = INT64_MIN;         // UTC day of the open journal's newest row
  bool dirty_ = false;              // on_dirty was called since the last TakePending
  std::vector<Pending> pending_;    // blocks of journals closed since, or that could not be written
  std::vector<int64_t> closed_;     // journals that wait to become Parquet
  Time files_until_ = Time::min();  // the greatest event time of rows that only files have

  std::mutex file_mutex_;  // one writer of files at a time; taken before mutex_
  os::File file_;
  int64_t file_journal_ = 0;
  int64_t file_size_ = 0;  // of whole blocks
  bool unsynced_ = false;
};

}  // namespace tatara::serving
