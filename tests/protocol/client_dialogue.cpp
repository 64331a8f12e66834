// What the dialogues as text cannot say: writes that stop in the middle, and what a driver may ask.
#include <postrider/protocol/client_dialogue.hpp>

#include <catch2/catch.hpp>

namespace client_dialogue_tests {

using namespace postrider;
using protocol::client_dialogue;

namespace {

server plain_server() {
  return server{.host = "mx.example.org", .security = security::none};
}

mail large_mail(std::size_t size) {
  std::string text;
  while (text.size() < size) text += "a line of a large mail\r\n";
  std::vector<recipient> to(1, recipient(address::parse("charles@example.org").value()));
  return mail(envelope(std::nullopt, std::move(to)), content(std::move(text)));
}

std::size_t bytes_of(std::span<const std::string_view> pieces) {
  std::size_t all = 0;
  for (const auto piece : pieces) all += piece.size();
  return all;
}

void say_all(client_dialogue& d) {
  while (d.has_output()) d.consume(bytes_of(d.gather()));
}

/// Up to the 354 for mail 1.
void go_ahead(client_dialogue& d, std::size_t size) {
  for (const char* reply : {"220 mx\r\n", "250 mx\r\n"}) {
    d.received(reply);
    say_all(d);
  }
  REQUIRE(d.ready());
  d.push(1, large_mail(size));
  for (const char* reply : {"250 ok\r\n", "250 ok\r\n"}) {
    say_all(d);
    d.received(reply);
  }
  say_all(d);
  d.received("354 go\r\n");
}

outcome only_outcome(client_dialogue& d) {
  auto done = d.next_settled();
  REQUIRE(done);
  CHECK_FALSE(d.next_settled());
  CHECK(done->ticket == 1);
  return done->outcome.recipients.at(0).outcome;
}

}  // namespace

TEST_CASE("a yes before the last byte was written is no yes: it may be in the write that is under way",
          "[client_dialogue]") {
  const std::size_t left = GENERATE(as<std::size_t>(), 0, 1, 3, 1000);
  client_dialogue d(plain_server(), "client.example.com");
  go_ahead(d, 10'000);
  const std::size_t all = bytes_of(d.gather());
  CHECK_FALSE(d.withdraw(1));  // too late
  CHECK_FALSE(d.withdraw(2));
  d.consume(all - left);
  d.received("250 queued\r\n");
  CHECK(only_outcome(d) == (left == 0 ? outcome::accepted : outcome::unknown));
  CHECK(d.closed() == (left > 0));
}

TEST_CASE("a mail that is withdrawn before its content is never delivered", "[client_dialogue]") {
  const bool pipelining = GENERATE(false, true);
  client_dialogue d(plain_server(), "client.example.com");
  d.received("220 mx\r\n");
  say_all(d);
  d.received(pipelining ? "250-mx\r\n250 PIPELINING\r\n" : "250 mx\r\n");
  d.push(1, large_mail(100));
  say_all(d);
  CHECK(d.withdraw(1));
  if (pipelining) {
    d.received("250 ok\r\n250 ok\r\n354 go\r\n");
    CHECK(only_outcome(d) == outcome::transient);
    CHECK(d.closed());  // neither a dot nor a content may follow
    CHECK(d.gather().empty());
  } else {
    d.received("250 ok\r\n");
    CHECK(only_outcome(d) == outcome::transient);
    CHECK_FALSE(d.has_output());
    d.push(2, large_mail(100));
    REQUIRE(d.gather().size() == 1);
    CHECK(d.gather().front() == "RSET\r\n");
  }
}

TEST_CASE("a no before the last byte was written is a no, and the end of the session", "[client_dialogue]") {
  client_dialogue d(plain_server(), "client.example.com");
  go_ahead(d, 10'000);
  d.consume(bytes_of(d.gather()) / 2);
  d.received("552 5.3.4 too big\r\n");
  CHECK(only_outcome(d) == outcome::permanent);
  CHECK(d.closed());
  CHECK(d.gather().empty());
}

TEST_CASE("a loss is unknown from the last byte on, and not before", "[client_dialogue]") {
  const std::size_t left = GENERATE(as<std::size_t>(), 0, 1, 5, 9'999);
  client_dialogue d(plain_server(), "client.example.com");
  go_ahead(d, 10'000);
  d.consume(bytes_of(d.gather()) - left);
  failure why(cause::connection_reset);
  why.outcome = outcome::unknown;  // whatever its finder thought
  d.lost(std::move(why));
  CHECK(only_outcome(d) == (left == 0 ? outcome::unknown : outcome::transient));
  REQUIRE(d.ended_by());
  CHECK(d.ended_by()->cause == cause::connection_reset);
}

TEST_CASE("a session that ends is told once, and says no more", "[client_dialogue]") {
  client_dialogue d(plain_server(), "client.example.com");
  d.lost(failure(cause::connection_reset));
  d.lost(failure(cause::reply_timeout));
  CHECK(d.closed());
  CHECK(d.ended_by()->cause == cause::connection_reset);
  CHECK(d.ended_by()->stage == stage::greeting);
  CHECK_FALSE(d.has_output());
  CHECK_FALSE(d.waiting());
  d.received("220 mx\r\n");
  CHECK_FALSE(d.has_output());
}

TEST_CASE("a name that is none ends the session before a byte", "[client_dialogue]") {
  client_dialogue d(plain_server(), "my_host\r\nQUIT");
  CHECK(d.closed());
  CHECK(d.ended_by()->cause == cause::invalid_configuration);
  auto named = plain_server();
  named.ehlo_name = "from.definition.example";
  client_dialogue good(named, "not a name");
  good.received("220 mx\r\n");
  CHECK(good.gather().front() == "EHLO from.definition.example\r\n");
}

TEST_CASE("each wait has its patience", "[client_dialogue]") {
  auto where = plain_server();
  where.timeouts.greeting = std::chrono::milliseconds(1);
  where.timeouts.command = std::chrono::milliseconds(2);
  where.timeouts.block = std::chrono::milliseconds(3);
  client_dialogue d(where, "client.example.com");
  CHECK(d.waiting());
  CHECK(d.patience().count() == 1);
  CHECK(d.awaited() == stage::greeting);
  const auto before = d.progress();
  d.received("22");
  CHECK(d.progress() == before);  // a part of a reply is no progress
  d.received("0 mx\r\n");
  CHECK(d.progress() != before);
  CHECK(d.patience().count() == 3);
  say_all(d);
  CHECK(d.patience().count() == 2);
  d.received("250 mx\r\n");
  CHECK(d.idle());
  CHECK_FALSE(d.waiting());
}

TEST_CASE("a session that was told to quit does so, even if the mail behind its last RSET cannot be said",
          "[client_dialogue]") {
  const bool pipelining = GENERATE(false, true);
  client_dialogue d(plain_server(), "client.example.com");
  d.received("220 mx\r\n");
  say_all(d);
  d.received(pipelining ? "250-mx\r\n250-DSN\r\n250 PIPELINING\r\n" : "250-mx\r\n250 DSN\r\n");
  d.push(1, large_mail(100));
  say_all(d);
  d.received(pipelining ? "250 ok\r\n550 no\r\n554 nobody\r\n" : "250 ok\r\n");
  say_all(d);
  if (!pipelining) d.received("550 no\r\n");
  REQUIRE(only_outcome(d) == outcome::permanent);

  envelope to(std::nullopt, std::vector<recipient>(1, recipient(address::parse("charles@example.org").value())));
  to.envid = std::string(200, 'x');  // longer than RFC 3461 allows
  d.push(2, mail(to, content("hi\r\n")));
  d.quit();
  say_all(d);
  d.received("250 reset\r\n");
  REQUIRE(d.next_settled());
  CHECK(d.awaited() == stage::quit);
  say_all(d);
  d.received("221 bye\r\n");
  CHECK(d.closed());
}

TEST_CASE("a receipt says whether the server took over its notifications", "[client_dialogue]") {
  for (const bool offered : {false, true}) {
    client_dialogue d(plain_server(), "client.example.com");
    d.received("220 mx\r\n");
    say_all(d);
    d.received(offered ? "250-mx\r\n250-DSN\r\n250 SIZE\r\n" : "250-mx\r\n250 SIZE\r\n");
    d.push(1, large_mail(100));
    for (const char* reply : {"250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n"}) {
      say_all(d);
      d.received(reply);
    }
    const auto done = d.next_settled();
    REQUIRE(done);
    CHECK(done->outcome.ok());
    CHECK(done->outcome.dsn_relayed == offered);
  }
}

}  // namespace client_dialogue_tests
