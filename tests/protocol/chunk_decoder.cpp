#include <postrider/protocol/chunk_decoder.hpp>
#include <postrider/protocol/command_parser.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <support/dialogue_host.hpp>

namespace chunk_decoder_tests {

using namespace postrider::protocol;

namespace {

/// What comes of `content`, cut after `first` bytes and then every `step`; nothing if it is refused.
std::optional<std::string> decode(std::string_view content, std::size_t first, std::size_t step) {
  chunk_decoder decoder;
  std::string taken;
  const auto sink = [&](std::string_view part) { taken += part; };
  decoder.decode(content.substr(0, first), sink);
  for (std::size_t at = first; at < content.size(); at += step) decoder.decode(content.substr(at, step), sink);
  decoder.end();
  if (decoder.refused()) return std::nullopt;
  CHECK(decoder.size() == content.size());
  return taken;
}

std::optional<std::string> decode_in_every_way(std::string_view content) {
  const auto whole = decode(content, content.size(), 1);
  CHECK(decode(content, 0, 1) == whole);
  for (std::size_t cut = 0; cut <= content.size(); ++cut) CHECK(decode(content, cut, content.size() + 1) == whole);
  return whole;
}

}  // namespace

TEST_CASE("chunks are taken as they are", "[server][chunks]") {
  for (const std::string_view content : {"", "a", "\r\n", "\r\n\r\n", ".\r\n..\r\n", "a\r\nb\r\n\r\nc", "\r\n.\r\n"}) {
    INFO(content);
    CHECK(decode_in_every_way(content) == std::string(content));
  }
}

TEST_CASE("a bare CR or LF refuses chunks wherever they are cut", "[server][chunks]") {
  for (const std::string_view content : {"\r", "\n", "a\r", "a\n", "\r\r\n", "\n\r", "a\r\nb\nc\r\n", "a\rb\r\n",
                                         "\r\n\n", "\r\n\r", "a\r\n\rb", "\r\n.\n"}) {
    INFO(content);
    CHECK_FALSE(decode_in_every_way(content));
  }
}

TEST_CASE("nothing of refused chunks is handed over any more", "[server][chunks]") {
  chunk_decoder decoder;
  std::string taken;
  const auto sink = [&](std::string_view part) { taken += part; };
  decoder.decode("a\r\n", sink);
  decoder.decode("b\nc", sink);
  decoder.decode("d\r\n", sink);
  CHECK(taken == "a\r\n");
}

TEST_CASE("the argument of BDAT is a number, and LAST", "[server][chunks]") {
  CHECK(parse_chunk("0")->size == 0);
  CHECK_FALSE(parse_chunk("0")->last);
  CHECK(parse_chunk("18446744073709551615 LAST")->size == 18446744073709551615U);
  CHECK(parse_chunk("7  last")->last);
  for (const std::string_view bad :
       {"", "LAST", "18446744073709551616", "1 2", "1 LAST x", "-1", "+1", "1,LAST", "0x1", "1\tLAST"}) {
    INFO(bad);
    CHECK_FALSE(parse_chunk(bad));
  }
}

TEST_CASE("a chunk of any size is handed over in pieces", "[server][chunks]") {
  test::host_rules rules;
  rules.settings.piece = 1000;
  test::dialogue_host host(rules);
  host.settle();
  host.say("EHLO client.example.com\r\n");
  host.say("MAIL FROM:<ada@example.com>\r\nRCPT TO:<charles@example.org>\r\nBDAT 1000000 LAST\r\n");
  const std::string line = std::string(98, 'x') + "\r\n";
  for (int i = 0; i < 9999; ++i) CHECK(host.say(line).empty());
  CHECK(host.operations() > 900);  // most of it has gone to the acceptor before it is complete
  CHECK(host.say(line) == "250 2.0.0 Queued as 1\r\n");
  CHECK(host.mails().back().content.size() == 1'000'000);
}

TEST_CASE("an acceptor is told when chunks stop short of a mail", "[server][chunks]") {
  for (const std::string_view end : {"RSET\r\n", "EHLO again.example.com\r\n", "BDAT 3\r\na\nb", "BDAT 60000000\r\n"}) {
    test::dialogue_host host({});
    host.settle();
    host.say("EHLO client.example.com\r\n");
    host.say("MAIL FROM:<ada@example.com>\r\nRCPT TO:<charles@example.org>\r\nBDAT 3\r\na\r\n");
    CHECK(host.discarded() == 0);
    host.say(end);
    INFO(end);
    CHECK(host.discarded() == 1);
    host.say("RSET\r\n");
    CHECK(host.discarded() == 1);
    CHECK(host.committed() == 0);
  }
}

}  // namespace chunk_decoder_tests
