#include <postrider/client/dial.hpp>
#include <postrider/client/send.hpp>

#include "sending.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <catch2/catch.hpp>

#include <support/run.hpp>
#include <support/scripted_server.hpp>

namespace send_tests {

using namespace postrider;
using test::a_mail;
using test::server_at;

namespace {

asio::awaitable<void> accept_all(test::peer& p, int) {
  co_await p.greet("PIPELINING");
  co_await p.accept_all();
}

const failure& only_failure(const receipt& r) {
  REQUIRE(r.recipients.size() == 1);
  REQUIRE(r.recipients[0].failure);
  return *r.recipients[0].failure;
}

}  // namespace

TEST_CASE("a mail is sent, accepted and told about", "[client]") {
  asio::io_context context(1);
  test::scripted_server mx(context, accept_all);
  const server where = server_at(mx.port());
  const receipt r = test::run(context, client::send(a_mail("Message-ID: <1@example.com>\r\n\r\nhello\r\n"), where));
  CHECK(r.ok());
  CHECK(r.mail_id == "<1@example.com>");
  CHECK(r.server == where.endpoint());
  CHECK(r.recipients.at(0).address == "charles@example.org");
  CHECK(mx.connections() == 1);
}

TEST_CASE("nobody listens, nobody is called that", "[client]") {
  asio::io_context context(1);
  std::uint16_t port = 0;
  {
    test::scripted_server gone(context, accept_all);
    port = gone.port();
  }
  CHECK(only_failure(test::run(context, client::send(a_mail(), server_at(port)))).cause == cause::connection_refused);
  server nowhere = server_at(25);
  nowhere.host = "no-such-host.invalid";
  const failure why = only_failure(test::run(context, client::send(a_mail(), nowhere)));
  CHECK(why.stage == stage::resolve);
  CHECK((why.cause == cause::name_not_found || why.cause == cause::lookup_failed));
}

TEST_CASE("a mail port that does not answer is probably blocked, unless it is near by", "[client]") {
  const auto blocked = [](const char* address, std::uint16_t port) {
    return client::detail::probably_blocked({asio::ip::make_address(address), port});
  };
  CHECK(blocked("192.0.2.1", 25));
  CHECK(blocked("2001:db8::1", 587));
  CHECK_FALSE(blocked("192.0.2.1", 2525));
  for (const char* near_by : {"127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.1.1", "fe80::1"})
    CHECK_FALSE(blocked(near_by, 25));
}

TEST_CASE("each stage has its deadline", "[client]") {
  const auto silent_at = GENERATE(as<int>(), 0, 1, 2, 3, 4, 5);
  asio::io_context context(1);
  const std::vector<std::string> replies{"220 hi\r\n", "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"};
  test::scripted_server mx(context, [&](test::peer& p, int) -> asio::awaitable<void> {
    for (int i = 0; i < silent_at; ++i) {
      if (i > 0) co_await p.line();
      co_await p.say(replies[static_cast<std::size_t>(i)]);
    }
    while (p.socket.is_open()) {
      const std::string got = co_await p.line();
      if (got == "<eof>") break;
    }
  });
  const failure why =
      only_failure(test::run(context, client::send(a_mail(), server_at(mx.port(), std::chrono::milliseconds(80)))));
  const std::vector<stage> expected{stage::greeting, stage::ehlo, stage::mail, stage::rcpt, stage::data, stage::final};
  CHECK(why.cause == cause::reply_timeout);
  CHECK(why.stage == expected[static_cast<std::size_t>(silent_at)]);
  CHECK(why.outcome == (silent_at == 5 ? outcome::unknown : outcome::transient));
}

TEST_CASE("a reply that drips does not hold the deadline back", "[client]") {
  asio::io_context context(1);
  test::scripted_server mx(context, [](test::peer& p, int) -> asio::awaitable<void> {
    asio::steady_timer pause(p.socket.get_executor());
    for (int i = 0; i < 3000 && p.socket.is_open(); ++i) {  // longer than anybody runs here
      co_await p.say(i == 0 ? "220-" : "x");
      pause.expires_after(std::chrono::milliseconds(10));
      co_await pause.async_wait(asio::use_awaitable);
    }
  });
  const failure why =
      only_failure(test::run(context, client::send(a_mail(), server_at(mx.port(), std::chrono::milliseconds(150)))));
  CHECK(why.cause == cause::reply_timeout);
}

TEST_CASE("the budget counts from the first look-up on", "[client]") {
  asio::io_context context(1);
  test::scripted_server mx(context, [](test::peer& p, int) -> asio::awaitable<void> { co_await p.line(); });
  server where = server_at(mx.port());
  where.timeouts.overall = std::chrono::milliseconds(100);
  const failure why = only_failure(test::run(context, client::send(a_mail(), where), std::chrono::seconds(5)));
  CHECK(why.cause == cause::reply_timeout);
  CHECK(why.stage == stage::greeting);
}

TEST_CASE("there is a budget for all of it", "[client]") {
  asio::io_context context(1);
  test::scripted_server mx(context, [](test::peer& p, int) -> asio::awaitable<void> {
    co_await p.greet();
    for (;;) {
      const std::string got = co_await p.line();
      if (got == "<eof>") break;
    }
  });
  server where = server_at(mx.port());
  where.timeouts.overall = std::chrono::milliseconds(100);
  const failure why = only_failure(test::run(context, client::send(a_mail(), where)));
  CHECK(why.cause == cause::reply_timeout);
  CHECK(why.stage == stage::mail);
}

TEST_CASE("a server that stops reading is given up, without a deadlock", "[client]") {
  asio::io_context context(1);
  test::scripted_server mx(context, [](test::peer& p, int) -> asio::awaitable<void> {
    co_await p.greet();
    for (int i = 0; i < 2; ++i) {
      co_await p.line();
      co_await p.say("250 ok\r\n");
    }
    co_await p.line();
    co_await p.say("354 go\r\n");
    asio::steady_timer pause(p.socket.get_executor(), std::chrono::seconds(2));
    co_await pause.async_wait(asio::use_awaitable);
  });
  const std::string line(76, 'x');
  std::string large = "Subject: x\r\n\r\n";
  while (large.size() < 32 * 1024 * 1024) large += line + "\r\n";
  const failure why = only_failure(
      test::run(context, client::send(a_mail(std::move(large)), server_at(mx.port(), std::chrono::milliseconds(200)))));
  CHECK(why.cause == cause::reply_timeout);
  CHECK(why.outcome == outcome::transient);  // its end was never written
}

namespace {

class failing_source final : public content_source {
 public:
  result<std::size_t> read(std::uint64_t offset, std::span<char> room) const override {
    if (offset >= 128 * 1024) return fail(cause::source_failed, stage::data, "the disk is gone");
    std::fill(room.begin(), room.end(), 'x');
    return room.size();
  }
};

}  // namespace

TEST_CASE("a content whose source fails is never ended with a dot", "[client]") {
  asio::io_context context(1);
  std::string tail;
  test::scripted_server mx(context, [&](test::peer& p, int) -> asio::awaitable<void> {
    co_await p.greet();
    tail = co_await p.accept_mail();
  });
  content_traits traits;
  traits.size = 1024 * 1024;
  traits.ends_with_crlf = true;
  std::vector<recipient> to(1, recipient(address::parse("charles@example.org").value()));
  const mail broken(envelope(std::nullopt, to), content(std::make_shared<failing_source>(), traits));
  const failure why = only_failure(test::run(context, client::send(broken, server_at(mx.port()))));
  CHECK(why.cause == cause::source_failed);
  CHECK(why.outcome == outcome::transient);
  context.restart();
  context.poll();
  CHECK(tail == "<eof>");
}

TEST_CASE("a send can be cancelled at any time", "[client]") {
  const auto after = GENERATE(as<int>(), 0, 1, 2, 3, 4, 5);
  asio::io_context context(1);
  asio::cancellation_signal stop;
  int lines = 0;
  bool whole = false;
  const auto count = [&] {
    if (lines++ == after) asio::post(context, [&] { stop.emit(asio::cancellation_type::terminal); });
  };
  test::scripted_server mx(context, [&](test::peer& p, int) -> asio::awaitable<void> {
    count();
    co_await p.say("220 hi\r\n");
    for (const char* reply : {"250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"}) {
      co_await p.line();
      count();
      if (lines > after + 1) co_return;
      co_await p.say(reply);
    }
    whole = co_await p.content() != "<eof>";
    count();
    const std::string end = co_await p.line();
    static_cast<void>(end);
  });
  std::optional<receipt> outcome;
  std::exception_ptr thrown;
  asio::co_spawn(context, client::send(a_mail(), server_at(mx.port())),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e, receipt r) {
                   thrown = e;
                   outcome = std::move(r);
                 }));
  REQUIRE(test::run_until(context, [&] { return thrown || outcome; }));
  REQUIRE_FALSE(thrown);
  const failure why = only_failure(*outcome);
  INFO(to_string(why.cause) << ' ' << to_string(why.stage));
  CHECK(why.cause == cause::cancelled);
  // The go-ahead and the cancellation may come at once: then the content may have gone out, and the caller is told so.
  test::run_until(context, [&] { return whole || mx.open() == 0; });
  CHECK((why.outcome == outcome::unknown) == whole);
  if (after != 4) CHECK(whole == (after == 5));
}

TEST_CASE("a cancellation that comes between two waits is not lost", "[client]") {
  struct canceller final : protocol::trace {
    canceller(asio::cancellation_signal& what, stage at) : signal(what), when(at) {}
    void stage_passed(stage passed, std::string_view) override {
      if (passed == when) signal.emit(asio::cancellation_type::terminal);
    }
    void line(protocol::direction, std::string_view) override {}
    asio::cancellation_signal& signal;
    stage when;
  };
  const auto when = GENERATE(stage::resolve, stage::connect, stage::greeting, stage::ehlo);
  asio::io_context context(1);
  test::scripted_server mx(context, accept_all);
  asio::cancellation_signal stop;
  canceller listener(stop, when);
  std::optional<receipt> outcome;
  asio::co_spawn(
      context, client::send(a_mail(), server_at(mx.port()), listener),
      asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr, receipt r) { outcome = std::move(r); }));
  REQUIRE(test::run_until(context, [&] { return outcome.has_value(); }));
  const failure why = only_failure(*outcome);
  CHECK(why.cause == cause::cancelled);
  CHECK(why.outcome == outcome::transient);
}

TEST_CASE("every public function survives being spawned with temporaries", "[client]") {
  asio::io_context context(1);
  test::scripted_server mx(context, accept_all);
  int done = 0;
  protocol::trace deaf;
  asio::co_spawn(context, client::send(a_mail(), server_at(mx.port())),
                 [&](std::exception_ptr, const receipt& r) { done += r.ok(); });
  asio::co_spawn(context, client::send(a_mail(), server_at(mx.port()), deaf),
                 [&](std::exception_ptr, const receipt& r) { done += r.ok(); });
  asio::co_spawn(context, client::check(server_at(mx.port()), deaf),
                 [&](std::exception_ptr, const result<void>& r) { done += r.has_value(); });
  const auto dialled = [&](auto connecting) -> asio::awaitable<void> {
    const result<net::transport> connected = co_await std::move(connecting);
    done += connected.has_value();
  };
  asio::co_spawn(context, dialled(client::dial(server_at(mx.port()))), asio::detached);
  CHECK(test::run_until(context, [&] { return done == 4; }));
}

}  // namespace send_tests
