// Pools on other threads than the pipeline's.
#include <postrider/delivery/placed_pool.hpp>

#include "delivery/pipeline_house.hpp"
#include "support/thread_of_its_own.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace placed_pool_tests {

using namespace house;
using ::test::thread_of_its_own;

namespace {

/// Notes on which threads it is made, used and destroyed; answers when it is told to.
struct noting_pool {
  struct notes {
    std::thread::id made, used, destroyed;
    std::atomic<int> alive = 0;
    std::atomic<int> sending = 0;
    bool throws = false;
    bool waits = false;
  };
  static notes*& current() {
    static notes* all = nullptr;
    return all;
  }

  noting_pool(asio::any_io_executor on, const server& where) : executor(std::move(on)), host(where.host) {
    current()->made = std::this_thread::get_id();
    ++current()->alive;
  }
  noting_pool(const noting_pool&) = delete;
  ~noting_pool() {
    current()->destroyed = std::this_thread::get_id();
    --current()->alive;
  }

  asio::awaitable<receipt> send(mail what) { return sent(executor, host, std::move(what)); }
  static asio::awaitable<receipt> sent(asio::any_io_executor executor, std::string host, mail what) {
    auto& all = *current();
    all.used = std::this_thread::get_id();
    ++all.sending;
    if (all.throws) throw std::runtime_error("out of luck");
    if (all.waits) {
      asio::steady_timer forever(executor, std::chrono::steady_clock::time_point::max());
      co_await forever.async_wait(asio::use_awaitable);
    }
    receipt told;
    told.server = host;
    for (const auto& one : what.envelope().recipients)
      told.recipients.emplace_back(one.forward_path.str(), outcome::accepted);
    co_return told;
  }

  asio::awaitable<void> close(std::chrono::milliseconds) { co_return; }

  asio::any_io_executor executor;
  std::string host;
};
using placed = detail::placed_pool<noting_pool>;

struct noted {
  noted() { noting_pool::current() = &all; }
  noting_pool::notes all;
};

}  // namespace

TEST_CASE("a pool lives on the executor that it is placed on, and its receipts come home") {
  noted by;
  thread_of_its_own there;
  const auto thread_there = there.thread.get_id();
  asio::io_context home(1);
  std::optional<placed> pool(std::in_place, home.get_executor(), there.context.get_executor(), at("mx.example.org"));
  int accepted = 0;
  constexpr int mails = 500;
  for (int i = 0; i < mails; ++i)
    asio::co_spawn(home, pool->send(letter(std::to_string(i))), [&](std::exception_ptr error, receipt answer) {
      if (error) std::rethrow_exception(error);
      accepted += answer.ok() && answer.server == "mx.example.org" ? 1 : 0;
    });
  home.run();
  CHECK(accepted == mails);
  asio::co_spawn(home, pool->close(1s), asio::detached);
  home.restart();
  home.run();
  pool.reset();
  there.join();
  CHECK(by.all.made == thread_there);
  CHECK(by.all.used == thread_there);
  CHECK(by.all.destroyed == thread_there);
  CHECK(by.all.alive == 0);
}

TEST_CASE("a pool on the pipeline's own executor crosses nothing") {
  noted by;
  asio::io_context home(1);
  placed pool(home.get_executor(), home.get_executor(), at("mx.example.org"));
  CHECK(by.all.alive == 1);
  asio::co_spawn(home, pool.send(letter("near")), asio::detached);
  home.run();
  CHECK(by.all.used == std::this_thread::get_id());
}

TEST_CASE("what a pool throws on its thread is thrown at home") {
  noted by;
  by.all.throws = true;
  thread_of_its_own there;
  asio::io_context home(1);
  placed pool(home.get_executor(), there.context.get_executor(), at("mx.example.org"));
  std::string said;
  asio::co_spawn(home, pool.send(letter("unlucky")), [&](std::exception_ptr error, receipt) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::runtime_error& thrown) {
      said = thrown.what();
    }
  });
  home.run();
  there.stop();
  CHECK(said == "out of luck");
}

TEST_CASE("either context may end first, with mails on their way") {
  noted by;
  by.all.waits = true;
  auto there = std::make_unique<thread_of_its_own>();
  auto home = std::make_unique<asio::io_context>(1);
  std::optional<placed> pool(std::in_place, home->get_executor(), there->context.get_executor(), at("mx.example.org"));
  for (int i = 0; i < 10; ++i) asio::co_spawn(*home, pool->send(letter("lost")), asio::detached);
  while (by.all.sending < 10) home->run_one_for(5ms);
  SECTION("the pool's, and the pool after it") {
    there->stop();
    there.reset();
    CHECK(by.all.alive == 0);
    pool.reset();
    home.reset();
  }
  SECTION("the pool's, and later mails are told so") {
    there->stop();
    there.reset();
    int told = 0;
    asio::co_spawn(*home, pool->send(letter("late")), [&](std::exception_ptr error, receipt answer) {
      if (error) std::rethrow_exception(error);
      REQUIRE(answer.first_failure() != nullptr);
      told += answer.first_failure()->cause == cause::shutting_down ? 1 : 0;
    });
    while (told == 0) home->run_one_for(5ms);
    CHECK(told == 1);
    home.reset();
    pool.reset();
  }
  SECTION("home") {
    pool.reset();
    home.reset();
    there->stop();
    there.reset();
  }
  SECTION("home, while the pool goes on") {
    home.reset();
    pool.reset();
    there->stop();
    there.reset();
  }
  CHECK(by.all.alive == 0);
}

}  // namespace placed_pool_tests
