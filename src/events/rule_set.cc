// Many patterns at once. Each conjunction of each pattern hangs on one of its fields, the one whose
// values are named least often ("anchor"): it is looked at only when such a value occurs, and then
// checked whole. What remains per event is reading it and a few look-ups.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/strings.h"
#include "events/compiled.h"
#include "events/pattern.h"

namespace tatara::events {
namespace {

using Op = Clause::Op;
using Ids = std::vector<uint32_t>;  // of conjunctions

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using ByText = std::unordered_map<std::string, Ids, TextHash, std::equal_to<>>;

// Heads (or tails) of texts, by their lengths.
struct Affixes {
  std::vector<size_t> lengths;  // ascending
  ByText by_text;

  void Add(const std::string& text, uint32_t id) {
    by_text[text].push_back(id);
    const auto at = std::ranges::lower_bound(lengths, text.size());
    if (at == lengths.end() || *at != text.size()) lengths.insert(at, text.size());
  }
};

struct Interval {
  double low, high;
  uint32_t id;
};

// What hangs on one field.
struct FieldIndex {
  ByText texts, ignore_case, addresses;
  std::unordered_map<uint64_t, Ids> numbers;  // by the bits of the nearest double
  Ids words[3];                               // true, false, null
  Affixes heads, tails;
  std::vector<Interval> intervals;  // by low
  Ids any;                          // whatever the value is
};

uint64_t BitsOf(double value) { return std::bit_cast<uint64_t>(value == 0 ? 0.0 : value); }

std::string KeyOf(const IpAddress& ip) {
  return std::string(reinterpret_cast<const char*>(ip.bytes.data()), ip.size);
}

bool IsAscii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// How a clause can be looked up; kAny: only by looking at every value.
enum class Access { kText, kAddress, kNumber, kWord, kIgnoreCase, kHead, kTail, kInterval, kAny };

Access AccessOf(const Clause& clause) {
  switch (clause.op) {
    case Op::kText:
      return Access::kText;
    case Op::kIp:
      return Access::kAddress;
    case Op::kNumber:
      return Access::kNumber;
    case Op::kTrue:
    case Op::kFalse:
    case Op::kNull:
      return Access::kWord;
    case Op::kIgnoreCase:
      return IsAscii(clause.text) ? Access::kIgnoreCase : Access::kAny;
    case Op::kPrefix:
      return Access::kHead;
    case Op::kSuffix:
      return Access::kTail;
    case Op::kWildcard:
      if (!clause.pieces.front().empty()) return Access::kHead;
      return clause.pieces.back().empty() ? Access::kAny : Access::kTail;
    case Op::kRange:
      return Access::kInterval;
    default:
      return Access::kAny;
  }
}

// What names the same value: clauses with equal keys hang at one place.
std::string PlaceOf(const Clause& clause) {
  switch (AccessOf(clause)) {
    case Access::kText:
      return "t" + clause.text;
    case Access::kAddress:
      return "a" + KeyOf(clause.ip);
    case Access::kNumber:
      return "n" + std::to_string(BitsOf(clause.low.value));
    case Access::kWord:
      return "w" + std::to_string(static_cast<int>(clause.op));
    case Access::kIgnoreCase:
      return "i" + Lower(clause.text);
    case Access::kHead:
      return "h" + (clause.op == Op::kWildcard ? clause.pieces.front() : clause.text);
    case Access::kTail:
      return "e" + (clause.op == Op::kWildcard ? clause.pieces.back() : clause.text);
    case Access::kInterval:
      return "r";
    case Access::kAny:
      break;
  }
  return "*";
}

struct Entry {
  uint32_t id;  // the caller's
  std::vector<pattern::Part> parts;
};

}  // namespace

class RuleSet::Impl {
 public:
  void Add(uint32_t id, const Pattern& pattern) {
    patterns_.push_back(pattern);
    for (const pattern::Conjunction& conjunction : patterns_.back().compiled().any) {
      Entry& entry = entries_.emplace_back();
      entry.id = id;
      for (const pattern::Field& field : conjunction) {
        entry.parts.push_back({tree_.Add(field.path), &field});
      }
    }
    built_ = false;
  }

  Result<std::vector<uint32_t>> Match(std::string_view event) {
    if (!built_) Build();
    TRY(reader_.Read(event, tree_));
    matched_.clear();
    ++epoch_;
    Try(always_);
    for (const uint32_t field : reader_.fields()) {
      const FieldIndex& index = indexes_[field];
      Try(index.any);
      for (const uint32_t leaf : reader_.LeavesOf(field)) LookUp(index, reader_.leaves()[leaf]);
    }
    std::ranges::sort(matched_);
    const auto doubled = std::ranges::unique(matched_);
    matched_.erase(doubled.begin(), doubled.end());
    return matched_;
  }

 private:
  void Build() {
    indexes_.assign(tree_.field_count(), {});
    always_.clear();
    seen_.assign(entries_.size(), 0);
    epoch_ = 0;
    std::unordered_map<std::string, double> weight;  // how often a place of a field is named
    for (const Entry& entry : entries_) {
      for (const pattern::Part& part : entry.parts) {
        for (const Clause& clause : part.field->clauses) weight[PlaceKey(part, clause)] += 1;
      }
    }
    for (uint32_t i = 0; i < entries_.size(); ++i) Hang(i, weight);
    for (FieldIndex& index : indexes_) std::ranges::sort(index.intervals, {}, &Interval::low);
    built_ = true;
  }

  static std::string PlaceKey(const pattern::Part& part, const Clause& clause) {
    return std::to_string(part.number) + " " + PlaceOf(clause);
  }

  void Hang(uint32_t i, const std::unordered_map<std::string, double>& weight) {
    // A place that many values lead to costs more than one that a single value leads to.
    const auto factor = [](Access access) {
      if (access == Access::kAny) return 20.0;
      if (access == Access::kInterval) return 4.0;
      return access == Access::kHead || access == Access::kTail ? 2.0 : 1.0;
    };
    double best = std::numeric_limits<double>::infinity();
    const pattern::Part* anchor = nullptr;
    for (const pattern::Part& part : entries_[i].parts) {
      if (part.field->may_be_absent) continue;
      double cost = 0;
      for (const Clause& clause : part.field->clauses) {
        cost += weight.at(PlaceKey(part, clause)) * factor(AccessOf(clause));
      }
      if (cost < best) {
        best = cost;
        anchor = &part;
      }
    }
    if (anchor == nullptr) {
      always_.push_back(i);
      return;
    }
    FieldIndex& index = indexes_[anchor->number];
    const auto& clauses = anchor->field->clauses;
    if (std::ranges::any_of(clauses, [](const Clause& c) { return AccessOf(c) == Access::kAny; })) {
      index.any.push_back(i);
      return;
    }
    for (const Clause& clause : clauses) HangClause(index, clause, i);
  }

  static void HangClause(FieldIndex& index, const Clause& clause, uint32_t i) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const std::string place = PlaceOf(clause).substr(1);
    switch (AccessOf(clause)) {
      case Access::kText:
        index.texts[clause.text].push_back(i);
        break;
      case Access::kAddress:
        index.addresses[place].push_back(i);
        break;
      case Access::kNumber:
        index.numbers[BitsOf(clause.low.value)].push_back(i);
        break;
      case Access::kWord:
        index.words[WordOf(clause.op)].push_back(i);
        break;
      case Access::kIgnoreCase:
        index.ignore_case[place].push_back(i);
        break;
      case Access::kHead:
        index.heads.Add(place, i);
        break;
      case Access::kTail:
        index.tails.Add(place, i);
        break;
      case Access::kInterval:
        index.intervals.push_back({clause.low.text.empty() ? -kInfinity : clause.low.value,
                                   clause.high.text.empty() ? kInfinity : clause.high.value, i});
        break;
      case Access::kAny:
        break;
    }
  }

  static size_t WordOf(Op op) { return op == Op::kTrue ? 0 : op == Op::kFalse ? 1 : 2; }

  void LookUp(const FieldIndex& index, const Leaf& leaf) {
    switch (leaf.kind) {
      case Leaf::Kind::kText:
        LookUpText(index, leaf.text);
        break;
      case Leaf::Kind::kNumber:
        LookUpNumber(index, leaf.number.value);
        break;
      case Leaf::Kind::kTrue:
        Try(index.words[0]);
        break;
      case Leaf::Kind::kFalse:
        Try(index.words[1]);
        break;
      case Leaf::Kind::kNull:
        Try(index.words[2]);
        break;
    }
  }

  void TryAt(const ByText& map, std::string_view text) {
    if (map.empty()) return;
    if (const auto found = map.find(text); found != map.end()) Try(found->second);
  }

  void LookUpText(const FieldIndex& index, std::string_view text) {
    TryAt(index.texts, text);
    if (!index.ignore_case.empty()) TryAt(index.ignore_case, Lower(text));
    if (!index.addresses.empty()) {
      if (const auto ip = ReadIp(text)) TryAt(index.addresses, KeyOf(*ip));
    }
    for (const size_t length : index.heads.lengths) {
      if (length > text.size()) break;
      TryAt(index.heads.by_text, text.substr(0, length));
    }
    for (const size_t length : index.tails.lengths) {
      if (length > text.size()) break;
      TryAt(index.tails.by_text, text.substr(text.size() - length));
    }
  }

  void LookUpNumber(const FieldIndex& index, double value) {
    if (!index.numbers.empty()) {
      const auto found = index.numbers.find(BitsOf(value));
      if (found != index.numbers.end()) Try(found->second);
    }
    for (const Interval& interval : index.intervals) {
      if (interval.low > value) break;
      if (value <= interval.high) TryOne(interval.id);
    }
  }

  void Try(const Ids& ids) {
    for (const uint32_t i : ids) TryOne(i);
  }

  void TryOne(uint32_t i) {
    if (seen_[i] == epoch_) return;
    seen_[i] = epoch_;
    const Entry& entry = entries_[i];
    if (pattern::Satisfied(entry.parts, reader_)) matched_.push_back(entry.id);
  }

  std::vector<Pattern> patterns_;  // keep what the entries point into
  std::vector<Entry> entries_;
  FieldTree tree_;
  std::vector<FieldIndex> indexes_;
  Ids always_;  // conjunctions that an event without any named field may satisfy
  bool built_ = false;

  EventReader reader_;
  std::vector<uint64_t> seen_;  // the epoch in which a conjunction was last looked at
  uint64_t epoch_ = 0;
  std::vector<uint32_t> matched_;
};

RuleSet::RuleSet() : impl_(std::make_unique<Impl>()) {}
RuleSet::~RuleSet() = default;
RuleSet::RuleSet(RuleSet&&) noexcept = default;
RuleSet& RuleSet::operator=(RuleSet&&) noexcept = default;
void RuleSet::Add(uint32_t id, const Pattern& pattern) { impl_->Add(id, pattern); }
Result<std::vector<uint32_t>> RuleSet::Match(std::string_view event) { return impl_->Match(event); }

}  // namespace tatara::events
