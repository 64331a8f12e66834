#include <postrider/mail/encoded_word.hpp>
#include <postrider/mail/mime_parameter.hpp>
#include <postrider/mail/quoted_printable.hpp>
#include <postrider/mail/transfer_encoding.hpp>

#include <catch2/catch.hpp>

#include <random>
#include <string>

namespace encoding_tests {

using namespace postrider;

TEST_CASE("quoted-printable, written", "[mail]") {
  namespace qp = quoted_printable;
  CHECK(qp::encode("").empty());
  CHECK(qp::encode("plain\r\n") == "plain\r\n");
  CHECK(qp::encode("1=1\r\n") == "1=3D1\r\n");
  CHECK(qp::encode("\xC3\xA4") == "=C3=A4");
  CHECK(qp::encode("a \r\nb\t\r\nc ") == "a=20\r\nb=09\r\nc=20");
  CHECK(qp::encode("a\nb\rc") == "a=0Ab=0Dc");
  CHECK(qp::encode(std::string(76, 'x') + "\r\n") == std::string(76, 'x') + "\r\n");
  CHECK(qp::encode(std::string(77, 'x')) == std::string(75, 'x') + "=\r\nxx");
  CHECK(qp::encode(std::string(74, 'x') + "=\r\n") == std::string(74, 'x') + "=\r\n=3D\r\n");
}

TEST_CASE("quoted-printable, read", "[mail]") {
  namespace qp = quoted_printable;
  CHECK(qp::decode("a=\r\nb=3d=3D") == "ab==");
  CHECK(qp::decode("a=  \r\nb") == "ab");
  CHECK(qp::decode("added  \t\r\nx") == "added\r\nx");
  CHECK(qp::decode("a\nb=\nc") == "a\nbc");
  for (const auto* bad : {"=4", "=G0", "=0G", "a=b", "=4\r\n1", "==3D"}) {
    INFO(bad);
    CHECK_FALSE(qp::decode(bad));
  }
}

TEST_CASE("quoted-printable gives back every byte, in lines of 76", "[mail]") {
  std::mt19937 chance(9);
  constexpr std::string_view alphabet = "aaaaaaab= \t\r\n\xC3.\x01";
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (auto size = chance() % 300; size > 0; --size) bytes += alphabet[chance() % alphabet.size()];
    const std::string lines = quoted_printable::encode(bytes);
    CHECK(quoted_printable::decode(lines) == bytes);
    const content_traits traits = content_traits::of(lines);
    CHECK(traits.longest_line <= 76);
    CHECK_FALSE(traits.has_bare_cr_or_lf);
    CHECK_FALSE(traits.eight_bit);
  }
}

TEST_CASE("the encoding follows the text", "[mail]") {
  using enum transfer_encoding;
  CHECK(best_encoding("") == seven_bit);
  CHECK(best_encoding("plain\r\n") == seven_bit);
  CHECK(best_encoding(std::string(998, 'x') + "\r\n") == seven_bit);
  CHECK(best_encoding(std::string(999, 'x') + "\r\n") == quoted_printable);
  CHECK(best_encoding("bare\nends") == quoted_printable);
  CHECK(best_encoding("mostly plain text, one \xC3\xA4\r\n") == quoted_printable);
  CHECK(best_encoding("\xE6\x97\xA5\xE6\x9C\xAC") == base64);
  CHECK(best_encoding(std::string("a long enough text with a NUL") + '\0') == quoted_printable);
  CHECK(to_string(seven_bit) == "7bit");
}

TEST_CASE("base64 in lines", "[mail]") {
  for (std::size_t size : {0u, 1u, 2u, 3u, 56u, 57u, 58u, 114u, 1000u}) {
    const std::string bytes(size, '\xA5');
    std::string lines = "before";
    append_base64_lines(lines, bytes);
    CHECK(content_traits::of(lines.substr(6)).longest_line <= 76);
    std::string text;
    for (const char c : lines.substr(6))
      if (c != '\r' && c != '\n') text += c;
    CHECK(lines.starts_with("before"));
    CHECK(base64::decode(text) == bytes);
    CHECK((size == 0 || lines.ends_with("\r\n")));
  }
}

TEST_CASE("encoded words, written", "[mail]") {
  CHECK(encode_words("").empty());
  CHECK(encode_words("J\xC3\xBCrgen M") == std::vector<std::string>{"=?utf-8?q?J=C3=BCrgen_M?="});
  CHECK(encode_words("\xE6\x97\xA5\xE6\x9C\xAC") == std::vector<std::string>{"=?utf-8?b?5pel5pys?="});
  CHECK(encode_words("?=_ ") == std::vector<std::string>{"=?utf-8?b?Pz1fIA==?="});
}

TEST_CASE("encoded words give back the text, 75 characters at most, no character divided", "[mail]") {
  std::mt19937 chance(10);
  const std::vector<std::string> alphabet{"a", "b", " ", "?", "=", "_", "\xC3\xA4", "\xE6\x97\xA5", "\xF0\x9F\x98\x80",
                                          "\t"};
  for (int round = 0; round < 1000; ++round) {
    std::string text;
    for (auto size = chance() % 120; size > 0; --size) text += alphabet[chance() % alphabet.size()];
    const std::size_t room = 20 + chance() % 60;
    std::string joined;
    const auto words = encode_words(text, room);
    for (const auto& word : words) {
      CHECK(word.size() <= 75);
      CHECK(is_utf8(decode_words(word)));
      (joined += joined.empty() ? "" : " ") += word;
    }
    if (!words.empty()) CHECK(words.front().size() <= std::max<std::size_t>(room, 28));
    CHECK(decode_words(joined) == text);
  }
}

TEST_CASE("encoded words, read", "[mail]") {
  CHECK(decode_words("plain") == "plain");
  CHECK(decode_words("a  b ") == "a  b ");
  CHECK(decode_words("=?UTF-8?Q?a=5Fb_c?=") == "a_b c");
  CHECK(decode_words("=?utf-8?B?5pel?=") == "\xE6\x97\xA5");
  CHECK(decode_words("=?utf-8*de?q?=C3=A4?=") == "\xC3\xA4");
  CHECK(decode_words("=?iso-8859-1?q?=E4=DF?=") == "\xC3\xA4\xC3\x9F");
  CHECK(decode_words("=?us-ascii?q?x?=") == "x");
  CHECK(decode_words("=?utf-8?q?a?= =?utf-8?q?b?=") == "ab");
  CHECK(decode_words("=?utf-8?q?a?=   x") == "a   x");
  CHECK(decode_words("x =?utf-8?q?a?= y") == "x a y");
  for (const auto* left : {"=?", "=?\?=", "=?utf-8?", "=?utf-8?q", "=?utf-8?q?", "=?utf-8?q?a", "=?utf-8?x?a?=",
                           "=?utf-8?q?=4?=", "=?utf-8?b?!?=", "=?koi8-r?q?=C1?=", "=?utf-8?q?a b?=", "=?utf-8?qq?a?="})
    CHECK(decode_words(left) == left);
}

TEST_CASE("encoded words without an end do not take time squared", "[mail]") {
  std::string hostile;
  while (hostile.size() < 1'000'000) hostile += "=?a?q?x";
  CHECK(decode_words(hostile) == hostile);
}

TEST_CASE("parameters of MIME fields", "[mail]") {
  using pieces = std::vector<std::string>;
  CHECK(mime_parameter("filename", "a.txt") == pieces{R"(filename="a.txt")"});
  CHECK(mime_parameter("filename", R"(q"b\s.txt)") == pieces{R"(filename="q\"b\\s.txt")"});
  CHECK(mime_parameter("filename", "\xC3\xA4 b.txt") == pieces{"filename*=utf-8''%C3%A4%20b.txt"});
  CHECK(mime_parameter("f", "=?x?=") == pieces{"f*=utf-8''%3D%3Fx%3F%3D"});
  const auto parts = mime_parameter("filename", std::string(100, 'x'));
  REQUIRE(parts.size() == 3);
  CHECK(parts[0] == "filename*0*=utf-8''" + std::string(43, 'x') + ';');
  CHECK(parts[1] == "filename*1*=" + std::string(50, 'x') + ';');
  CHECK(parts[2] == "filename*2*=" + std::string(7, 'x'));
}

}  // namespace encoding_tests
