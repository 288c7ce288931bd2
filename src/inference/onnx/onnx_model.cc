// The only file that knows ONNX Runtime. The library is opened by name when the first model is
// loaded; its one exported function gives the table of all others.

#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "base/strings.h"
#include "inference/inference.h"
#include "os/files.h"
#include "os/library.h"
#include "os/process.h"

namespace {

const OrtApiBase* g_base = nullptr;  // set once, by Runtime below

}  // namespace

// What the C++ header calls; in a linked program the library itself would define it.
extern "C" const OrtApiBase* ORT_API_CALL OrtGetApiBase() NO_EXCEPTION { return g_base; }

namespace tatara::inference {
namespace {

struct Runtime {
  std::string failure;  // why it could not be opened; empty: it is there
  std::unique_ptr<Ort::Env> environment;
};

void OpenLibrary(Runtime& runtime) {
  const std::string path = os::JoinPath(os::LibraryFolder(), "libonnxruntime.so.1");
  const auto library = os::Library::Open(path);
  if (!library) {
    runtime.failure = "cannot open ONNX Runtime: " + library.error().message;
    return;
  }
  const auto get_base = library->Find<const OrtApiBase*()>("OrtGetApiBase");
  g_base = get_base == nullptr ? nullptr : get_base();
  const OrtApi* api = g_base == nullptr ? nullptr : g_base->GetApi(ORT_API_VERSION);
  if (api == nullptr) {
    runtime.failure = path + " is too old (" + (g_base ? g_base->GetVersionString() : "unknown") +
                      "): API " + std::to_string(ORT_API_VERSION) + " is needed";
    return;
  }
  Ort::InitApi(api);
  // Its own log would go to standard error, where only our messages belong.
  runtime.environment = std::make_unique<Ort::Env>(ORT_LOGGING_LEVEL_FATAL, "tatara");
}

Result<Ort::Env*> OpenRuntime() {
  // For the whole process: the library cannot be unloaded safely.
  static Runtime runtime;
  static std::once_flag once;
  std::call_once(once, [] { OpenLibrary(runtime); });
  if (!runtime.failure.empty()) return Unavailable(runtime.failure);
  return runtime.environment.get();
}

std::optional<DataType> FromOnnx(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL:
      return DataType::kBool;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
      return DataType::kUint8;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16:
      return DataType::kUint16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32:
      return DataType::kUint32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64:
      return DataType::kUint64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
      return DataType::kInt8;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16:
      return DataType::kInt16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
      return DataType::kInt32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
      return DataType::kInt64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
      return DataType::kFp16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      return DataType::kFp32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
      return DataType::kFp64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING:
      return DataType::kBytes;
    default:
      return std::nullopt;
  }
}

ONNXTensorElementDataType ToOnnx(DataType type) {
  for (int i = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; i <= ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16;
       ++i) {
    const auto candidate = static_cast<ONNXTensorElementDataType>(i);
    if (FromOnnx(candidate) == type) return candidate;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

Result<TensorInfo> InfoOf(std::string name, const Ort::TypeInfo& type, bool output) {
  TensorInfo info;
  info.name = std::move(name);
  const ONNXType kind = type.GetONNXType();
  const bool maps =
      kind == ONNX_TYPE_SEQUENCE &&
      type.GetSequenceTypeInfo().GetSequenceElementType().GetONNXType() == ONNX_TYPE_MAP;
  if (maps && output) {
    info.class_map = true;
    info.shape = {-1, -1};
    return info;
  }
  if (kind != ONNX_TYPE_TENSOR) {
    return Unsupported((output ? "output '" : "input '") + info.name +
                       "' is no tensor (of others only a classifier's list of maps is served)");
  }
  const auto tensor = type.GetTensorTypeAndShapeInfo();
  const auto element = FromOnnx(tensor.GetElementType());
  if (!element) {
    return Unsupported((output ? "output '" : "input '") + info.name +
                       "' has an element type that is not in this version");
  }
  info.type = *element;
  info.shape = tensor.GetShape();
  return info;
}

Ort::Value ToValue(const Tensor& tensor) {
  static const Ort::MemoryInfo kMemory =
      Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  if (tensor.type == DataType::kBytes) {
    Ort::AllocatorWithDefaultOptions allocator;
    Ort::Value value = Ort::Value::CreateTensor(allocator, tensor.shape.data(), tensor.shape.size(),
                                                ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING);
    std::vector<const char*> texts;
    for (const std::string& text : tensor.strings) texts.push_back(text.c_str());
    value.FillStringTensor(texts.data(), texts.size());
    return value;
  }
  // The runtime only reads inputs; its API has no const.
  return Ort::Value::CreateTensor(kMemory, const_cast<uint8_t*>(tensor.bytes.data()),
                                  tensor.bytes.size(), tensor.shape.data(), tensor.shape.size(),
                                  ToOnnx(tensor.type));
}

Tensor FromValue(const Ort::Value& value) {
  // A reference into the value, where the wrapper's own way makes an object for each tensor.
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  const int64_t* shape = nullptr;
  size_t dimensions = 0;
  Ort::ThrowOnError(Ort::GetApi().GetTensorElementTypeAndShapeDataReference(value, &element, &shape,
                                                                            &dimensions));
  Tensor tensor;
  tensor.type = FromOnnx(element).value_or(DataType::kFp32);
  tensor.shape.assign(shape, shape + dimensions);
  const auto count = static_cast<size_t>(tensor.elements());
  if (tensor.type == DataType::kBytes) {
    for (size_t i = 0; i < count; ++i) tensor.strings.push_back(value.GetStringTensorElement(i));
    return tensor;
  }
  const auto* data = static_cast<const uint8_t*>(value.GetTensorRawData());
  tensor.bytes.assign(data, data + count * ElementSize(tensor.type));
  return tensor;
}

// The keys of one row's map as text, in the map's order.
std::vector<std::string> KeysOf(const Ort::Value& keys) {
  const Tensor tensor = FromValue(keys);
  if (tensor.type == DataType::kBytes) return tensor.strings;
  std::vector<std::string> out;
  for (const int64_t key : tensor.As<int64_t>()) out.push_back(std::to_string(key));
  return out;
}

// One map a row becomes a matrix [N, classes]; ZipMap gives every row the same keys.
Tensor FromClassMaps(const Ort::Value& sequence, std::vector<std::string>& classes) {
  Ort::AllocatorWithDefaultOptions allocator;
  const size_t rows = sequence.GetCount();
  std::vector<float> numbers;
  for (size_t row = 0; row < rows; ++row) {
    const Ort::Value map = sequence.GetValue(static_cast<int>(row), allocator);
    if (row == 0) classes = KeysOf(map.GetValue(0, allocator));
    const Tensor values = FromValue(map.GetValue(1, allocator));
    for (size_t i = 0; i < classes.size(); ++i) {
      numbers.push_back(static_cast<float>(NumberAt(values, i)));
    }
  }
  Tensor tensor = Tensor::Make(DataType::kFp32,
                               {static_cast<int64_t>(rows), static_cast<int64_t>(classes.size())});
  std::ranges::copy(numbers, tensor.As<float>().begin());
  return tensor;
}

class OnnxModel : public Model {
 public:
  static Result<std::shared_ptr<const Model>> Open(Ort::Env& environment, const std::string& path) {
    auto model = std::make_shared<OnnxModel>();
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    options.SetInterOpNumThreads(1);
    options.SetExecutionMode(ORT_SEQUENTIAL);
    options.SetGraphOptimizationLevel(GraphOptimizationLevel::ORT_ENABLE_ALL);
    options.AddConfigEntry("session.intra_op.allow_spinning", "0");
    // malloc serves small runs in fewer steps than the arena, which would also keep the memory of
    // the largest batch for good.
    options.DisableMemPattern();
    options.DisableCpuMemArena();
    model->session_ = std::make_unique<Ort::Session>(environment, path.c_str(), options);
    TRY(model->ReadSignature());
    return std::shared_ptr<const Model>(std::move(model));
  }

  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }

  std::optional<std::string> Metadata(const std::string& key) const override {
    const auto found = metadata_.find(key);
    return found == metadata_.end() ? std::nullopt : std::optional(found->second);
  }

  Result<RunOutput> Run(std::span<const Tensor> batch,
                        std::span<const size_t> wanted) const override {
    TRY(CheckBatch(inputs_, batch));
    try {
      return RunChecked(batch, wanted);
    } catch (const Ort::Exception& error) {
      return Invalid(std::string("the model cannot take this batch: ") + error.what());
    }
  }

 private:
  Status ReadSignature() {
    Ort::AllocatorWithDefaultOptions allocator;
    for (size_t i = 0; i < session_->GetInputCount(); ++i) {
      inputs_.push_back(TRY(InfoOf(session_->GetInputNameAllocated(i, allocator).get(),
                                   session_->GetInputTypeInfo(i), false)));
    }
    for (size_t i = 0; i < session_->GetOutputCount(); ++i) {
      outputs_.push_back(TRY(InfoOf(session_->GetOutputNameAllocated(i, allocator).get(),
                                    session_->GetOutputTypeInfo(i), true)));
    }
    for (const TensorInfo& input : inputs_) input_names_.push_back(input.name.c_str());
    for (const TensorInfo& output : outputs_) output_names_.push_back(output.name.c_str());
    const Ort::ModelMetadata metadata = session_->GetModelMetadata();
    for (const auto& key : metadata.GetCustomMetadataMapKeysAllocated(allocator)) {
      metadata_[key.get()] = metadata.LookupCustomMetadataMapAllocated(key.get(), allocator).get();
    }
    return {};
  }

  RunOutput RunChecked(std::span<const Tensor> batch, std::span<const size_t> wanted) const {
    std::vector<Ort::Value> values;
    values.reserve(batch.size());
    for (const Tensor& tensor : batch) values.push_back(ToValue(tensor));
    std::vector<const char*> some;
    for (const size_t index : wanted) some.push_back(output_names_[index]);
    const std::vector<const char*>& names = wanted.empty() ? output_names_ : some;
    const std::vector<Ort::Value> results =
        session_->Run(Ort::RunOptions{nullptr}, input_names_.data(), values.data(), values.size(),
                      names.data(), names.size());
    RunOutput out;
    out.outputs.reserve(results.size());
    for (const Ort::Value& result : results) {
      out.outputs.push_back(result.IsTensor() ? FromValue(result)
                                              : FromClassMaps(result, out.classes));
    }
    return out;
  }

  mutable std::unique_ptr<Ort::Session> session_;  // Run is thread-safe, but not const there
  std::vector<TensorInfo> inputs_, outputs_;
  std::vector<const char*> input_names_, output_names_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace

Result<std::shared_ptr<const Model>> Load(const std::string& path) {
  if (!os::Exists(path)) return NotFound("no model file at " + path);
  Ort::Env* environment = TRY(OpenRuntime());
  try {
    return OnnxModel::Open(*environment, path);
  } catch (const std::exception& error) {
    // The runtime names the whole path; it may end up in an event, and a home may move.
    return Invalid(os::NameOf(path) + " is no ONNX model that can be loaded: " +
                   ReplaceAll(error.what(), path, os::NameOf(path)));
  }
}

}  // namespace tatara::inference
