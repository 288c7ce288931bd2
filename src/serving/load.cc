#include "serving/load.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/strings.h"
#include "os/clock.h"
#include "serving/batch.h"

namespace tatara::serving {
namespace {

using inference::DataType;
using inference::RunOutput;
using inference::Tensor;
using inference::TensorInfo;

constexpr int64_t kMatrixColumnsMax = 512;
constexpr std::array<std::string_view, 6> kReserved = {
    "inference_id", "event_time", "model_version", "prediction", "truth", "__seq"};

// A sequence of numbers in [0, 1) that looks irregular to a model; the same for the same seed.
class Noise {
 public:
  explicit Noise(uint64_t seed) : state_(seed * 2654435761 + 1) {}
  double Next() {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return static_cast<double>(state_ >> 40) / static_cast<double>(1 << 24);
  }

 private:
  uint64_t state_;
};

void Fill(Tensor& tensor, Noise& noise) {
  for (std::string& text : tensor.strings) text = noise.Next() < 0.5 ? "a" : "b";
  const size_t size = inference::ElementSize(tensor.type);
  const size_t count = size == 0 ? 0 : tensor.bytes.size() / size;
  for (size_t i = 0; i < count; ++i) {
    const double value = noise.Next();
    switch (tensor.type) {
      case DataType::kFp32:
        tensor.As<float>()[i] = static_cast<float>(value * 4 - 2);
        break;
      case DataType::kFp64:
        tensor.As<double>()[i] = value * 4 - 2;
        break;
      case DataType::kFp16:
        tensor.As<uint16_t>()[i] = inference::ToHalf(static_cast<float>(value * 4 - 2));
        break;
      default:  // whole numbers: 0 or 1, which every width takes
        tensor.bytes[i * size] = value < 0.5 ? 0 : 1;
    }
  }
}

// One row of made-up input; free dimensions but the first take what the binding says, else 1.
std::vector<Tensor> TrialRow(const Version& version, uint64_t seed) {
  Noise noise(seed);
  std::vector<Tensor> batch;
  const auto& inputs = version.model->inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::vector<int64_t> shape = inputs[i].shape;
    for (size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] >= 0) continue;
      const bool bound = d == 1 && version.binding.has_value();
      shape[d] = bound ? static_cast<int64_t>(version.binding->inputs[i].columns.size()) : 1;
    }
    Tensor tensor = Tensor::Make(inputs[i].type, shape);
    Fill(tensor, noise);
    batch.push_back(std::move(tensor));
  }
  return batch;
}

bool Near(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= 1e-4 * std::max({1.0, std::abs(a), std::abs(b)});
}

bool Alike(const RunOutput& a, const RunOutput& b) {
  if (a.outputs.size() != b.outputs.size() || a.classes != b.classes) return false;
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    const Tensor &left = a.outputs[i], &right = b.outputs[i];
    if (left.shape != right.shape || left.type != right.type || left.strings != right.strings) {
      return false;
    }
    if (left.type == DataType::kBytes) continue;
    for (size_t e = 0; e < static_cast<size_t>(left.elements()); ++e) {
      if (!Near(inference::NumberAt(left, e), inference::NumberAt(right, e))) return false;
    }
  }
  return true;
}

bool HasFreeRows(const std::vector<TensorInfo>& tensors) {
  return !tensors.empty() && std::ranges::all_of(tensors, [](const TensorInfo& tensor) {
    return !tensor.shape.empty() && tensor.shape[0] < 0;
  });
}

// Whether two rows in one run answer as each alone: what the batcher relies on.
bool RowsAreApart(const Version& version) {
  if (!HasFreeRows(version.model->inputs()) || !HasFreeRows(version.model->outputs())) return false;
  const auto a = TrialRow(version, 1), b = TrialRow(version, 2);
  const auto both = version.model->Run(Concatenate(std::array{std::span(a), std::span(b)}));
  const auto first = version.model->Run(a), second = version.model->Run(b);
  if (!both || !first || !second) return false;
  const auto parts = SplitRows(*both, std::array<int64_t, 2>{1, 1});
  return parts && Alike((*parts)[0], *first) && Alike((*parts)[1], *second);
}

// The first run allocates; the second one is what a run costs. Made-up numbers may be none that the
// model can take: that says nothing about real ones.
void WarmUp(const Version& version) {
  const auto batch = TrialRow(version, 3);
  if (!version.model->Run(batch)) return;
  const os::Stopwatch watch;
  if (!version.model->Run(batch)) return;
  version.cost.Add(1,
                   std::chrono::duration_cast<std::chrono::nanoseconds>(watch.Elapsed()).count());
}

std::string FreeName(const Layout& layout, std::string name, const std::string& prefix) {
  const auto taken = [&](const std::string& candidate) {
    return std::ranges::any_of(
               kReserved,
               [&](std::string_view word) { return EqualsIgnoreCase(word, candidate); }) ||
           std::ranges::any_of(layout.columns,
                               [&](const Layout::Column& column) {
                                 return EqualsIgnoreCase(column.name, candidate);
                               }) ||
           std::ranges::any_of(layout.outputs, [&](const std::string& output) {
             return EqualsIgnoreCase(output, candidate);
           });
  };
  if (!taken(name)) return name;
  std::string candidate = prefix + name;
  for (int i = 2; taken(candidate); ++i) candidate = prefix + name + "_" + std::to_string(i);
  return candidate;
}

void AddColumn(Version& version, std::string name, std::vector<Version::Target> targets) {
  const bool text = version.model->inputs()[targets.front().input].type == DataType::kBytes;
  version.layout.columns.push_back({FreeName(version.layout, std::move(name), "input_"), text});
  if (text) ++version.layout.texts;
  version.targets.push_back(std::move(targets));
}

}  // namespace

void SetLayout(Version& version) {
  if (version.binding) {
    for (const std::string& name : version.binding->columns) {
      std::vector<Version::Target> targets;
      for (size_t i = 0; i < version.binding->inputs.size(); ++i) {
        const auto& columns = version.binding->inputs[i].columns;
        for (size_t c = 0; c < columns.size(); ++c) {
          if (columns[c] == name) targets.push_back({i, c});
        }
      }
      AddColumn(version, name, std::move(targets));
    }
    return;
  }
  const auto& inputs = version.model->inputs();
  const bool small =
      HasFreeRows(inputs) && std::ranges::all_of(inputs, [](const auto& input) {
        return input.shape.size() == 1 || (input.shape.size() == 2 && input.shape[1] >= 1 &&
                                           input.shape[1] <= kMatrixColumnsMax);
      });
  if (!small) return;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int64_t width = inputs[i].shape.size() == 1 ? 1 : inputs[i].shape[1];
    for (int64_t c = 0; c < width; ++c) {
      AddColumn(version, width == 1 ? inputs[i].name : inputs[i].name + "_" + std::to_string(c),
                {{i, static_cast<size_t>(c)}});
    }
  }
}

Result<std::shared_ptr<Version>> LoadVersion(artifacts::Store& store, const ModelFile& file,
                                             const std::string& endpoint, const std::string& name) {
  const auto path = store.LocalPath(file.path);
  if (!path) {
    return Unsupported(file.uri + ": models are loaded from local artifact folders only");
  }
  auto model = inference::Load(*path);
  if (!model) return std::unexpected(Prefixed(file.uri, model.error()));
  auto version = std::make_shared<Version>();
  version->endpoint = endpoint;
  version->name = name;
  version->uri = file.uri;
  version->model = *std::move(model);
  auto binding = inference::Bind(*version->model, {}, file.signature);
  if (binding)
    version->binding = *std::move(binding);
  else
    version->unbound = binding.error().message;
  SetLayout(*version);
  for (size_t i = 1; i < version->model->outputs().size(); ++i) {
    version->layout.outputs.push_back(
        FreeName(version->layout, version->model->outputs()[i].name, "output_"));
  }
  version->batches = RowsAreApart(*version);
  WarmUp(*version);
  return version;
}

}  // namespace tatara::serving
