#include "registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "events/events.h"
#include "os/files.h"
#include "os/random.h"

namespace tatara::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Time kNow = FromMillis(1'700'000'000'000);

class RegistryTest : public testing::Test {
 protected:
  template <class Fn>
  auto Write(Fn fn) {
    return database_->Write([&](db::Tx& tx) { return fn(tx); });
  }
  template <class Fn>
  auto Read(Fn fn) {
    return database_->Read([&](db::Reader& reader) { return fn(reader); });
  }
  void SetUp() override {
    run_ = Write([](db::Tx& tx) { return tracking::CreateRun(tx, {}, kNow); })->info;
    (void)Write([](db::Tx& tx) { return EnsureModel(tx, "delay", kNow); });
  }
  Result<Version> Register(std::string source = "") {
    if (source.empty()) source = run_.artifact_uri + "/model";
    return Write([&](db::Tx& tx) {
      return CreateVersion(tx, {.name = "delay", .source = source, .run_id = run_.id.value}, kNow);
    });
  }
  Result<Alias> Move(int64_t version, std::optional<int64_t> expected = std::nullopt,
                     std::string alias = "champion") {
    return Write([&](db::Tx& tx) {
      return SetAlias(
          tx, {.model = "delay", .alias = alias, .version = version, .expected = expected}, kNow);
    });
  }
  Result<Resolved> Find(std::string uri) {
    return Read([&](db::Reader& reader) { return Resolve(reader, uri); });
  }
  std::vector<int64_t> Search(std::string filter, std::vector<std::string> order = {}) {
    const auto page = Read([&](db::Reader& r) {
      return SearchVersions(r, {.filter = filter, .order_by = order, .max_results = 100});
    });
    std::vector<int64_t> versions;
    if (!page) return {-1};
    for (const auto& version : page->items) versions.push_back(version.version);
    return versions;
  }

  std::unique_ptr<db::Database> database_ = db::Database::OpenForTest();
  tracking::RunInfo run_;
};

TEST_F(RegistryTest, VersionNumbers_AreNeverUsedAgain) {
  EXPECT_EQ(Register()->version, 1);
  EXPECT_EQ(Register()->version, 2);
  ASSERT_TRUE(Write([](db::Tx& tx) { return DeleteVersion(tx, "delay", 2, kNow); }));
  EXPECT_EQ(Register()->version, 3);
  EXPECT_EQ(Read([](db::Reader& r) { return GetVersion(r, "delay", 2); }).error().code,
            Code::kNotFound);
}

TEST_F(RegistryTest, Source_MustLieWithinItsRun) {
  for (const std::string& source :
       {std::string("/etc/passwd"), std::string("file:///etc/passwd"),
        run_.artifact_uri + "/../../x", run_.artifact_uri + "/%2e%2e/x",
        run_.artifact_uri + "x/model", std::string("mlflow-artifacts:/other/model"),
        std::string("runs:/other/model")}) {
    EXPECT_EQ(Register(source).error().code, Code::kInvalid) << source;
  }
  EXPECT_EQ(Register("runs:/" + run_.id.value + "/model")->storage_location,
            run_.artifact_uri + "/model");
  EXPECT_EQ(Register("s3://bucket/model")->storage_location, "s3://bucket/model");
}

TEST_F(RegistryTest, Source_LoggedModelOrVersion_TakesTheirFilesAndRun) {
  const auto model = Write([&](db::Tx& tx) {
    return tracking::CreateLoggedModel(tx, {.name = "m", .source_run_id = run_.id.value}, kNow);
  });
  const auto first = Write([&](db::Tx& tx) {
    return CreateVersion(
        tx, {.name = "delay", .source = "models:/" + model->id, .model_id = model->id}, kNow);
  });
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->storage_location, model->artifact_location);
  EXPECT_EQ(first->run_id, run_.id.value);
  const auto copy = Write([&](db::Tx& tx) {
    return CreateVersion(tx, {.name = "delay", .source = "models:/delay/1"}, kNow);
  });
  EXPECT_EQ(copy->storage_location, model->artifact_location);
  EXPECT_EQ(copy->run_id, run_.id.value);
}

TEST_F(RegistryTest, Alias_MovesByCompareAndSet_AndKeepsItsEvent) {
  ASSERT_TRUE(Register());
  ASSERT_TRUE(Register());
  EXPECT_EQ(Move(1, 2).error().code, Code::kConflict);
  const auto first = Move(1, 0);
  ASSERT_TRUE(first);
  EXPECT_EQ(Move(2, 0).error().code, Code::kConflict);
  const auto second = Move(2, 1);
  ASSERT_TRUE(second);
  EXPECT_NE(first->event, second->event);
  EXPECT_EQ(Move(2)->event, second->event);  // it points there already
  const auto row = Read([](db::Reader& r) { return FindAlias(r, "delay", "champion"); });
  EXPECT_EQ((*row)->event, second->event);
  const auto event = Read([&](db::Reader& r) { return events::Find(r, second->event); });
  EXPECT_EQ((*event)->subject, "models:/delay/2");
  EXPECT_EQ((*event)->type, "alias_set");
  EXPECT_EQ((*event)->detail.GetString("previous").value(), "1");
}

TEST_F(RegistryTest, Alias_ReservedOrUnknown_IsRefused) {
  ASSERT_TRUE(Register());
  for (const auto* alias : {"", "latest", "LATEST", "v1", "V22", "a b", "a/b"}) {
    EXPECT_EQ(Move(1, std::nullopt, alias).error().code, Code::kInvalid) << alias;
  }
  EXPECT_EQ(Move(9).error().code, Code::kNotFound);
  EXPECT_EQ(Read([](db::Reader& r) { return GetVersionByAlias(r, "delay", "none"); }).error().code,
            Code::kInvalid);
}

TEST_F(RegistryTest, DeleteVersion_DropsItsAliases) {
  ASSERT_TRUE(Register());
  ASSERT_TRUE(Move(1));
  ASSERT_TRUE(Write([](db::Tx& tx) { return DeleteVersion(tx, "delay", 1, kNow); }));
  EXPECT_FALSE(Read([](db::Reader& r) { return FindAlias(r, "delay", "champion"); })->has_value());
}

TEST_F(RegistryTest, Stages_ArchiveExistingOnlyForActiveOnes) {
  ASSERT_TRUE(Register());
  ASSERT_TRUE(Register());
  const auto move = [&](int64_t version, StageChange change) {
    return Write([&](db::Tx& tx) { return TransitionStage(tx, "delay", version, change, kNow); });
  };
  EXPECT_EQ(move(1, {"production"})->stage, "Production");
  ASSERT_TRUE(move(2, {"Production", true}));
  EXPECT_EQ(Read([](db::Reader& r) { return GetVersion(r, "delay", 1); })->stage, "Archived");
  EXPECT_EQ(move(1, {"Archived", true}).error().code, Code::kInvalid);
  EXPECT_EQ(move(1, {"best"}).error().code, Code::kInvalid);
  const auto latest =
      Read([](db::Reader& r) { return LatestVersions(r, "delay", {"Production"}); });
  ASSERT_EQ(latest->size(), 1u);
  EXPECT_EQ((*latest)[0].version, 2);
}

TEST_F(RegistryTest, Search_FiltersAndHidesPrompts) {
  ASSERT_TRUE(Register());
  ASSERT_TRUE(Register());
  ASSERT_TRUE(Write([](db::Tx& tx) { return SetVersionTag(tx, "delay", 2, {"k", "v"}); }));
  ASSERT_TRUE(Write([](db::Tx& tx) {
    return CreateModel(tx, {.name = "prompt", .tags = {{"mlflow.prompt.is_prompt", "true"}}}, kNow);
  }));
  EXPECT_THAT(Search("name = 'delay'", {"version_number ASC"}), ElementsAre(1, 2));
  EXPECT_THAT(Search("tags.k = 'v'"), ElementsAre(2));
  EXPECT_THAT(Search("version_number >= 2"), ElementsAre(2));
  EXPECT_THAT(Search("run_id IN ('" + run_.id.value + "')"), ElementsAre(2, 1));
  EXPECT_THAT(Search("name LIKE 'DEL%'"), IsEmpty());
  EXPECT_THAT(Search("bad = 'x'"), ElementsAre(-1));
  const auto names = [&](std::string filter) {
    std::vector<std::string> out;
    const auto page = Read([&](db::Reader& r) { return SearchModels(r, {.filter = filter}); });
    for (const auto& model : page->items) out.push_back(model.name);
    return out;
  };
  EXPECT_THAT(names(""), ElementsAre("delay"));
  EXPECT_THAT(names("tags.`mlflow.prompt.is_prompt` = 'true'"), ElementsAre("prompt"));
}

TEST_F(RegistryTest, Rename_TakesVersionsAndAliasesAlong) {
  ASSERT_TRUE(Register());
  ASSERT_TRUE(Move(1));
  ASSERT_TRUE(Write([](db::Tx& tx) { return RenameModel(tx, "delay", "late", kNow); }));
  EXPECT_EQ(Find("models:/late@champion")->version->version, 1);
  EXPECT_EQ(Find("models:/delay@champion").error().code, Code::kNotFound);
}

TEST_F(RegistryTest, Resolve_EachFormOfUri) {
  ASSERT_TRUE(Register());
  ASSERT_TRUE(Register());
  ASSERT_TRUE(Move(1));
  const std::string root = "0/" + run_.id.value + "/artifacts";
  EXPECT_EQ(Find("models:/delay/2")->artifact_path, root + "/model");
  EXPECT_EQ(Find("models:/delay/latest")->version->version, 2);
  EXPECT_EQ(Find("models:/delay@champion")->version->version, 1);
  EXPECT_FALSE(Find("models:/delay@champion")->alias_event.empty());
  EXPECT_EQ(Find("runs:/" + run_.id.value + "/model")->artifact_path, root + "/model");
  EXPECT_EQ(Find("mlflow-artifacts:/0/x")->artifact_path, "0/x");
  EXPECT_EQ(Find("models:/delay@none").error().code, Code::kNotFound);
  EXPECT_EQ(Find("models:/none/1").error().code, Code::kNotFound);
  EXPECT_EQ(Find("models:/delay").error().code, Code::kInvalid);
  EXPECT_EQ(Find("runs:/" + run_.id.value + "/../x").error().code, Code::kInvalid);
  EXPECT_EQ(Find("s3://x/y").error().code, Code::kUnsupported);
}

constexpr std::string_view kMlmodel = R"(artifact_path: model
flavors:
  onnx:
    data: net.onnx
    onnx_version: 1.16.0
  python_function:
    loader_module: mlflow.onnx
run_id: abc
signature:
  inputs: '[{"type": "tensor", "name": "x", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}},
    {"type": "double", "name": "y", "required": true}]'
  outputs: '[{"type": "double"}]'
)";

TEST(Mlmodel, GivesFileAndInputNames) {
  const auto model = ReadMlmodel(kMlmodel);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->path, "net.onnx");
  EXPECT_THAT(model->inputs, ElementsAre("x", "y"));
  EXPECT_EQ(model->run_id, "abc");
  EXPECT_EQ(ReadMlmodel("flavors: {sklearn: {}}")->path, "");
  EXPECT_FALSE(ReadMlmodel("flavors: {onnx: {data: ../../etc/passwd}}"));
  EXPECT_FALSE(ReadMlmodel("a: [1"));
}

TEST(FindOnnx, ByMlmodelElseTheOnlyFile) {
  const std::string folder = testing::TempDir() + "/onnx-" + std::to_string(os::RandomU64());
  const auto store = artifacts::OpenLocalStore(folder).value();
  ASSERT_TRUE(store->WriteAll("m/MLmodel", kMlmodel));
  EXPECT_EQ(FindOnnx(*store, "m").error().code, Code::kNotFound);  // the file is missing
  ASSERT_TRUE(store->WriteAll("m/net.onnx", "x"));
  EXPECT_EQ(FindOnnx(*store, "m")->path, "m/net.onnx");
  ASSERT_TRUE(store->WriteAll("bare/a.onnx", "x"));
  EXPECT_EQ(FindOnnx(*store, "bare")->path, "bare/a.onnx");
  EXPECT_EQ(FindOnnx(*store, "bare/a.onnx")->path, "bare/a.onnx");
  ASSERT_TRUE(store->WriteAll("bare/b.onnx", "x"));
  EXPECT_EQ(FindOnnx(*store, "bare").error().code, Code::kInvalid);
  ASSERT_TRUE(store->WriteAll("none/a.txt", "x"));
  EXPECT_EQ(FindOnnx(*store, "none").error().code, Code::kInvalid);
  (void)os::RemoveTree(folder);
}

}  // namespace
}  // namespace tatara::registry
