// A mail that a pool holds for the coroutine that sent it.
#pragma once

#include <postrider/client/connection.hpp>
#include <postrider/core/receipt.hpp>
#include <postrider/mail/mail.hpp>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace postrider::client::detail {

/// Its caller waits for `outcome` and may leave earlier. All on one thread.
class pending_mail {
 public:
  explicit pending_mail(postrider::mail what) : mail(std::move(what)), since(std::chrono::steady_clock::now()) {}
  pending_mail(const pending_mail&) = delete;
  pending_mail& operator=(const pending_mail&) = delete;

  postrider::mail mail;
  std::chrono::steady_clock::time_point since;
  std::optional<receipt> outcome;
  connection* carrier = nullptr;  // while it is on one
  std::uint64_t ticket = 0;       // under which it is on that
  int returns = 0;                // how often a session ended before it was touched

  /// The caller, if it waits already, goes on soon.
  void complete(receipt&& what) {
    outcome = std::move(what);
    resume();
  }

  /// Nobody will complete it any more: its context has ended. The caller's coroutine, which holds this, is destroyed.
  void forget_caller() { std::exchange(waiter_, nullptr).reset(); }

  /// Waits until it is completed or the caller's wait is cancelled; then there may be no outcome yet. At most one
  /// waits.
  asio::awaitable<void> wait() {
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(start(), asio::use_awaitable, this);
  }

 private:
  struct waiter {
    virtual ~waiter() = default;
    virtual void resume() = 0;
  };

  template <class Handler>
  struct model final : waiter {
    explicit model(Handler h) : handler(std::move(h)) {}
    void resume() override {
      asio::get_associated_cancellation_slot(handler).clear();
      const auto executor = asio::get_associated_executor(handler);
      asio::post(executor, std::move(handler));
    }
    Handler handler;
  };

  struct start {
    template <class Handler>
    void operator()(Handler handler, pending_mail* self) const {
      auto slot = asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) slot.assign([self](asio::cancellation_type) { self->resume(); });
      self->waiter_ = std::make_unique<model<Handler>>(std::move(handler));
      if (self->outcome) self->resume();
    }
  };

  void resume() {
    if (const auto held = std::exchange(waiter_, nullptr)) held->resume();
  }

  std::unique_ptr<waiter> waiter_;
};

/// Mails on connections, found by the ticket that comes back with their outcome.
class tickets {
 public:
  std::uint64_t issue(std::shared_ptr<pending_mail> entry) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(places_.size()));
      places_.emplace_back();
    }
    const std::uint32_t at = free_.back();
    free_.pop_back();
    places_[at].held = std::move(entry);
    ++issued_;
    return std::uint64_t{places_[at].generation} << 32 | at;
  }

  /// What was issued under `ticket`, which is of no further use; null if it was redeemed before.
  std::shared_ptr<pending_mail> redeem(std::uint64_t ticket) {
    place& one = places_[static_cast<std::uint32_t>(ticket)];
    if (one.generation != ticket >> 32 || !one.held) return nullptr;
    ++one.generation;
    --issued_;
    free_.push_back(static_cast<std::uint32_t>(ticket));
    return std::exchange(one.held, nullptr);
  }

  std::size_t size() const noexcept { return issued_; }

  template <class F>
  void for_each(F&& visit) const {
    for (const place& one : places_)
      if (one.held) visit(one.held);
  }

 private:
  struct place {
    std::shared_ptr<pending_mail> held;
    std::uint32_t generation = 0;
  };

  std::vector<place> places_;
  std::vector<std::uint32_t> free_;
  std::size_t issued_ = 0;
};

}  // namespace postrider::client::detail
