#include "api/mlflow/mlflow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "os/files.h"
#include "os/random.h"

namespace tatara::api {
namespace {

using ::testing::HasSubstr;

class MlflowTest : public testing::Test {
 protected:
  MlflowTest() { router_.Add(MlflowRoutes({*database_, *store_, clock_})); }
  ~MlflowTest() override { (void)os::RemoveTree(folder_); }

  net::Response Call(net::Verb verb, std::string path, std::string body = "",
                     std::string query = "") {
    net::Request request;
    request.verb = verb;
    request.path = std::move(path);
    request.query = std::move(query);
    request.body = std::move(body);
    request.caller = caller_;
    if (!request.body.empty()) request.headers = {{"content-type", content_type_}};
    const auto match = router_.Find(verb, request.path);
    if (match.route == nullptr) return net::Router::NotFoundResponse(match, verb, request.path);
    request.path_parameters = match.parameters;
    return match.route->handler(request);
  }
  net::Response Post(std::string path, std::string body) {
    return Call(net::Verb::kPost, "/api/2.0/mlflow" + path, std::move(body));
  }
  net::Response Get(std::string path, std::string query) {
    return Call(net::Verb::kGet, "/api/2.0/mlflow" + path, "", std::move(query));
  }
  static Json Body(const net::Response& response) { return ParseJson(response.body).value(); }
  std::string CreateRun(std::string extra = "") {
    const auto reply = Post("/runs/create", R"({"experiment_id":"0","start_time":1)" + extra + "}");
    return Body(reply).Find("run")->Find("info")->GetString("run_id").value();
  }
  static std::string ReadStream(net::Response& response) {
    std::string out;
    char buffer[7];
    while (const size_t got = response.stream->Read(buffer).value()) out.append(buffer, got);
    return out;
  }

  std::string folder_ = testing::TempDir() + "/mlflow-" + std::to_string(os::RandomU64());
  std::unique_ptr<db::Database> database_ = db::Database::OpenForTest();
  std::unique_ptr<artifacts::Store> store_ = artifacts::OpenLocalStore(folder_).value();
  os::ManualClock clock_{FromMillis(1'700'000'000'000)};
  net::Router router_;
  std::string content_type_ = "application/json";
  std::string caller_;
};

TEST_F(MlflowTest, LogBatch_ThenGet_AnswersNumbersAndNan) {
  const std::string id = CreateRun();
  const auto logged = Post("/runs/log-batch", R"({"run_id":")" + id + R"(","unknown":1,"metrics":[
      {"key":"m","value":1.5,"timestamp":7,"step":"3"},{"key":"n","value":"NaN","timestamp":1}],
      "params":[{"key":"p"}]})");
  EXPECT_EQ(logged.status, 200);
  EXPECT_EQ(logged.body, "{}");
  const auto got = Get("/runs/get", "run_uuid=" + id);
  EXPECT_THAT(got.body, HasSubstr(R"({"key":"m","value":1.5,"timestamp":7,"step":3})"));
  EXPECT_THAT(got.body, HasSubstr(R"("value":"NaN")"));
  EXPECT_THAT(got.body, HasSubstr(R"("params":[{"key":"p","value":""}])"));
}

TEST_F(MlflowTest, DoubleEncodedJson_IsTaken) {
  EXPECT_EQ(Post("/experiments/create", R"("{\"name\":\"e\"}")").status, 200);
}

TEST_F(MlflowTest, BadInput_Is400InMlflowsWords) {
  const std::string id = CreateRun();
  const std::string head = R"({"run_id":")" + id + R"(","key":"m",)";
  const std::pair<std::string, const char*> kCases[] = {
      {head + R"("value":"abc","timestamp":1})", "Invalid value \\\"abc\\\" for parameter 'value'"},
      {head + R"("value":true,"timestamp":1})", "for parameter 'value'"},
      {head + R"("value":1,"timestamp":1,"step":9223372036854775808})", "for parameter 'step'"},
      {head + R"("value":1,"timestamp":1,"step":-9223372036854775809})", "for parameter 'step'"},
      {head + R"("value":1,"timestamp":1e30})", "for parameter 'timestamp'"},
      {head + R"("value":1,"timestamp":1000000000000000000000000000000})", "'timestamp'"},
      {head + R"("value":1,"timestamp":1,"step":1.5})", "for parameter 'step'"},
      {head + R"("timestamp":1})", "Missing value for required parameter 'value'."},
      {head + R"("value":1})", "Missing value for required parameter 'timestamp'."},
      {R"({"key":"m","value":1,"timestamp":1})", "Missing value for required parameter 'run_id'."},
      {R"([1])", "must be a JSON object"},
      {R"({"run_id":)", "Malformed JSON"},
      {std::string(100'000, '['), "Malformed JSON"},
  };
  for (const auto& [body, message] : kCases) {
    const auto reply = Post("/runs/log-metric", body);
    EXPECT_EQ(reply.status, 400) << body.substr(0, 200);
    EXPECT_THAT(reply.body, HasSubstr("\"error_code\":\"INVALID_PARAMETER_VALUE\""));
    EXPECT_THAT(reply.body, HasSubstr(message)) << body.substr(0, 200);
  }
  EXPECT_THAT(
      Post("/runs/log-batch",
           R"({"run_id":")" + id + R"(","metrics":[{"key":"a","value":1,"timestamp":1},{}]})")
          .body,
      HasSubstr("Missing value for required parameter 'metrics[1].key'."));
  EXPECT_EQ(Post("/runs/update", R"({"run_id":")" + id + R"(","status":"SLEEPING"})").status, 400);
  EXPECT_EQ(Post("/runs/search", R"({"experiment_ids":["0"],"max_results":50001})").status, 400);
  EXPECT_EQ(Post("/runs/search", R"({"experiment_ids":["0"],"run_view_type":"SOME"})").status, 400);
}

TEST_F(MlflowTest, UnknownThings_Are404) {
  EXPECT_THAT(Get("/runs/get", "run_id=none").body, HasSubstr("RESOURCE_DOES_NOT_EXIST"));
  EXPECT_EQ(Get("/experiments/get", "experiment_id=77").status, 404);
  EXPECT_EQ(Get("/logged-models/m-none", "").status, 404);
  const auto unknown = Post("/traces/search", "{}");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body, HasSubstr("ENDPOINT_NOT_FOUND"));
  EXPECT_EQ(Call(net::Verb::kPost, "/api/3.0/mlflow/traces", "{}").status, 404);
}

TEST_F(MlflowTest, WrongContentType_IsRefused) {
  content_type_ = "text/plain";
  EXPECT_EQ(Post("/experiments/create", R"({"name":"e"})").status, 400);
  content_type_ = "application/json; charset=utf-8";
  EXPECT_EQ(Post("/experiments/create", R"({"name":"e"})").status, 200);
}

TEST_F(MlflowTest, CreateRun_RepeatedUnderOneAttempt_IsOneRun) {
  caller_ = "j-1/1";
  const std::string first = CreateRun();
  EXPECT_EQ(CreateRun(), first);
  EXPECT_NE(CreateRun(R"(,"run_name":"other")"), first);
  caller_ = "";
  EXPECT_NE(CreateRun(), first);
}

TEST_F(MlflowTest, Artifacts_UploadListRangeDelete) {
  const std::string file = "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/sub/a.json";
  EXPECT_EQ(Call(net::Verb::kPut, file, "0123456789").status, 200);
  auto whole = Call(net::Verb::kGet, file);
  EXPECT_EQ(whole.HeaderOr("Content-Type"), "application/json");
  EXPECT_EQ(whole.stream_length, 10);
  EXPECT_EQ(ReadStream(whole), "0123456789");
  const auto list =
      Call(net::Verb::kGet, "/api/2.0/mlflow-artifacts/artifacts", "", "path=0/r/artifacts/sub");
  EXPECT_EQ(list.body, R"({"files":[{"path":"a.json","is_dir":false,"file_size":10}]})");
  EXPECT_EQ(Call(net::Verb::kDelete, file).status, 200);
  EXPECT_EQ(Call(net::Verb::kGet, file).status, 404);
  EXPECT_EQ(Call(net::Verb::kPut, "/api/2.0/mlflow-artifacts/artifacts/a/%2e%2e/b", "x").status,
            400);
}

TEST_F(MlflowTest, Artifacts_Ranges) {
  const std::string file = "/api/2.0/mlflow-artifacts/artifacts/f";
  ASSERT_EQ(Call(net::Verb::kPut, file, "0123456789").status, 200);
  struct Case {
    const char* range;
    int status;
    const char* bytes;
  };
  for (const auto& [range, status, bytes] :
       {Case{"bytes=2-4", 206, "234"}, Case{"bytes=7-", 206, "789"}, Case{"bytes=-2", 206, "89"},
        Case{"bytes=5-99", 206, "56789"}, Case{"bytes=10-", 416, ""}, Case{"bytes=-0", 416, ""},
        Case{"bytes=4-2", 200, "0123456789"}, Case{"items=1-2", 200, "0123456789"},
        Case{"bytes=0-1,3-4", 200, "0123456789"}, Case{"bytes=a-b", 200, "0123456789"}}) {
    net::Request request;
    request.path = file;
    request.headers = {{"range", range}};
    const auto match = router_.Find(net::Verb::kGet, file);
    request.path_parameters = match.parameters;
    auto response = match.route->handler(request);
    EXPECT_EQ(response.status, status) << range;
    if (response.stream) {
      EXPECT_EQ(ReadStream(response), bytes) << range;
    }
  }
}

TEST_F(MlflowTest, ServerInfo_OffersNoMultipart) {
  const auto info = Body(Call(net::Verb::kGet, "/api/3.0/mlflow/server-info"));
  EXPECT_FALSE(info.GetBoolOr("multipart_downloads_enabled", true).value());
  EXPECT_EQ(Call(net::Verb::kGet, "/health").body, "OK");
}

}  // namespace
}  // namespace tatara::api
