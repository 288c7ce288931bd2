// One suite for every implementation of artifacts::Store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifacts/artifacts.h"
#include "os/files.h"
#include "os/random.h"

namespace tatara::artifacts {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Opened {
  std::string folder;
  std::unique_ptr<Store> store;
};
using Opener = Opened (*)();

Opened OpenLocal() {
  const std::string folder = testing::TempDir() + "/artifacts-" + std::to_string(os::RandomU64());
  return {folder, OpenLocalStore(folder).value()};
}

class StoreTest : public testing::TestWithParam<Opener> {
 protected:
  StoreTest() : opened_(GetParam()()), store_(*opened_.store) {}
  ~StoreTest() override { (void)os::RemoveTree(opened_.folder); }

  std::vector<std::string> Names(std::string_view folder) {
    std::vector<std::string> names;
    const auto entries = store_.List(folder).value();
    for (const auto& entry : entries) {
      names.push_back(entry.name + (entry.folder ? "/" : ":" + std::to_string(entry.size)));
    }
    return names;
  }

  Opened opened_;
  Store& store_;
};

TEST_P(StoreTest, Put_ThenGet_GivesTheBytes) {
  ASSERT_TRUE(store_.WriteAll("0/run/artifacts/model.onnx", "weights"));
  EXPECT_EQ(store_.ReadAll("0/run/artifacts/model.onnx").value(), "weights");
  EXPECT_EQ(store_.Stat("0/run/artifacts/model.onnx")->size, 7);
  EXPECT_TRUE(store_.Stat("0/run")->folder);
}

TEST_P(StoreTest, Put_InManyPieces_KeepsTheirOrder) {
  std::string expected;
  {
    auto writer = store_.Put("big").value();
    for (int i = 0; i < 40; ++i) {
      const std::string piece(50'000 + i, static_cast<char>('a' + i % 26));
      expected += piece;
      ASSERT_TRUE(writer->Write(piece));
    }
    ASSERT_TRUE(writer->Commit());
  }
  EXPECT_EQ(store_.ReadAll("big").value(), expected);
}

// Larger than all buffers on the way, in pieces that fit none of them.
TEST_P(StoreTest, Put_OfALargeFile_KeepsEachByte) {
  const std::string piece = [] {
    std::string bytes(777'777, '\0');
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
    return bytes;
  }();
  constexpr size_t kPieces = 100;
  {
    auto writer = store_.Put("large").value();
    for (size_t i = 0; i < kPieces; ++i) ASSERT_TRUE(writer->Write(piece));
    ASSERT_TRUE(writer->Commit());
  }
  const std::string stored = store_.ReadAll("large", 256 << 20).value();
  ASSERT_EQ(stored.size(), kPieces * piece.size());
  for (size_t i = 0; i < kPieces; ++i) {
    ASSERT_EQ(std::string_view(stored).substr(i * piece.size(), piece.size()), piece) << i;
  }
}

TEST_P(StoreTest, Put_BeforeCommit_ShowsNothing) {
  auto writer = store_.Put("a/b").value();
  ASSERT_TRUE(writer->Write(std::string(1 << 20, 'x')));
  EXPECT_EQ(store_.Stat("a/b").error().code, Code::kNotFound);
  EXPECT_THAT(Names(""), IsEmpty());
}

TEST_P(StoreTest, Put_Dropped_LeavesTheOldFile) {
  ASSERT_TRUE(store_.WriteAll("f", "old"));
  {
    auto writer = store_.Put("f").value();
    ASSERT_TRUE(writer->Write("half of the new"));
  }
  EXPECT_EQ(store_.ReadAll("f").value(), "old");
  EXPECT_THAT(Names(""), ElementsAre("f:3"));
}

TEST_P(StoreTest, Put_Again_Replaces) {
  ASSERT_TRUE(store_.WriteAll("f", "longer than the next"));
  ASSERT_TRUE(store_.WriteAll("f", "new"));
  EXPECT_EQ(store_.ReadAll("f").value(), "new");
}

TEST_P(StoreTest, Put_EmptyFile_IsThere) {
  ASSERT_TRUE(store_.WriteAll("empty", ""));
  EXPECT_EQ(store_.ReadAll("empty").value(), "");
  EXPECT_EQ(store_.Stat("empty")->size, 0);
}

TEST_P(StoreTest, Put_OverAFolderOrUnderAFile_IsRefused) {
  ASSERT_TRUE(store_.WriteAll("d/f", "x"));
  EXPECT_EQ(store_.Put("d").error().code, Code::kInvalid);
  EXPECT_EQ(store_.Put("d/f/g").error().code, Code::kInvalid);
  EXPECT_EQ(store_.ReadAll("d/f").value(), "x");
}

TEST_P(StoreTest, Get_FromTheMiddle_ReadsTheRest) {
  ASSERT_TRUE(store_.WriteAll("f", "0123456789"));
  auto reader = store_.Get("f").value();
  ASSERT_TRUE(reader->Seek(7));
  char buffer[16];
  EXPECT_EQ(reader->Read(buffer).value(), 3u);
  EXPECT_EQ(std::string(buffer, 3), "789");
  EXPECT_EQ(reader->Read(buffer).value(), 0u);
  EXPECT_FALSE(reader->Seek(11));
}

TEST_P(StoreTest, Get_WhatIsNotThere_IsNotFound) {
  ASSERT_TRUE(store_.WriteAll("d/f", "x"));
  EXPECT_EQ(store_.Get("nothing").error().code, Code::kNotFound);
  EXPECT_EQ(store_.Get("d").error().code, Code::kNotFound);
  EXPECT_EQ(store_.Get("d/f/g").error().code, Code::kNotFound);
}

TEST_P(StoreTest, List_SortsAndTellsFolders) {
  ASSERT_TRUE(store_.WriteAll("d/b", "22"));
  ASSERT_TRUE(store_.WriteAll("d/a/deep", "1"));
  ASSERT_TRUE(store_.WriteAll("d/c", ""));
  EXPECT_THAT(Names("d"), ElementsAre("a/", "b:2", "c:0"));
  EXPECT_THAT(Names("d/"), ElementsAre("a/", "b:2", "c:0"));
  EXPECT_THAT(Names("d/b"), IsEmpty());
  EXPECT_THAT(Names("nothing"), IsEmpty());
}

TEST_P(StoreTest, Delete_TakesFileOrTree) {
  ASSERT_TRUE(store_.WriteAll("d/b", "22"));
  ASSERT_TRUE(store_.WriteAll("d/a/deep", "1"));
  ASSERT_TRUE(store_.Delete("d/b"));
  EXPECT_THAT(Names("d"), ElementsAre("a/"));
  ASSERT_TRUE(store_.Delete("d"));
  EXPECT_THAT(Names(""), IsEmpty());
  EXPECT_EQ(store_.Delete("d").error().code, Code::kNotFound);
}

TEST_P(StoreTest, UnsafePaths_AreRefusedEverywhere) {
  for (const auto* path :
       {"../x", "a/../../x", "/etc/passwd", "a/./b", "..", "%2e%2e/x", "%252e%252e/x", "a#b",
        "a\\b", "a\nb", "%2Fetc/passwd", "file:///etc/passwd", ".incoming/x", ""}) {
    EXPECT_EQ(store_.Put(path).error().code, Code::kInvalid) << path;
    EXPECT_EQ(store_.Get(path).error().code, Code::kInvalid) << path;
    EXPECT_EQ(store_.Delete(path).error().code, Code::kInvalid) << path;
  }
  EXPECT_EQ(store_.Get(std::string("a\0b", 3)).error().code, Code::kInvalid);
}

INSTANTIATE_TEST_SUITE_P(Local, StoreTest, testing::Values(&OpenLocal));

TEST(LocalStore, Reopened_SweepsCutOffUploadsAndKeepsFiles) {
  Opened opened = OpenLocal();
  ASSERT_TRUE(opened.store->WriteAll("kept", "x"));
  ASSERT_TRUE(os::WriteFile(opened.folder + "/.incoming/cut-off", "half"));
  opened.store = OpenLocalStore(opened.folder).value();
  EXPECT_TRUE(os::ListFolder(opened.folder + "/.incoming")->empty());
  EXPECT_EQ(opened.store->ReadAll("kept").value(), "x");
  (void)os::RemoveTree(opened.folder);
}

TEST(PathOfUri, TakesOurSchemeWithAndWithoutAuthority) {
  EXPECT_EQ(PathOfUri("mlflow-artifacts:/0/r/artifacts").value(), "0/r/artifacts");
  EXPECT_EQ(PathOfUri("mlflow-artifacts://host:5000/0/r").value(), "0/r");
  EXPECT_EQ(PathOfUri("s3://bucket/x").error().code, Code::kUnsupported);
  EXPECT_EQ(PathOfUri("mlflow-artifacts:/../x").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace tatara::artifacts
