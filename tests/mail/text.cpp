#include <postrider/mail/ascii.hpp>
#include <postrider/mail/date.hpp>
#include <postrider/mail/message_id.hpp>
#include <postrider/mail/printable.hpp>
#include <postrider/mail/utf8.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <set>
#include <string>

namespace text_tests {

using namespace postrider;

TEST_CASE("case is that of ASCII alone", "[mail]") {
  CHECK(equal_ignoring_case("Example.ORG", "eXAMPLE.org"));
  CHECK_FALSE(equal_ignoring_case("a", "ab"));
  CHECK_FALSE(equal_ignoring_case("[", "{"));
  CHECK_FALSE(equal_ignoring_case("\xC3\x84", "\xC3\xA4"));
}

TEST_CASE("a byte outside ASCII is found wherever it stands", "[mail]") {
  for (std::size_t size = 0; size < 40; ++size) {
    std::string text(size, 'x');
    CHECK(is_ascii(text));
    for (std::size_t at = 0; at < size; ++at) {
      text[at] = '\x80';
      CHECK_FALSE(is_ascii(text));
      CHECK_FALSE(is_ascii(std::string_view(text).substr(at)));
      text[at] = 'x';
    }
  }
}

TEST_CASE("control characters", "[mail]") {
  for (int byte = 0; byte < 256; ++byte) {
    INFO(byte);
    CHECK(is_control(static_cast<char>(byte)) == (byte < 0x20 || byte == 0x7F));
  }
  CHECK(has_control(std::string_view("a\0b", 3)));
  CHECK_FALSE(has_control("plain \xC3\xA4"));
  for (std::size_t length = 1; length < 20; ++length)
    for (std::size_t at = 0; at < length; ++at)
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(length, byte % 2 == 0 ? ' ' : '\xFF');
        text[at] = static_cast<char>(byte);
        if (has_control(text) != is_control(text[at])) FAIL(length << ' ' << at << ' ' << byte);
      }
}

TEST_CASE("UTF-8 is checked as RFC 3629 says", "[mail]") {
  for (const auto* good : {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    INFO(good);
    CHECK(is_utf8(good));
    CHECK(utf8_length(good) == std::string_view(good).size());
  }
  for (const auto* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2x", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE1\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xF0\x90\x80"}) {
    INFO(printable(bad));
    CHECK_FALSE(is_utf8(bad));
    CHECK_FALSE(is_utf8(std::string("before ") + bad));
  }
}

TEST_CASE("printable text is safe to show and says what was there", "[mail]") {
  CHECK(printable("plain \xC3\xA4") == "plain \xC3\xA4");
  CHECK(printable(std::string_view("a\r\nb\t\0\x1B\x7F\\", 9)) == "a\\r\\nb\\t\\x00\\x1b\\x7f\\\\");
  CHECK(printable("\xC3 \xFF") == "\\xc3 \\xff");
  CHECK(printable("\xC2\x9B"
                  "2J\xC2\xA0") ==
        "\\xc2\\x9b"
        "2J\xC2\xA0");  // what terminals obey, in UTF-8
  CHECK(printable(std::string(200, 'x')) == std::string(120, 'x') + "...");
  CHECK(printable("\xC3\xA4\xC3\xA4", 3) == "\xC3\xA4...");
}

TEST_CASE("dates are in English and in UTC", "[mail]") {
  using namespace std::chrono;
  const auto at = [](long long s) { return internet_date(system_clock::time_point(seconds(s))); };
  CHECK(at(0) == "Thu, 01 Jan 1970 00:00:00 +0000");
  CHECK(at(951827696) == "Tue, 29 Feb 2000 12:34:56 +0000");
  CHECK(at(1798761599) == "Thu, 31 Dec 2026 23:59:59 +0000");
  CHECK(at(-1) == "Wed, 31 Dec 1969 23:59:59 +0000");
}

TEST_CASE("Message-IDs never repeat", "[mail]") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) CHECK(seen.insert(make_message_id("example.org")).second);
  CHECK(is_message_id(*seen.begin()));
  CHECK(seen.begin()->ends_with("@example.org>"));
  for (const auto* good : {"<a@b>", "<a.b+c@[192.0.2.1]>"}) CHECK(is_message_id(good));
  for (const auto* bad : {"", "a@b", "<ab>", "<a@b", "<@b>", "<a@>", "<a@b@c>", "<a b@c>", "<a@b>\r\n", "<a@b><c@d>",
                          "<\xC3\xA4@b>", "<<a@b>"}) {
    INFO(bad);
    CHECK_FALSE(is_message_id(bad));
  }
  CHECK_FALSE(is_message_id('<' + std::string(400, 'x') + "@b>"));
}

}  // namespace text_tests
