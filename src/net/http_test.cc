#include "net/http.h"

#include <gtest/gtest.h>

namespace tatara::net {
namespace {

TEST(Request, Query_DecodesInOrder) {
  Request request;
  request.query = "a=1&b=x%26y&&a=2&flag&c=d+e&=f";
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"a", "1"}, {"b", "x&y"}, {"a", "2"}, {"flag", ""}, {"c", "d e"}, {"", "f"}};
  EXPECT_EQ(request.Query(), expected);
  EXPECT_EQ(request.QueryOr("a"), "2");
  EXPECT_EQ(request.QueryOr("none", "otherwise"), "otherwise");
}

TEST(RequestDeathTest, Path_OfAnUnknownParameter_IsOurMistake) {
  Request request;
  request.path_parameters = {{"id", "7"}};
  EXPECT_EQ(request.Path("id"), "7");
  EXPECT_DEATH(request.Path("other"), "");
}

TEST(Response, HeaderOr_IgnoresCase) {
  EXPECT_EQ(Response::Json(200, "{}").HeaderOr("content-type"), "application/json");
}

TEST(HttpStatus, CallersMistakes_AreNeverServerErrors) {
  for (Code code : {Code::kInvalid, Code::kNotFound, Code::kConflict, Code::kDenied,
                    Code::kExhausted, Code::kUnsupported}) {
    EXPECT_EQ(HttpStatus(code) / 100, 4) << CodeName(code);
  }
}

}  // namespace
}  // namespace tatara::net
