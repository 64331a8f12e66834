#include <postrider/protocol/reply.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace reply_tests {

using namespace postrider;
using protocol::reply;
using protocol::reply_parser;
using status = protocol::reply_parser::status;

namespace {

std::string words(const reply& r) {
  std::string text = std::to_string(r.code);
  if (r.enhanced) text += ' ' + to_string(r.enhanced);
  for (const auto& line : r.lines) text += '|' + line;
  return text;
}

/// What a parser makes of `bytes` in pieces of `piece` bytes; the last word is "malformed" if it ended so.
std::vector<std::string> parsed(std::string_view bytes, std::size_t piece) {
  std::vector<std::string> found;
  reply_parser parser;
  while (!bytes.empty()) {
    const std::string own(bytes.substr(0, piece));
    bytes.remove_prefix(own.size());
    std::string_view input = own;
    while (!input.empty()) {
      const status now = parser.parse(input);
      if (now == status::complete) found.push_back(words(parser.value()));
      if (now == status::incomplete) CHECK(input.empty());
      if (now != status::malformed) continue;
      found.emplace_back("malformed");
      return found;
    }
  }
  return found;
}

using many = std::vector<std::string>;

}  // namespace

TEST_CASE("replies are read the same in pieces of any size", "[reply]") {
  const std::vector<std::pair<std::string, many>> samples{
      {"220 mx.example.org ESMTP\r\n", {"220|mx.example.org ESMTP"}},
      {"250-one\r\n250-two\r\n250 three\r\n", {"250|one|two|three"}},
      {"250\r\n", {"250|"}},
      {"250-\r\n250\r\n", {"250||"}},
      {"250 \r\n", {"250|"}},
      {"250 lf only\n", {"250|lf only"}},
      {"250 cr inside\r is text\r\n", {"250|cr inside\r is text"}},
      {"550 5.1.1 nobody\r\n", {"550 5.1.1|nobody"}},
      {"550-5.7.1 first\r\n550 5.7.26 second\r\n", {"550 5.7.1|first|second"}},
      {"550-words\r\n550 5.7.26 second\r\n", {"550 5.7.26|words|second"}},
      {"250 4.1.1 of another class\r\n", {"250|4.1.1 of another class"}},
      {"450 4.2.0\r\n", {"450 4.2.0|"}},
      {"250 2.0.0x\r\n", {"250|2.0.0x"}},
      {"354 go\r\n250 2.0.0 ok\r\n221 bye\r\n", {"354|go", "250 2.0.0|ok", "221|bye"}},
      {"250 \xc3\xa9t\xe9 \xff\r\n", {"250|\xc3\xa9t\xe9 \xff"}},
      {"599 last\r\n200 first\r\n", {"599|last", "200|first"}},
  };
  for (const auto& [bytes, expected] : samples) {
    INFO(bytes);
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) REQUIRE(parsed(bytes, piece) == expected);
  }
}

TEST_CASE("what is no reply is told at once and for good, in pieces of any size", "[reply]") {
  for (const std::string bad :
       {"199 low\r\n", "600 high\r\n", "25 short\r\n", "25\r\n", "\r\n", "2\n", "250x\r\n", "250\tx\r\n",
        "HTTP/1.1 400 Bad Request\r\n", "SSH-2.0-x\r\n", "\x16\x03\x01\x02", "+OK pop\r\n", "* OK imap\r\n",
        " 250 ok\r\n", "2a0 ok\r\n", "250-one\r\n251 two\r\n", "250-one\r\nwords\r\n"}) {
    INFO(bad);
    for (std::size_t piece = 1; piece <= bad.size(); ++piece) REQUIRE(parsed(bad, piece) == many{"malformed"});
  }
  reply_parser parser;
  std::string_view input = "nonsense\r\n";
  CHECK(parser.parse(input) == status::malformed);
  CHECK(parser.evidence() == "nonsense");
  CHECK(parser.complaint() == "no reply code");
  input = "250 fine again\r\n";
  CHECK(parser.parse(input) == status::malformed);
}

TEST_CASE("a line and a reply have a longest size", "[reply]") {
  const auto ends = [](const std::string& bytes, std::size_t piece) {
    const auto found = parsed(bytes, piece);
    return found.empty() ? std::string("incomplete") : found.back().substr(0, 9);
  };
  for (const std::size_t piece : {1U, 1000U, 1U << 20}) {
    const std::size_t text = reply_parser::max_line - 5;  // code, blank, CR
    CHECK(ends("250 " + std::string(text, 'x') + "\r\n", piece).starts_with("250|x"));
    CHECK(ends("250 " + std::string(text + 1, 'x') + "\r\n", piece) == "malformed");
    CHECK(ends("250 " + std::string(1 << 20, 'x'), piece) == "malformed");

    std::string many_lines;
    while (many_lines.size() < 2 * reply_parser::max_reply) many_lines += "250-" + std::string(96, 'x') + "\r\n";
    CHECK(ends(many_lines, piece) == "malformed");
    std::string empty_lines;
    for (int i = 0; i < 100'000; ++i) empty_lines += "250-\n";
    CHECK(ends(empty_lines, piece) == "malformed");
  }
}

TEST_CASE("a parser takes one reply at a time and knows whether it is midway", "[reply]") {
  reply_parser parser;
  std::string_view input = "250-a\r\n250 b\r\n220 c";
  CHECK_FALSE(parser.midway());
  CHECK(parser.parse(input) == status::complete);
  CHECK(input == "220 c");
  CHECK_FALSE(parser.midway());
  CHECK(parser.parse(input) == status::incomplete);
  CHECK(parser.midway());
  CHECK(parser.evidence() == "220 c");
  input = "\r\n";
  CHECK(parser.parse(input) == status::complete);
  CHECK(parser.value().lines == many{"c"});
}

TEST_CASE("a reply knows its class and joins its lines", "[reply]") {
  reply r;
  r.lines = {"a", "", "b"};
  CHECK(r.text() == "a  b");
  const auto classes = [&](int code) {
    r.code = code;
    return std::string{r.positive() ? 'p' : '-', r.intermediate() ? 'i' : '-', r.transient() ? 't' : '-',
                       r.permanent() ? 'x' : '-'};
  };
  CHECK(classes(250) == "p---");
  CHECK(classes(354) == "-i--");
  CHECK(classes(421) == "--t-");
  CHECK(classes(599) == "---x");
}

}  // namespace reply_tests
