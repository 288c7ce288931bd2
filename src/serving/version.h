// A version of an endpoint's model that is loaded and can answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "inference/inference.h"

namespace tatara::serving {

// The columns that capture keeps: of a version's inputs, in the order of a request's cells, and of
// its outputs behind the first, which is the prediction.
struct Layout {
  struct Column {
    std::string name;  // of the model's feature, changed only where it would hide another column
    bool text = false;
    bool operator==(const Column&) const = default;
  };
  std::vector<Column> columns;
  size_t texts = 0;  // how many are text
  std::vector<std::string> outputs;
  bool operator==(const Layout&) const = default;
};

// What the runs of a model took lately. Any thread.
class RunCost {
 public:
  void Add(int64_t rows, int64_t nanos);
  // Expected nanoseconds of a run over so many rows.
  int64_t Expect(int64_t rows) const;

 private:
  std::atomic<int64_t> nanos_per_row_{0};
};

// Immutable but for `cost`. Shared by the endpoint's list of live versions and by the requests that
// it answers: a version ends when it is retired and its last request has finished.
struct Version {
  std::string endpoint;
  std::string name;  // "3": what clients address and answers say
  std::string uri;   // models:/NAME/3, or the file's name
  std::shared_ptr<const inference::Model> model;
  std::optional<inference::Binding> binding;  // of rows with named columns
  std::string unbound;                        // why there is no binding
  Layout layout;
  // Where the cells of each layout column go; of a bound column perhaps to several inputs. Empty
  // when rows cannot be captured.
  struct Target {
    size_t input = 0;
    size_t column = 0;  // of that input
  };
  std::vector<std::vector<Target>> targets;
  // Rows of several requests may share one run: every first dimension is free, and a trial showed
  // that rows do not touch each other.
  bool batches = false;
  mutable RunCost cost;
};

}  // namespace tatara::serving
