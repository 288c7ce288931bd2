#include "net/body.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace tatara::net {
namespace {

std::string Pack(std::string_view text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}
std::string Gzip(std::string_view text) { return Pack(text, 15 + 16); }

Head ChunkedHead(Packing packing = Packing::kNone) {
  Head head;
  head.chunked = true;
  head.packing = packing;
  return head;
}
Head LengthHead(size_t length, Packing packing = Packing::kNone) {
  Head head;
  head.content_length = static_cast<int64_t>(length);
  head.packing = packing;
  return head;
}

struct Outcome {
  int status = 0;  // 0: done, 1: more is needed, else the refusal's
  std::string body;
  std::string rest;
};

// Feeds `wire` in pieces of `step` bytes, with room for `out_max` bytes at a time.
Outcome Decode(const Head& head, std::string_view wire, size_t step = SIZE_MAX,
               size_t out_max = SIZE_MAX, int64_t body_max = 1 << 30) {
  BodyDecoder decoder(head, body_max);
  Outcome outcome;
  while (true) {
    std::string_view in = wire.substr(0, step);
    const size_t size = in.size();
    BodyDecoder::State state;
    do {
      std::string out;
      state = decoder.Feed(in, out, out_max);
      EXPECT_LE(out.size(), out_max);
      outcome.body += out;
    } while (state == BodyDecoder::State::kFull);
    wire.remove_prefix(size - in.size());
    if (state == BodyDecoder::State::kBad) outcome.status = decoder.refusal().status;
    if (state == BodyDecoder::State::kMore && wire.empty()) outcome.status = 1;
    if (state != BodyDecoder::State::kMore || wire.empty()) break;
  }
  outcome.rest = wire;
  return outcome;
}

TEST(BodyDecoder, Chunked_InPiecesOfAnySize) {
  const std::string wire =
      "5\r\nhello\r\n1;a=\"b\"\r\n \r\n00A\r\n0123456789\r\n0\r\nX: y\r\n\r\nNEXT";
  for (size_t step : {size_t{1}, size_t{2}, size_t{7}, SIZE_MAX}) {
    for (size_t out_max : {size_t{1}, size_t{3}, SIZE_MAX}) {
      const Outcome outcome = Decode(ChunkedHead(), wire, step, out_max);
      EXPECT_EQ(outcome.status, 0);
      EXPECT_EQ(outcome.body, "hello 0123456789");
      EXPECT_EQ(outcome.rest, "NEXT");
    }
  }
}

TEST(BodyDecoder, HostileChunks_AreRefused) {
  const std::vector<std::string> wires = {
      "5\nhello\r\n0\r\n\r\n",        // bare LF after the size
      "5\r\nhello\n0\r\n\r\n",        // bare LF after the data
      "5\r\nhelloX\r\n0\r\n\r\n",     // longer than its size
      "g\r\n",                        // no hexadecimal digit
      "-1\r\n",                       // signs are not digits
      "0x5\r\nhello\r\n",             //
      "\r\nhello\r\n",                // no size
      " 5\r\nhello\r\n",              // blank before
      "5 \r\nhello\r\n0\r\n\r\n",     // blank after, without extension
      "FFFFFFFFFFFFFFFF\r\n",         // over 60 bits
      "10000000000000005\r\nhello",   // wraps around 64 bits
      "5;" + std::string(2000, 'a'),  // endless extension
      "5;a\x01\r\n",                  // control byte in an extension
      "5;\n\r\nhello",                //
      "0\r\nX: a\n\r\n",              // bare LF in a trailer
      "0\r\nX: " + std::string(9000, 'a'),
  };
  for (const std::string& wire : wires) EXPECT_EQ(Decode(ChunkedHead(), wire).status, 400) << wire;
}

TEST(BodyDecoder, Length_TakesExactlyThat) {
  const Outcome outcome = Decode(LengthHead(5), "helloNEXT", 2, 3);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.body, "hello");
  EXPECT_EQ(Decode(LengthHead(5), "hell").status, 1);
  EXPECT_EQ(Decode(LengthHead(0), "NEXT").rest, "NEXT");
}

TEST(BodyDecoder, Packed_IsUnpacked) {
  const std::string text = std::string(100'000, 'x') + "end";
  const std::string gzip = Gzip(text);
  const std::string zlib = Pack(text, 15);
  for (size_t step : {size_t{1}, size_t{50}, SIZE_MAX}) {
    for (size_t out_max : {size_t{1000}, size_t{4096}, SIZE_MAX}) {
      EXPECT_EQ(Decode(LengthHead(gzip.size(), Packing::kGzip), gzip, step, out_max).body, text);
      EXPECT_EQ(Decode(LengthHead(zlib.size(), Packing::kDeflate), zlib, step, out_max).body, text);
    }
  }
  const std::string two = gzip + Gzip(" more");
  EXPECT_EQ(Decode(LengthHead(two.size(), Packing::kGzip), two).body, text + " more");
}

TEST(BodyDecoder, BrokenPacking_IsRefused) {
  const std::string gzip = Gzip("hello hello hello");
  const std::string cut = gzip.substr(0, gzip.size() - 3);
  EXPECT_EQ(Decode(LengthHead(cut.size(), Packing::kGzip), cut).status, 400);
  EXPECT_EQ(Decode(LengthHead(5, Packing::kGzip), "plain").status, 400);
  EXPECT_EQ(Decode(LengthHead(gzip.size() + 4, Packing::kGzip), gzip + "junk").status, 400);
  const std::string zlib = Pack("hello", 15) + "x";
  EXPECT_EQ(Decode(LengthHead(zlib.size(), Packing::kDeflate), zlib).status, 400);
  EXPECT_EQ(Decode(ChunkedHead(Packing::kGzip), "0\r\n\r\n").status, 400);
}

TEST(BodyDecoder, OverTheMaximum_Is413) {
  EXPECT_EQ(
      Decode(ChunkedHead(), "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", SIZE_MAX, SIZE_MAX, 5).status,
      413);
  EXPECT_EQ(Decode(ChunkedHead(), "5\r\nhello\r\n0\r\n\r\n", SIZE_MAX, SIZE_MAX, 5).status, 0);
}

TEST(BodyDecoder, GzipBomb_EndsAtTheMaximum) {
  const std::string bomb = Gzip(std::string(50'000'000, '\0'));
  const Outcome outcome =
      Decode(LengthHead(bomb.size(), Packing::kGzip), bomb, SIZE_MAX, SIZE_MAX, 1'000'000);
  EXPECT_EQ(outcome.status, 413);
  EXPECT_LE(outcome.body.size(), 1'000'001u);
}

}  // namespace
}  // namespace tatara::net
