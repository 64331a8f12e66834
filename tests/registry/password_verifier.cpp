#include <postrider/registry/password_verifier.hpp>

#include "registry/storages.hpp"

#include <catch2/catch.hpp>

namespace password_verifier_tests {

using namespace postrider;
using namespace postrider::test;

TEST_CASE("a password stays right, and a wrong one wrong, however often it is tried", "[registry]") {
  password_verifier passwords;
  const std::string one = login_verifier::make("pw", 100).str();
  const std::string other = login_verifier::make("other", 100).str();
  for (int i = 0; i < 3; ++i) {
    CHECK(passwords.verify(one, "pw"));
    CHECK_FALSE(passwords.verify(one, "Pw"));
    CHECK_FALSE(passwords.verify(one, ""));
    CHECK_FALSE(passwords.verify(other, "pw"));
    CHECK(passwords.verify(other, "other"));
    CHECK_FALSE(passwords.verify("", "nobody"));
    CHECK_FALSE(passwords.verify("garbage", ""));
  }
}

TEST_CASE("a changed or removed login forgets its old password at once", "[registry]") {
  house<in_memory> house;
  REQUIRE(house.registry.add_login("acme", {.name = "app", .senders = {"ada@example.com"}}, "old"));
  for (int i = 0; i < 3; ++i) CHECK(house.registry.verify_login("app", "old"));
  REQUIRE(house.registry.set_login("acme", {.name = "app", .senders = {"ada@example.com"}}, "new"));
  CHECK_FALSE(house.registry.verify_login("app", "old"));
  for (int i = 0; i < 3; ++i) CHECK(house.registry.verify_login("app", "new"));
  CHECK_FALSE(house.registry.verify_login("app", "old"));
  REQUIRE(house.registry.remove_login("acme", "app"));
  CHECK_FALSE(house.registry.verify_login("app", "new"));
}

}  // namespace password_verifier_tests
