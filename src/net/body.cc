#include "net/body.h"

#include <zlib.h>

#include <algorithm>

namespace tatara::net {
namespace {

constexpr size_t kSizeLineMax = 1024;  // chunk size with its extensions
constexpr size_t kTrailersMax = 8 * 1024;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsText(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

Dechunker::State Dechunker::Bad(const char* error) {
  error_ = error;
  return State::kBad;
}

Dechunker::State Dechunker::Next(std::string_view& in) {
  if (phase_ == Phase::kData && left_ == 0) phase_ = Phase::kDataCr;
  while (!in.empty() && phase_ != Phase::kData && phase_ != Phase::kDone) {
    if (!Step(in.front())) return State::kBad;
    in.remove_prefix(1);
  }
  if (phase_ == Phase::kDone) return State::kEnd;
  return phase_ == Phase::kData && !in.empty() ? State::kData : State::kMore;
}

bool Dechunker::Step(char c) {
  switch (phase_) {
    case Phase::kSize:
    case Phase::kExtension:
      return StepSize(c);
    case Phase::kSizeLf:
      if (c != '\n') return Bad("a chunk size line ends without line feed"), false;
      phase_ = left_ > 0 ? Phase::kData : Phase::kTrailer;
      overhead_ = 0;
      digits_ = 0;
      return true;
    case Phase::kDataCr:
      if (c != '\r') return Bad("a chunk is longer than its size"), false;
      phase_ = Phase::kDataLf;
      return true;
    case Phase::kDataLf:
      if (c != '\n') return Bad("a chunk ends without line feed"), false;
      phase_ = Phase::kSize;
      return true;
    case Phase::kTrailer:
    case Phase::kTrailerLf:
      return StepTrailer(c);
    case Phase::kData:
    case Phase::kDone:
      break;
  }
  return false;
}

bool Dechunker::StepSize(char c) {
  if (++overhead_ > kSizeLineMax) return Bad("a chunk size line is too long"), false;
  if (c == '\r') {
    if (digits_ == 0) return Bad("a chunk has no size"), false;
    phase_ = Phase::kSizeLf;
    return true;
  }
  if (phase_ == Phase::kExtension) return IsText(c) || (Bad("a bad chunk extension"), false);
  const int digit = HexDigit(c);
  if (digit >= 0) {
    if (++digits_ > 15) return Bad("a chunk size is beyond all limits"), false;
    left_ = left_ * 16 + static_cast<uint64_t>(digit);
    return true;
  }
  if (digits_ == 0 || c != ';') return Bad("a chunk size is not hexadecimal"), false;
  phase_ = Phase::kExtension;
  return true;
}

bool Dechunker::StepTrailer(char c) {
  if (++overhead_ > kTrailersMax) return Bad("the trailers are too long"), false;
  if (phase_ == Phase::kTrailerLf) {
    if (c != '\n') return Bad("a trailer line ends without line feed"), false;
    phase_ = line_empty_ ? Phase::kDone : Phase::kTrailer;
    line_empty_ = true;
    return true;
  }
  if (c == '\r') {
    phase_ = Phase::kTrailerLf;
    return true;
  }
  line_empty_ = false;
  return IsText(c) || (Bad("a bad trailer"), false);
}

Unpacker::Unpacker(Packing packing)
    : stream_(std::make_unique<z_stream>()), gzip_(packing == Packing::kGzip) {
  CHECK(inflateInit2(stream_.get(), gzip_ ? 15 + 16 : 15) == Z_OK);
}

Unpacker::~Unpacker() { inflateEnd(stream_.get()); }

bool Unpacker::Feed(std::string_view& in, std::string& out, size_t out_max) {
  char buffer[16 * 1024];
  pending_ = false;
  for (;;) {
    if (out.size() >= out_max) {
      pending_ = true;
      return true;
    }
    if (ended_) {
      if (in.empty()) return true;
      if (!gzip_ || inflateReset(stream_.get()) != Z_OK) return false;
      ended_ = false;
    }
    const size_t in_size = std::min<size_t>(in.size(), 1 << 20);
    const size_t out_size = std::min(sizeof(buffer), out_max - out.size());
    stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_->avail_in = static_cast<uInt>(in_size);
    stream_->next_out = reinterpret_cast<Bytef*>(buffer);
    stream_->avail_out = static_cast<uInt>(out_size);
    const int result = inflate(stream_.get(), Z_NO_FLUSH);
    in.remove_prefix(in_size - stream_->avail_in);
    out.append(buffer, out_size - stream_->avail_out);
    ended_ = result == Z_STREAM_END;
    if (result == Z_BUF_ERROR) return true;  // no progress without more input
    if (result != Z_OK && !ended_) return false;
    if (in.empty() && stream_->avail_out > 0) return true;
  }
}

BodyDecoder::BodyDecoder(const Head& head, int64_t body_max)
    : chunked_(head.chunked), length_left_(head.content_length), room_(body_max) {
  if (head.packing != Packing::kNone && head.HasBody()) {
    unpacker_ = std::make_unique<Unpacker>(head.packing);
  }
}

void BodyDecoder::StartSkipping(int64_t body_max) {
  unpacker_.reset();
  room_ = body_max;
}

BodyDecoder::State BodyDecoder::Bad(int status, std::string message) {
  refusal_ = {status, std::move(message)};
  return State::kBad;
}

BodyDecoder::State BodyDecoder::Feed(std::string_view& in, std::string& out, size_t out_max) {
  for (;;) {
    if (!chunked_) {
      auto left = static_cast<uint64_t>(length_left_);
      if (left == 0) return End(out, out_max);
      const State state = Data(in, left, out, out_max);
      length_left_ = static_cast<int64_t>(left);
      if (state != State::kDone) return state;
      continue;
    }
    switch (dechunker_.Next(in)) {
      case Dechunker::State::kBad:
        return Bad(400, dechunker_.error());
      case Dechunker::State::kEnd:
        return End(out, out_max);
      case Dechunker::State::kMore:
        // Unpacked bytes may still be inside although the wire has nothing more now.
        if (!unpacker_ || !unpacker_->pending()) return State::kMore;
        [[fallthrough]];
      case Dechunker::State::kData: {
        const uint64_t before = dechunker_.data_left();
        uint64_t left = before;
        const State state = Data(in, left, out, out_max);
        dechunker_.Consumed(before - left);
        if (state != State::kDone) return state;
      }
    }
  }
}

// Takes what there is of `left` bytes; kDone when they have all been taken.
BodyDecoder::State BodyDecoder::Data(std::string_view& in, uint64_t& left, std::string& out,
                                     size_t out_max) {
  if (out.size() >= out_max) return State::kFull;
  std::string_view piece = in.substr(0, static_cast<size_t>(std::min<uint64_t>(left, in.size())));
  const size_t piece_size = piece.size();
  const size_t out_before = out.size();
  // One byte over the room is enough to know that the body is too large.
  const auto room = static_cast<uint64_t>(room_) + 1;
  const auto out_end = static_cast<size_t>(std::min<uint64_t>(out_max, out_before + room));
  if (unpacker_) {
    if (!unpacker_->Feed(piece, out, out_end)) return Bad(400, "the packed body is broken");
  } else {
    const size_t count = std::min(piece.size(), out_end - out_before);
    out.append(piece.substr(0, count));
    piece.remove_prefix(count);
  }
  const size_t used = piece_size - piece.size();
  in.remove_prefix(used);
  left -= used;
  room_ -= static_cast<int64_t>(out.size() - out_before);
  if (room_ < 0) return Bad(413, "the body is too large");
  if (left == 0) return State::kDone;
  return in.empty() ? State::kMore : State::kFull;
}

BodyDecoder::State BodyDecoder::End(std::string& out, size_t out_max) {
  if (!unpacker_) return State::kDone;
  std::string_view nothing;
  uint64_t none = 0;
  while (unpacker_->pending()) {
    if (out.size() >= out_max) return State::kFull;
    if (const State state = Data(nothing, none, out, out_max); state != State::kDone) return state;
  }
  if (!unpacker_->AtEnd()) return Bad(400, "the packed body is cut off");
  return State::kDone;
}

}  // namespace tatara::net
