#include "inference/inference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "os/files.h"
#include "os/random.h"
#include "os/threads.h"

namespace tatara::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<const Model> LoadTestModel(const std::string& name) {
  auto model = Load(std::string(TATARA_TEST_DATA) + "/" + name + ".onnx");
  EXPECT_TRUE(model) << (model ? "" : model.error().message);
  return model ? *model : nullptr;
}

Tensor Floats(std::vector<int64_t> shape, std::vector<float> values) {
  Tensor tensor = Tensor::Make(DataType::kFp32, std::move(shape));
  std::ranges::copy(values, tensor.As<float>().begin());
  return tensor;
}

std::vector<double> Numbers(const Tensor& tensor) {
  std::vector<double> out;
  for (size_t i = 0; i < static_cast<size_t>(tensor.elements()); ++i) {
    out.push_back(NumberAt(tensor, i));
  }
  return out;
}

TEST(Load, ReadsNamesTypesShapesAndMetadata) {
  const auto model = LoadTestModel("regressor");
  ASSERT_EQ(model->inputs().size(), 1u);
  EXPECT_EQ(model->inputs()[0].name, "features");
  EXPECT_EQ(model->inputs()[0].type, DataType::kFp32);
  EXPECT_THAT(model->inputs()[0].shape, ElementsAre(-1, 3));
  EXPECT_EQ(model->outputs()[0].name, "variable");
  EXPECT_EQ(model->Metadata("feature_names"), R"(["a", "b", "c"])");
  EXPECT_EQ(model->Metadata("classes"), std::nullopt);
}

TEST(Load, AMissingFileIsNotFound) {
  EXPECT_EQ(Load("/nowhere/m.onnx").error().code, Code::kNotFound);
}

TEST(Load, ACorruptFileIsInvalidAndNamed) {
  const std::string path = testing::TempDir() + std::to_string(os::RandomU64()) + "-corrupt.onnx";
  ASSERT_TRUE(os::WriteFile(path, "this is no model"));
  const auto model = Load(path);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kInvalid);
  EXPECT_THAT(model.error().message, HasSubstr("corrupt.onnx"));
}

TEST(Load, ATruncatedFileIsInvalid) {
  const std::string whole = *os::ReadFile(std::string(TATARA_TEST_DATA) + "/types.onnx");
  const std::string path = testing::TempDir() + std::to_string(os::RandomU64()) + "-truncated.onnx";
  ASSERT_TRUE(os::WriteFile(path, whole.substr(0, whole.size() / 2)));
  EXPECT_EQ(Load(path).error().code, Code::kInvalid);
}

TEST(Run, ComputesEachRow) {
  const auto model = LoadTestModel("regressor");
  const auto out = model->Run(std::vector{Floats({2, 3}, {1, 2, 3, 4, 5, 6})});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT(out->outputs[0].shape, ElementsAre(2, 1));
  EXPECT_THAT(Numbers(out->outputs[0]), ElementsAre(14, 32));
}

TEST(Run, AWrongShapeNamesTheInputAndWhatItWants) {
  const auto model = LoadTestModel("regressor");
  const auto out = model->Run(std::vector{Floats({1, 2}, {1, 2})});
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::kInvalid);
  EXPECT_EQ(out.error().message, "input 'features' wants shape [-1, 3] (-1: any), not [1, 2]");
}

TEST(Run, AWrongTypeNamesTheInputAndWhatItWants) {
  const auto model = LoadTestModel("regressor");
  const auto out = model->Run(std::vector{Tensor::Make(DataType::kFp64, {1, 3})});
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().message, "input 'features' wants FP32, not FP64");
}

TEST(Run, EveryTypeComesBackAsItWent) {
  const auto model = LoadTestModel("types");
  std::vector<Tensor> batch;
  for (const TensorInfo& input : model->inputs()) {
    Tensor tensor = Tensor::Make(input.type, {3});
    for (size_t i = 0; i < tensor.bytes.size(); ++i) {
      tensor.bytes[i] = static_cast<uint8_t>(input.type == DataType::kBool ? i % 2 : 40 + i * 3);
    }
    if (input.type == DataType::kBytes) tensor.strings = {"", "Ōsaka", std::string(500, 'x')};
    batch.push_back(std::move(tensor));
  }
  const auto out = model->Run(batch);
  ASSERT_TRUE(out) << out.error().message;
  ASSERT_EQ(out->outputs.size(), batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_EQ(out->outputs[i].type, batch[i].type) << i;
    EXPECT_EQ(out->outputs[i].bytes, batch[i].bytes) << i;
    EXPECT_EQ(out->outputs[i].strings, batch[i].strings) << i;
  }
}

TEST(Run, OnlyWantedOutputs) {
  const auto model = LoadTestModel("classifier");
  const auto out = model->Run(std::vector{Floats({1, 2}, {3, 0})}, std::vector<size_t>{0});
  ASSERT_TRUE(out);
  ASSERT_EQ(out->outputs.size(), 1u);
  EXPECT_THAT(out->outputs[0].strings, ElementsAre("yes"));
}

TEST(Run, MapsOfAClassifierBecomeAMatrix) {
  const auto model = LoadTestModel("classifier");
  EXPECT_TRUE(model->outputs()[1].class_map);
  const auto out = model->Run(std::vector{Floats({2, 2}, {1, 0, -2, 0})});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT(out->classes, ElementsAre("no", "yes"));
  EXPECT_THAT(out->outputs[0].strings, ElementsAre("yes", "no"));
  EXPECT_THAT(out->outputs[1].shape, ElementsAre(2, 2));
  EXPECT_NEAR(NumberAt(out->outputs[1], 1), 1 / (1 + std::exp(-2.0)), 1e-6);
}

TEST(Run, ManyThreadsAtOnce) {
  const auto model = LoadTestModel("regressor");
  std::atomic<int> wrong = 0;
  {
    std::vector<os::Thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back("run", [&, t] {
        for (int i = 0; i < 500; ++i) {
          const auto out = model->Run(std::vector{Floats({1, 3}, {float(t), float(i), 0})});
          if (!out || NumberAt(out->outputs[0], 0) != t + 2 * i) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Bind, TakesNamesFromFeaturesThenSignatureThenMetadata) {
  const auto model = LoadTestModel("regressor");
  EXPECT_THAT(Bind(*model, {"x", "y", "z"}, {"p", "q", "r"})->columns, ElementsAre("x", "y", "z"));
  EXPECT_THAT(Bind(*model, {}, {"p", "q", "r"})->columns, ElementsAre("p", "q", "r"));
  EXPECT_THAT(Bind(*model, {}, {})->columns, ElementsAre("a", "b", "c"));
}

TEST(Bind, AMatrixWithoutNamesIsRefused) {
  const auto binding = Bind(*LoadTestModel("nameless"), {}, {});
  ASSERT_FALSE(binding);
  EXPECT_THAT(binding.error().message, HasSubstr("--features"));
}

TEST(MakeBatch, CastsAndFillsByName) {
  const auto model = LoadTestModel("several");
  const auto binding = *Bind(*model, {}, {});
  const std::vector<double> x = {1.5, NAN};
  const std::vector<int64_t> n = {7, -7}, flag = {0, 1};
  const ColumnView views[] = {{.kind = ColumnView::Kind::kDouble, .doubles = x},
                              {.kind = ColumnView::Kind::kInt, .ints = n},
                              {.kind = ColumnView::Kind::kBool, .ints = flag}};
  const auto lookup = [&](std::string_view name) -> const ColumnView* {
    return name == "x" ? &views[0] : name == "n" ? &views[1] : name == "flag" ? &views[2] : nullptr;
  };
  const auto batch = MakeBatch(*model, binding, lookup, 0, 2);
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ((*batch)[0].As<float>()[0], 1.5f);
  EXPECT_TRUE(std::isnan((*batch)[0].As<float>()[1]));
  EXPECT_THAT((*batch)[1].As<int64_t>(), ElementsAre(7, -7));
  EXPECT_THAT((*batch)[2].shape, ElementsAre(2));
  EXPECT_THAT((*batch)[2].bytes, ElementsAre(0, 1));
}

TEST(MakeBatch, AMissingColumnIsNamed) {
  const auto model = LoadTestModel("several");
  const auto batch =
      MakeBatch(*model, *Bind(*model, {}, {}), [](std::string_view) { return nullptr; }, 0, 1);
  ASSERT_FALSE(batch);
  EXPECT_THAT(batch.error().message, HasSubstr("column 'x'"));
}

struct CellCase {
  DataType type;
  Cell cell;
  std::string error;  // part of it; empty: fine
};

class PutCellTest : public testing::TestWithParam<CellCase> {};

TEST_P(PutCellTest, FollowsTheLaw) {
  Tensor tensor = Tensor::Make(GetParam().type, {1});
  const Status put = PutCell(tensor, 0, GetParam().cell);
  EXPECT_EQ(put.has_value(), GetParam().error.empty());
  if (!put) {
    EXPECT_EQ(put.error().code, Code::kInvalid);
    EXPECT_THAT(put.error().message, HasSubstr(GetParam().error));
  }
}

constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
INSTANTIATE_TEST_SUITE_P(
    All, PutCellTest,
    testing::Values(CellCase{DataType::kFp32, {}, ""}, CellCase{DataType::kInt64, {}, "missing"},
                    CellCase{DataType::kBool, {}, "missing"},
                    CellCase{DataType::kBytes, {}, "missing"},
                    CellCase{DataType::kInt8, Cell::Int(127), ""},
                    CellCase{DataType::kInt8, Cell::Int(128), "128 is out of the range of INT8"},
                    CellCase{DataType::kInt8, Cell::Int(-129), "out of the range"},
                    CellCase{DataType::kUint8, Cell::Int(-1), "out of the range of UINT8"},
                    CellCase{DataType::kUint64, Cell::Uint(kHuge), ""},
                    CellCase{DataType::kInt64, Cell::Uint(kHuge), "out of the range of INT64"},
                    CellCase{DataType::kInt32, Cell::Double(3.0), ""},
                    CellCase{DataType::kInt32, Cell::Double(3.5), "3.5 is no whole number"},
                    CellCase{DataType::kInt64, Cell::Double(1e300), "no whole number"},
                    CellCase{DataType::kBool, Cell::Bool(true), ""},
                    CellCase{DataType::kBool, Cell::Int(2), "out of the range of BOOL"},
                    CellCase{DataType::kFp64, Cell::Text("x"), "'x' is text"},
                    CellCase{DataType::kBytes, Cell::Text("x"), ""},
                    CellCase{DataType::kBytes, Cell::Int(1), "no text"}));

TEST(Half, RoundTripsAndRounds) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = FromHalf(static_cast<uint16_t>(bits));
    if (std::isnan(value)) continue;
    ASSERT_EQ(ToHalf(value), bits);
  }
  EXPECT_EQ(FromHalf(ToHalf(65520.0f)), std::numeric_limits<float>::infinity());
  EXPECT_EQ(FromHalf(ToHalf(2049.0f)), 2048.0f);  // a tie goes to the even one
  EXPECT_EQ(FromHalf(ToHalf(2051.0f)), 2052.0f);
}

TEST(ElementCount, RefusesWhatOverflowsOrIsNegative) {
  EXPECT_EQ(ElementCount(std::vector<int64_t>{2, 3}), 6);
  EXPECT_EQ(ElementCount(std::vector<int64_t>{}), 1);
  EXPECT_EQ(ElementCount(std::vector<int64_t>{-1, 3}), std::nullopt);
  EXPECT_EQ(ElementCount(std::vector<int64_t>{1LL << 40, 1LL << 40}), std::nullopt);
}

}  // namespace
}  // namespace tatara::inference
