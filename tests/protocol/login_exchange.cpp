#include <postrider/protocol/login_exchange.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace login_exchange_tests {

using postrider::secret;
using postrider::protocol::login_exchange;
using step = login_exchange::step;
using namespace std::string_view_literals;

namespace {

login_exchange begun(std::string_view mechanism) {
  auto exchange = login_exchange::begin(mechanism);
  REQUIRE(exchange);
  return *exchange;
}

step respond(login_exchange& exchange, std::string_view response) {
  return exchange.respond(secret(std::string(response)));
}

}  // namespace

TEST_CASE("PLAIN and LOGIN are known in any case, nothing else is", "[login_exchange]") {
  for (const auto known : {"PLAIN", "plain", "PlAiN"}) CHECK(begun(known).challenge().empty());
  for (const auto known : {"LOGIN", "login", "LoGiN"}) CHECK(begun(known).challenge() == "Username:");
  for (const auto unknown : {"", "PLAIN ", " PLAIN", "PLAI", "PLAINS", "CRAM-MD5", "XOAUTH2", "PLAIN LOGIN"}) {
    INFO(unknown);
    CHECK_FALSE(login_exchange::begin(unknown));
  }
  CHECK_FALSE(login_exchange::begin("PLAIN\0"sv));
}

TEST_CASE("every mechanism that is told of can be begun", "[login_exchange]") {
  std::string_view left = login_exchange::mechanisms(true);
  std::size_t count = 0;
  for (;; ++count) {
    const std::string_view name = left.substr(0, left.find(' '));
    CHECK(login_exchange::begin(name, true));
    if (name.size() == left.size()) break;
    left.remove_prefix(name.size() + 1);
  }
  CHECK(count == 2);
  CHECK(login_exchange::mechanisms(false) == "PLAIN LOGIN");
  CHECK_FALSE(login_exchange::begin("SCRAM-SHA-256"));
}

TEST_CASE("PLAIN hands over a name and a password", "[login_exchange]") {
  struct example {
    std::string_view response;
    std::string_view user;
    std::string_view password;
  };
  const std::vector<example> table{
      {"\0ada\0sesame"sv, "ada", "sesame"},
      {"ada\0ada\0sesame"sv, "ada", "sesame"},
      {"\0a\0b"sv, "a", "b"},
      {"\0ada@example.com\0 open sesame "sv, "ada@example.com", " open sesame "},
      {"\0\xc3\xa4\0\xc3\xb6"sv, "\xc3\xa4", "\xc3\xb6"},
  };
  for (const auto& [response, user, password] : table) {
    login_exchange exchange = begun("PLAIN");
    CHECK(respond(exchange, response) == step::complete);
    CHECK(exchange.user() == user);
    CHECK(exchange.password().reveal() == password);
  }
}

TEST_CASE("a malformed PLAIN is refused, and leaves no password", "[login_exchange]") {
  const std::vector<std::string_view> table{
      "",
      "ada",
      "\0"sv,
      "\0\0"sv,
      "\0\0\0"sv,
      "\0ada"sv,
      "\0ada\0"sv,
      "\0\0sesame"sv,
      "ada\0\0sesame"sv,
      "ada\0sesame"sv,
      "eve\0ada\0sesame"sv,
      "ADA\0ada\0sesame"sv,
      "\0ada\0ses\0ame"sv,
      "\0ada\0sesame\0"sv,
      "\0a\nda\0sesame"sv,
      "\0ada\0ses\rame"sv,
      "\0ada\x7f\0sesame"sv,
  };
  for (const auto response : table) {
    INFO(response);
    login_exchange exchange = begun("PLAIN");
    CHECK(respond(exchange, response) == step::refused);
    CHECK(exchange.password().empty());
  }
}

TEST_CASE("LOGIN asks for the name, then for the password", "[login_exchange]") {
  login_exchange exchange = begun("LOGIN");
  CHECK(respond(exchange, "ada") == step::challenge);
  CHECK(exchange.challenge() == "Password:");
  CHECK(exchange.password().empty());
  CHECK(respond(exchange, "open sesame") == step::complete);
  CHECK(exchange.user() == "ada");
  CHECK(exchange.password().reveal() == "open sesame");
}

TEST_CASE("LOGIN refuses what no name and no password can be", "[login_exchange]") {
  for (const auto wrong : {""sv, "\0"sv, "ada\0"sv, "a\nb"sv, "\x7f"sv, "ada\0sesame"sv}) {
    INFO(wrong);
    login_exchange name = begun("LOGIN");
    CHECK(respond(name, wrong) == step::refused);
    login_exchange password = begun("LOGIN");
    REQUIRE(respond(password, "ada") == step::challenge);
    CHECK(respond(password, wrong) == step::refused);
    CHECK(password.password().empty());
  }
}

}  // namespace login_exchange_tests
