#include "serving/capture/capture.h"

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/log.h"
#include "serving/capture/files.h"
#include "sql/sql.h"

namespace tatara::serving {
namespace {

constexpr int64_t kMicrosPerDay = 86'400'000'000;
// What a conversion holds in memory at one time: about 600 bytes a row of a few columns.
constexpr int64_t kJournalRowsMax = 131'072;
constexpr size_t kJournalBytesMax = 128 << 20;
constexpr size_t kPendingBytesMax = 64 << 20;  // beyond it, what cannot be written is dropped

int64_t DayOf(int64_t micros) {
  return micros / kMicrosPerDay - (micros % kMicrosPerDay < 0 ? 1 : 0);
}

// Elements [first, first + count) of a tensor as a JSON list.
std::string ListText(const inference::Tensor& tensor, size_t first, size_t count) {
  std::string out;
  JsonWriter writer(out);
  writer.BeginArray();
  for (size_t i = first; i < first + count; ++i) {
    if (tensor.type == inference::DataType::kBytes)
      writer.String(tensor.strings[i]);
    else
      writer.Double(inference::NumberAt(tensor, i));
  }
  writer.EndArray();
  return out;
}

// The probabilities of a row by class, as a JSON object.
std::string ClassesText(const inference::Tensor& tensor, size_t first,
                        const std::vector<std::string>& classes) {
  std::string out;
  JsonWriter writer(out);
  writer.BeginObject();
  for (size_t i = 0; i < classes.size(); ++i) {
    writer.Key(classes[i]).Double(inference::NumberAt(tensor, first + i));
  }
  writer.EndObject();
  return out;
}

// What an output says about a row: one number, one text, or all values as JSON.
Prediction PredictionOf(const inference::Tensor& tensor, int64_t row, int64_t rows,
                        const std::vector<std::string>* classes) {
  const int64_t elements = tensor.elements();
  if (elements == 0 || elements % rows != 0) return {};
  const auto width = static_cast<size_t>(elements / rows);
  const auto first = static_cast<size_t>(row) * width;
  if (classes != nullptr && classes->size() == width) return ClassesText(tensor, first, *classes);
  if (width > 1) return ListText(tensor, first, width);
  if (tensor.type == inference::DataType::kBytes) return tensor.strings[first];
  return inference::NumberAt(tensor, first);
}

uint64_t HashOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash ^ (hash >> 32);
}

}  // namespace

Capture::Capture(std::string folder, std::string endpoint, db::Database& database,
                 std::function<void()> on_dirty)
    : folder_(std::move(folder)),
      endpoint_(std::move(endpoint)),
      database_(database),
      on_dirty_(std::move(on_dirty)) {}

void Capture::SetSample(double percent) {
  std::lock_guard lock(mutex_);
  sample_ = percent;
}

Status Capture::Recover() {
  std::set<int64_t> converted;
  std::lock_guard lock(mutex_);
  TRY(database_.Read([&](db::Reader& reader) {
    return reader.Query("SELECT number, last_time FROM capture_files WHERE endpoint = ?",
                        {endpoint_}, [&](const db::Row& row) {
                          converted.insert(row.Int(0));
                          files_until_ = std::max(files_until_, row.At(1));
                        });
  }));
  if (!converted.empty()) journal_ = *converted.rbegin() + 1;
  if (!os::Exists(folder_)) return {};
  for (const int64_t number : TRY(ListJournals(folder_)).present) {
    journal_ = std::max(journal_, number + 1);
    if (converted.contains(number)) {
      TRY(os::RemoveFile(JournalPath(folder_, number)));
    } else {
      TRY(RecoverJournal(number));
    }
  }
  return {};
}

// A journal that was left open becomes a closed one: its tail may be torn, and appending behind a
// tear would hide what follows.
Status Capture::RecoverJournal(int64_t number) {
  const std::string path = JournalPath(folder_, number);
  const std::string bytes = TRY(os::ReadFile(path));
  const size_t sound = ReadJournal(
      bytes, {.row = [&](const Layout& layout, const RowView& row) { rows_.Add(layout, row); },
              .truth = [&](const TruthView& t) { (void)rows_.AddTruth(t.id, t.value); }});
  if (sound < bytes.size()) {
    Log::Warn("capture", path + ": a torn tail of " + std::to_string(bytes.size() - sound) +
                             " bytes is left out");
  }
  closed_.push_back(number);
  return {};
}

bool Capture::InSample(std::string_view id) const {
  if (sample_ >= 100) return true;
  return static_cast<double>(HashOf(id) % 1'000'000) < sample_ * 10'000;
}

void Capture::MarkDirty() {
  if (std::exchange(dirty_, true)) return;
  if (on_dirty_) on_dirty_();
}

// Called before the first row of a later day, or of a journal that is full, is recorded.
void Capture::RollOver(int64_t time) {
  const int64_t day = DayOf(time);
  const bool later = day_ != INT64_MIN && day > day_;
  day_ = std::max(day_, day);
  const bool full = journal_rows_ >= kJournalRowsMax || journal_bytes_ >= kJournalBytesMax;
  if (journal_rows_ == 0 || (!later && !full)) return;
  pending_.push_back(TakeBlock());
  StartJournal();
}

Capture::Pending Capture::TakeBlock() {
  Pending piece{journal_, std::exchange(block_rows_, 0), writer_.TakeBlock()};
  journal_bytes_ += piece.bytes.size();
  return piece;
}

void Capture::StartJournal() {
  writer_.StartFile();
  ++journal_;
  journal_rows_ = count_ = 0;
  journal_bytes_ = 0;
}

void Capture::Append(const Call& call, const inference::RunOutput& output,
                     EndpointCounters& counters) {
  std::lock_guard lock(mutex_);
  if (sample_ <= 0 || !InSample(call.inference_id)) return;
  for (int64_t row = 0; row < call.rows; ++row) AddRow(call, output, row, counters);
  MarkDirty();
}

void Capture::AddRow(const Call& call, const inference::RunOutput& output, int64_t row,
                     EndpointCounters& counters) {
  const Layout& layout = call.version->layout;
  const int64_t time = ToMicros(call.event_time);
  RollOver(time);
  const auto index = static_cast<size_t>(row);
  const size_t width = layout.columns.size();
  // The first row bears the request's id, so that a truth for it lands there.
  const std::string id =
      row == 0 ? call.inference_id : call.inference_id + "#" + std::to_string(row + 1);
  const auto& infos = call.version->model->outputs();
  predictions_.assign(1 + layout.outputs.size(), {});
  for (size_t i = 0; i < std::min(predictions_.size(), output.outputs.size()); ++i) {
    const bool by_class = i < infos.size() && infos[i].class_map;
    predictions_[i] =
        PredictionOf(output.outputs[i], row, call.rows, by_class ? &output.classes : nullptr);
  }
  RowView view;
  view.sequence = (journal_ << 40) + count_;
  view.time = time;
  view.id = id;
  view.version = call.version->name;
  view.numbers = std::span(call.cells.numbers).subspan(index * width, width);
  view.texts = std::span(call.cells.texts).subspan(index * layout.texts, layout.texts);
  view.predictions = predictions_;
  if (!rows_.Add(layout, view)) {
    ++counters.repeated_ids;
    return;
  }
  writer_.Row(layout, view);
  ++count_;
  ++journal_rows_;
  ++block_rows_;
  ++counters.captured_rows;
}

Result<TruthCounts> Capture::AppendTruths(const std::vector<Truth>& truths,
                                          EndpointCounters& counters) {
  using Answer = RowStore::TruthResult;
  TruthCounts counts;
  {
    std::lock_guard lock(mutex_);
    const bool all_in_memory = files_until_ == Time::min() && rows_.evicted_until() == INT64_MIN;
    for (const Truth& truth : truths) {
      const Answer answer = rows_.AddTruth(truth.inference_id, truth.value);
      ++(answer == Answer::kTaken     ? counts.taken
         : answer == Answer::kUnknown ? counts.unknown
                                      : counts.repeated);
      // A row that only files have is joined there.
      if (answer == Answer::kRepeated || (answer == Answer::kUnknown && all_in_memory)) continue;
      writer_.Truth(
          {(journal_ << 40) + count_++, ToMicros(truth.time), truth.inference_id, truth.value});
    }
    MarkDirty();
  }
  counters.truths += counts.taken;
  counters.truths_unknown += counts.unknown;
  counters.truths_repeated += counts.repeated;
  // Also when all were repeated: the first answer may have been lost before it was durable.
  TRY(Flush(true));
  return counts;
}

std::vector<Capture::Pending> Capture::TakePending() {
  std::lock_guard lock(mutex_);
  std::vector<Pending> pending = std::move(pending_);
  pending_.clear();
  pending.push_back(TakeBlock());
  dirty_ = false;
  return pending;
}

Status Capture::Flush(bool durably) {
  std::lock_guard files(file_mutex_);
  std::vector<Pending> pending = TakePending();
  Status written = WriteAll(pending, durably);
  if (!written) {
    KeepOrDrop(std::move(pending), written.error());
    return written;
  }
  std::lock_guard lock(mutex_);
  if (!std::exchange(health_.failure, {}).empty()) {
    Log::Info("capture", endpoint_ + ": captured rows are written again; " +
                             std::to_string(health_.lost_rows) + " were lost since the start");
  }
  return {};
}

// What could not be written is tried again with the next flush, until it is too much.
void Capture::KeepOrDrop(std::vector<Pending> pending, const Error& error) {
  size_t bytes = 0;
  for (const Pending& piece : pending) bytes += piece.bytes.size();
  std::lock_guard lock(mutex_);
  if (std::exchange(health_.failure, error.message).empty()) {
    Log::Error("capture", endpoint_ + ": captured rows wait in memory: " + error.message);
  }
  if (bytes <= kPendingBytesMax) {
    pending_.insert(pending_.begin(), std::make_move_iterator(pending.begin()),
                    std::make_move_iterator(pending.end()));
    return;
  }
  // All that is not written goes, and a new file begins: later rows would refer to layouts that are
  // among what is dropped.
  std::move(pending_.begin(), pending_.end(), std::back_inserter(pending));
  pending_.clear();
  pending.push_back(TakeBlock());
  StartJournal();
  int64_t rows = 0;
  for (const Pending& piece : pending) rows += piece.rows;
  if (std::exchange(health_.lost_rows, health_.lost_rows + rows) == 0) {
    Log::Error("capture", endpoint_ + ": " + std::to_string(rows) +
                              " captured rows are lost, and more may follow (see `tatara "
                              "endpoints`): " +
                              error.message);
  }
}

CaptureHealth Capture::health() const {
  std::lock_guard lock(mutex_);
  return health_;
}

// Removes from `pending` what was written.
Status Capture::WriteAll(std::vector<Pending>& pending, bool durably) {
  while (!pending.empty()) {
    if (!pending.front().bytes.empty()) {
      TRY(WriteOne(pending.front()));
      std::lock_guard lock(mutex_);
      writer_.Reuse(std::move(pending.front().bytes));
    }
    pending.erase(pending.begin());
  }
  if (durably && std::exchange(unsynced_, false)) {
    Status synced = file_.Sync();
    if (!synced) unsynced_ = true;
    return synced;
  }
  return {};
}

Status Capture::WriteOne(const Pending& piece) {
  if (piece.journal != file_journal_) TRY(OpenFile(piece.journal));
  Status written = file_.Write(piece.bytes);
  if (!written) {
    (void)file_.Truncate(file_size_);  // no half block before the next try
    return written;
  }
  file_size_ += static_cast<int64_t>(piece.bytes.size());
  unsynced_ = true;
  return {};
}

Status Capture::OpenFile(int64_t journal) {
  if (file_journal_ != 0) {
    if (unsynced_) TRY(file_.Sync());
    std::lock_guard lock(mutex_);
    closed_.push_back(file_journal_);
    file_journal_ = 0;
  }
  TRY(os::MakeFolders(folder_));
  file_ = TRY(os::File::OpenAppend(JournalPath(folder_, journal)));
  TRY(os::SyncFolder(folder_));
  file_size_ = TRY(file_.Size());
  file_journal_ = journal;
  unsynced_ = false;
  return {};
}

bool Capture::HasClosed() const {
  std::lock_guard lock(mutex_);
  return !closed_.empty();
}

Status Capture::ConvertClosed() {
  std::vector<int64_t> closed;
  {
    std::lock_guard lock(mutex_);
    closed.swap(closed_);
  }
  for (size_t i = 0; i < closed.size(); ++i) {
    Status done = Convert(closed[i]);
    if (done) continue;
    std::lock_guard lock(mutex_);
    closed_.insert(closed_.end(), closed.begin() + static_cast<std::ptrdiff_t>(i), closed.end());
    return done;
  }
  return {};
}

Status Capture::Convert(int64_t journal) {
  const ConvertedJournal converted = TRY(ConvertJournal(folder_, journal));
  TRY(database_.Write([&](db::Tx& tx) {
    return tx.Exec(
        "INSERT INTO capture_files (endpoint, number, captured_rows, first_time, last_time) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (endpoint, number) DO NOTHING",
        {endpoint_, journal, converted.rows, converted.first_time, converted.last_time});
  }));
  return os::RemoveFile(JournalPath(folder_, journal));
}

Result<sql::Table> Capture::Window(Time from, Time to) {
  TRY(Flush(true));
  {
    std::lock_guard lock(mutex_);
    const Time files_until = std::max(files_until_, FromMicros(rows_.evicted_until()));
    if (from > files_until) return rows_.Window(ToMicros(from), ToMicros(to));
  }
  return ReadWindow(folder_, from, to);
}

}  // namespace tatara::serving
