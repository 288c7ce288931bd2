#include "net/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace tatara::net {
namespace {

constexpr int kBacklog = 1024;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  bool is_v6() const { return storage.ss_family == AF_INET6; }
  in_port_t& port() {
    return is_v6() ? reinterpret_cast<sockaddr_in6&>(storage).sin6_port
                   : reinterpret_cast<sockaddr_in&>(storage).sin_port;
  }
  const void* host() const {
    if (is_v6()) return &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
    return &reinterpret_cast<const sockaddr_in&>(storage).sin_addr;
  }
};

std::optional<Address> ParseAddress(const std::string& text, int port) {
  const std::string host = text == "localhost" ? "127.0.0.1" : text;
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    address.storage.ss_family = AF_INET;
    address.size = sizeof(v4);
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    address.storage.ss_family = AF_INET6;
    address.size = sizeof(v6);
  } else {
    return std::nullopt;
  }
  address.port() = htons(static_cast<uint16_t>(port));
  return address;
}

// A peer that is gone without a word (a follower's client that was cut off) is noticed within about
// a minute and a half, also when there is nothing to send.
void Prepare(const Socket& accepted) {
  const int socket = accepted.descriptor();
  const int on = 1, idle = 30, interval = 15, count = 4;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

}  // namespace

Result<Socket> Listen(const std::string& host, int port) {
  const std::string place = host + ":" + std::to_string(port);
  auto address = port < 0 || port > 65535 ? std::nullopt : ParseAddress(host, port);
  if (!address) {
    return Invalid("cannot listen on " + place + ": give an IP address and a port up to 65535");
  }
  Socket socket(
      ::socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (socket.open() &&
      ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
      ::bind(socket.descriptor(), address->get(), address->size) == 0 &&
      ::listen(socket.descriptor(), kBacklog) == 0) {
    return socket;
  }
  if (errno == EADDRINUSE) {
    return Conflict("port " + std::to_string(port) + " of " + host +
                    " is in use; stop what listens there or choose another port");
  }
  return Unavailable("cannot listen on " + place + ": " + std::strerror(errno));
}

int PortOf(const Socket& socket) {
  Address address;
  if (::getsockname(socket.descriptor(), address.get(), &address.size) != 0) return 0;
  return ntohs(address.port());
}

std::string PeerName(const Socket& accepted) {
  Address address;
  char host[INET6_ADDRSTRLEN] = {};
  if (::getpeername(accepted.descriptor(), address.get(), &address.size) != 0 ||
      ::inet_ntop(address.storage.ss_family, address.host(), host, sizeof(host)) == nullptr) {
    return "unknown";
  }
  const std::string name = address.is_v6() ? "[" + std::string(host) + "]" : host;
  return name + ":" + std::to_string(ntohs(address.port()));
}

Result<Socket> Accept(const Socket& listener) {
  for (;;) {
    Socket accepted(
        ::accept4(listener.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted.open()) {
      Prepare(accepted);
      return accepted;
    }
    switch (errno) {
      case EAGAIN:
        return Socket();
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return Unavailable(std::string("cannot accept a connection: ") + std::strerror(errno));
      default:
        break;  // that client is gone already
    }
  }
}

}  // namespace tatara::net
