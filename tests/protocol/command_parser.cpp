#include <postrider/protocol/command_parser.hpp>

#include <catch2/catch.hpp>

#include <vector>

namespace command_parser_tests {

using namespace postrider::protocol;

TEST_CASE("a command is a verb in any case and what follows it", "[server]") {
  CHECK(parse_command("EHLO client.example.com").name == verb::ehlo);
  CHECK(parse_command("eHlO client.example.com").argument == "client.example.com");
  CHECK(parse_command("DATA").name == verb::data);
  CHECK(parse_command("DATA").argument.empty());
  CHECK(parse_command("quit  ").name == verb::quit);
  CHECK(parse_command("quit  ").argument.empty());
  CHECK(parse_command("NOOP  two  words ").argument == "two  words");
  CHECK(parse_command("").name == verb::unknown);
  CHECK(parse_command(" MAIL").name == verb::unknown);
  CHECK(parse_command("MAILFROM:<a@b>").name == verb::unknown);
  CHECK(parse_command("GET / HTTP/1.1").name == verb::foreign);
  CHECK(parse_command("SSH-2.0-OpenSSH_9.2").name == verb::foreign);
}

TEST_CASE("a path stands in angle brackets", "[server]") {
  const auto from = parse_path("FROM:<ada@example.com> SIZE=100 BODY=8BITMIME", "FROM:");
  REQUIRE(from);
  CHECK(from->path == "ada@example.com");
  CHECK(from->parameters == " SIZE=100 BODY=8BITMIME");
  CHECK(parse_path("from:<>", "FROM:")->path.empty());
  CHECK(parse_path("TO: <ada@example.com>", "TO:")->path == "ada@example.com");
  CHECK(parse_path("TO:<@a.example,@b.example:ada@example.com>", "TO:")->path == "ada@example.com");
  CHECK(parse_path("TO:<\"a>b\"@example.com>", "TO:")->path == "\"a>b\"@example.com");
  CHECK(parse_path("TO:<\"a\\\">b\"@example.com>", "TO:")->path == "\"a\\\">b\"@example.com");
  for (const auto* wrong :
       {"", "TO:", "TO:ada@example.com", "TO:<ada@example.com", "TO:<ada@example.com>SIZE=1", "TO:<@a.example>",
        "TO:<@a.example:>", "TO:<\"ada@example.com>", "FROM:<ada@example.com>", "TO"}) {
    INFO(wrong);
    CHECK_FALSE(parse_path(wrong, "TO:"));
  }
}

TEST_CASE("parameters are keywords with or without a value", "[server]") {
  std::string_view text = "  SIZE=100  SMTPUTF8 body=8bitmime ";
  std::vector<parameter> found;
  while (const auto one = next_parameter(text)) found.push_back(*one);
  CHECK(text.empty());
  REQUIRE(found.size() == 3);
  CHECK(found[0].is("SIZE"));
  CHECK(found[0].value == "100");
  CHECK_FALSE(found[1].has_value);
  CHECK(found[2].is("BODY"));
  for (std::string_view wrong : {"SIZE=", "=100", "-A=1", "A=b=c", "A=b\x01", "A=\xC3\xA9", "SI_ZE=1"}) {
    INFO(wrong);
    std::string_view rest = wrong;
    CHECK_FALSE(next_parameter(rest));
    CHECK_FALSE(rest.empty());
  }
}

TEST_CASE("numbers are decimal and fit", "[server]") {
  CHECK(parse_number("0") == 0);
  CHECK(parse_number("18446744073709551615") == UINT64_MAX);
  CHECK_FALSE(parse_number("18446744073709551616"));
  CHECK_FALSE(parse_number("99999999999999999999"));
  CHECK_FALSE(parse_number(""));
  CHECK_FALSE(parse_number("-1"));
  CHECK_FALSE(parse_number("1a"));
}

}  // namespace command_parser_tests
