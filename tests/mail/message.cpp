#include <postrider/mail/header_fields.hpp>
#include <postrider/mail/message.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>

namespace message_tests {

using namespace postrider;
using Catch::Contains;

namespace {

message letter() {
  return message().from("Ada <ada@example.com>").to("charles@example.org");
}

std::string bytes(const result<mail>& built) {
  return std::string(built.value().content().bytes().value());
}

std::string value_of(const result<mail>& built, std::string_view name) {
  const std::string content = bytes(built);
  return find_field(header_section(content), name).value_or("(none)");
}

}  // namespace

TEST_CASE("a mail in one chain", "[mail]") {
  const auto built = message{}
                         .from("Ada <ada@example.com>")
                         .to("charles@example.org")
                         .subject("The engine works")
                         .text("Come and see.\n")
                         .date(std::chrono::system_clock::time_point(std::chrono::seconds(0)))
                         .message_id("one@example.com")
                         .build();
  CHECK(bytes(built) ==
        "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
        "From: Ada <ada@example.com>\r\n"
        "To: charles@example.org\r\n"
        "Subject: The engine works\r\n"
        "Message-ID: <one@example.com>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "Come and see.\r\n");
  CHECK(built->envelope().reverse_path->str() == "ada@example.com");
  REQUIRE(built->envelope().recipients.size() == 1);
  CHECK(built->envelope().recipients[0].forward_path.str() == "charles@example.org");
  CHECK_FALSE(built->content().traits().has_bare_cr_or_lf);
}

TEST_CASE("a message can be built again", "[mail]") {
  message m = letter().subject("x").attach("a.bin", "application/octet-stream", "bytes");
  const auto one = m.build();
  const auto two = m.build();
  CHECK(value_of(one, "Message-ID") != value_of(two, "Message-ID"));
  CHECK(bytes(one).size() == bytes(two).size());
}

TEST_CASE("who is only in Bcc is only in the envelope", "[mail]") {
  const auto built = letter().cc("cc@example.org").bcc("Secret <bcc@example.org>").bcc("cc@EXAMPLE.org").build();
  REQUIRE(built);
  CHECK(built->envelope().recipients.size() == 3);
  CHECK_THAT(bytes(built), !Contains("bcc", Catch::CaseSensitive::No) && !Contains("Secret"));
}

TEST_CASE("parts nest no deeper than needed", "[mail]") {
  const auto type = [](const message& m) { return value_of(m.build(), "Content-Type").substr(0, 20); };
  CHECK_THAT(type(letter()), Contains("text/plain"));
  CHECK_THAT(type(letter().html("x")), Contains("text/html"));
  CHECK_THAT(type(letter().text("x").html("x")), Contains("multipart/alternati"));
  CHECK_THAT(type(letter().html("x").embed("i", "image/png", "")), Contains("multipart/related"));
  CHECK_THAT(type(letter().attach("f", "a/b", "")), Contains("multipart/mixed"));
  CHECK_THAT(bytes(letter().attach("f", "a/b", "").build()), !Contains("related") && !Contains("alternative"));
}

TEST_CASE("a boundary occurs in no part", "[mail]") {
  // Text that holds every boundary seen so far is still written whole and apart from the next boundary.
  std::string seen;
  for (int round = 0; round < 5; ++round) {
    const auto built = letter().text(seen + "--=_\n").attach("f", "a/b", "x").build();
    const std::string type = value_of(built, "Content-Type");
    const std::string boundary = type.substr(type.find('"') + 1, 34);
    REQUIRE(boundary.starts_with("=_"));
    const std::string content = bytes(built);
    std::size_t count = 0;
    for (auto at = content.find("\r\n--" + boundary); at != std::string::npos;
         at = content.find("\r\n--" + boundary, at + 1))
      ++count;
    CHECK(count == 3);
    seen += "--" + boundary + "\n";
  }
}

TEST_CASE("the first bad argument is the one that is told", "[mail]") {
  const auto detail = [](const message& m) { return m.build().error().detail; };
  CHECK_THAT(detail(letter().subject("a\r\nb").header("X", "c\nd")),
             Contains("header Subject") && Contains(R"(a\r\nb)"));
  CHECK_THAT(detail(letter().to("Ada <ada>")), Contains("header To") && Contains("ada"));
  CHECK_THAT(detail(letter().header("Subject", "x")), Contains("header Subject"));
  CHECK_THAT(detail(letter().cc(mailbox("a\nb", address::parse("a@b").value()))), Contains("header Cc"));
  CHECK(message().to("a@b").build().error().field == field::sender);
  CHECK(message().from("nobody").to("a@b").build().error().field == field::sender);
  CHECK(message().from("a@b").build().error().field == field::recipient);
  CHECK(letter().subject("\n").build().error().cause == cause::invalid_configuration);
}

TEST_CASE("an address outside ASCII needs an envelope that says so", "[mail]") {
  for (const auto& built : {letter().from("J\xC3\xBCrgen <j\xC3\xBC@example.com>").build(),
                            letter().reply_to("j\xC3\xBC@example.com").build()}) {
    REQUIRE_FALSE(built);
    CHECK_THAT(built.error().detail, Contains("is not ASCII"));
  }
  const auto fit = letter().from("j\xC3\xBC@example.com").cc("j\xC3\xBC@example.com").build();
  REQUIRE(fit);
  CHECK(fit->needs_smtputf8());
}

TEST_CASE("no control character but a tab gets into any header field", "[mail]") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (!is_control(c)) continue;
    INFO(byte);
    const std::string text = std::string("a") + c + "b";
    CHECK(letter().subject(text).build().has_value() == (c == '\t'));
    CHECK(letter().header("X-A", text).build().has_value() == (c == '\t'));
    CHECK(letter().attach(text, "a/b", "").build().has_value() == (c == '\t'));
    CHECK_FALSE(letter().header(text, "x").build());
    CHECK_FALSE(letter().attach("f", "a/" + text, "").build());
    CHECK_FALSE(letter().html("").embed(text, "a/b", "").build());
    CHECK_FALSE(letter().message_id(text + "@c").build());
    CHECK_FALSE(letter().to("X" + text + " <a@b>").build());
  }
}

}  // namespace message_tests
