#include <postrider/net/completion.hpp>

#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <string>
#include <support/run.hpp>
#include <thread>
#include <utility>

using postrider::net::complete;
using postrider::net::completion;

namespace {

/// What waits for an int: where its completion lies, how often it was started, what came of it.
struct place {
  std::optional<completion<int>> held;
  int starts = 0;
  int got = 0;
  std::shared_ptr<int> alive = std::make_shared<int>(0);  ///< held by the coroutine, too, as long as it exists

  bool waits() const { return alive.use_count() > 1; }
};

asio::awaitable<int> wait_at(place& here) {
  return complete<int>([&here](completion<int> done) {
    ++here.starts;
    here.held.emplace(std::move(done));
  });
}

asio::awaitable<void> wait_and_note(place& here, std::shared_ptr<int> alive) {
  const int got = co_await wait_at(here);
  here.got = got;
  alive.reset();
}

void begin(asio::io_context& context, place& here) {
  asio::co_spawn(context, wait_and_note(here, here.alive), asio::detached);
  context.poll();
}

/// Gives `value` on a thread of its own, which may end before the coroutine goes on.
template <class T>
asio::awaitable<T> from_another_thread(T value, std::jthread& worker) {
  auto start = [&worker, value = std::move(value)](completion<T> done) mutable {
    worker = std::jthread([value = std::move(value), done = std::move(done)]() mutable { done(std::move(value)); });
  };
  return complete<T>(std::move(start));
}

asio::awaitable<int> sum_of_threads(int threads) {
  int sum = 0;
  for (int i = 1; i <= threads; ++i) {
    std::jthread worker;
    const int got = co_await from_another_thread(i, worker);
    sum += got;
  }
  co_return sum;
}

/// The thread has ended before the context does.
asio::awaitable<std::unique_ptr<std::string>> letter_of_a_thread() {
  std::jthread worker;
  auto letter = std::make_unique<std::string>("a letter");
  auto got = co_await from_another_thread(std::move(letter), worker);
  co_return got;
}

asio::awaitable<bool> resumed_within(asio::strand<asio::io_context::executor_type>& own) {
  std::jthread worker;
  const int got = co_await from_another_thread(1, worker);
  co_return got == 1 && own.running_in_this_thread();
}

}  // namespace

TEST_CASE("nothing starts before it is awaited, and then once", "[completion]") {
  asio::io_context context(1);
  place here;
  {
    const auto never = wait_at(here);
    CHECK(here.starts == 0);
  }
  begin(context, here);
  CHECK(here.starts == 1);
  (*here.held)(1);
  context.run();
  CHECK(here.starts == 1);
}

TEST_CASE("the coroutine is resumed by its executor, not by who completes", "[completion]") {
  asio::io_context context(1);
  place here;
  begin(context, here);
  REQUIRE(here.held);
  (*here.held)(42);
  CHECK(here.got == 0);
  CHECK(here.waits());
  context.run();
  CHECK(here.got == 42);
  CHECK_FALSE(here.waits());
}

TEST_CASE("the executor has work until the completion is called, and none after it", "[completion]") {
  asio::io_context context(1);
  place here;
  begin(context, here);
  CHECK_FALSE(context.stopped());
  context.poll();
  CHECK_FALSE(context.stopped());
  CHECK(here.waits());
  (*here.held)(1);
  context.poll();
  CHECK(context.stopped());
}

TEST_CASE("completed before the start returned is completed, too", "[completion]") {
  const int got = ::test::run(complete<int>([](completion<int> done) { done(7); }));
  CHECK(got == 7);
}

TEST_CASE("what can only be moved arrives", "[completion]") {
  const auto got = ::test::run(letter_of_a_thread());
  REQUIRE(got);
  CHECK(*got == "a letter");
}

TEST_CASE("threads complete one after the other, and run() waits for each", "[completion]") {
  asio::io_context context(1);
  int sum = 0;
  asio::co_spawn(context, sum_of_threads(10), [&](std::exception_ptr, int result) { sum = result; });
  context.run();  // returns when nothing is left to do
  CHECK(sum == 55);
}

TEST_CASE("the coroutine goes on in its own strand", "[completion]") {
  asio::io_context context(1);
  auto own = asio::make_strand(context);
  bool within = false;
  asio::co_spawn(own, resumed_within(own), [&](std::exception_ptr, bool result) { within = result; });
  context.run();
  CHECK(within);
}

TEST_CASE("a completion that is given up ends the wait and keeps nothing", "[completion]") {
  asio::io_context context(1);
  place here;
  begin(context, here);
  REQUIRE(here.waits());
  here.held.reset();
  context.poll();  // a coroutine is taken down by its executor
  CHECK_FALSE(here.waits());
  CHECK(here.got == 0);
  CHECK(context.stopped());
}

TEST_CASE("a context that ends with a result on its way takes the coroutine with it", "[completion]") {
  place here;
  {
    asio::io_context context(1);
    begin(context, here);
    (*here.held)(1);
    CHECK(here.waits());
  }
  CHECK_FALSE(here.waits());
  CHECK(here.got == 0);
}

TEST_CASE("any handler can be completed: its executor is kept busy until then, and calls it", "[completion]") {
  asio::io_context context(1);
  int got = 0;
  completion<int> done(std::in_place, asio::bind_executor(context.get_executor(), [&](int value) { got = value; }));
  context.poll();
  CHECK_FALSE(context.stopped());
  asio::post(context, [&] {
    done(7);
    CHECK(got == 0);  // not from within who completes, even on that executor
  });
  context.run();
  CHECK(got == 7);
  CHECK(context.stopped());
}
