// Counters, gauges and histograms of the process, for Prometheus. Cheap enough for the inference
// path: resolve a handle once, then each update is one or two relaxed atomics.
//
// Owner: App; handles live as long as the Metrics. Threads: all functions from any thread.
#pragma once

#include <atomic>
#include <deque>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tatara::telemetry {

class Counter {
 public:
  void Add(double value = 1) { value_.fetch_add(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Gauge {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  void Add(double value) { value_.fetch_add(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds);
  void Observe(double value);
  const std::vector<double>& bounds() const { return bounds_; }
  // Values up to bounds()[i], not cumulative; the last one is those above all bounds.
  std::vector<uint64_t> Counts() const;
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

// Seconds, from 100 us to 10 s.
std::span<const double> LatencyBounds();

using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics {
 public:
  Metrics();
  ~Metrics();
  // The same name and labels give the same handle. A name has one kind (CHECK), help is the first
  // one given. Names as Prometheus wants them: [a-zA-Z_:][a-zA-Z0-9_:]*.
  Counter& GetCounter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& GetGauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& GetHistogram(std::string_view name, std::string_view help, const Labels& labels = {},
                          std::span<const double> bounds = LatencyBounds());
  // Prometheus text exposition format 0.0.4, families by name.
  std::string Text() const;

 private:
  struct Family;
  Family& FamilyOf(std::string_view name, std::string_view help, int kind);

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
};

}  // namespace tatara::telemetry
