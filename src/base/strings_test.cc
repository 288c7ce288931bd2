#include "base/strings.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace tatara {
namespace {

TEST(Strings, GlobMatch) {
  EXPECT_TRUE(GlobMatch("tr*n", "train"));
  EXPECT_TRUE(GlobMatch("*", ""));
  EXPECT_TRUE(GlobMatch("a?c*", "abcdef"));
  EXPECT_FALSE(GlobMatch("a?c", "ac"));
  EXPECT_FALSE(GlobMatch("", "a"));
  EXPECT_TRUE(GlobMatch("*a*b*", std::string(1000, 'a') + "b"));
}

TEST(Strings, DidYouMean_NamesTheNearOneOnly) {
  const std::vector<std::string> names = {"ttl", "columns", "source"};
  EXPECT_EQ(DidYouMean("ttll", names), "; did you mean 'ttl'?");
  EXPECT_EQ(DidYouMean("column", names), "; did you mean 'columns'?");
  EXPECT_EQ(DidYouMean("zebra", names), "");
  EXPECT_EQ(DidYouMean("tlt", names), "; did you mean 'ttl'?");  // swapped letters are one slip
}

TEST(Strings, PercentDecode_RefusesBrokenEscapes) {
  std::string out;
  EXPECT_TRUE(PercentDecode("a%20b+c", true, out));
  EXPECT_EQ(out, "a b c");
  EXPECT_FALSE(PercentDecode("%2", false, out));
  EXPECT_FALSE(PercentDecode("%zz", false, out));
  EXPECT_EQ(PercentEncode("a b/ü", true), "a%20b/%C3%BC");
}

TEST(Hash, KnownDigests) {
  EXPECT_EQ(Md5(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(HmacSha256("key", "The quick brown fox jumps over the lazy dog")),
            "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
  EXPECT_EQ(*FromBase64(ToBase64("any bytes")), "any bytes");
}

}  // namespace
}  // namespace tatara
