#include <postrider/protocol/server_dialogue.hpp>
#include <postrider/protocol/server_event.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace server_event_tests {

using namespace postrider::protocol;

namespace {

/// The event after `bytes`, seen twice: a question is repeated, and what is no question is not asked of again.
server_event after(server_dialogue& dialogue, std::string_view bytes) {
  dialogue.feed(bytes);
  const server_event first = dialogue.next();
  CHECK(dialogue.next() == first);
  return first;
}

const server_settings settings;

}  // namespace

TEST_CASE("nothing is offered unless it is said so", "[server_event]") {
  constexpr server_offers none;
  STATIC_REQUIRE_FALSE(none.starttls);
  STATIC_REQUIRE_FALSE(none.auth);
  STATIC_REQUIRE_FALSE(none.encrypted);
}

TEST_CASE("what is offered is shown where it can be had", "[server_event]") {
  const bool starttls = GENERATE(false, true);
  const bool auth = GENERATE(false, true);
  const bool encrypted = GENERATE(false, true);
  INFO(starttls << auth << encrypted);
  server_dialogue dialogue(settings, {.starttls = starttls, .auth = auth, .encrypted = encrypted});
  dialogue.greet();
  CHECK(after(dialogue, "EHLO client.example.com\r\n") == server_event::need_bytes);
  const std::string& shown = dialogue.output();
  CHECK((shown.find("STARTTLS") != std::string::npos) == (starttls && !encrypted));
  CHECK((shown.find("AUTH PLAIN LOGIN") != std::string::npos) == (auth && encrypted));
}

TEST_CASE("each question is repeated until it is answered", "[server_event]") {
  server_dialogue dialogue(settings, {.auth = true, .encrypted = true});
  dialogue.greet();
  CHECK(after(dialogue, "EHLO client.example.com\r\n") == server_event::need_bytes);
  REQUIRE(after(dialogue, "AUTH PLAIN AGFkYQBzZXNhbWU=\r\n") == server_event::verify_login);
  CHECK(dialogue.login().user == "ada");
  CHECK(dialogue.login().password.reveal() == "sesame");
  dialogue.accept();
  CHECK(dialogue.next() == server_event::need_bytes);
  REQUIRE(after(dialogue, "MAIL FROM:<ada@example.com>\r\n") == server_event::check_sender);
  dialogue.accept();
  CHECK(dialogue.next() == server_event::need_bytes);
  REQUIRE(after(dialogue, "RCPT TO:<charles@example.org>\r\n") == server_event::check_recipient);
  dialogue.accept();
  CHECK(dialogue.next() == server_event::need_bytes);
  REQUIRE(after(dialogue, "DATA\r\n") == server_event::begin_mail);
  dialogue.accept_content({});
  CHECK(dialogue.next() == server_event::need_bytes);
  REQUIRE(after(dialogue, "hello\r\n.\r\n") == server_event::content);
  CHECK(dialogue.take_piece() == "hello\r\n");
  dialogue.accept();
  REQUIRE(dialogue.next() == server_event::finish_mail);
  REQUIRE(dialogue.next() == server_event::finish_mail);
  CHECK(dialogue.output().find("250 2.0.0") == std::string::npos);
  dialogue.accept("queued as 1");
  CHECK(dialogue.output().ends_with("250 2.0.0 queued as 1\r\n"));
  CHECK(after(dialogue, "QUIT\r\n") == server_event::close);
}

TEST_CASE("a refused piece of content is told to the client after the content, once", "[server_event]") {
  server_dialogue dialogue(settings);
  dialogue.greet();
  CHECK(after(dialogue, "EHLO a\r\n") == server_event::need_bytes);
  dialogue.feed("MAIL FROM:<>\r\nRCPT TO:<charles@example.org>\r\nDATA\r\n");
  REQUIRE(dialogue.next() == server_event::check_sender);
  dialogue.accept();
  REQUIRE(dialogue.next() == server_event::check_recipient);
  dialogue.accept();
  REQUIRE(dialogue.next() == server_event::begin_mail);
  dialogue.accept_content({});
  CHECK(dialogue.next() == server_event::need_bytes);
  dialogue.feed("hello\r\n.\r\n");
  REQUIRE(dialogue.next() == server_event::content);
  CHECK(dialogue.take_piece() == "hello\r\n");
  dialogue.refuse("452 4.3.1", "No room");
  dialogue.output().clear();
  CHECK(dialogue.next() == server_event::need_bytes);
  CHECK(dialogue.output() == "452 4.3.1 No room\r\n");
}

TEST_CASE("TLS is started by whoever runs the dialogue", "[server_event]") {
  server_dialogue dialogue(settings, {.starttls = true});
  dialogue.greet();
  CHECK(after(dialogue, "EHLO a\r\n") == server_event::need_bytes);
  REQUIRE(after(dialogue, "STARTTLS\r\n") == server_event::start_tls);
  dialogue.tls_started();
  CHECK(dialogue.next() == server_event::need_bytes);
}

}  // namespace server_event_tests
