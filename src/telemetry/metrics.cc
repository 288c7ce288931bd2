#include "telemetry/metrics.h"

#include <algorithm>
#include <cmath>

#include "base/result.h"
#include "base/strings.h"

namespace tatara::telemetry {
namespace {

enum Kind { kCounter, kGauge, kHistogram };

std::string Escape(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string LabelText(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    out += (out.empty() ? "" : ",") + name + "=\"" + Escape(value, true) + "\"";
  }
  return out;
}

std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return FormatDouble(value);
}

void AddLine(std::string& out, std::string_view name, const std::string& labels,
             const std::string& value) {
  out += name;
  if (!labels.empty()) out += "{" + labels + "}";
  out += " " + value + "\n";
}

void AddHistogram(std::string& out, const std::string& name, const std::string& labels,
                  const Histogram& histogram) {
  const std::vector<uint64_t> counts = histogram.Counts();
  const std::string before = labels.empty() ? "" : labels + ",";
  uint64_t total = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const std::string bound =
        i < histogram.bounds().size() ? Number(histogram.bounds()[i]) : std::string("+Inf");
    AddLine(out, name + "_bucket", before + "le=\"" + bound + "\"", std::to_string(total));
  }
  AddLine(out, name + "_sum", labels, Number(histogram.sum()));
  AddLine(out, name + "_count", labels, std::to_string(total));
}

}  // namespace

struct Metrics::Family {
  int kind = kCounter;
  std::string help;
  // By the text of the labels; unique_ptr, since handles must not move.
  std::map<std::string, std::unique_ptr<Counter>> counters;
  std::map<std::string, std::unique_ptr<Gauge>> gauges;
  std::map<std::string, std::unique_ptr<Histogram>> histograms;
};

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()),
      counts_(std::make_unique<std::atomic<uint64_t>[]>(bounds.size() + 1)) {}

void Histogram::Observe(double value) {
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  counts_[static_cast<size_t>(at - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<uint64_t> Histogram::Counts() const {
  std::vector<uint64_t> out;
  for (size_t i = 0; i <= bounds_.size(); ++i) {
    out.push_back(counts_[i].load(std::memory_order_relaxed));
  }
  return out;
}

std::span<const double> LatencyBounds() {
  static constexpr double kBounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                       0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
  return kBounds;
}

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

Metrics::Family& Metrics::FamilyOf(std::string_view name, std::string_view help, int kind) {
  auto& family = families_[std::string(name)];
  if (!family) {
    family = std::make_unique<Family>();
    family->kind = kind;
    family->help = help;
  }
  CHECK(family->kind == kind);
  return *family;
}

Counter& Metrics::GetCounter(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(mutex_);
  auto& handle = FamilyOf(name, help, kCounter).counters[LabelText(labels)];
  if (!handle) handle = std::make_unique<Counter>();
  return *handle;
}

Gauge& Metrics::GetGauge(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(mutex_);
  auto& handle = FamilyOf(name, help, kGauge).gauges[LabelText(labels)];
  if (!handle) handle = std::make_unique<Gauge>();
  return *handle;
}

Histogram& Metrics::GetHistogram(std::string_view name, std::string_view help, const Labels& labels,
                                 std::span<const double> bounds) {
  std::lock_guard lock(mutex_);
  auto& handle = FamilyOf(name, help, kHistogram).histograms[LabelText(labels)];
  if (!handle) handle = std::make_unique<Histogram>(bounds);
  return *handle;
}

std::string Metrics::Text() const {
  static constexpr std::string_view kKinds[] = {"counter", "gauge", "histogram"};
  std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    out += "# HELP " + name + " " + Escape(family->help, false) + "\n";
    out += "# TYPE " + name + " " + std::string(kKinds[family->kind]) + "\n";
    for (const auto& [labels, counter] : family->counters) {
      AddLine(out, name, labels, Number(counter->value()));
    }
    for (const auto& [labels, gauge] : family->gauges) {
      AddLine(out, name, labels, Number(gauge->value()));
    }
    for (const auto& [labels, histogram] : family->histograms) {
      AddHistogram(out, name, labels, *histogram);
    }
  }
  return out;
}

}  // namespace tatara::telemetry
