// Runs one coroutine on an io_context of its own and gives back what it returned.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace test {

/// Drives `context` until `work` is complete; throws what it threw, or if it takes longer than `guard`.
template <class T>
T run(asio::io_context& context, asio::awaitable<T> work, std::chrono::seconds guard = std::chrono::seconds(20)) {
  std::exception_ptr thrown;
  bool done = false;
  const auto deadline = std::chrono::steady_clock::now() + guard;
  const auto drive = [&] {
    context.restart();
    while (!done && std::chrono::steady_clock::now() < deadline)
      if (context.run_one_until(deadline) == 0 && context.stopped()) break;
    if (thrown) std::rethrow_exception(thrown);
    if (!done) throw std::runtime_error("the coroutine did not finish in time");
  };
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(context, std::move(work), [&](std::exception_ptr error) {
      thrown = error;
      done = true;
    });
    drive();
  } else {
    std::optional<T> value;
    asio::co_spawn(context, std::move(work), [&](std::exception_ptr error, T result) {
      thrown = error;
      if (!error) value.emplace(std::move(result));
      done = true;
    });
    drive();
    return std::move(*value);
  }
}

/// Drives `context` until `done()` holds or `guard` is over; whether it holds.
template <class Condition>
bool run_until(asio::io_context& context, Condition done, std::chrono::seconds guard = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + guard;
  context.restart();
  while (!done() && std::chrono::steady_clock::now() < deadline)
    if (context.run_one_until(deadline) == 0) break;
  return done();
}

template <class T>
T run(asio::awaitable<T> work, std::chrono::seconds guard = std::chrono::seconds(20)) {
  asio::io_context context(1);
  return run(context, std::move(work), guard);
}

}  // namespace test
