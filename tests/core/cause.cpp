#include <postrider/core/failure.hpp>
#include <postrider/core/receipt.hpp>
#include <postrider/core/result.hpp>

#include <catch2/catch.hpp>

#include <set>

using namespace postrider;

TEMPLATE_TEST_CASE("every enumerator has one spelling and comes back from it", "[core]", outcome, stage, scope, action,
                   field, cause) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < spellings<TestType>.size(); ++i) {
    const auto value = static_cast<TestType>(i);
    const auto name = to_string(value);
    REQUIRE_FALSE(name.empty());
    CHECK(seen.insert(name).second);
    CHECK(from_string<TestType>(name) == value);
  }
  CHECK_FALSE(from_string<TestType>("no such word"));
  CHECK(to_string(static_cast<TestType>(250)).empty());
}

TEST_CASE("action operator is spelled as the vocabulary says", "[core]") {
  CHECK(to_string(action::ask_operator) == "operator");
}

TEST_CASE("an account problem never bounces mail", "[core]") {
  for (const auto& traits : detail::cause_table) {
    INFO(traits.name);
    if (traits.scope == scope::account) {
      CHECK(traits.result == outcome::transient);
      CHECK(traits.action != action::bounce);
    }
    if (traits.scope == scope::server) CHECK(traits.result == outcome::transient);
    if (traits.action == action::bounce) CHECK(traits.result == outcome::permanent);
  }
}

TEST_CASE("a failure begins with what its cause means", "[core]") {
  const failure why(cause::credentials_rejected, stage::auth);
  CHECK(why.scope == scope::account);
  CHECK(why.action == action::suspend_account);
  CHECK(why.field == field::password);
  CHECK(why.outcome == outcome::transient);
  const result<int> none = fail(cause::no_address, stage::resolve, "example.org");
  REQUIRE_FALSE(none);
  CHECK(none.error().detail == "example.org");
}

TEST_CASE("a receipt is ok only if every recipient was accepted", "[core]") {
  receipt r;
  CHECK_FALSE(r.ok());
  r.recipients.emplace_back("a@example.org", outcome::accepted);
  CHECK(r.ok());
  CHECK(r.first_failure() == nullptr);
  r.recipients.emplace_back("b@example.org", failure(cause::mailbox_unknown, stage::rcpt));
  CHECK_FALSE(r.ok());
  REQUIRE(r.first_failure() != nullptr);
  CHECK(r.first_failure()->cause == cause::mailbox_unknown);
  CHECK(r.recipients[1].outcome == outcome::permanent);
}
