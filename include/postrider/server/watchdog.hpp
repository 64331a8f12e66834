// One timer that watches a whole session.
#pragma once

#include <postrider/core/config.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>

namespace postrider::detail {

/// Calls `bark` when the deadline has passed. Moving the deadline costs a store: the timer wakes at the old one, sees
/// the new one and sleeps on. A bark asks for no other; the next `expect` does.
class watchdog {
  using clock = std::chrono::steady_clock;

 public:
  watchdog(asio::any_io_executor executor, std::function<void()> bark)
      : state_(std::make_shared<state>(std::move(executor), std::move(bark))) {}
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;
  ~watchdog() {
    state_->bark = nullptr;
    state_->timer.cancel();
  }

  void expect(clock::time_point deadline) {
    state_->deadline = deadline;
    if (deadline < state_->wakes_at) sleep(state_);
  }
  void expect(std::chrono::milliseconds within) { expect(clock::now() + within); }

  /// Whatever is awaited now may take its time.
  void rest() noexcept { state_->deadline = clock::time_point::max(); }

 private:
  struct state {
    state(asio::any_io_executor executor, std::function<void()> on_late)
        : timer(std::move(executor)), bark(std::move(on_late)) {}
    asio::steady_timer timer;
    std::function<void()> bark;
    clock::time_point deadline = clock::time_point::max();
    clock::time_point wakes_at = clock::time_point::max();
  };

  static void sleep(const std::shared_ptr<state>& s) {
    s->wakes_at = s->deadline;
    s->timer.expires_at(s->deadline);
    s->timer.async_wait([s](const std::error_code& error) {
      if (error || !s->bark) return;
      s->wakes_at = clock::time_point::max();
      if (s->deadline > clock::now()) {
        if (s->deadline != clock::time_point::max()) sleep(s);
        return;
      }
      s->deadline = clock::time_point::max();
      s->bark();
    });
  }

  std::shared_ptr<state> state_;
};

}  // namespace postrider::detail
