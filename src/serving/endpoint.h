// An endpoint while the server runs: which versions can answer now.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "serving/call.h"
#include "serving/capture/capture.h"
#include "serving/version.h"

namespace tatara::serving {

// What can answer, as of one moment. Shared by the endpoint and whoever is picking.
struct Live {
  std::vector<std::shared_ptr<const Version>> versions;  // the default first
  std::string waiting;                                   // why there is none: for the 503
};

// Owned by Serving's table and by the calls under way. Any thread.
class Endpoint {
 public:
  Endpoint(std::string name, std::shared_ptr<Capture> capture)
      : name_(std::move(name)), capture_(std::move(capture)) {}
  const std::string& name() const { return name_; }

  // The default version, or the one of that name. kUnavailable: nothing can answer yet, and why;
  // kNotFound: no such version.
  Result<std::shared_ptr<const Version>> Pick(std::string_view version = {}) const;
  std::shared_ptr<const Live> live() const;
  void Publish(Live live);

  Capture& capture() { return *capture_; }
  const Capture& capture() const { return *capture_; }
  EndpointCounters& counters() { return counters_; }
  const EndpointCounters& counters() const { return counters_; }

 private:
  const std::string name_;
  // Shared with the capture's own background work.
  const std::shared_ptr<Capture> capture_;
  mutable std::mutex mutex_;  // held for the copy of a pointer
  std::shared_ptr<const Live> live_ = std::make_shared<const Live>();
  EndpointCounters counters_;
};

}  // namespace tatara::serving
