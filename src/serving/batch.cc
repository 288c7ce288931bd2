#include "serving/batch.h"

#include <algorithm>
#include <numeric>

namespace tatara::serving {

using inference::RunOutput;
using inference::Tensor;

bool SameRowShape(std::span<const Tensor> a, std::span<const Tensor> b) {
  return std::ranges::equal(a, b, [](const Tensor& left, const Tensor& right) {
    return std::ranges::equal(std::span(left.shape).subspan(1), std::span(right.shape).subspan(1));
  });
}

std::vector<Tensor> Concatenate(std::span<const std::span<const Tensor>> requests) {
  std::vector<Tensor> out(requests.front().begin(), requests.front().end());
  for (size_t i = 0; i < out.size(); ++i) {
    size_t bytes = 0, strings = 0;
    for (const auto& request : requests) {
      bytes += request[i].bytes.size();
      strings += request[i].strings.size();
    }
    out[i].bytes.reserve(bytes);
    out[i].strings.reserve(strings);
    for (const auto& request : requests.subspan(1)) {
      const Tensor& tensor = request[i];
      out[i].shape[0] += tensor.shape[0];
      out[i].bytes.insert(out[i].bytes.end(), tensor.bytes.begin(), tensor.bytes.end());
      out[i].strings.insert(out[i].strings.end(), tensor.strings.begin(), tensor.strings.end());
    }
  }
  return out;
}

Result<std::vector<RunOutput>> SplitRows(const RunOutput& output, std::span<const int64_t> rows) {
  const int64_t all = std::accumulate(rows.begin(), rows.end(), int64_t{0});
  std::vector<RunOutput> parts(rows.size());
  for (RunOutput& part : parts) part.classes = output.classes;
  for (const Tensor& tensor : output.outputs) {
    if (tensor.shape.empty() || tensor.shape[0] != all || all == 0) {
      return Internal("a batch of " + std::to_string(all) + " rows gave an output of shape " +
                      inference::ShapeText(tensor.shape));
    }
    const size_t bytes = tensor.bytes.size() / static_cast<size_t>(all);
    const size_t strings = tensor.strings.size() / static_cast<size_t>(all);
    size_t row = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto count = static_cast<size_t>(rows[i]);
      Tensor piece;
      piece.type = tensor.type;
      piece.shape = tensor.shape;
      piece.shape[0] = rows[i];
      const auto first = tensor.bytes.begin() + static_cast<std::ptrdiff_t>(row * bytes);
      piece.bytes.assign(first, first + static_cast<std::ptrdiff_t>(count * bytes));
      const auto text = tensor.strings.begin() + static_cast<std::ptrdiff_t>(row * strings);
      piece.strings.assign(text, text + static_cast<std::ptrdiff_t>(count * strings));
      parts[i].outputs.push_back(std::move(piece));
      row += count;
    }
  }
  return parts;
}

}  // namespace tatara::serving
