#include "auth/auth.h"

#include <gtest/gtest.h>

namespace tatara::auth {
namespace {

TEST(AttemptTokens, Verify_OfAnIssuedToken_GivesItsAttempt) {
  const AttemptTokens tokens("secret");
  EXPECT_EQ(tokens.Verify(tokens.Issue("j-1.2")), "j-1.2");
}

TEST(AttemptTokens, Verify_OfAChangedToken_GivesNothing) {
  const AttemptTokens tokens("secret");
  std::string token = tokens.Issue("j-1.2");
  token[0] = 'k';
  EXPECT_FALSE(tokens.Verify(token));
  EXPECT_FALSE(tokens.Verify("no-dot"));
  EXPECT_FALSE(AttemptTokens("other").Verify(tokens.Issue("j-1.2")));
}

struct ForeignCase {
  std::string host, origin;
  bool refused;
};

TEST(RefuseForeign, TellsOursFromForeign) {
  const ForeignCase cases[] = {
      {"127.0.0.1:7700", "", false},
      {"localhost", "", false},
      {"[::1]:7700", "", false},
      {"evil.example", "", true},
      {"127.0.0.1.evil.example", "", true},
      {"127.0.0.1:7700", "http://localhost:3000", false},
      {"127.0.0.1:7700", "https://evil.example", true},
      {"127.0.0.1:7700", "null", true},
  };
  for (const ForeignCase& c : cases) {
    net::Request request;
    request.headers.emplace_back("host", c.host);
    if (!c.origin.empty()) request.headers.emplace_back("origin", c.origin);
    EXPECT_EQ(RefuseForeign(request, true) != nullptr, c.refused) << c.host << " " << c.origin;
    EXPECT_EQ(RefuseForeign(request, false), nullptr);
  }
}

}  // namespace
}  // namespace tatara::auth
