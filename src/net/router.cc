#include "net/router.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"

namespace tatara::net {
namespace {

constexpr size_t kParametersMax = 8;  // of one pattern

// A pattern, cut at its slashes. "/a/b" -> a, b; "/" -> one empty segment.
std::vector<std::string_view> Segments(std::string_view path) {
  std::vector<std::string_view> segments;
  segments.reserve(8);
  if (!path.empty()) path.remove_prefix(1);
  for (;;) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool IsParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}
bool IsTail(std::string_view segment) { return IsParameter(segment) && segment.ends_with("...}"); }

std::string ParameterName(std::string_view segment) {
  return std::string(segment.substr(1, segment.size() - (IsTail(segment) ? 5 : 2)));
}

Response ErrorAnswer(int status, std::string message) {
  return Response::Json(status, Json::Of({{"error", std::move(message)}}).Dump());
}

}  // namespace

Responder::State::~State() {
  if (send) Answer(Response::Json(500, R"({"error":"internal error"})"));
}

void Responder::State::Answer(Response response) {
  if (!send) {
    Log::Error("net", "a request was answered twice; the second answer is dropped");
    return;
  }
  std::exchange(send, nullptr)(std::move(response));
}

// One place in the tree of segments. Routes hang where their pattern ends, one for each verb;
// `tail` holds the routes whose pattern goes on with "{name...}". Routes are indices, since the
// vector of routes grows.
struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::map<Verb, size_t> routes;
  std::map<Verb, size_t> tail;
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;

void Router::Add(std::vector<Route> routes) {
  for (Route& route : routes) {
    CHECK(route.pattern.starts_with('/'));
    CHECK(route.kind == RouteKind::kInline ? bool(route.inline_handler) : bool(route.handler));
    routes_.push_back(std::move(route));
    const Route& added = routes_.back();
    std::vector<std::string>& parameters = parameters_.emplace_back();
    Node* node = root_.get();
    std::map<Verb, size_t>* place = nullptr;
    for (std::string_view segment : Segments(added.pattern)) {
      CHECK(place == nullptr);  // "{path...}" must be the last segment
      if (IsParameter(segment)) parameters.push_back(ParameterName(segment));
      CHECK(parameters.size() <= kParametersMax);
      if (IsTail(segment)) {
        place = &node->tail;
      } else {
        auto& next = IsParameter(segment) ? node->parameter : node->literals[std::string(segment)];
        if (!next) next = std::make_unique<Node>();
        node = next.get();
      }
    }
    if (!place) place = &node->routes;
    CHECK(place->emplace(added.verb, routes_.size() - 1).second);  // two equal routes
  }
}

namespace {

// Walks the tree with its literals first and steps back where a branch has no route for the verb.
template <class Node>
class Search {
 public:
  explicit Search(Verb verb) : verb_(verb) {}

  // `path` is what is left of it, after a slash.
  bool From(const Node& node, std::string_view path) {
    const std::string_view segment = path.substr(0, path.find('/'));
    const bool last = segment.size() == path.size();
    const auto enter = [&](const Node& next) {
      return last ? Take(next.routes) : From(next, path.substr(segment.size() + 1));
    };
    if (auto found = node.literals.find(segment);
        found != node.literals.end() && enter(*found->second)) {
      return true;
    }
    if (segment.empty()) return false;
    values_[values_count_++] = segment;
    if (node.parameter && enter(*node.parameter)) return true;
    values_[values_count_ - 1] = path;
    if (Take(node.tail)) return true;
    --values_count_;
    return false;
  }

  size_t route() const { return route_; }
  const std::vector<Verb>& allowed() const { return allowed_; }
  // Of the route's parameters, in their order.
  std::span<const std::string_view> values() const {
    return std::span(values_).first(values_count_);
  }

 private:
  bool Take(const std::map<Verb, size_t>& routes) {
    auto found = routes.find(verb_);
    if (found == routes.end() && verb_ == Verb::kHead) found = routes.find(Verb::kGet);
    if (found != routes.end()) {
      route_ = found->second;
      return true;
    }
    for (const auto& [verb, route] : routes) {
      if (std::find(allowed_.begin(), allowed_.end(), verb) == allowed_.end()) {
        allowed_.push_back(verb);
      }
    }
    return false;
  }

  const Verb verb_;
  std::array<std::string_view, kParametersMax + 1> values_;
  size_t values_count_ = 0;
  size_t route_ = 0;
  std::vector<Verb> allowed_;
};

}  // namespace

Router::Match Router::Find(Verb verb, std::string_view path) const {
  Match match;
  Search<Node> search(verb);
  if (!path.empty()) path.remove_prefix(1);
  if (!search.From(*root_, path)) {
    std::vector<Verb> allowed = search.allowed();
    std::sort(allowed.begin(), allowed.end());
    for (Verb one : allowed) {
      match.allowed.emplace_back(VerbName(one));
      if (one == Verb::kGet &&
          std::find(allowed.begin(), allowed.end(), Verb::kHead) == allowed.end()) {
        match.allowed.emplace_back("HEAD");
      }
    }
    return match;
  }
  match.route = &routes_[search.route()];
  const std::vector<std::string>& names = parameters_[search.route()];
  match.parameters.reserve(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    match.parameters.emplace_back(names[i], std::string(search.values()[i]));
  }
  return match;
}

Response Router::NotFoundResponse(const Match& match, Verb verb, std::string_view path) {
  if (match.allowed.empty()) {
    return ErrorAnswer(404, "there is nothing at " + std::string(path));
  }
  const std::string allow = Join(match.allowed, ", ");
  Response response = ErrorAnswer(
      405, std::string(path) + " does not take " + std::string(VerbName(verb)) + ", only " + allow);
  response.headers.emplace_back("Allow", allow);
  return response;
}

}  // namespace tatara::net
