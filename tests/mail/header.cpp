#include <postrider/mail/content_traits.hpp>
#include <postrider/mail/header_field.hpp>
#include <postrider/mail/header_fields.hpp>

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

namespace header_tests {

using namespace postrider;

namespace {
mailbox box(std::string name, std::string_view address) {
  return {std::move(name), address::parse(address).value()};
}
}  // namespace

TEST_CASE("fields fold between pieces and nowhere else", "[mail]") {
  const std::vector<std::string> words(20, "twelve_chars");
  const std::string field = folded_field("X", words);
  CHECK(field.starts_with("X: twelve_chars twelve_chars"));
  CHECK(field.ends_with("twelve_chars\r\n"));
  std::string_view left = field;
  std::size_t lines = 0;
  for (; !left.empty(); ++lines) {
    const auto end = left.find("\r\n");
    CHECK(end <= 76);
    CHECK(lines == (left.front() == ' ' ? lines : 0));
    left.remove_prefix(end + 2);
  }
  CHECK(lines == 4);
  CHECK(folded_field("X", std::vector<std::string>{std::string(200, 'x')}) == "X: " + std::string(200, 'x') + "\r\n");
  CHECK(folded_field("X", {}) == "X:\r\n");
}

TEST_CASE("field names", "[mail]") {
  for (const auto* good : {"A", "X-Mailer", "x!y"}) CHECK(is_field_name(good));
  for (const auto* bad : {"", "A:", "A B", "A\r\n", "\xC3\xA4", "A\t"}) CHECK_FALSE(is_field_name(bad));
  CHECK_FALSE(is_field_name(std::string(75, 'x')));
}

TEST_CASE("free text is left alone as far as it can be", "[mail]") {
  CHECK(unstructured_field("Subject", "") == "Subject:\r\n");
  CHECK(unstructured_field("Subject", "Hello  world") == "Subject: Hello  world\r\n");
  CHECK(unstructured_field("Subject", "one \xC3\xBC two") == "Subject: one =?utf-8?b?w7w=?= two\r\n");
  CHECK(unstructured_field("Subject", "\xC3\xBC \xC3\xA4") == "Subject: =?utf-8?b?w7wgw6Q=?=\r\n");
  CHECK(unstructured_field("Subject", " x") == "Subject: =?utf-8?q?_x?=\r\n");
}

TEST_CASE("a long word that fits a line is left alone: in many fields it is a link, which nobody decodes", "[mail]") {
  const std::string link = "<https://example.com/" + std::string(700, 'x') + '>';
  CHECK(unstructured_field("List-Unsubscribe", link) == "List-Unsubscribe: " + link + "\r\n");
  for (const std::size_t size : {870U, 871U, 2000U}) {
    const std::string word(size, 'w');
    for (const std::string& field : {unstructured_field(std::string(74, 'N'), std::string(39, ' ') + word),
                                     unstructured_field("X", "two" + std::string(39, ' ') + word),
                                     address_field("To", std::vector{box(word, "a@b")}),
                                     address_field("To", std::vector{box(std::string(size, '"'), "a@b")})}) {
      CHECK(content_traits::of(field).longest_line <= 998);
      if (field.starts_with("X")) CHECK(decode_words(field_value(field)) == "two" + std::string(39, ' ') + word);
    }
  }
}

TEST_CASE("encoded words stand in lines of 76 at most, whatever the name of the field", "[mail]") {
  for (const std::size_t size : {1U, 40U, 46U, 47U, 60U, 74U}) {
    const std::string name(size, 'N');
    for (const std::string& field :
         {unstructured_field(name, "\xC3\xA4 text that is long enough for two words of it, or three"),
          address_field(name, std::vector{box("J\xC3\xBCrgen", "a@b")})}) {
      CHECK(content_traits::of(field).longest_line <= 76);
      CHECK(field.starts_with(name + ':'));
      CHECK_FALSE(decode_words(field_value(field)).starts_with('='));
    }
  }
}

TEST_CASE("free text comes back through the reader, in lines of 76 at most", "[mail]") {
  std::mt19937 chance(11);
  const std::vector<std::string> alphabet{"a",  "word", " ", " ", "=?", "?=", "\xC3\xA4", "\xF0\x9F\x98\x80",
                                          "\t", "x@y"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (auto size = chance() % 80; size > 0; --size) text += alphabet[chance() % alphabet.size()];
    std::string field = unstructured_field("Subject", text);
    INFO(field);
    CHECK(is_ascii(field));
    std::string_view left = field;
    CHECK(next_field(left) == field);
    CHECK(left.empty());
    CHECK(decode_words(field_value(field)) == text);
    CHECK(field.find("\r\n \r\n") == std::string::npos);
  }
}

TEST_CASE("fields of mailboxes", "[mail]") {
  const auto field = [](std::vector<mailbox> boxes) { return address_field("To", boxes); };
  CHECK(field({box("", "a@b")}) == "To: a@b\r\n");
  CHECK(field({box("Ada Lovelace", "a@b"), box("", "c@d")}) == "To: Ada Lovelace <a@b>, c@d\r\n");
  CHECK(field({box("Lovelace, \"A\"", "a@b")}) == "To: \"Lovelace, \\\"A\\\"\" <a@b>\r\n");
  CHECK(field({box("J\xC3\xBCrgen", "a@b")}) == "To: =?utf-8?q?J=C3=BCrgen?= <a@b>\r\n");
  CHECK(field({box("two  blanks", "a@b")}) == "To: \"two  blanks\" <a@b>\r\n");
}

TEST_CASE("header sections are read", "[mail]") {
  const std::string content =
      "From: a@b\r\nSubject: folded\r\n  value \r\nreceived : one\r\nReceived: two\r\nnot a field\r\n\r\nbody: x\r\n";
  const std::string_view section = header_section(content);
  CHECK(section.ends_with("not a field\r\n"));
  CHECK(find_field(section, "SUBJECT") == "folded  value");
  CHECK(find_field(section, "From") == "a@b");
  CHECK_FALSE(find_field(section, "body"));
  CHECK(count_fields(section, "Received") == 2);
  CHECK(header_section("\r\nbody").empty());
  CHECK(header_section("A: b") == "A: b");
  CHECK(find_field("A: b", "a") == "b");
  CHECK(find_field("A:", "a") == "");
  CHECK_FALSE(find_field("", "a"));
  CHECK(field_name("no colon\r\n").empty());
}

}  // namespace header_tests
