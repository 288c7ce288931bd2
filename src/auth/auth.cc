#include "auth/auth.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/strings.h"
#include "os/files.h"
#include "os/random.h"

namespace tatara::auth {
namespace {

// "localhost:7700" -> "localhost", "[::1]:80" -> "::1".
std::string_view HostWithoutPort(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

bool IsLoopbackName(std::string_view host) {
  return EqualsIgnoreCase(host, "localhost") || host == "::1" ||
         (host.starts_with("127.") &&
          host.find_first_not_of("0123456789.") == std::string_view::npos);
}

std::unique_ptr<net::Response> Refusal(std::string message) {
  return std::make_unique<net::Response>(
      net::Response::Json(403, Json::Of({{"error", std::move(message)}}).Dump()));
}

}  // namespace

Result<AttemptTokens> AttemptTokens::Open(const std::string& home) {
  const std::string path = os::JoinPath(home, "secret");
  auto secret = os::ReadFile(path, 1024);
  if (!secret && secret.error().code == Code::kNotFound) {
    secret = os::NewToken();
    TRY(os::WriteFileDurably(path, *secret, 0600));
  }
  return AttemptTokens(TRY(std::move(secret)));
}

std::string AttemptTokens::Issue(std::string_view attempt) const {
  return std::string(attempt) + "." + ToHex(HmacSha256(secret_, attempt)).substr(0, 40);
}

std::optional<std::string> AttemptTokens::Verify(std::string_view token) const {
  const size_t dot = token.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view attempt = token.substr(0, dot);
  const std::string wanted = Issue(attempt);
  if (wanted.size() != token.size()) return std::nullopt;
  unsigned difference = 0;  // without an early end: the time must not tell how much was right
  for (size_t i = 0; i < wanted.size(); ++i) {
    difference |= static_cast<unsigned char>(wanted[i]) ^ static_cast<unsigned char>(token[i]);
  }
  if (difference != 0) return std::nullopt;
  return std::string(attempt);
}

std::unique_ptr<net::Response> RefuseForeign(const net::Request& request, bool loopback) {
  if (!loopback) return nullptr;
  const std::string_view host = request.HeaderOr("host");
  if (!host.empty() && !IsLoopbackName(HostWithoutPort(host))) {
    return Refusal("Host '" + std::string(host) + "' is not served here: use 127.0.0.1");
  }
  std::string_view origin = request.HeaderOr("origin");
  if (origin.empty()) return nullptr;
  const size_t scheme = origin.find("://");
  if (scheme != std::string_view::npos &&
      IsLoopbackName(HostWithoutPort(origin.substr(scheme + 3)))) {
    return nullptr;
  }
  return Refusal("Origin '" + std::string(origin) + "' may not call this server");
}

std::string CallerOf(const net::Request& request, const AttemptTokens& tokens) {
  const std::string_view header = request.HeaderOr("authorization");
  if (header.size() < 8 || !EqualsIgnoreCase(header.substr(0, 7), "Bearer ")) return {};
  return tokens.Verify(Trim(header.substr(7))).value_or("");
}

}  // namespace tatara::auth
