// Goal: only the right pair of words opens the door. Method: values.

#include "cacheismo/node/auth.h"

#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/node/config.h"

namespace cacheismo::node {
namespace {

using Verdict = Authenticator::Verdict;

TEST(Authenticator, BothWordsMustBelongTogether) {
  const Authenticator auth(std::vector<Credential>{{"ann", "one"}, {"bob", "two"}});
  EXPECT_EQ(auth.check("ann one"), Verdict::accepted);
  EXPECT_EQ(auth.check("  bob   two "), Verdict::accepted);
  EXPECT_EQ(auth.check("ann two"), Verdict::refused);
  EXPECT_EQ(auth.check("ann on"), Verdict::refused);
  EXPECT_EQ(auth.check("ann onee"), Verdict::refused);
  EXPECT_EQ(auth.check("ANN one"), Verdict::refused);
}

TEST(Authenticator, OneWordIsMalformed) {
  const Authenticator auth(std::vector<Credential>{{"ann", "one"}});
  EXPECT_EQ(auth.check(""), Verdict::malformed);
  EXPECT_EQ(auth.check("ann"), Verdict::malformed);
  EXPECT_EQ(auth.check("ann "), Verdict::malformed);
}

TEST(Authenticator, NobodyGetsInWithoutCredentials) {
  EXPECT_EQ(Authenticator(std::vector<Credential>{}).check("a b"), Verdict::refused);
}

TEST(Authenticator, ReplacedCredentialsCountFromNowOn) {
  Authenticator auth(std::vector<Credential>{{"ann", "one"}});
  auth.replace({{"eve", "new"}});
  EXPECT_EQ(auth.check("ann one"), Verdict::refused);
  EXPECT_EQ(auth.check("eve new"), Verdict::accepted);
}

}  // namespace
}  // namespace cacheismo::node
