#include "net/router.h"

#include <gtest/gtest.h>

namespace tatara::net {
namespace {

Route Buffered(Verb verb, std::string pattern) {
  return {verb,
          std::move(pattern),
          Role::kViewer,
          RouteKind::kBuffered,
          [](Request&) { return Response(); },
          {},
          ""};
}

void AddTable(Router& router) {
  std::vector<Route> routes;
  for (const char* pattern :
       {"/", "/jobs", "/jobs/{id}", "/jobs/active", "/jobs/{id}/logs", "/files/{path...}",
        "/files/index", "/a/{x}/{y}", "/a/b/{rest...}", "/q/lit/end", "/q/{p}/other"}) {
    routes.push_back(Buffered(Verb::kGet, pattern));
  }
  routes.push_back(Buffered(Verb::kPost, "/jobs"));
  routes.push_back(Buffered(Verb::kDelete, "/jobs/{id}"));
  routes.push_back(Buffered(Verb::kPut, "/files/{path...}"));
  routes.push_back(Buffered(Verb::kPost, "/jobs/active"));
  router.Add(std::move(routes));
}

TEST(Router, Find_PrefersLiteralsAndFillsParameters) {
  Router router;
  AddTable(router);
  struct Row {
    Verb verb;
    std::string path;
    std::string pattern;     // empty: none
    std::string parameters;  // "name=text;"
  };
  const std::vector<Row> rows = {
      {Verb::kGet, "/", "/", ""},
      {Verb::kGet, "/jobs", "/jobs", ""},
      {Verb::kGet, "/jobs/7", "/jobs/{id}", "id=7;"},
      {Verb::kGet, "/jobs/active", "/jobs/active", ""},
      {Verb::kDelete, "/jobs/active", "/jobs/{id}", "id=active;"},
      {Verb::kGet, "/jobs/active/logs", "/jobs/{id}/logs", "id=active;"},
      {Verb::kHead, "/jobs/7/logs", "/jobs/{id}/logs", "id=7;"},
      {Verb::kGet, "/files/index", "/files/index", ""},
      {Verb::kPut, "/files/index", "/files/{path...}", "path=index;"},
      {Verb::kGet, "/files/a/b/c", "/files/{path...}", "path=a/b/c;"},
      {Verb::kGet, "/a/z/c", "/a/{x}/{y}", "x=z;y=c;"},
      {Verb::kGet, "/a/b/c/d", "/a/b/{rest...}", "rest=c/d;"},
      {Verb::kGet, "/q/lit/other", "/q/{p}/other", "p=lit;"},
      {Verb::kGet, "/jobs/", "", ""},
      {Verb::kGet, "/files", "", ""},
      {Verb::kGet, "/files/", "", ""},
      {Verb::kGet, "/jobs//logs", "", ""},
      {Verb::kGet, "/nothing", "", ""},
      {Verb::kGet, "", "/", ""},
      {Verb::kPut, "/jobs", "", ""},
  };
  for (const Row& row : rows) {
    Router::Match match = router.Find(row.verb, row.path);
    EXPECT_EQ(match.route ? match.route->pattern : "", row.pattern) << row.path;
    std::string parameters;
    for (const auto& [name, text] : match.parameters) parameters += name + "=" + text + ";";
    EXPECT_EQ(parameters, row.parameters) << row.path;
  }
}

TEST(Router, Find_LiteralWithTailBeatsParameterBefore) {
  Router router;
  AddTable(router);
  EXPECT_EQ(router.Find(Verb::kGet, "/a/b/c").route->pattern, "/a/b/{rest...}");
  EXPECT_EQ(router.Find(Verb::kGet, "/a/z/c").route->pattern, "/a/{x}/{y}");
}

TEST(Router, WrongVerb_SaysWhichAreAllowed) {
  Router router;
  AddTable(router);
  Router::Match match = router.Find(Verb::kPut, "/jobs");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allowed, (std::vector<std::string>{"GET", "HEAD", "POST"}));
  Response response = Router::NotFoundResponse(match, Verb::kPut, "/jobs");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.HeaderOr("allow"), "GET, HEAD, POST");
  // The verbs of both patterns that fit the path.
  EXPECT_EQ(router.Find(Verb::kPatch, "/jobs/active").allowed,
            (std::vector<std::string>{"GET", "HEAD", "POST", "DELETE"}));
}

TEST(Router, UnknownPath_Is404InJson) {
  Router router;
  AddTable(router);
  Response response =
      Router::NotFoundResponse(router.Find(Verb::kGet, "/no\"pe"), Verb::kGet, "/no\"pe");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, R"({"error":"there is nothing at /no\"pe"})");
}

TEST(RouterDeathTest, EqualPatterns_AreOurMistake) {
  Router router;
  AddTable(router);
  EXPECT_DEATH(router.Add({Buffered(Verb::kGet, "/jobs/{other}")}), "");
}

TEST(Responder, Dropped_Answers500) {
  int status = 0;
  {
    Responder responder([&](Response response) { status = response.status; });
  }
  EXPECT_EQ(status, 500);
}

TEST(Responder, Answered_AnswersOnce) {
  int answers = 0;
  {
    Responder responder([&](Response) { ++answers; });
    Responder copy = responder;
    copy(Response());
    responder(Response());
  }
  EXPECT_EQ(answers, 1);
}

}  // namespace
}  // namespace tatara::net
