#include "api/predict/predict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "api/oip/infer_request.h"
#include "api/predict/elements.h"
#include "api/predict/rows.h"
#include "api/sagemaker/forms.h"
#include "api/sagemaker/truth.h"

namespace tatara::api {
namespace {

using inference::DataType;
using inference::Tensor;
using inference::TensorInfo;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FakeModel : public inference::Model {
 public:
  explicit FakeModel(std::vector<TensorInfo> inputs) : inputs_(std::move(inputs)) {}
  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return inputs_; }
  std::optional<std::string> Metadata(const std::string&) const override { return std::nullopt; }
  Result<inference::RunOutput> Run(std::span<const Tensor>,
                                   std::span<const size_t>) const override {
    return inference::RunOutput{};
  }

 private:
  std::vector<TensorInfo> inputs_;
};

std::shared_ptr<serving::Version> MakeVersion(std::vector<TensorInfo> inputs,
                                              std::vector<std::string> signature) {
  auto version = std::make_shared<serving::Version>();
  version->name = "1";
  version->batches = true;
  version->model = std::make_shared<FakeModel>(std::move(inputs));
  version->binding = *inference::Bind(*version->model, {}, signature);
  size_t place = 0;
  for (const std::string& name : version->binding->columns) {
    const size_t input = version->model->inputs().size() == 1 ? 0 : place;
    const bool text = version->model->inputs()[input].type == DataType::kBytes;
    version->layout.columns.push_back({name, text});
    version->layout.texts += text;
    version->targets.push_back({{input, input == 0 ? place : 0}});
    ++place;
  }
  return version;
}

std::shared_ptr<serving::Version> Matrix() {
  return MakeVersion({{"m", DataType::kFp32, {-1, 2}}}, {"a", "b"});
}
std::shared_ptr<serving::Version> Mixed() {
  return MakeVersion({{"x", DataType::kFp64, {-1, 1}}, {"s", DataType::kBytes, {-1}}}, {});
}

struct Read {
  Status status;
  serving::Call call;
};
Read ReadJson(std::string body, std::shared_ptr<serving::Version> version = Matrix()) {
  Read read;
  read.call.version = std::move(version);
  read.status = ReadJsonForm(body, read.call);
  return read;
}
std::vector<double> Numbers(const Tensor& tensor) {
  std::vector<double> out;
  for (size_t i = 0; i < static_cast<size_t>(tensor.elements()); ++i) {
    out.push_back(inference::NumberAt(tensor, i));
  }
  return out;
}

class GoodForm : public testing::TestWithParam<std::string> {};
TEST_P(GoodForm, BindsByName) {
  const Read read = ReadJson(GetParam());
  ASSERT_TRUE(read.status) << read.status.error().message;
  EXPECT_EQ(read.call.rows, 2);
  EXPECT_THAT(read.call.inputs[0].shape, ElementsAre(2, 2));
  EXPECT_THAT(Numbers(read.call.inputs[0]), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(read.call.cells.numbers, ElementsAre(1, 2, 3, 4));
}
INSTANTIATE_TEST_SUITE_P(
    All, GoodForm,
    testing::Values(
        R"({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}})",
        R"({"dataframe_split": {"columns": ["b", "z", "a"], "data": [[2, "q", 1], [4, null, 3]]}})",
        R"({"dataframe_split": {"index": [0, 1], "data": [[1, 2], [3, 4]], "columns": ["a", "b"]}})",
        R"({"params": {"t": [1]}, "dataframe_records": [{"a": 1, "b": 2}, {"b": 4, "a": 3}]})",
        R"({"instances": [[1, 2], [3, 4]]})",
        R"({"instances": [{"b": 2, "a": 1}, {"a": 3, "b": 4}]})",
        R"({"inputs": {"a": [1, 3], "b": [2, 4]}})",
        R"({"inputs": {"a": [[1], [3]], "b": [2, 4]}})", R"({"inputs": {"m": [[1, 2], [3, 4]]}})",
        R"({"inputs": [[1, 2], [3, 4]]})"));

struct BadForm {
  std::string body, error;
};
class BadFormTest : public testing::TestWithParam<BadForm> {};
TEST_P(BadFormTest, SaysWhatIsWrong) {
  const Read read = ReadJson(GetParam().body);
  ASSERT_FALSE(read.status);
  EXPECT_EQ(read.status.error().code, Code::kInvalid);
  EXPECT_THAT(read.status.error().message, HasSubstr(GetParam().error));
}
INSTANTIATE_TEST_SUITE_P(
    All, BadFormTest,
    testing::Values(
        BadForm{"", "JSON"}, BadForm{"7", "object"}, BadForm{"{}", "missing"},
        BadForm{R"({"instances": [[1, 2]], "inputs": [[1, 2]]})", "exactly one"},
        BadForm{R"({"instances": [[1, 2]]} x)", "JSON"}, BadForm{R"({"x": tru})", ""},
        BadForm{R"({"dataframe_split": {"columns": ["a"], "data": [[1]]}})", "column 'b'"},
        BadForm{R"({"dataframe_split": {"columns": ["a", "b"], "data": [[1, {}]]}})", "value"},
        BadForm{R"({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [1]]}})", "row 2"},
        BadForm{R"({"dataframe_split": {"columns": ["a", "b"], "data": [1]}})", "list of rows"},
        BadForm{R"({"dataframe_records": [{"a": 1, "b": 2}, {"a": 1}]})", "column 'b', row 2"},
        BadForm{R"({"dataframe_records": [{"a": "x", "b": 2}]})", "column 'a', row 1: 'x' is text"},
        BadForm{R"({"instances": [[1, 2], [3]]})", "uneven length"},
        BadForm{R"({"instances": [[1, [2]], [3, 4]]})", "uneven depth"},
        BadForm{R"({"instances": [1, 2]})", "shape"}));

TEST(JsonForm, NullIsMissingForFloats) {
  const Read read =
      ReadJson(R"({"dataframe_split": {"columns": ["a", "b"], "data": [[null, 30.02]]}})");
  ASSERT_TRUE(read.status);
  EXPECT_TRUE(std::isnan(read.call.inputs[0].As<float>()[0]));
  EXPECT_TRUE(std::isnan(read.call.cells.numbers[0]));
  // Capture keeps the number as it came, not as a float.
  EXPECT_EQ(read.call.cells.numbers[1], 30.02);
}

TEST(JsonForm, TextAndNumbersGoToTheirInputs) {
  const Read read = ReadJson(R"({"dataframe_records": [{"x": 1.5, "s": "Ōsaka"}]})", Mixed());
  ASSERT_TRUE(read.status) << read.status.error().message;
  EXPECT_THAT(read.call.inputs[1].strings, ElementsAre("Ōsaka"));
  EXPECT_THAT(read.call.inputs[1].shape, ElementsAre(1));
  EXPECT_THAT(read.call.cells.texts, ElementsAre("Ōsaka"));
}

TEST(JsonForm, ADeepBodyIsRefusedAndNotSuffered) {
  for (const std::string& body :
       {std::string(1'000'000, '['), R"({"instances":)" + std::string(1'000'000, '['),
        R"({"a":)" + std::string(500'000, '[') + std::string(500'000, ']') + "}"}) {
    EXPECT_FALSE(ReadJson(body).status);
  }
}

Read ReadCsv(std::string_view body, std::shared_ptr<serving::Version> version = Matrix()) {
  Read read;
  read.call.version = std::move(version);
  read.status = ReadCsvForm(body, read.call);
  return read;
}

TEST(CsvForm, ReadsQuotesBlanksAndLineEnds) {
  const Read read = ReadCsv("s,note,x\r\n\"a \"\"b\"\"\",\"1,2\",\r\n7,,2.5", Mixed());
  ASSERT_TRUE(read.status) << read.status.error().message;
  EXPECT_THAT(read.call.inputs[1].strings, ElementsAre("a \"b\"", "7"));
  EXPECT_TRUE(std::isnan(read.call.inputs[0].As<double>()[0]));
  EXPECT_EQ(read.call.inputs[0].As<double>()[1], 2.5);
}

TEST(CsvForm, FaultsAreNamed) {
  EXPECT_THAT(ReadCsv("").status.error().message, HasSubstr("empty"));
  EXPECT_THAT(ReadCsv("a\n1\n").status.error().message, HasSubstr("'b'"));
  EXPECT_THAT(ReadCsv("a,b\n1,2\n3\n").status.error().message, HasSubstr("row 2"));
  EXPECT_THAT(ReadCsv("a,b\n1,x\n").status.error().message, HasSubstr("'x' is text"));
  EXPECT_THAT(ReadCsv("a,b\n\"1,2\n").status.error().message, HasSubstr("no end"));
}

Result<InferRequest> ReadInfer(std::string body) {
  const FakeModel model({{"x", DataType::kFp32, {-1, 2}}, {"n", DataType::kInt8, {-1}}});
  return ReadInferRequest(body, model);
}
const std::string kX = R"({"name":"x","shape":[1,2],"datatype":"FP32","data":[[1.5,2]]})";
const std::string kN = R"({"name":"n","shape":[1],"datatype":"INT8","data":[-128]})";

TEST(InferRequest, TensorsComeInTheModelsOrder) {
  const auto read = ReadInfer(R"({"id":"7","inputs":[)" + kN + "," + kX + R"(],"parameters":{}})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id, "7");
  EXPECT_THAT(Numbers(read->inputs[0]), ElementsAre(1.5, 2));
  EXPECT_THAT(Numbers(read->inputs[1]), ElementsAre(-128));
  EXPECT_THAT(read->outputs, IsEmpty());
}

TEST(InferRequest, DataMayStandBeforeItsShape) {
  const auto read = ReadInfer(
      R"({"inputs":[{"data":[1,2],"shape":[1,2],"datatype":"FP32","name":"x"},)" + kN + "]}");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(Numbers(read->inputs[0]), ElementsAre(1, 2));
}

TEST(InferRequest, OutputsAreIndices) {
  const auto read = ReadInfer(R"({"outputs":[{"name":"n"}],"inputs":[)" + kN + "," + kX + "]}");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->outputs, ElementsAre(1));
}

struct BadInfer {
  std::string n, error;  // what stands for the input n
};
class BadInferTest : public testing::TestWithParam<BadInfer> {};
TEST_P(BadInferTest, SaysWhatIsWrong) {
  const auto read = ReadInfer(R"({"inputs":[)" + kX + "," + GetParam().n + "]}");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kInvalid);
  EXPECT_THAT(read.error().message, HasSubstr(GetParam().error));
}
INSTANTIATE_TEST_SUITE_P(
    All, BadInferTest,
    testing::Values(
        BadInfer{kX, "given twice"},
        BadInfer{R"({"name":"n","shape":[2],"datatype":"INT8","data":[1,2]})", "rows"},
        BadInfer{R"({"name":"n","shape":[1],"datatype":"INT8","data":[128]})", "out of the range"},
        BadInfer{R"({"name":"n","shape":[1],"datatype":"INT8","data":[1e40]})", "input 'n'"},
        BadInfer{R"({"name":"n","shape":[1],"datatype":"INT8","data":[99999999999999999999]})",
                 "99999999999999999999 is out of the range"},
        BadInfer{R"({"name":"n","shape":[1],"datatype":"INT8","data":[]})", "data has 0"},
        BadInfer{R"({"name":"n","shape":[1],"datatype":"INT8","data":[1,2]})", "data has more"},
        BadInfer{R"({"name":"n","shape":[1],"datatype":"INT8"})", "'data' is missing"},
        BadInfer{R"({"name":"n","datatype":"INT8","data":[1]})", "'shape' is missing"},
        BadInfer{R"({"name":"n","shape":[9223372036854775807],"datatype":"INT8","data":[1]})",
                 "more elements than the body can hold"},
        BadInfer{R"({"name":"n","shape":[4294967296,4294967296],"datatype":"INT8","data":[1]})",
                 "more elements"}));

TEST(AppendElement, WritesStrictJson) {
  Tensor tensor = Tensor::Make(DataType::kFp32, {4});
  tensor.As<float>()[0] = 0.1f;
  tensor.As<float>()[1] = 3;
  tensor.As<float>()[2] = NAN;
  tensor.As<float>()[3] = 3.4e38f;
  std::string out;
  for (size_t i = 0; i < 4; ++i) {
    AppendElement(out, tensor, i);
    out += ' ';
  }
  EXPECT_EQ(out, "0.1 3.0 null 3.4e+38 ");
}

TEST(ReadTruths, TakesAllLinesOrNone) {
  const std::string line =
      R"({"groundTruthData":{"data":" 227.0 ","encoding":"CSV"},"eventMetadata":{"eventId":"a"}})";
  const auto truths = ReadTruths(line + "\n\n" + line + "\n", FromMicros(5));
  ASSERT_TRUE(truths) << truths.error().message;
  ASSERT_EQ(truths->size(), 2u);
  EXPECT_EQ((*truths)[0].value, "227.0");
  EXPECT_EQ((*truths)[0].time, FromMicros(5));
  EXPECT_THAT(ReadTruths(line + "\n{\n", {}).error().message, HasSubstr("line 2"));
}

TEST(ReadTruths, FaultsAreNamed) {
  const auto error = [](const std::string& line) { return ReadTruths(line, {}).error().message; };
  EXPECT_THAT(error("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(error("{}"), HasSubstr("groundTruthData"));
  EXPECT_THAT(error(R"({"groundTruthData":{"data":"nan"},"eventMetadata":{"eventId":"a"}})"),
              HasSubstr("finite"));
  EXPECT_THAT(error(R"({"groundTruthData":{"data":5},"eventMetadata":{"eventId":"a"}})"),
              HasSubstr("data"));
  EXPECT_THAT(error(R"({"groundTruthData":{"data":"5"},"eventMetadata":{"eventId":""}})"),
              HasSubstr("eventId"));
}

}  // namespace
}  // namespace tatara::api
