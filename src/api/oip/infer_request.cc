#include "api/oip/infer_request.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "api/predict/json_body.h"
#include "api/predict/predict.h"
#include "base/strings.h"

namespace tatara::api {
namespace {

using inference::Cell;
using inference::DataType;
using inference::Model;
using inference::Tensor;
using inference::TensorInfo;
namespace ondemand = simdjson::ondemand;

constexpr int kDepthMax = 16;  // no tensor has more dimensions
constexpr size_t kNamesMax = 1024;

// One input as it stands in the body; `data` may come before what explains it.
struct InputText {
  std::string_view name;
  std::optional<std::vector<int64_t>> shape;
  std::string_view datatype;
  std::string_view late_data;  // JSON text, when it came first
  bool has_shape = false;
  bool has_data = false;
};

// Fills a tensor from nested or flat JSON data.
class DataReader {
 public:
  DataReader(const std::string& input, Tensor& tensor, std::vector<double>& numbers)
      : input_(input),
        tensor_(tensor),
        numbers_(numbers),
        count_(static_cast<size_t>(tensor.elements())) {}

  Status Read(ondemand::array data) { return ReadArray(std::move(data), 1); }
  Status CheckCount() const {
    if (next_ == count_) return {};
    return Invalid("input '" + input_ + "': shape " + inference::ShapeText(tensor_.shape) +
                   " wants " + std::to_string(count_) + " elements, data has " +
                   (next_ > count_ ? "more" : std::to_string(next_)));
  }

 private:
  Status ReadArray(ondemand::array data, int depth) {
    if (depth > kDepthMax) {
      return Invalid("input '" + input_ + "': data is nested deeper than " +
                     std::to_string(kDepthMax) + " lists");
    }
    for (auto element : data) {
      ondemand::value value = TRY(Take(std::move(element)));
      const auto type = TRY(Take(value.type()));
      if (type == ondemand::json_type::array) {
        ondemand::array inner = TRY(Take(value.get_array()));
        TRY(ReadArray(std::move(inner), depth + 1));
        continue;
      }
      if (next_ == count_) {
        ++next_;
        return CheckCount();
      }
      TRY(ReadElement(value, type));
      ++next_;
    }
    return {};
  }

  Status ReadElement(ondemand::value& value, ondemand::json_type type) {
    switch (type) {
      case ondemand::json_type::number:
        return inference::IsFloat(tensor_.type) ? ReadFloat(value) : ReadWhole(value);
      case ondemand::json_type::boolean:
        if (tensor_.type != DataType::kBool) return Wrong("a boolean");
        tensor_.bytes[next_] = TRY(Take(value.get_bool())) ? 1 : 0;
        return {};
      case ondemand::json_type::string:
        if (tensor_.type != DataType::kBytes) return Wrong("a string");
        tensor_.strings[next_] = TRY(Take(value.get_string()));
        return {};
      case ondemand::json_type::null:
        return Bad(Invalid(
            "null: this protocol has no missing values; /endpoints/NAME/invocations takes them"));
      default:
        return Wrong("an object");
    }
  }

  Status ReadFloat(ondemand::value& value) {
    const double number = TRY(Take(value.get_double()));
    const double max = tensor_.type == DataType::kFp32   ? std::numeric_limits<float>::max()
                       : tensor_.type == DataType::kFp16 ? 65504.0
                                                         : std::numeric_limits<double>::max();
    if (std::abs(number) > max)
      return Bad(Invalid(FormatDouble(number) + " is out of the range of " +
                         std::string(inference::DataTypeName(tensor_.type))));
    numbers_.push_back(number);
    return Bad(inference::PutCell(tensor_, next_, Cell::Double(number)));
  }

  Status ReadWhole(ondemand::value& value) {
    if (tensor_.type == DataType::kBytes) return Wrong("a number");
    const auto number = value.get_number();
    if (number.error() != simdjson::SUCCESS) {
      return Bad(Invalid(std::string(Trim(value.raw_json_token())) + " is out of the range of " +
                         std::string(inference::DataTypeName(tensor_.type))));
    }
    const ondemand::number got = number.value_unsafe();
    // get_double, since simdjson 3.0's get_number reads more than 19 digits and a point as 0.
    const Cell cell = got.is_int64()    ? Cell::Int(got.get_int64())
                      : got.is_uint64() ? Cell::Uint(got.get_uint64())
                                        : Cell::Double(value.get_double().value_unsafe());
    return Bad(inference::PutCell(tensor_, next_, cell));
  }

  Status Bad(Status status) const {
    if (status) return status;
    return Invalid("input '" + input_ + "', element " + std::to_string(next_) + ": " +
                   status.error().message);
  }
  Status Wrong(std::string_view what) const {
    return Bad(Invalid(std::string(what) + " where " +
                       std::string(inference::DataTypeName(tensor_.type)) + " is wanted"));
  }

  const std::string& input_;
  Tensor& tensor_;
  std::vector<double>& numbers_;
  const size_t count_;
  size_t next_ = 0;
};

class Reader {
 public:
  Reader(const Model& model, size_t body_size) : model_(model), body_size_(body_size) {
    out_.inputs.resize(model.inputs().size());
    out_.numbers.resize(model.inputs().size());
    seen_.assign(model.inputs().size(), 0);
  }

  Result<InferRequest> Read(ondemand::document& document) {
    ondemand::object body = TRY(ObjectOf(document, "the body must be a JSON object with 'inputs'"));
    bool has_inputs = false;
    for (auto field : body) {
      ondemand::field member = TRY(Take(std::move(field)));
      const std::string_view key = TRY(Take(member.unescaped_key()));
      if (key == "inputs") {
        if (std::exchange(has_inputs, true)) return Invalid("'inputs' is given twice");
        TRY(ReadInputs(member.value()));
      } else if (key == "outputs") {
        TRY(ReadOutputs(member.value()));
      } else if (key == "id") {
        TRY(ReadId(member.value()));
      } else {
        TRY(CheckJson(member.value()));
      }
    }
    TRY(CheckEnd(document));
    if (!has_inputs) return Invalid("'inputs' is missing");
    for (size_t i = 0; i < seen_.size(); ++i) {
      if (seen_[i] == 0) return Invalid("input '" + model_.inputs()[i].name + "' is missing");
    }
    TRY(inference::CheckBatch(model_.inputs(), out_.inputs));
    return std::move(out_);
  }

 private:
  Status ReadId(ondemand::value value) {
    std::string_view id;
    if (value.get_string().get(id) != simdjson::SUCCESS) return Invalid("'id' must be a string");
    if (id.size() > kInferenceIdMax) {
      return Invalid("'id' has more than " + std::to_string(kInferenceIdMax) + " bytes");
    }
    out_.id = id;
    out_.has_id = true;
    return {};
  }

  Status ReadInputs(ondemand::value value) {
    ondemand::array inputs;
    if (value.get_array().get(inputs) != simdjson::SUCCESS) {
      return Invalid("'inputs' must be a list of tensors");
    }
    for (auto element : inputs) {
      ondemand::value input = TRY(Take(std::move(element)));
      ondemand::object object;
      if (input.get_object().get(object) != simdjson::SUCCESS) {
        return Invalid("'inputs' must be a list of objects with name, shape, datatype and data");
      }
      TRY(ReadInput(object));
    }
    return {};
  }

  Status ReadInput(ondemand::object object) {
    InputText text;
    std::optional<size_t> index;
    for (auto field : object) {
      ondemand::field member = TRY(Take(std::move(field)));
      const std::string_view key = TRY(Take(member.unescaped_key()));
      ondemand::value value = member.value();
      if (key == "name") {
        if (!text.name.empty()) return Invalid(Where(text) + "'name' is given twice");
        TRY(ReadString(value, "name", text.name));
      } else if (key == "datatype") {
        if (!text.datatype.empty()) return Invalid(Where(text) + "'datatype' is given twice");
        TRY(ReadString(value, "datatype", text.datatype));
      } else if (key == "shape") {
        if (std::exchange(text.has_shape, true)) {
          return Invalid(Where(text) + "'shape' is given twice");
        }
        text.shape = TRY(ReadShape(value, text.name));
      } else if (key == "data") {
        if (std::exchange(text.has_data, true))
          return Invalid(Where(text) + "'data' is given twice");
        ondemand::array data;
        if (value.get_array().get(data) != simdjson::SUCCESS) {
          return Invalid(Where(text) + "'data' must be a list");
        }
        if (text.name.empty() || !text.shape || text.datatype.empty()) {
          text.late_data = TRY(Take(data.raw_json()));
        } else {
          index = TRY(StartTensor(text));
          TRY(ReadData(*index, std::move(data)));
        }
      } else {
        TRY(CheckJson(value));
      }
    }
    if (text.name.empty()) return Invalid("an input has no 'name'");
    if (!text.shape) return Invalid(Where(text) + "'shape' is missing");
    if (text.datatype.empty()) return Invalid(Where(text) + "'datatype' is missing");
    if (!text.has_data) return Invalid(Where(text) + "'data' is missing");
    return index ? Status() : ReadLate(text);
  }

  static std::string Where(const InputText& text) {
    return text.name.empty() ? std::string("an input: ")
                             : "input '" + std::string(text.name) + "': ";
  }
  static Status ReadString(ondemand::value& value, std::string_view key, std::string_view& out) {
    if (value.get_string().get(out) == simdjson::SUCCESS) return {};
    return Invalid("'" + std::string(key) + "' of an input must be a string");
  }

  static Result<std::vector<int64_t>> ReadShape(ondemand::value& value, std::string_view name) {
    std::vector<int64_t> shape;
    shape.reserve(4);
    ondemand::array list;
    const auto bad = [&] {
      return Invalid("input '" + std::string(name) +
                     "': 'shape' must be a list of whole numbers from 0 on");
    };
    if (value.get_array().get(list) != simdjson::SUCCESS) return bad();
    for (auto element : list) {
      int64_t dimension = 0;
      if (element.get_int64().get(dimension) != simdjson::SUCCESS || dimension < 0) return bad();
      if (shape.size() >= static_cast<size_t>(kDepthMax)) {
        return Invalid("input '" + std::string(name) + "' has too many dimensions");
      }
      shape.push_back(dimension);
    }
    return shape;
  }

  // Checks everything about the input but its data, so that what is made is what the body can fill.
  Result<size_t> StartTensor(InputText& text) {
    const auto& inputs = model_.inputs();
    const auto found = std::ranges::find(inputs, text.name, &TensorInfo::name);
    if (found == inputs.end()) {
      std::vector<std::string> names;
      for (const TensorInfo& input : inputs) names.push_back(input.name);
      return Invalid("the model has no input '" + std::string(text.name) + "'; it has " +
                     Join(names, ", "));
    }
    const auto index = static_cast<size_t>(found - inputs.begin());
    if (std::exchange(seen_[index], 1) != 0) return Invalid(Where(text) + "given twice");
    if (text.datatype != inference::DataTypeName(found->type)) {
      return Invalid("input '" + found->name + "' wants " +
                     std::string(inference::DataTypeName(found->type)) + ", not '" +
                     std::string(text.datatype.substr(0, 40)) + "'");
    }
    const auto count = inference::ElementCount(*text.shape);
    // Each element takes a character and a comma at least.
    if (!count || *count > static_cast<int64_t>(body_size_ / 2 + 1)) {
      return Invalid(Where(text) + "shape " + inference::ShapeText(*text.shape) +
                     " has more elements than the body can hold");
    }
    out_.inputs[index] = Tensor::Make(found->type, std::move(*text.shape));
    return index;
  }

  Status ReadData(size_t index, ondemand::array data) {
    const std::string& name = model_.inputs()[index].name;
    std::vector<double>& numbers = out_.numbers[index];
    if (inference::IsFloat(out_.inputs[index].type)) {
      numbers.reserve(static_cast<size_t>(out_.inputs[index].elements()));
    }
    DataReader reader(name, out_.inputs[index], numbers);
    TRY(reader.Read(std::move(data)));
    return reader.CheckCount();
  }

  Status ReadLate(InputText& text) {
    const size_t index = TRY(StartTensor(text));
    const simdjson::padded_string copy(text.late_data);
    ondemand::parser parser;
    ondemand::document document = TRY(Take(parser.iterate(copy)));
    return ReadData(index, TRY(Take(document.get_array())));
  }

  Status ReadOutputs(ondemand::value value) {
    ondemand::array list;
    if (value.get_array().get(list) != simdjson::SUCCESS) {
      return Invalid("'outputs' must be a list of objects with a name");
    }
    for (auto element : list) {
      const std::string_view text = TRY(Take(simdjson::to_json_string(element)));
      const Json output = TRY(ParseJson(text));
      if (!output.IsObject()) return Invalid("'outputs' must be a list of objects with a name");
      const std::string name = TRY(output.GetString("name"));
      const auto& outputs = model_.outputs();
      const auto found = std::ranges::find(outputs, name, &TensorInfo::name);
      if (found == outputs.end()) return Invalid("the model has no output '" + name + "'");
      const auto index = static_cast<size_t>(found - outputs.begin());
      if (std::ranges::find(out_.outputs, index) != out_.outputs.end()) {
        return Invalid("output '" + name + "' is asked for twice");
      }
      if (out_.outputs.size() >= kNamesMax) return Invalid("too many outputs are asked for");
      out_.outputs.push_back(index);
    }
    return {};
  }

  const Model& model_;
  const size_t body_size_;
  InferRequest out_;
  std::vector<uint8_t> seen_;
};

}  // namespace

Result<InferRequest> ReadInferRequest(std::string& body, const inference::Model& model) {
  return WithDocument(body, [&](ondemand::document& document) {
    return Reader(model, body.size()).Read(document);
  });
}

}  // namespace tatara::api
