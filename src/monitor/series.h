// The series that monitors write, by name: what an alarm can watch. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tatara::monitor {

// Their names, in the order of the README.
std::vector<std::string> SeriesNames();
// The dimension that a series has beside `endpoint`; empty when it has none, nothing when no
// monitor writes it.
std::optional<std::string> DimensionOf(std::string_view series);
// The values of `metric` that model_quality can have.
std::vector<std::string> QualityMetrics();

}  // namespace tatara::monitor
