// Lets one coroutine sleep until a time, or until somebody has news for it.
#pragma once

#include <postrider/core/config.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>

namespace postrider::detail {

/// Belongs to one thread. News that comes while nobody sleeps are kept for the next sleeper.
template <class Clock>
class basic_signal {
 public:
  using time_point = typename Clock::time_point;

  explicit basic_signal(const asio::any_io_executor& executor) : timer_(executor) {}

  void raise() {
    raised_ = true;
    timer_.cancel();
  }

  /// Returns at `when`, or as soon as there are news.
  asio::awaitable<void> wait(time_point when = time_point::max()) {
    if (!raised_) {
      timer_.expires_at(when);
      auto ended = co_await timer_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
      static_cast<void>(ended);  // cancelled or not, it is time to look
    }
    raised_ = false;
  }

 private:
  asio::basic_waitable_timer<Clock> timer_;
  bool raised_ = false;
};

using signal = basic_signal<std::chrono::steady_clock>;

}  // namespace postrider::detail
