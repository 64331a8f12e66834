#include <postrider/registry/submitter.hpp>

#include <catch2/catch.hpp>

namespace submitter_tests {

using postrider::submitter;

TEST_CASE("a submitter is who it says, in this order", "[registry][submitter]") {
  const submitter full("tenant", "sender", "login", "pin");
  CHECK(full.tenant == "tenant");
  CHECK(full.sender == "sender");
  CHECK(full.login == "login");
  CHECK(full.pin == "pin");
  CHECK(submitter("tenant") == submitter("tenant", "", "", ""));
  CHECK(submitter("tenant", "sender") == submitter("tenant", "sender", "", ""));
  CHECK(submitter() == submitter(""));
}

TEST_CASE("submitters that differ anywhere differ", "[registry][submitter]") {
  const submitter full("t", "s", "l", "p");
  for (const submitter& other :
       {submitter("T", "s", "l", "p"), submitter("t", "S", "l", "p"), submitter("t", "s", "L", "p"),
        submitter("t", "s", "l", "P"), submitter("t", "l", "s", "p"), submitter()})
    CHECK_FALSE(other == full);
  CHECK(full == submitter("t", "s", "l", "p"));
}

TEST_CASE("a text is no submitter by accident", "[registry][submitter]") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::string, submitter>);
  STATIC_REQUIRE_FALSE(std::is_aggregate_v<submitter>);  // so that g++ 12 can pass it through awaiting expressions
}

}  // namespace submitter_tests
