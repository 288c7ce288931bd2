#include "stats/ranked_metric.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace tatara::stats {
namespace {

using Maybe = std::optional<double>;

class MedianErrorMetric : public CountedMetric {
 public:
  MedianErrorMetric(const Judged& judged, const Units& units) {
    errors_.reserve(judged.rows());
    for (size_t row = 0; row < judged.rows(); ++row) {
      errors_.push_back({std::abs(judged.prediction[row] - judged.label[row]), units.Of(row)});
    }
    std::sort(errors_.begin(), errors_.end(),
              [](const Entry& a, const Entry& b) { return a.error < b.error; });
  }

  Maybe Value(std::span<const uint32_t> counts) const override {
    uint64_t total = 0;
    for (const Entry& entry : errors_) total += counts[entry.unit];
    if (total == 0) return std::nullopt;
    return (At(counts, (total - 1) / 2) + At(counts, total / 2)) / 2;
  }

 private:
  struct Entry {
    double error;
    uint32_t unit;
  };

  // The error of the row at `rank` (from 0), each row as often as it counts.
  double At(std::span<const uint32_t> counts, uint64_t rank) const {
    uint64_t below = 0;
    for (const Entry& entry : errors_) {
      below += counts[entry.unit];
      if (below > rank) return entry.error;
    }
    return errors_.back().error;
  }

  std::vector<Entry> errors_;  // ascending
};

// Rows by falling score of one class.
struct RankedRow {
  uint32_t unit;
  bool positive;
  bool last_of_tie;
};

std::vector<RankedRow> RankRows(const Judged& judged, int c, const Units& units) {
  const size_t rows = judged.rows();
  const auto score = [&](size_t row) {
    return judged.probabilities[row * judged.classes + static_cast<size_t>(c)];
  };
  std::vector<uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return score(a) > score(b); });
  std::vector<RankedRow> ranked(rows);
  for (size_t i = 0; i < rows; ++i) {
    const uint32_t row = order[i];
    const bool last = i + 1 == rows || score(order[i + 1]) != score(row);
    ranked[i] = {units.Of(row), judged.label_class[row] == c, last};
  }
  return ranked;
}

// Calls fn(positives, negatives) for each group of rows with one score, from the highest down.
template <class Fn>
void ForEachTie(const std::vector<RankedRow>& rows, std::span<const uint32_t> counts, Fn fn) {
  double positives = 0, negatives = 0;
  for (const RankedRow& row : rows) {
    (row.positive ? positives : negatives) += counts[row.unit];
    if (!row.last_of_tie) continue;
    fn(positives, negatives);
    positives = negatives = 0;
  }
}

// The share of pairs (positive, negative) in the right order, ties counting half.
Maybe RocArea(const std::vector<RankedRow>& rows, std::span<const uint32_t> counts) {
  double above = 0, negatives_above = 0, pairs = 0;
  ForEachTie(rows, counts, [&](double positives, double negatives) {
    pairs += negatives * (above + positives / 2);
    above += positives;
    negatives_above += negatives;
  });
  if (above == 0 || negatives_above == 0) return std::nullopt;
  return pairs / (above * negatives_above);
}

// Average precision: sum over thresholds of (R_k - R_{k-1}) P_k; no trapezoids.
Maybe AveragePrecision(const std::vector<RankedRow>& rows, std::span<const uint32_t> counts) {
  double above = 0, all_above = 0, sum = 0;
  ForEachTie(rows, counts, [&](double positives, double negatives) {
    above += positives;
    all_above += positives + negatives;
    if (all_above > 0) sum += positives * above / all_above;
  });
  if (above == 0 || above == all_above) return std::nullopt;
  return sum / above;
}

class RankingMetric : public CountedMetric {
 public:
  RankingMetric(const Judged& judged, Ranking ranking, const Units& units) : ranking_(ranking) {
    if (judged.task == Task::kBinary) {
      classes_.push_back(RankRows(judged, judged.positive, units));
      return;
    }
    for (int c = 0; c < judged.classes; ++c) classes_.push_back(RankRows(judged, c, units));
  }

  Maybe Value(std::span<const uint32_t> counts) const override {
    double sum = 0;
    for (const auto& rows : classes_) {
      const Maybe area =
          ranking_ == Ranking::kRoc ? RocArea(rows, counts) : AveragePrecision(rows, counts);
      if (!area) return std::nullopt;
      sum += *area;
    }
    return sum / static_cast<double>(classes_.size());
  }

 private:
  Ranking ranking_;
  std::vector<std::vector<RankedRow>> classes_;
};

}  // namespace

std::unique_ptr<CountedMetric> PrepareMedianError(const Judged& judged, const Units& units) {
  return std::make_unique<MedianErrorMetric>(judged, units);
}

std::unique_ptr<CountedMetric> PrepareRanking(const Judged& judged, Ranking ranking,
                                              const Units& units) {
  return std::make_unique<RankingMetric>(judged, ranking, units);
}

}  // namespace tatara::stats
