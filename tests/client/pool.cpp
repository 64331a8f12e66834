#include <postrider/client/pool.hpp>

#include "sending.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <catch2/catch.hpp>

#include <support/run.hpp>
#include <support/scripted_server.hpp>

namespace pool_tests {

using namespace postrider;
using test::a_mail;
using test::server_at;

namespace {

asio::awaitable<void> accept_all(test::peer& p, int) {
  co_await p.greet();
  co_await p.accept_all();
}

/// Spawns `count` sends and collects their receipts.
struct senders {
  senders(asio::io_context& in, client::pool& through) : context(in), pool(through) {}

  void spawn(int count) {
    for (int i = 0; i < count; ++i)
      asio::co_spawn(context, pool.send(a_mail()),
                     [this](std::exception_ptr, receipt r) { receipts.push_back(std::move(r)); });
  }
  void wait_for(std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    context.restart();
    while (receipts.size() < count && std::chrono::steady_clock::now() < deadline)
      if (context.run_one_until(deadline) == 0) break;
    REQUIRE(receipts.size() >= count);
  }
  std::size_t accepted() const {
    return static_cast<std::size_t>(
        std::count_if(receipts.begin(), receipts.end(), [](const receipt& r) { return r.ok(); }));
  }

  asio::io_context& context;
  client::pool& pool;
  std::vector<receipt> receipts;
};

}  // namespace

TEST_CASE("mails share connections, and never more than allowed", "[pool]") {
  asio::io_context context(1);
  test::scripted_server mx(context, accept_all);
  server where = server_at(mx.port());
  where.limits.connections = 3;
  client::pool pool(context.get_executor(), where);
  senders all(context, pool);
  all.spawn(60);
  all.wait_for(60);
  CHECK(all.accepted() == 60);
  CHECK(mx.most_open() <= 3);
  CHECK(mx.connections() <= 3);
  test::run(context, pool.close(std::chrono::seconds(5)));
  CHECK(pool.connections() == 0);
}

TEST_CASE("a connection that went stale is replaced, and nobody notices", "[pool]") {
  const bool says_421 = GENERATE(false, true);
  asio::io_context context(1);
  test::scripted_server mx(context, [=](test::peer& p, int) -> asio::awaitable<void> {
    co_await p.greet("PIPELINING");
    co_await p.accept_mail();
    if (!says_421) co_return;
    co_await p.line();
    co_await p.say("421 4.4.2 idle for too long\r\n");
  });
  server where = server_at(mx.port());
  where.limits.connections = 1;
  client::pool pool(context.get_executor(), where);
  senders all(context, pool);
  for (std::size_t i = 1; i <= 5; ++i) {
    all.spawn(1);
    all.wait_for(i);
  }
  CHECK(all.accepted() == 5);
  CHECK(mx.connections() == 5);
}

TEST_CASE("mails behind one that is lost go elsewhere; the lost one is unknown and is not repeated", "[pool]") {
  asio::io_context context(1);
  int mails = 0;
  test::scripted_server mx(context, [&](test::peer& p, int number) -> asio::awaitable<void> {
    co_await p.greet("PIPELINING");
    if (number > 0) {
      mails += co_await p.accept_all();
      co_return;
    }
    for (int i = 0; i < 3; ++i) co_await p.line();
    co_await p.say("250 ok\r\n250 ok\r\n354 go\r\n");
    co_await p.content();
  });
  server where = server_at(mx.port());
  where.limits.connections = 1;
  client::pool pool(context.get_executor(), where);
  senders all(context, pool);
  all.spawn(5);
  all.wait_for(5);
  CHECK(all.accepted() == 4);
  const auto lost = std::find_if(all.receipts.begin(), all.receipts.end(), [](const receipt& r) { return !r.ok(); });
  CHECK(lost->recipients.at(0).outcome == outcome::unknown);
  test::run(context, pool.close(std::chrono::seconds(5)));
  CHECK(mails == 4);
}

TEST_CASE("without a server every waiting mail learns why", "[pool]") {
  asio::io_context context(1);
  std::uint16_t port = 0;
  {
    test::scripted_server gone(context, accept_all);
    port = gone.port();
  }
  client::pool pool(context.get_executor(), server_at(port));
  senders all(context, pool);
  all.spawn(10);
  all.wait_for(10);
  for (const receipt& r : all.receipts) CHECK(r.first_failure()->cause == cause::connection_refused);
}

TEST_CASE("a connection carries no more mails than allowed", "[pool]") {
  asio::io_context context(1);
  test::scripted_server mx(context, accept_all);
  server where = server_at(mx.port());
  where.limits.connections = 1;
  where.limits.mails_per_connection = 4;
  client::pool pool(context.get_executor(), where);
  senders all(context, pool);
  all.spawn(12);
  all.wait_for(12);
  CHECK(all.accepted() == 12);
  CHECK(mx.connections() == 3);
}

TEST_CASE("an idle connection is ended with QUIT", "[pool]") {
  asio::io_context context(1);
  std::string last;
  test::scripted_server mx(context, [&](test::peer& p, int) -> asio::awaitable<void> {
    co_await p.greet();
    co_await p.accept_mail();
    last = co_await p.line();
    co_await p.say("221 Bye\r\n");
  });
  server where = server_at(mx.port());
  where.limits.idle = std::chrono::seconds(1);
  client::pool pool(context.get_executor(), where);
  senders all(context, pool);
  all.spawn(1);
  all.wait_for(1);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (pool.connections() > 0 && std::chrono::steady_clock::now() < deadline) context.run_one_until(deadline);
  CHECK(last == "QUIT");
  CHECK(pool.connections() == 0);
}

TEST_CASE("a caller that leaves disturbs no other", "[pool]") {
  const int leaves_after = GENERATE(0, 1, 2);  // while it waits, in its envelope, after its content
  asio::io_context context(1);
  asio::cancellation_signal stop;
  std::optional<receipt> left;
  int carried = 0;
  const auto leave = [&](int when) {
    if (when == leaves_after) asio::post(context, [&] { stop.emit(asio::cancellation_type::terminal); });
  };
  test::scripted_server mx(context, [&](test::peer& p, int) -> asio::awaitable<void> {
    leave(0);
    asio::steady_timer pause(p.socket.get_executor(), std::chrono::milliseconds(50));
    co_await pause.async_wait(asio::use_awaitable);
    co_await p.greet();
    for (int i = 0;; ++i) {
      std::string command = co_await p.line();
      if (i == 0 && command.starts_with("MAIL")) leave(1);
      pause.expires_after(std::chrono::milliseconds(i == 0 ? 50 : 0));
      co_await pause.async_wait(asio::use_awaitable);
      while (command.starts_with("MAIL") || command.starts_with("RCPT") || command.starts_with("RSET")) {
        co_await p.say("250 ok\r\n");
        command = co_await p.line();
      }
      if (command != "DATA") break;
      co_await p.say("354 go\r\n");
      co_await p.content();
      if (i == 0) leave(2);
      pause.expires_after(std::chrono::milliseconds(i == 0 ? 50 : 0));
      co_await pause.async_wait(asio::use_awaitable);
      co_await p.say("250 ok\r\n");
      ++carried;
    }
  });
  server where = server_at(mx.port());
  where.limits.connections = 1;
  client::pool pool(context.get_executor(), where);
  asio::co_spawn(
      context, pool.send(a_mail()),
      asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr, receipt r) { left = std::move(r); }));
  senders others(context, pool);
  others.spawn(3);
  others.wait_for(3);
  CHECK(others.accepted() == 3);
  REQUIRE(left);
  CHECK(left->first_failure()->cause == cause::cancelled);
  CHECK(left->recipients[0].outcome == (leaves_after == 2 ? outcome::unknown : outcome::transient));
  CHECK(carried == (leaves_after == 2 ? 4 : 3));  // what was called transient is not delivered
}

TEST_CASE("a connection that fails at once tells so, and does not call itself again", "[pool]") {
  const bool another_lives = GENERATE(false, true);
  asio::io_context context(1);
  test::scripted_server mx(context, accept_all);
  server where = server_at(mx.port());
  client::pool pool(context.get_executor(), where);
  senders all(context, pool);
  where.local_address = "192.0.2.1";  // not of this machine: no system call ever waits
  client::pool foreign(context.get_executor(), where);
  senders lost(context, foreign);
  if (another_lives) all.spawn(50);
  lost.spawn(50);
  lost.wait_for(50);
  CHECK(lost.accepted() == 0);
  for (const receipt& r : lost.receipts) CHECK(r.first_failure()->stage == stage::connect);
  if (another_lives) all.wait_for(50);
}

TEST_CASE("a server that takes only so many connections keeps those busy", "[pool]") {
  const bool refused_first = GENERATE(false, true);
  asio::io_context context(1);
  int refused = 0;
  test::scripted_server mx(context, [&](test::peer& p, int number) -> asio::awaitable<void> {
    if (number >= 2 || (refused_first && number == 0)) {
      ++refused;
      co_await p.say("421 4.7.0 too many connections\r\n");
      co_return;
    }
    asio::steady_timer pause(p.socket.get_executor(), std::chrono::milliseconds(30));
    co_await pause.async_wait(asio::use_awaitable);  // others are refused before this one is ready
    co_await p.greet();
    co_await p.accept_all();
  });
  server where = server_at(mx.port());
  where.limits.connections = 8;
  client::pool pool(context.get_executor(), where);
  senders all(context, pool);
  all.spawn(200);
  all.wait_for(200);
  CHECK(all.accepted() == 200);
  CHECK(refused <= 8 + 200 / 10);  // not a new try for each refusal
}

TEST_CASE("a server that says no in the middle of a content and reads no further is left", "[pool]") {
  asio::io_context context(1);
  test::scripted_server mx(context, [&](test::peer& p, int number) -> asio::awaitable<void> {
    co_await p.greet();
    if (number > 0) {
      co_await p.accept_all();
      co_return;
    }
    for (int i = 0; i < 2; ++i) {
      co_await p.line();
      co_await p.say("250 ok\r\n");
    }
    co_await p.line();
    co_await p.say("354 go\r\n");
    asio::steady_timer pause(p.socket.get_executor(), std::chrono::milliseconds(50));
    co_await pause.async_wait(asio::use_awaitable);
    co_await p.say("421 4.3.2 going down\r\n");
    pause.expires_after(std::chrono::seconds(60));
    const auto hung = co_await pause.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    static_cast<void>(hung);
  });
  server where = server_at(mx.port());
  where.limits.connections = 1;
  client::pool pool(context.get_executor(), where);
  std::string large = "Subject: x\r\n\r\n";
  while (large.size() < 16 * 1024 * 1024) large += std::string(76, 'x') + "\r\n";
  std::optional<receipt> first;
  asio::co_spawn(context, pool.send(a_mail(std::move(large))),
                 [&](std::exception_ptr, receipt r) { first = std::move(r); });
  REQUIRE(test::run_until(context, [&] { return first.has_value(); }));
  CHECK(first->first_failure()->cause == cause::server_closing);
  senders others(context, pool);
  others.spawn(2);
  others.wait_for(2);
  CHECK(others.accepted() == 2);
}

TEST_CASE("whoever waits for room gets it when another one leaves", "[pool]") {
  asio::io_context context(1);
  test::scripted_server mx(context, [](test::peer& p, int) -> asio::awaitable<void> {
    asio::steady_timer pause(p.socket.get_executor(), std::chrono::milliseconds(100));
    co_await pause.async_wait(asio::use_awaitable);
    co_await p.greet();
    co_await p.accept_all();
  });
  server where = server_at(mx.port());
  where.limits.connections = 1;
  client::pool pool(context.get_executor(), where);
  asio::cancellation_signal stop;
  std::optional<receipt> left;
  asio::co_spawn(
      context, pool.send(a_mail()),
      asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr, receipt r) { left = std::move(r); }));
  senders all(context, pool);
  all.spawn(1005);
  asio::post(context, [&] { stop.emit(asio::cancellation_type::terminal); });
  all.wait_for(1005);
  CHECK(all.accepted() == 1005);
  CHECK(left->first_failure()->cause == cause::cancelled);
}

TEST_CASE("the queue is bounded: senders wait for room, and all get their turn", "[pool]") {
  asio::io_context context(1);
  test::scripted_server mx(context, accept_all);
  client::pool pool(context.get_executor(), server_at(mx.port()));
  senders all(context, pool);
  all.spawn(2500);
  context.poll_one();
  CHECK(pool.waiting() <= 1000);
  all.wait_for(2500);
  CHECK(all.accepted() == 2500);
}

TEST_CASE("closing delivers what waits, then refuses; destroying answers everybody", "[pool]") {
  asio::io_context context(1);
  test::scripted_server mx(context, accept_all);
  auto pool = std::make_unique<client::pool>(context.get_executor(), server_at(mx.port()));
  senders all(context, *pool);
  SECTION("close") {
    all.spawn(20);
    test::run(context, pool->close(std::chrono::seconds(10)));
    all.wait_for(20);
    CHECK(all.accepted() == 20);
    all.spawn(1);
    all.wait_for(21);
    CHECK(all.receipts.back().first_failure()->cause == cause::shutting_down);
  }
  SECTION("destroy") {
    all.spawn(20);
    context.poll();
    pool.reset();
    all.wait_for(20);
  }
}

TEST_CASE("closing waits for what the rate holds back", "[pool]") {
  asio::io_context context(1);
  test::scripted_server mx(context, accept_all);
  server where = server_at(mx.port());
  where.limits.mails_per_second = 20;
  client::pool pool(context.get_executor(), where);
  senders all(context, pool);
  all.spawn(4);
  all.wait_for(1);
  test::run(context, pool.close(std::chrono::seconds(5)));
  all.wait_for(4);
  CHECK(all.accepted() == 4);
}

TEST_CASE("send survives being spawned with temporaries", "[pool]") {
  asio::io_context context(1);
  test::scripted_server mx(context, accept_all);
  client::pool pool(context.get_executor(), server_at(mx.port()));
  bool ok = false;
  asio::co_spawn(context, pool.send(a_mail("Subject: temporary\r\n\r\n")),
                 [&](std::exception_ptr, const receipt& r) { ok = r.ok(); });
  asio::co_spawn(context, pool.close(std::chrono::seconds(5)), asio::detached);
  CHECK(test::run_until(context, [&] { return ok; }));
}

}  // namespace pool_tests
