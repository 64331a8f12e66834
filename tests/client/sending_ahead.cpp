// Connections that write ahead of replies, against servers that follow a script over sockets.
#include <postrider/client/pool.hpp>

#include "sending.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/read.hpp>
#include <catch2/catch.hpp>

#include <map>
#include <support/run.hpp>
#include <support/scripted_server.hpp>

namespace sending_ahead_tests {

using namespace postrider;
using test::a_mail;
using test::server_at;

namespace {

server windowed(std::uint16_t port, std::uint16_t window = 8) {
  server where = server_at(port);
  where.limits.connections = 1;
  where.quirks.window = window;
  return where;
}

/// MAIL and its RCPT, RSET before them or not, up to BDAT and its octets; nothing said. The octets, or "<eof>", "QUIT".
asio::awaitable<std::string> hear_chunked(test::peer& p) {
  std::string command = co_await p.line();
  while (command.starts_with("RSET") || command.starts_with("MAIL") || command.starts_with("RCPT"))
    command = co_await p.line();
  if (!command.starts_with("BDAT ")) co_return command;
  std::size_t left = std::stoul(command.substr(5));
  std::string octets;
  while (left > 0) {
    std::string line = co_await p.line();
    if (line == "<eof>") co_return line;
    left -= line.size() + 2;
    octets += line + "\r\n";
  }
  co_return octets;
}

constexpr std::string_view all_well = "250 reset\r\n250 sender\r\n250 recipient\r\n250 queued\r\n";

asio::awaitable<int> accept_chunked(test::peer& p) {
  co_await p.greet("PIPELINING CHUNKING");
  for (int mails = 0;; ++mails) {
    const std::string got = co_await hear_chunked(p);
    if (got == "QUIT") co_await p.say("221 bye\r\n");
    if (got == "QUIT" || got == "<eof>") co_return mails;
    co_await p.say(std::string(all_well.substr(mails == 0 ? 11 : 0)));
  }
}

struct outcomes {
  void spawn(asio::io_context& context, client::pool& pool, int count,
             const std::string& text = "Subject: x\r\n\r\nx\r\n") {
    for (int i = 0; i < count; ++i) {
      const std::size_t n = all.size();
      all.emplace_back();
      asio::co_spawn(context, pool.send(a_mail(text)),
                     [this, n](std::exception_ptr, receipt r) { all[n] = std::move(r), ++done; });
    }
  }
  outcome of(std::size_t n) const { return all[n].recipients.at(0).outcome; }

  std::vector<receipt> all;
  std::size_t done = 0;
};

}  // namespace

TEST_CASE("a session lost in the middle of its window: what was written is unknown, the rest goes elsewhere",
          "[pool]") {
  asio::io_context context(1);
  int elsewhere = 0;
  test::scripted_server mx(context, [&](test::peer& p, int number) -> asio::awaitable<void> {
    if (number > 0) {
      elsewhere = co_await accept_chunked(p);
      co_return;
    }
    co_await p.greet("PIPELINING CHUNKING");
    co_await hear_chunked(p);
    co_await p.say("250 sender\r\n250 recipient\r\n250 queued\r\n");
    for (int i = 0; i < 3; ++i) co_await hear_chunked(p);  // the window has grown to three
  });
  client::pool pool(context.get_executor(), windowed(mx.port()));
  outcomes got;
  got.spawn(context, pool, 10);
  REQUIRE(test::run_until(context, [&] { return got.done == 10; }));
  CHECK(got.of(0) == outcome::accepted);
  for (std::size_t n = 1; n < 4; ++n) CHECK(got.of(n) == outcome::unknown);
  for (std::size_t n = 4; n < 10; ++n) CHECK(got.of(n) == outcome::accepted);
  test::run(context, pool.close(std::chrono::seconds(5)));
  CHECK(elsewhere == 6);
}

TEST_CASE("a server that answers only when a large content has come, and one that reads only when it is answered",
          "[pool]") {
  const bool stops_reading = GENERATE(false, true);
  asio::io_context context(1);
  int mails = 0;
  test::scripted_server mx(context, [&](test::peer& p, int) -> asio::awaitable<void> {
    co_await p.greet("PIPELINING CHUNKING");
    asio::steady_timer pause(p.socket.get_executor());
    for (;; ++mails) {
      // Replies to an envelope long before its content has come, and a pause in which nothing is read.
      const std::string got = co_await hear_chunked(p);
      if (got == "QUIT") co_await p.say("221 bye\r\n");
      if (got == "QUIT" || got == "<eof>") break;
      if (stops_reading) {
        pause.expires_after(std::chrono::milliseconds(20));
        co_await pause.async_wait(asio::use_awaitable);
      }
      for (const char c : std::string(all_well.substr(mails == 0 ? 11 : 0))) co_await p.say(std::string(1, c));
    }
  });
  client::pool pool(context.get_executor(), windowed(mx.port()));
  std::string large = "Subject: x\r\n\r\n";
  while (large.size() < 3 * 1024 * 1024) large += std::string(900, 'x') + "\r\n";
  outcomes got;
  got.spawn(context, pool, 2);
  got.spawn(context, pool, 4, large);
  got.spawn(context, pool, 20);
  REQUIRE(test::run_until(
      context, [&] { return got.done == 26; }, std::chrono::seconds(60)));
  for (std::size_t n = 0; n < 26; ++n) CHECK(got.of(n) == outcome::accepted);
  test::run(context, pool.close(std::chrono::seconds(5)));
  CHECK(mails == 26);
}

TEST_CASE("a caller that leaves a window knows what it can, and disturbs nobody", "[pool]") {
  asio::io_context context(1);
  asio::cancellation_signal leave_first, leave_waiting;
  int mails = 0;
  asio::steady_timer go_on(context, asio::steady_timer::time_point::max());
  test::scripted_server mx(context, [&](test::peer& p, int) -> asio::awaitable<void> {
    co_await p.greet("PIPELINING CHUNKING");
    for (;; ++mails) {
      const std::string got = co_await hear_chunked(p);
      if (got == "QUIT") co_await p.say("221 bye\r\n");
      if (got == "QUIT" || got == "<eof>") break;
      if (mails == 0) {
        leave_first.emit(asio::cancellation_type::terminal);    // written, not answered
        leave_waiting.emit(asio::cancellation_type::terminal);  // behind the window, not written
      }
      co_await p.say(std::string(all_well.substr(mails == 0 ? 11 : 0)));
    }
  });
  client::pool pool(context.get_executor(), windowed(mx.port()));
  std::optional<receipt> first, waiting;
  asio::co_spawn(
      context, pool.send(a_mail()),
      asio::bind_cancellation_slot(leave_first.slot(), [&](std::exception_ptr, receipt r) { first = std::move(r); }));
  outcomes others;
  others.spawn(context, pool, 5);
  asio::co_spawn(context, pool.send(a_mail()),
                 asio::bind_cancellation_slot(leave_waiting.slot(),
                                              [&](std::exception_ptr, receipt r) { waiting = std::move(r); }));
  REQUIRE(test::run_until(context, [&] { return others.done == 5 && first && waiting; }));
  CHECK(first->recipients[0].outcome == outcome::unknown);
  CHECK(first->first_failure()->cause == cause::cancelled);
  CHECK(waiting->recipients[0].outcome == outcome::transient);
  CHECK(waiting->first_failure()->cause == cause::cancelled);
  for (std::size_t n = 0; n < 5; ++n) CHECK(others.of(n) == outcome::accepted);
  test::run(context, pool.close(std::chrono::seconds(5)));
  CHECK(mails == 6);  // the first one's bytes were written all the same, those of the other never
}

TEST_CASE("no more mails a second than the server is to get", "[pool]") {
  const bool by_recipients = GENERATE(false, true);
  asio::io_context context(1);
  test::scripted_server mx(context, [](test::peer& p, int) -> asio::awaitable<void> { co_await accept_chunked(p); });
  server where = windowed(mx.port());
  where.limits.connections = 4;
  (by_recipients ? where.limits.recipients_per_second : where.limits.mails_per_second) = 100;
  client::pool pool(context.get_executor(), where);
  outcomes got;
  const auto begun = std::chrono::steady_clock::now();
  got.spawn(context, pool, 21);
  REQUIRE(test::run_until(context, [&] { return got.done == 21; }));
  CHECK(std::chrono::steady_clock::now() - begun >=
        std::chrono::milliseconds(200));  // each one a hundredth after another
  for (std::size_t n = 0; n < 21; ++n) CHECK(got.of(n) == outcome::accepted);
}

TEST_CASE("a session ends by itself when the server takes no more mails on one", "[pool]") {
  asio::io_context context(1);
  std::map<int, int> mails;
  test::scripted_server mx(context, [&](test::peer& p, int number) -> asio::awaitable<void> {
    co_await p.say("220 mx\r\n");
    co_await p.line();
    co_await p.say("250-mx\r\n250-PIPELINING\r\n250 LIMITS MAILMAX=3\r\n");
    mails[number] = co_await p.accept_all();
  });
  client::pool pool(context.get_executor(), windowed(mx.port(), 1));
  outcomes got;
  got.spawn(context, pool, 10);
  REQUIRE(test::run_until(context, [&] { return got.done == 10; }));
  for (std::size_t n = 0; n < 10; ++n) CHECK(got.of(n) == outcome::accepted);
  test::run(context, pool.close(std::chrono::seconds(5)));
  context.restart();
  context.poll();
  for (const auto& [number, count] : mails) CHECK(count <= 3);
  CHECK(mx.connections() == 4);
}

}  // namespace sending_ahead_tests
