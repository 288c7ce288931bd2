// The descriptor of a socket, and the listening one. Private to net.
#pragma once

#include <unistd.h>

#include <string>
#include <utility>

#include "base/result.h"

namespace tatara::net {

// Owns a descriptor. One thread.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      Close();
      descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
  }

  int descriptor() const { return descriptor_; }
  bool open() const { return descriptor_ >= 0; }
  void Close() {
    if (open()) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_ = -1;
};

// Listens on an IP address ("localhost" is 127.0.0.1), without blocking. kInvalid: no address or
// port; kConflict: the port is in use, and names it.
Result<Socket> Listen(const std::string& host, int port);
int PortOf(const Socket& socket);              // the local one
std::string PeerName(const Socket& accepted);  // "127.0.0.1:51234"

// The next connection that waits, ready for use; not open when there is none. An error is of the
// whole process (no more descriptors), not of one client.
Result<Socket> Accept(const Socket& listener);

}  // namespace tatara::net
