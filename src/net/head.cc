#include "net/head.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/strings.h"

namespace tatara::net {
namespace {

std::unexpected<Refusal> Refuse(int status, std::string message) {
  return std::unexpected(Refusal{status, std::move(message)});
}

// The lower-case form of each byte that may stand in a token (RFC 9110 5.6.2), 0 for the others.
constexpr std::array<char, 256> kToken = [] {
  std::array<char, 256> table{};
  for (char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")) {
    table[static_cast<unsigned char>(c)] = c;
  }
  for (char c = 'A'; c <= 'Z'; ++c) {
    table[static_cast<unsigned char>(c)] = static_cast<char>(c + ('a' - 'A'));
  }
  return table;
}();

// Bytes of a header value: visible, blank, tab and everything from 0x80 on.
constexpr std::array<bool, 256> kFieldByte = [] {
  std::array<bool, 256> table{};
  for (int c = 0x20; c < 256; ++c) table[static_cast<size_t>(c)] = c != 0x7f;
  table['\t'] = true;
  return table;
}();

bool IsFieldText(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return kFieldByte[static_cast<unsigned char>(c)]; });
}

bool IsHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<Verb> ParseVerb(std::string_view text) {
  for (Verb verb : {Verb::kGet, Verb::kPost, Verb::kPut, Verb::kHead, Verb::kPatch, Verb::kDelete,
                    Verb::kOptions}) {
    if (text == VerbName(verb)) return verb;
  }
  return std::nullopt;
}

bool IsHost(std::string_view host) {
  static constexpr std::string_view kOthers = ".-_~:[]%!$&'()*+,;=";
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool EscapesAreGood(std::string_view text) {
  for (size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 3)) {
    if (at + 2 >= text.size() || !IsHex(text[at + 1]) || !IsHex(text[at + 2])) return false;
  }
  return true;
}

// Builds a Head line by line.
class Parser {
 public:
  explicit Parser(const HeadLimits& limits) : limits_(limits) { head_.request.headers.reserve(12); }

  std::optional<Refusal> RequestLine(std::string_view line) {
    const size_t verb_end = line.find(' ');
    const size_t target_end = line.rfind(' ');
    if (verb_end == std::string_view::npos || target_end == verb_end || verb_end == 0) {
      return Refusal{400, "the request line is not 'METHOD target HTTP/1.1'"};
    }
    const std::string_view verb = line.substr(0, verb_end);
    const std::string_view target = line.substr(verb_end + 1, target_end - verb_end - 1);
    for (char c : verb) {
      if (!kToken[static_cast<unsigned char>(c)]) return Refusal{400, "the method is not a token"};
    }
    if (auto refusal = Version(line.substr(target_end + 1))) return refusal;
    const std::optional<Verb> known = ParseVerb(verb);
    if (!known) return Refusal{405, "method " + std::string(verb.substr(0, 32)) + " is not served"};
    head_.request.verb = *known;
    return Target(target);
  }

  std::optional<Refusal> HeaderLine(std::string_view line) {
    if (head_.request.headers.size() == limits_.headers_max) {
      return Refusal{431, "more than " + std::to_string(limits_.headers_max) + " headers"};
    }
    if (line.front() == ' ' || line.front() == '\t') {
      return Refusal{400, "a header is folded over two lines"};
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      return Refusal{400, "a header line has no name"};
    }
    std::string name(line.substr(0, colon));
    for (char& c : name) {
      c = kToken[static_cast<unsigned char>(c)];
      if (!c) return Refusal{400, "a header name has a byte that is not allowed there"};
    }
    const std::string_view value = TrimBlanks(line.substr(colon + 1));
    if (!IsFieldText(value)) return Refusal{400, "header '" + name + "' holds a control byte"};
    if (auto refusal = Known(name, value)) return refusal;
    if (name != "content-encoding") {
      head_.request.headers.emplace_back(std::move(name), std::string(value));
    }
    return std::nullopt;
  }

  std::expected<Head, Refusal> Finish() {
    if (!head_.http10 && hosts_ == 0) return Refuse(400, "the Host header is missing");
    if (chunked_seen_ && length_seen_) {
      return Refuse(400, "both Content-Length and Transfer-Encoding are given");
    }
    if (chunked_seen_ && head_.http10) return Refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    if (!authority_.empty()) SetHost();
    head_.keep_alive = head_.http10 ? keep_alive_token_ && !close_token_ : !close_token_;
    if (head_.http10) head_.expect_continue = false;
    return std::move(head_);
  }

 private:
  std::optional<Refusal> Version(std::string_view text) {
    const bool form = text.size() == 8 && text.starts_with("HTTP/") && text[6] == '.' &&
                      text[5] >= '0' && text[5] <= '9' && text[7] >= '0' && text[7] <= '9';
    if (!form) return Refusal{400, "the request line does not end with HTTP/1.1"};
    if (text[5] != '1') return Refusal{400, "only HTTP/1.1 is served"};
    head_.http10 = text[7] == '0';
    return std::nullopt;
  }

  std::optional<Refusal> Target(std::string_view target) {
    if (target.size() > limits_.target_max) return Refusal{414, "the request target is too long"};
    for (char c : target) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte <= 0x20 || byte == 0x7f || c == '#') {
        return Refusal{400, "the request target has a byte that is not allowed there"};
      }
    }
    if (target == "*" && head_.request.verb == Verb::kOptions) {
      head_.request.path = "*";
      return std::nullopt;
    }
    if (auto refusal = TakeAuthority(target)) return refusal;
    if (!target.starts_with('/')) return Refusal{400, "the request target is not a path"};
    const size_t question = std::min(target.find('?'), target.size());
    head_.request.query = target.substr(std::min(question + 1, target.size()));
    if (!EscapesAreGood(head_.request.query)) return Refusal{400, "the query has a bad % escape"};
    auto path = DecodePath(target.substr(0, question));
    if (!path) return path.error();
    head_.request.path = *std::move(path);
    return std::nullopt;
  }

  // "http://host:port/path" becomes "/path".
  std::optional<Refusal> TakeAuthority(std::string_view& target) {
    for (std::string_view scheme : {"http://", "https://"}) {
      if (target.size() <= scheme.size() ||
          !EqualsIgnoreCase(target.substr(0, scheme.size()), scheme)) {
        continue;
      }
      const std::string_view rest = target.substr(scheme.size());
      const size_t end = std::min(rest.find_first_of("/?"), rest.size());
      authority_ = rest.substr(0, end);
      if (authority_.empty() || !IsHost(authority_)) {
        return Refusal{400, "the host of the request target is not valid"};
      }
      target = end == rest.size() ? std::string_view("/") : rest.substr(end);
      return std::nullopt;
    }
    return std::nullopt;
  }

  // The headers that say how the message is framed.
  std::optional<Refusal> Known(std::string_view name, std::string_view value) {
    switch (name.size()) {
      case 4:
        if (name == "host") return Host(value);
        break;
      case 6:
        if (name == "expect") return Expect(value);
        break;
      case 10:
        if (name == "connection") return Connection(value);
        break;
      case 14:
        if (name == "content-length") return Length(value);
        break;
      case 16:
        if (name == "content-encoding") return Encoding(value);
        break;
      case 17:
        if (name == "transfer-encoding") return Transfer(value);
        break;
    }
    return std::nullopt;
  }

  std::optional<Refusal> Host(std::string_view value) {
    if (++hosts_ > 1) return Refusal{400, "the Host header is given twice"};
    if (!IsHost(value)) return Refusal{400, "the Host header is not a host"};
    return std::nullopt;
  }

  std::optional<Refusal> Expect(std::string_view value) {
    if (!EqualsIgnoreCase(value, "100-continue")) {
      return Refusal{417, "only 'Expect: 100-continue' is known"};
    }
    head_.expect_continue = true;
    return std::nullopt;
  }

  std::optional<Refusal> Connection(std::string_view value) {
    while (!value.empty()) {
      const std::string_view item = value.substr(0, value.find(','));
      value.remove_prefix(std::min(value.size(), item.size() + 1));
      const std::string_view token = TrimBlanks(item);
      if (EqualsIgnoreCase(token, "close")) close_token_ = true;
      if (EqualsIgnoreCase(token, "keep-alive")) keep_alive_token_ = true;
    }
    return std::nullopt;
  }

  std::optional<Refusal> Length(std::string_view value) {
    if (std::exchange(length_seen_, true)) {
      return Refusal{400, "the Content-Length header is given twice"};
    }
    if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos) {
      return Refusal{400, "the Content-Length header is not a number"};
    }
    if (!ParseInt(value, head_.content_length)) {
      return Refusal{413, "the Content-Length is beyond all limits"};
    }
    return std::nullopt;
  }

  std::optional<Refusal> Encoding(std::string_view value) {
    if (std::exchange(encoding_seen_, true)) {
      return Refusal{415, "more than one Content-Encoding; use one of gzip, deflate"};
    }
    if (EqualsIgnoreCase(value, "gzip") || EqualsIgnoreCase(value, "x-gzip")) {
      head_.packing = Packing::kGzip;
    } else if (EqualsIgnoreCase(value, "deflate")) {
      head_.packing = Packing::kDeflate;
    } else if (!EqualsIgnoreCase(value, "identity")) {
      return Refusal{415, "Content-Encoding '" + std::string(value.substr(0, 64)) +
                              "' is not known; use gzip, deflate or identity"};
    }
    return std::nullopt;
  }

  std::optional<Refusal> Transfer(std::string_view value) {
    if (std::exchange(chunked_seen_, true)) {
      return Refusal{400, "the Transfer-Encoding header is given twice"};
    }
    if (value.empty()) return Refusal{400, "the Transfer-Encoding header is empty"};
    if (!EqualsIgnoreCase(value, "chunked")) {
      return Refusal{400, "the only transfer coding served is chunked"};
    }
    head_.chunked = true;
    return std::nullopt;
  }

  void SetHost() {
    for (auto& [name, value] : head_.request.headers) {
      if (name == "host") {
        value = authority_;
        return;
      }
    }
    head_.request.headers.emplace_back("host", authority_);
  }

  const HeadLimits& limits_;
  Head head_;
  std::string authority_;
  int hosts_ = 0;
  bool length_seen_ = false;
  bool chunked_seen_ = false;
  bool encoding_seen_ = false;
  bool close_token_ = false;
  bool keep_alive_token_ = false;
};

}  // namespace

HeadScanner::State HeadScanner::Bad(int status, std::string message) {
  refusal_ = {status, std::move(message)};
  return State::kBad;
}

HeadScanner::State HeadScanner::Scan(std::string_view bytes, const HeadLimits& limits) {
  // The first byte tells TLS and other binary protocols from HTTP without waiting for a line.
  if (!bytes.empty() && bytes[0] != '\r' && !kToken[static_cast<unsigned char>(bytes[0])]) {
    return Bad(400, "this is not HTTP");
  }
  while (scanned_ < bytes.size()) {
    const void* found = std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_);
    if (!found) {
      if (std::memchr(bytes.data() + scanned_, '\0', bytes.size() - scanned_)) {
        return Bad(400, "the head holds a NUL byte");
      }
      scanned_ = bytes.size();
      break;
    }
    const auto at = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    if (at == 0 || bytes[at - 1] != '\r') return Bad(400, "a line ends without carriage return");
    const bool empty = at - 1 == line_;
    scanned_ = line_ = at + 1;
    if (line_ > limits.head_max) break;
    if (empty && lines_ > 0) return State::kEnd;
    if (empty && at > 1) return Bad(400, "empty lines instead of a request");
    if (!empty) ++lines_;
    if (lines_ > limits.headers_max + 1) {
      return Bad(431, "more than " + std::to_string(limits.headers_max) + " headers");
    }
  }
  if (lines_ == 0 && bytes.size() > limits.target_max + 64) {
    return Bad(414, "the request line is too long");
  }
  if (bytes.size() > limits.head_max && (scanned_ > limits.head_max || lines_ == 0)) {
    return Bad(431, "the head is larger than " + std::to_string(limits.head_max) + " bytes");
  }
  return State::kMore;
}

std::expected<Head, Refusal> ParseHead(std::string_view bytes, const HeadLimits& limits) {
  if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  Parser parser(limits);
  bool first = true;
  for (;;) {
    const size_t end = bytes.find('\r');
    if (end == std::string_view::npos || end + 1 >= bytes.size() || bytes[end + 1] != '\n') {
      return Refuse(400, "a carriage return stands alone");
    }
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    if (line.empty()) return parser.Finish();
    auto refusal = first ? parser.RequestLine(line) : parser.HeaderLine(line);
    if (refusal) return std::unexpected(*std::move(refusal));
    first = false;
  }
}

std::expected<std::string, Refusal> DecodePath(std::string_view raw) {
  std::string path;
  if (raw.find('%') == std::string_view::npos) {
    path = raw;
  } else if (!PercentDecode(raw, false, path)) {
    return Refuse(400, "the path has a bad % escape");
  }
  bool plain = true;
  for (char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return Refuse(400, "the path holds a control byte");
    plain = plain && byte < 0x80;
  }
  if (!plain && !IsValidUtf8(path)) return Refuse(400, "the path is not UTF-8");
  for (size_t at = path.find("/."); at != std::string::npos; at = path.find("/.", at + 1)) {
    const std::string_view rest = std::string_view(path).substr(at + 1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    if (segment == "." || segment == "..") {
      return Refuse(400, "the path has a '.' or '..' segment");
    }
  }
  return path;
}

}  // namespace tatara::net
