// Awaiting what another thread does: the bridge from that thread to the coroutine that waits for it.
#pragma once

#include <postrider/core/config.hpp>

#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/use_awaitable.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace postrider::net {

/// Resumes one waiting coroutine, from any thread, by posting to the coroutine's executor, which is kept busy until
/// then. Called exactly once, and while the executor's context exists.
template <class T>
class completion {
  struct base {
    virtual ~base() = default;
    virtual void resume(T value) = 0;
  };

  template <class Handler>
  struct model final : base {
    using executor = asio::associated_executor_t<Handler>;
    using busy_executor = std::decay_t<decltype(asio::prefer(std::declval<const executor&>(),
                                                             asio::execution::outstanding_work.tracked))>;

    explicit model(Handler h)
        : handler(std::move(h)),
          busy(asio::prefer(asio::get_associated_executor(handler), asio::execution::outstanding_work.tracked)) {}

    /// What keeps the executor busy goes along: nothing of the context is touched here once the coroutine may run.
    void resume(T value) override {
      const auto executor = asio::get_associated_executor(handler);
      asio::post(executor, [handler = std::move(handler), busy = std::move(busy), value = std::move(value)]() mutable {
        handler(std::move(value));
      });
    }

    Handler handler;
    busy_executor busy;
  };

 public:
  template <class Handler>
  explicit completion(std::in_place_t, Handler handler) : held_(std::make_unique<model<Handler>>(std::move(handler))) {}

  void operator()(T value) {
    const auto held = std::move(held_);
    held->resume(std::move(value));
  }

 private:
  std::unique_ptr<base> held_;
};

namespace detail {

template <class T>
struct start_with_completion {
  template <class Handler, class Start>
  void operator()(Handler handler, Start start) const {
    start(completion<T>(std::in_place, std::move(handler)));
  }
};

}  // namespace detail

/// Calls `start(completion<T>)` once awaited, and gives what the completion is called with.
template <class T, class Start>
asio::awaitable<T> complete(Start start) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(detail::start_with_completion<T>(),
                                                                      asio::use_awaitable, std::move(start));
}

}  // namespace postrider::net
