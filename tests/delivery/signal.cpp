#include <postrider/delivery/signal.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <exception>
#include <memory>
#include <system_error>

namespace signal_tests {

using news_signal = postrider::detail::signal;  // ::signal is a function

namespace {

using clock = std::chrono::steady_clock;

/// Waits `times` times and counts how often it woke up. Holds `alive` as long as it is.
asio::awaitable<void> sleeper(news_signal& news, int& woken, int times, std::shared_ptr<int> alive = nullptr) {
  for (int i = 0; i < times; ++i) {
    co_await news.wait();
    ++woken;
  }
  alive.reset();
}

asio::awaitable<void> sleeper_until(news_signal& news, int& woken, clock::time_point when) {
  co_await news.wait(when);
  ++woken;
}

void poll(asio::io_context& context) {
  context.restart();
  context.poll();
}

}  // namespace

TEST_CASE("nobody wakes without news", "[delivery][signal]") {
  asio::io_context context(1);
  news_signal news(context.get_executor());
  int woken = 0;
  asio::co_spawn(context, sleeper(news, woken, 3), asio::detached);
  poll(context);
  CHECK(woken == 0);
  for (int n = 1; n <= 3; ++n) {
    news.raise();
    CHECK(woken == n - 1);  // never from within `raise`
    poll(context);
    CHECK(woken == n);
  }
  CHECK(context.stopped());  // it is done
}

TEST_CASE("news that come while nobody sleeps are kept, once", "[delivery][signal]") {
  asio::io_context context(1);
  news_signal news(context.get_executor());
  int woken = 0;
  for (int i = 0; i < 5; ++i) news.raise();
  asio::co_spawn(context, sleeper(news, woken, 5), asio::detached);
  poll(context);
  CHECK(woken == 1);
}

TEST_CASE("several news to one sleeper wake it once", "[delivery][signal]") {
  asio::io_context context(1);
  news_signal news(context.get_executor());
  int woken = 0;
  asio::co_spawn(context, sleeper(news, woken, 5), asio::detached);
  poll(context);
  news.raise();
  news.raise();
  poll(context);
  CHECK(woken == 1);
}

TEST_CASE("a time that has passed wakes without news, and news come before any time", "[delivery][signal]") {
  asio::io_context context(1);
  news_signal news(context.get_executor());
  int woken = 0;
  asio::co_spawn(context, sleeper_until(news, woken, clock::time_point::min()), asio::detached);
  context.run();
  CHECK(woken == 1);
  asio::co_spawn(context, sleeper_until(news, woken, clock::now()), asio::detached);
  context.restart();
  context.run();
  CHECK(woken == 2);

  asio::co_spawn(context, sleeper_until(news, woken, clock::now() + std::chrono::hours(1)), asio::detached);
  poll(context);
  CHECK(woken == 2);
  news.raise();
  poll(context);
  CHECK(woken == 3);
}

TEST_CASE("news between the end of the time and the waking belong to that waking", "[delivery][signal]") {
  asio::io_context context(1);
  news_signal news(context.get_executor());
  int woken = 0;
  asio::co_spawn(context, sleeper_until(news, woken, clock::time_point::min()), asio::detached);
  context.run_one();  // the sleeper lies down; its timer has expired, but nobody has told it
  REQUIRE(woken == 0);
  news.raise();
  poll(context);
  CHECK(woken == 1);
  asio::co_spawn(context, sleeper(news, woken, 1), asio::detached);
  poll(context);
  CHECK(woken == 1);
}

TEST_CASE("a cancelled sleeper ends", "[delivery][signal]") {
  asio::io_context context(1);
  news_signal news(context.get_executor());
  asio::cancellation_signal cancel;
  int woken = 0;
  std::exception_ptr thrown;
  bool ended = false;
  asio::co_spawn(context, sleeper(news, woken, 1'000),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr error) {
                   thrown = error;
                   ended = true;
                 }));
  poll(context);
  cancel.emit(asio::cancellation_type::terminal);
  poll(context);
  REQUIRE(ended);
  REQUIRE(thrown);
  CHECK_THROWS_AS(std::rethrow_exception(thrown), std::system_error);
  CHECK(woken <= 1);

  news.raise();  // nobody is there; the next one hears of it
  int next = 0;
  asio::co_spawn(context, sleeper(news, next, 2), asio::detached);
  poll(context);
  CHECK(next == 1);
}

TEST_CASE("a signal and its sleeper may be destroyed while it waits", "[delivery][signal]") {
  const auto alive = std::make_shared<int>();
  int woken = 0;
  {
    asio::io_context context(1);
    news_signal news(context.get_executor());
    asio::co_spawn(context, sleeper(news, woken, 1, alive), asio::detached);
    poll(context);
    CHECK(alive.use_count() == 2);
  }
  CHECK(woken == 0);
  CHECK(alive.use_count() == 1);
}

}  // namespace signal_tests
