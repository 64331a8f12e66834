#include <postrider/mail/content.hpp>
#include <postrider/mail/content_traits.hpp>
#include <postrider/mail/mail.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <span>
#include <string>

namespace content_tests {

using namespace postrider;

namespace {

/// The definition, byte by byte, to measure the scanner against.
content_traits by_definition(std::string_view bytes) {
  content_traits traits;
  traits.size = bytes.size();
  std::size_t line = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c < 0) traits.eight_bit = true;
    if (line == 0 && c == '.') traits.needs_stuffing = true;
    const bool crlf = c == '\n' && i > 0 && bytes[i - 1] == '\r';
    if (c == '\n' && !crlf) traits.has_bare_cr_or_lf = true;
    if (c == '\r' && (i + 1 == bytes.size() || bytes[i + 1] != '\n')) traits.has_bare_cr_or_lf = true;
    line = c == '\n' ? 0 : line + 1;
    const std::size_t length = c == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n' ? line - 1 : line;
    traits.longest_line = std::max(traits.longest_line, static_cast<std::uint32_t>(length));
  }
  traits.ends_with_crlf = bytes.ends_with("\r\n");
  return traits;
}

void same(const content_traits& a, const content_traits& b) {
  CHECK(a.size == b.size);
  CHECK(a.longest_line == b.longest_line);
  CHECK(a.eight_bit == b.eight_bit);
  CHECK(a.needs_stuffing == b.needs_stuffing);
  CHECK(a.has_bare_cr_or_lf == b.has_bare_cr_or_lf);
  CHECK(a.ends_with_crlf == b.ends_with_crlf);
  CHECK(a == b);
}

class text_source : public content_source {
 public:
  explicit text_source(std::string text) : text_(std::move(text)) {}
  result<std::size_t> read(std::uint64_t offset, std::span<char> room) const override {
    if (offset > text_.size()) return fail(cause::source_failed, stage::data, "behind the end");
    return text_.copy(room.data(), room.size(), static_cast<std::size_t>(offset));
  }

 private:
  std::string text_;
};

}  // namespace

TEST_CASE("the traits of some contents", "[mail]") {
  same(content_traits::of(""), content_traits{});
  const content_traits plain = content_traits::of("Subject: x\r\n\r\nline\r\n");
  CHECK(plain.size == 20);
  CHECK(plain.longest_line == 10);
  CHECK(plain.ends_with_crlf);
  CHECK_FALSE(plain.eight_bit);
  CHECK_FALSE(plain.needs_stuffing);
  CHECK_FALSE(plain.has_bare_cr_or_lf);
  for (const auto* bare : {"\n", "\r", "a\nb\r\n", "a\rb\r\n", "a\r\r\n", "a\r\n\n", "a\r\n\r", "\n\r", "a\r"})
    CHECK(content_traits::of(bare).has_bare_cr_or_lf);
  for (const auto* dot : {".", "a\r\n.", ".\r\n", "a\r\n.b\r\n", "a\n.b"})
    CHECK(content_traits::of(dot).needs_stuffing);
  for (const auto* none : {"a.", "a\r\n a.\r\n", "\r.\r\n"}) CHECK_FALSE(content_traits::of(none).needs_stuffing);
  CHECK(content_traits::of("\r\n\xC3\xA4").eight_bit);
}

TEST_CASE("where content is cut makes no difference to its traits", "[mail]") {
  std::mt19937 chance(7);
  constexpr std::string_view alphabet = "ab.\r\n\r\n\n\r\xC3";
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (auto size = chance() % 30; size > 0; --size) bytes += alphabet[chance() % alphabet.size()];
    const content_traits expected = by_definition(bytes);
    same(content_traits::of(bytes), expected);
    content_scanner one_by_one;
    for (const char c : bytes) one_by_one.feed({&c, 1});
    same(one_by_one.finish(), expected);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      content_scanner scanner;
      scanner.feed(std::string_view(bytes).substr(0, cut));
      CHECK(scanner.finish() == by_definition(bytes.substr(0, cut)));
      scanner.feed(std::string_view(bytes).substr(cut));
      CHECK(scanner.finish() == expected);
    }
  }
}

TEST_CASE("canonical form has CRLF at the end of each line and nowhere else", "[mail]") {
  CHECK(canonical("").empty());
  CHECK(canonical("a") == "a\r\n");
  CHECK(canonical("a\nb\rc\r\nd\r\n") == "a\r\nb\r\nc\r\nd\r\n");
  CHECK(canonical("\r\r\n\n") == "\r\n\r\n\r\n");
  CHECK(canonical("\n\r") == "\r\n\r\n");
  std::mt19937 chance(8);
  for (int round = 0; round < 500; ++round) {
    std::string bytes;
    for (auto size = chance() % 20; size > 0; --size) bytes += "a\r\n."[chance() % 4];
    const std::string once = canonical(bytes);
    CHECK_FALSE(content_traits::of(once).has_bare_cr_or_lf);
    CHECK(content_traits::of(once).ends_with_crlf == !bytes.empty());
    CHECK(canonical(once) == once);
  }
}

TEST_CASE("content in memory is read from any offset", "[mail]") {
  const content letters("abcdef\r\n");
  const content copy = letters;
  CHECK(copy.bytes() == "abcdef\r\n");
  CHECK(copy.bytes()->data() == letters.bytes()->data());
  CHECK(copy.traits().size == 8);
  std::array<char, 5> room{};
  CHECK(letters.read(0, room) == 5u);
  CHECK(std::string_view(room.data(), 5) == "abcde");
  CHECK(letters.read(5, room) == 3u);
  CHECK(std::string_view(room.data(), 3) == "f\r\n");
  CHECK(letters.read(8, room) == 0u);
  CHECK(letters.read(~std::uint64_t{0}, room) == 0u);
  CHECK(letters.read(0, std::span<char>()) == 0u);
  CHECK(content("").traits() == content_traits{});
}

TEST_CASE("content elsewhere is read through its source", "[mail]") {
  const std::string text = "somewhere else\r\n";
  const content far(std::make_shared<text_source>(text), content_traits::of(text));
  CHECK_FALSE(far.bytes());
  CHECK(far.traits().size == text.size());
  std::array<char, 4> room{};
  CHECK(far.read(5, room) == 4u);
  CHECK(std::string_view(room.data(), 4) == "here");
  CHECK(far.read(1000, room).error().cause == cause::source_failed);
}

TEST_CASE("a source that throws has failed", "[mail]") {
  struct throwing_source final : content_source {
    result<std::size_t> read(std::uint64_t, std::span<char>) const override {
      throw std::runtime_error("the file is gone");
    }
  };
  content_traits traits;
  traits.size = 10;
  const content broken(std::make_shared<throwing_source>(), traits);
  std::array<char, 4> room{};
  const auto read = broken.read(0, room);
  REQUIRE_FALSE(read);
  CHECK(read.error().cause == cause::source_failed);
  CHECK(read.error().detail == "the file is gone");
}

TEST_CASE("copies of a mail share its envelope and content", "[mail]") {
  const address ada = address::parse("ada@example.com").value();
  const mail one(envelope(ada, {recipient(ada)}), content("x\r\n"));
  const mail two = one;
  CHECK(&one.envelope() == &two.envelope());
  CHECK(&one.content() == &two.content());
  CHECK(two.envelope().recipients.size() == 1);
  CHECK_FALSE(two.needs_smtputf8());
}

}  // namespace content_tests
