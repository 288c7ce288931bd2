#include "serving/capture/journal.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tatara::serving {
namespace {

constexpr std::string_view kMagic = "TCJ1";
constexpr size_t kHeaderBytes = 4 + 4 + 8;
constexpr size_t kSpareMax = 1 << 20;
enum class Record : uint8_t { kLayout = 1, kRow = 2, kTruth = 3, kWideLayout = 4 };
enum class Kind : uint8_t { kNone = 0, kNumber = 1, kText = 2 };

// FNV-1a over words of eight bytes: enough to tell a torn block from a whole one.
uint64_t Checksum(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * 0x100000001b3;
    hash ^= hash >> 29;
  }
  for (; i < bytes.size(); ++i) {
    hash = (hash ^ static_cast<uint8_t>(bytes[i])) * 0x100000001b3;
  }
  return hash;
}

template <class T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
void PutText(std::string& out, std::string_view text) {
  Put(out, static_cast<uint32_t>(text.size()));
  out += text;
}

void PutPrediction(std::string& out, const Prediction& prediction) {
  if (const auto* value = std::get_if<double>(&prediction)) {
    Put(out, Kind::kNumber);
    Put(out, *value);
  } else if (const auto* text = std::get_if<std::string>(&prediction)) {
    Put(out, Kind::kText);
    PutText(out, *text);
  } else {
    Put(out, Kind::kNone);
  }
}

// Reads what Put wrote; `ok` turns false at the first read beyond the end.
struct Cursor {
  std::string_view rest;
  bool ok = true;

  std::string_view Bytes(size_t count) {
    if (count > rest.size()) ok = false;
    if (!ok) return {};
    const auto bytes = rest.substr(0, count);
    rest.remove_prefix(count);
    return bytes;
  }
  template <class T>
  T Get() {
    T value{};
    const auto bytes = Bytes(sizeof(T));
    if (ok) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string_view Text() { return Bytes(Get<uint32_t>()); }
};

struct PayloadReader {
  const JournalVisitor& visitor;
  std::vector<Layout>& layouts;
  std::vector<double> numbers;
  std::vector<std::string> texts;
  std::vector<Prediction> predictions;

  void ReadLayout(Cursor& in, bool wide) {
    const auto number = in.Get<uint32_t>();
    const auto columns = in.Get<uint32_t>();
    Layout layout;
    for (uint32_t i = 0; i < columns && in.ok; ++i) {
      const bool text = in.Get<uint8_t>() != 0;
      layout.columns.push_back({std::string(in.Text()), text});
      if (text) ++layout.texts;
    }
    const uint32_t outputs = wide ? in.Get<uint32_t>() : 0;
    for (uint32_t i = 0; i < outputs && in.ok; ++i) layout.outputs.emplace_back(in.Text());
    in.ok = in.ok && number == layouts.size();
    if (in.ok) layouts.push_back(std::move(layout));
  }

  void ReadRow(Cursor& in) {
    const auto number = in.Get<uint32_t>();
    in.ok = in.ok && number < layouts.size();
    if (!in.ok) return;
    const Layout& layout = layouts[number];
    RowView row;
    row.sequence = in.Get<int64_t>();
    row.time = in.Get<int64_t>();
    row.id = in.Text();
    row.version = in.Text();
    numbers.resize(layout.columns.size());
    for (double& value : numbers) value = in.Get<double>();
    texts.resize(layout.texts);
    for (std::string& text : texts) text = in.Text();
    predictions.assign(1 + layout.outputs.size(), {});
    for (Prediction& prediction : predictions) ReadPrediction(in, prediction);
    if (!in.ok || !visitor.row) return;
    row.numbers = numbers;
    row.texts = texts;
    row.predictions = predictions;
    visitor.row(layout, row);
  }

  static void ReadPrediction(Cursor& in, Prediction& prediction) {
    const auto kind = static_cast<Kind>(in.Get<uint8_t>());
    if (kind == Kind::kNumber) prediction = in.Get<double>();
    if (kind == Kind::kText) prediction = std::string(in.Text());
  }

  void ReadTruth(Cursor& in) {
    TruthView truth;
    truth.sequence = in.Get<int64_t>();
    truth.time = in.Get<int64_t>();
    truth.id = in.Text();
    truth.value = in.Text();
    if (in.ok && visitor.truth) visitor.truth(truth);
  }

  void Read(std::string_view payload) {
    Cursor in{payload};
    while (in.ok && !in.rest.empty()) {
      switch (static_cast<Record>(in.Get<uint8_t>())) {
        case Record::kLayout:
          ReadLayout(in, false);
          break;
        case Record::kWideLayout:
          ReadLayout(in, true);
          break;
        case Record::kRow:
          ReadRow(in);
          break;
        case Record::kTruth:
          ReadTruth(in);
          break;
        default:
          in.ok = false;
      }
    }
  }
};

}  // namespace

uint32_t JournalWriter::NumberOf(const Layout& layout) {
  const auto found = std::ranges::find(layouts_, layout);
  const auto number = static_cast<uint32_t>(found - layouts_.begin());
  if (found != layouts_.end()) return number;
  std::string& out = Begin();
  Put(out, layout.outputs.empty() ? Record::kLayout : Record::kWideLayout);
  Put(out, number);
  Put(out, static_cast<uint32_t>(layout.columns.size()));
  for (const Layout::Column& column : layout.columns) {
    Put(out, static_cast<uint8_t>(column.text));
    PutText(out, column.name);
  }
  if (!layout.outputs.empty()) {
    Put(out, static_cast<uint32_t>(layout.outputs.size()));
    for (const std::string& output : layout.outputs) PutText(out, output);
  }
  layouts_.push_back(layout);
  return number;
}

void JournalWriter::Row(const Layout& layout, const RowView& row) {
  const uint32_t number = NumberOf(layout);
  std::string& out = Begin();
  Put(out, Record::kRow);
  Put(out, number);
  Put(out, row.sequence);
  Put(out, row.time);
  PutText(out, row.id);
  PutText(out, row.version);
  out.append(reinterpret_cast<const char*>(row.numbers.data()), row.numbers.size_bytes());
  for (const std::string& text : row.texts) PutText(out, text);
  for (const Prediction& prediction : row.predictions) PutPrediction(out, prediction);
}

void JournalWriter::Truth(const TruthView& truth) {
  std::string& out = Begin();
  Put(out, Record::kTruth);
  Put(out, truth.sequence);
  Put(out, truth.time);
  PutText(out, truth.id);
  PutText(out, truth.value);
}

// The header's place was left free, so that the records need no copy.
std::string& JournalWriter::Begin() {
  if (block_.empty()) block_.resize(kHeaderBytes);
  return block_;
}

std::string JournalWriter::TakeBlock() {
  if (block_.empty()) return {};
  const std::string_view payload = std::string_view(block_).substr(kHeaderBytes);
  std::string header(kMagic);
  Put(header, static_cast<uint32_t>(payload.size()));
  Put(header, Checksum(payload));
  block_.replace(0, kHeaderBytes, header);
  return std::exchange(block_, std::move(spare_));
}

void JournalWriter::Reuse(std::string block) {
  if (block.capacity() > kSpareMax) return;
  block.clear();
  spare_ = std::move(block);
}

size_t ReadJournal(std::string_view bytes, const JournalVisitor& visitor) {
  size_t sound = 0;
  std::vector<Layout> layouts;
  PayloadReader reader{visitor, layouts, {}, {}, {}};
  while (bytes.size() - sound >= kHeaderBytes) {
    Cursor header{bytes.substr(sound)};
    const bool magic = header.Bytes(4) == kMagic;
    const auto length = header.Get<uint32_t>();
    const auto checksum = header.Get<uint64_t>();
    const auto payload = header.Bytes(length);
    if (!magic || !header.ok || Checksum(payload) != checksum) break;
    reader.Read(payload);
    sound += kHeaderBytes + length;
  }
  return sound;
}

}  // namespace tatara::serving
