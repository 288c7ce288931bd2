// A client's bare socket and a server on a free port, for net's own tests.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "net/http.h"

namespace tatara::net {

class Wire {
 public:
  explicit Wire(int port, int receive_buffer = 0) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Wire() { Close(); }
  Wire(Wire&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), bytes_(std::move(other.bytes_)) {}
  Wire& operator=(Wire&&) = delete;

  void Close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  // Closes with a reset, as a killed machine's stack would.
  void Reset() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    Close();
  }
  void HalfClose() { ::shutdown(socket_, SHUT_WR); }
  // False when the server has hung up.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Reads more; false at the end, a reset, or after ten seconds without a byte.
  bool More() {
    pollfd wait{socket_, POLLIN, 0};
    if (::poll(&wait, 1, 10'000) != 1) {
      ADD_FAILURE() << "nothing came; so far: " << bytes_.substr(0, 500);
      return false;
    }
    char buffer[64 * 1024];
    const ssize_t count = ::recv(socket_, buffer, sizeof(buffer), 0);
    if (count <= 0) return false;
    bytes_.append(buffer, static_cast<size_t>(count));
    return true;
  }
  std::string ReadToEnd() {
    while (More()) {
    }
    return std::exchange(bytes_, "");
  }
  // Whether the server closes the connection without another byte.
  bool AtEnd() { return bytes_.empty() && !More(); }
  bool ReadUntil(std::string_view text) {
    while (bytes_.find(text) == std::string::npos) {
      if (!More()) return false;
    }
    return true;
  }
  const std::string& bytes() const { return bytes_; }
  // Forgets what was read; says how much it was.
  size_t TakeBytes() { return std::exchange(bytes_, "").size(); }

  // The next answer; status 0 when there is none.
  Response ReadAnswer(bool head_only = false) {
    Response response;
    response.status = 0;
    if (!ReadUntil("\r\n\r\n")) return response;
    const size_t end = bytes_.find("\r\n\r\n");
    const std::vector<std::string> lines =
        Split(ReplaceAll(bytes_.substr(0, end), "\r\n", "\n"), '\n');
    for (size_t i = 1; i < lines.size(); ++i) {
      const size_t colon = lines[i].find(": ");
      response.headers.emplace_back(lines[i].substr(0, colon), lines[i].substr(colon + 2));
    }
    bytes_.erase(0, end + 4);
    if (!head_only && response.HeaderOr("transfer-encoding") == "chunked") {
      ReadChunks(response.body);
    } else if (!head_only) {
      const auto size = static_cast<size_t>(
          std::atoll(std::string(response.HeaderOr("content-length", "0")).c_str()));
      while (bytes_.size() < size && More()) {
      }
      response.body = bytes_.substr(0, size);
      bytes_.erase(0, size);
    }
    response.status = std::atoi(lines[0].substr(9, 3).c_str());
    return response;
  }

 private:
  void ReadChunks(std::string& body) {
    while (ReadUntil("\r\n")) {
      const size_t size = std::strtoull(bytes_.c_str(), nullptr, 16);
      const size_t head = bytes_.find("\r\n") + 2;
      while (bytes_.size() < head + size + 2) {
        if (!More()) return;
      }
      body += bytes_.substr(head, size);
      bytes_.erase(0, head + size + 2);
      if (size == 0) return;
    }
  }

  int socket_ = -1;
  std::string bytes_;
};

}  // namespace tatara::net
