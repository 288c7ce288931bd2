// The body of a request, from the bytes of the wire to the bytes that were meant: Content-Length or
// chunked framing first, then gzip or deflate, all bounded. Private to net; no I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/head.h"

struct z_stream_s;

namespace tatara::net {

// Takes chunked framing away (RFC 9112 7.1). Chunk extensions and trailers are read and dropped.
class Dechunker {
 public:
  enum class State { kMore, kData, kEnd, kBad };
  // Reads framing from the front of `in` (and removes it) until data, the end or an error. kData:
  // the next data_left() bytes are data; take some of them from `in` and tell Consumed.
  State Next(std::string_view& in);
  uint64_t data_left() const { return left_; }
  void Consumed(uint64_t count) { left_ -= count; }
  const char* error() const { return error_; }

 private:
  enum class Phase {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kTrailerLf,
    kDone
  };
  State Bad(const char* error);
  bool Step(char c);
  bool StepSize(char c);
  bool StepTrailer(char c);

  Phase phase_ = Phase::kSize;
  uint64_t left_ = 0;
  int digits_ = 0;
  size_t overhead_ = 0;     // bytes of the current size line, or of all trailers
  bool line_empty_ = true;  // of the trailer line
  const char* error_ = nullptr;
};

// Unpacks gzip (also several members in a row) or deflate (the zlib form).
class Unpacker {
 public:
  explicit Unpacker(Packing packing);
  ~Unpacker();
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;
  // Takes from the front of `in` and appends to `out` until `in` is used up or `out` has grown to
  // out_max. False: broken data.
  bool Feed(std::string_view& in, std::string& out, size_t out_max);
  // Whether the data may end here.
  bool AtEnd() const { return ended_; }
  // Whether more output may be waiting although all input was taken.
  bool pending() const { return pending_; }

 private:
  std::unique_ptr<z_stream_s> stream_;
  bool gzip_;
  bool ended_ = false;
  bool pending_ = false;
};

class BodyDecoder {
 public:
  enum class State { kMore, kFull, kDone, kBad };
  // A body that grows over `body_max` bytes after unpacking is refused with 413.
  BodyDecoder(const Head& head, int64_t body_max);
  // Takes from the front of `in` and appends to `out`, which is never grown over out_max.
  // kMore: `in` is used up; kFull: `out` is full, make room and call again; kDone: the body is
  // whole, what is left of `in` belongs to the next request; kBad: see refusal().
  State Feed(std::string_view& in, std::string& out, size_t out_max);
  const Refusal& refusal() const { return refusal_; }
  // From here on the body is only read over, without unpacking, up to `body_max` bytes more.
  void StartSkipping(int64_t body_max);
  // Bytes that the framing still promises; -1 when that is not known.
  int64_t wire_left() const { return chunked_ ? -1 : length_left_; }

 private:
  State Bad(int status, std::string message);
  State Data(std::string_view& in, uint64_t& left, std::string& out, size_t out_max);
  State End(std::string& out, size_t out_max);

  bool chunked_;
  int64_t length_left_;
  Dechunker dechunker_;
  std::unique_ptr<Unpacker> unpacker_;
  int64_t room_;  // bytes that the body may still have
  Refusal refusal_;
};

}  // namespace tatara::net
