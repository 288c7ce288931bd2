// From verb and path to the handler: one constexpr table of routes per dialect.
//
// A path pattern is literal segments and parameters: "/api/v1/jobs/{id}"; a last segment
// "{path...}" takes all the rest (at least one segment). A literal beats a parameter at the same
// place; order in the tables does not matter; two equal patterns of one verb are a mistake of ours
// (CHECK at start). From the same tables come 404, 405 with Allow, and the API page of the docs.
//
// Three kinds of handler:
//   kBuffered  the body is read whole, the handler runs on the work pool and returns a Response
//   kStreamed  the handler runs on the work pool as soon as the head is read and pulls the body
//              from request.stream
//   kInline    the body is read whole, the handler runs on the net thread, must not block, and
//              answers through the Responder now or later, from any thread
// Threads: built once, then read only; Handle may be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace tatara::net {

enum class RouteKind { kBuffered, kStreamed, kInline };

// Who may call: the lowest role that suffices (auth decides who has which).
enum class Role { kAnyone, kViewer, kEditor, kAdmin };

// Sends the one answer to a request; call it once, from any thread. Dropping it unanswered sends
// a 500.
class Responder {
 public:
  using Send = std::function<void(Response)>;
  explicit Responder(Send send) : send_(std::make_shared<State>(std::move(send))) {}
  void operator()(Response response) const { send_->Answer(std::move(response)); }

 private:
  struct State {
    explicit State(Send s) : send(std::move(s)) {}
    ~State();
    void Answer(Response response);
    Send send;
  };
  std::shared_ptr<State> send_;  // shared by the copies that std::function needs
};

using Handler = std::function<Response(Request&)>;
using InlineHandler = std::function<void(Request&&, Responder)>;

struct Route {
  Verb verb;
  std::string pattern;
  Role role;
  RouteKind kind;
  Handler handler;               // kBuffered, kStreamed
  InlineHandler inline_handler;  // kInline
  std::string help;              // one line for the API page
};

class Router {
 public:
  Router();
  ~Router();
  void Add(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;      // null: 404 or 405
    std::vector<std::string> allowed;  // verbs of this path, when only the verb is wrong
    std::vector<std::pair<std::string, std::string>> parameters;
  };
  // HEAD finds GET's route. The path must be decoded.
  Match Find(Verb verb, std::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }

  // The answer for what Find did not find, in the native dialect: 404 or 405.
  static Response NotFoundResponse(const Match& match, Verb verb, std::string_view path);

 private:
  struct Node;
  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> parameters_;  // of each route, their names in order
  std::unique_ptr<Node> root_;
};

}  // namespace tatara::net
