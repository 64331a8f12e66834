#include <postrider/protocol/line_reader.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace line_reader_tests {

using postrider::protocol::line_reader;
using status = line_reader::status;

namespace {

/// What came out, as text: lines in brackets, the rest by name. Stops where a dialogue would.
std::string read_all(std::string_view bytes, std::size_t piece) {
  line_reader reader;
  std::string seen;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const std::string copy(bytes.substr(at, piece));  // gone with the next piece, as a buffer that is used again
    reader.feed(copy);
    for (;;) {
      std::string_view line;
      const status got = reader.next(line);
      if (got == status::incomplete) break;
      if (got == status::line) seen += '[' + std::string(line) + ']';
      if (got == status::too_long) seen += "too long";
      if (got == status::bare_lf) return seen + "bare LF";
      if (got == status::junk) return seen + "junk";
      if (got == status::endless) return seen + "endless";
    }
  }
  return seen;
}

}  // namespace

TEST_CASE("lines end with CRLF and nothing else, at any chunking", "[line_reader]") {
  using namespace std::string_view_literals;
  struct example {
    std::string_view bytes;
    std::string_view seen;
  };
  const std::vector<example> table{
      {"", ""},
      {"NOOP", ""},
      {"NOOP\r", ""},
      {"NOOP\r\n", "[NOOP]"},
      {"\r\n", "[]"},
      {"\r\n\r\nQUIT\r\n", "[][][QUIT]"},
      {"EHLO a\r\nMAIL FROM:<>\r\nRC", "[EHLO a][MAIL FROM:<>]"},
      {"a\rb\r\n", "[a\rb]"},
      {"a\r\r\n", "[a\r]"},
      {"\n", "bare LF"},
      {"NOOP\n", "bare LF"},
      {"NOOP\r\nQUIT\nNOOP\r\n", "[NOOP]bare LF"},
      {"\r\n\n", "[]bare LF"},
      {"\x16\x03\x01"sv, "junk"},
      {"\0NOOP\r\n"sv, "junk"},
      {"\tNOOP\r\n", "junk"},
      {"\x7f", "junk"},
      {"\xc3\xa4\r\n", "junk"},
      {"NOOP\r\n\x80\r\n", "[NOOP]junk"},
      {"NOOP \xc3\xa4\t\0\r\n"sv, "[NOOP \xc3\xa4\t\0]"sv},
      {" ~\r\n", "[ ~]"},
  };
  for (const auto& [bytes, seen] : table) {
    for (std::size_t piece = 1; piece <= bytes.size() + 1; ++piece) {
      INFO(bytes << " in pieces of " << piece);
      CHECK(read_all(bytes, piece) == seen);
    }
  }
}

TEST_CASE("the longest line is taken, one byte more is dropped, and the next line is whole", "[line_reader]") {
  const std::string longest(line_reader::longest - 2, 'x');
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, line_reader::longest - 1, line_reader::longest,
                                  line_reader::longest + 1, std::size_t{100'000}}) {
    INFO(piece);
    CHECK(read_all(longest + "\r\nNOOP\r\n", piece) == '[' + longest + "][NOOP]");
    CHECK(read_all(longest + "x\r\nNOOP\r\n", piece) == "too long[NOOP]");
    CHECK(read_all(std::string(40'000, 'x') + "\r\nNOOP\r\n", piece) == "too long[NOOP]");
    CHECK(read_all(std::string(40'000, 'x') + "\nNOOP\r\n", piece) == "too long[NOOP]");
  }
}

TEST_CASE("patience with a line that does not end is limited", "[line_reader]") {
  line_reader reader;
  std::string_view line;
  const std::string some(line_reader::patience / 4, 'x');
  for (int i = 0; i < 4; ++i) {
    reader.feed(some);
    CHECK(reader.next(line) == status::incomplete);
  }
  reader.feed("x");
  CHECK(reader.next(line) == status::endless);
}

TEST_CASE("what is not a line's can be used by others", "[line_reader]") {
  line_reader reader;
  std::string_view line;
  CHECK(reader.rest().empty());
  reader.feed("DATA\r\ncontent\r\n.\r\nNOOP\r\n");
  REQUIRE(reader.next(line) == status::line);
  CHECK(line == "DATA");
  CHECK(reader.rest() == "content\r\n.\r\nNOOP\r\n");
  reader.use(12);
  CHECK(reader.rest() == "NOOP\r\n");
  REQUIRE(reader.next(line) == status::line);
  CHECK(line == "NOOP");
  CHECK(reader.rest().empty());
  CHECK(reader.next(line) == status::incomplete);
}

TEST_CASE("a line that lies whole in the bytes is not copied", "[line_reader]") {
  line_reader reader;
  std::string_view line;
  const std::string bytes = "NOOP\r\nQU";
  reader.feed(bytes);
  REQUIRE(reader.next(line) == status::line);
  CHECK(line.data() == bytes.data());
  CHECK(reader.next(line) == status::incomplete);
  reader.feed("IT\r\n");
  REQUIRE(reader.next(line) == status::line);
  CHECK(line == "QUIT");
}

TEST_CASE("a CR that was used by others does not end a line", "[line_reader]") {
  line_reader reader;
  std::string_view line;
  reader.feed("content\r\n");
  reader.use(8);
  CHECK(reader.next(line) == status::bare_lf);
}

}  // namespace line_reader_tests
