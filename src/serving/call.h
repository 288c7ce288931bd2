// One prediction on its way through the batcher.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "os/clock.h"
#include "serving/version.h"

namespace tatara::serving {

class Endpoint;

// What capture keeps of a request's inputs: row-major, as they came (before a cast to the input's
// type). `numbers` has a cell for each row and column (NaN: missing, or text); `texts` one for each
// row and text column.
struct Cells {
  std::vector<double> numbers;
  std::vector<std::string> texts;
};

struct Call {
  std::shared_ptr<Endpoint> endpoint;      // shared with the table of endpoints
  std::shared_ptr<const Version> version;  // shared as Version says
  std::vector<inference::Tensor> inputs;   // one for each input of the model
  int64_t rows = 1;                        // answers that capture makes rows of
  Cells cells;                             // empty: inputs are not captured
  std::string inference_id;                // empty: one is made
  Time event_time{};
  os::Monotonic submitted{};  // set by Submit
  // Called once, on the net thread or on an infer thread; must not block.
  std::function<void(Result<inference::RunOutput>)> done;
};

// Counted for /metrics; only ever grow. Any thread.
struct EndpointCounters {
  std::atomic<int64_t> requests{0};  // answered, errors included
  std::atomic<int64_t> errors{0};
  std::atomic<int64_t> rows{0};
  std::atomic<int64_t> runs{0};           // batches
  std::atomic<int64_t> latency_nanos{0};  // sum over requests, from submit to answer
  std::atomic<int64_t> captured_rows{0};
  std::atomic<int64_t> repeated_ids{0};  // rows that were not captured: their id was there
  std::atomic<int64_t> truths{0};
  std::atomic<int64_t> truths_unknown{0};
  std::atomic<int64_t> truths_repeated{0};
};

}  // namespace tatara::serving
