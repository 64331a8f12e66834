// Connections to one server with one account, and the one queue that they pull from.
#pragma once

#include <postrider/client/connection.hpp>
#include <postrider/client/connection_growth.hpp>
#include <postrider/client/dial.hpp>
#include <postrider/client/pending_mail.hpp>
#include <postrider/client/rate_limit.hpp>
#include <postrider/core/receipt.hpp>
#include <postrider/core/ring.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

namespace postrider::client {
namespace detail {

class pool_core : public std::enable_shared_from_this<pool_core> {
 public:
  using clock = std::chrono::steady_clock;

  pool_core(asio::any_io_executor on, server definition)
      : executor(std::move(on)),
        where(std::move(definition)),
        growth(where.limits.connections),
        mails(where.limits.mails_per_second),
        recipients(where.limits.recipients_per_second),
        room(executor, clock::time_point::max()),
        ended(executor, clock::time_point::max()),
        alarm_(executor) {}

  ~pool_core() {
    for (std::size_t i = 0; i < waiting.size(); ++i) waiting[i]->forget_caller();
    in_flight.for_each([](const std::shared_ptr<pending_mail>& entry) { entry->forget_caller(); });
  }

  static asio::awaitable<receipt> send(std::shared_ptr<pool_core> self, mail what) {
    const auto entry = std::make_shared<pending_mail>(std::move(what));
    while (self->waiting.size() >= most_waiting && !self->closing) {
      co_await self->room.async_wait(token);
      const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() == asio::cancellation_type::none) continue;
      self->made_room();  // what woke it may have been meant for the next one
      co_return self->refuse(*entry, failure(cause::cancelled));
    }
    if (self->closing) co_return self->refuse(*entry, failure(cause::shutting_down));
    self->waiting.push_back(entry);
    self->look_again_at(entry->since + self->where.timeouts.overall);
    self->find_carrier();
    if (!entry->outcome) co_await entry->wait();
    if (!entry->outcome) self->abandon(entry, failure(cause::cancelled));
    co_return std::move(*entry->outcome);
  }

  static asio::awaitable<void> close(std::shared_ptr<pool_core> self, std::chrono::milliseconds limit) {
    self->closing = true;
    self->room.cancel();
    asio::steady_timer deadline(self->executor, limit);
    deadline.async_wait([self](const std::error_code& cancelled) {
      if (!cancelled) self->give_up(failure(cause::shutting_down));
    });
    self->wake_all();
    while (self->lives()) co_await self->ended.async_wait(token);
    deadline.cancel();
    self->give_up(failure(cause::shutting_down));
  }

  /// Everything ends now.
  void give_up(const failure& why) {
    closing = given_up = true;
    room.cancel();
    fail_waiting(why);
    for (auto& c : carriers)
      if (c->session) c->session->close(why);
    ended.cancel();
    alarm_.cancel();
  }

  asio::any_io_executor executor;
  server where;
  connection_growth growth;
  rate_limit mails;
  rate_limit recipients;
  ring<std::shared_ptr<pending_mail>> waiting;
  tickets in_flight;
  std::uint64_t round_trips = 0;  // of sessions that ended

 private:
  static constexpr std::size_t most_waiting = 1000;
  static constexpr int most_returns = 3;

  /// A connection and what the pool remembers of it.
  class carrier final : public mail_source {
   public:
    explicit carrier(pool_core& owner) : owner_(owner) {}

    std::optional<queued_mail> pull() override { return owner_.hand_to(*this); }
    void settled(protocol::settled_mail&& done) override { owner_.settle(*this, std::move(done)); }

    std::optional<connection> session;
    clock::time_point opened;
    std::uint32_t carried = 0;

   private:
    pool_core& owner_;
  };

 public:
  std::list<std::unique_ptr<carrier>> carriers;

 private:
  static asio::awaitable<void> carry(std::shared_ptr<pool_core> self, carrier* c) {
    // Not within whoever found that it is needed: what fails at once must not call it again from within itself.
    co_await asio::post(self->executor, asio::use_awaitable);
    bool served = false;
    auto dialled = co_await client::dial(self->where);
    if (dialled) {
      const auto local = dialled->socket().local_endpoint(ignored_error());
      c->session.emplace(std::move(*dialled), self->where, protocol::address_literal(local.address().to_string()));
      if (self->given_up) c->session->close(failure(cause::shutting_down));
      auto opened = co_await c->session->open();
      if (opened) {
        c->opened = clock::now();
        served = true;
        ++self->ready;
        self->growth.opened(c->opened);
        co_await c->session->serve(*c);
        --self->ready;
        self->round_trips += c->session->round_trips();
      } else {
        self->unreachable(opened.error());
      }
    } else {
      self->unreachable(dialled.error());
    }
    self->remove(c, served);
  }

  static std::error_code& ignored_error() {
    thread_local std::error_code ignored;
    return ignored;
  }

  std::optional<queued_mail> hand_to(carrier& c) {
    if (waiting.empty()) {
      if (closing) c.session->quit();
      return std::nullopt;
    }
    const clock::time_point now = clock::now();
    const bool worn_out = reached(where.limits.mails_per_connection, c.carried) ||
                          reached(c.session->dialogue().offered().mail_max, c.carried) ||
                          (where.limits.lifetime.count() != 0 && now - c.opened > where.limits.lifetime);
    if (worn_out) {
      c.session->quit();
      return std::nullopt;
    }
    // Before it is sent, not after: a provider counts what it gets.
    const clock::time_point due = std::max(mails.ready_at(), recipients.ready_at());
    if (due > now) {
      look_again_at(due);
      return std::nullopt;
    }
    std::shared_ptr<pending_mail> entry = std::move(waiting.front());
    waiting.pop_front();
    made_room();
    mails.take(1, now);
    recipients.take(entry->mail.envelope().recipients.size(), now);
    ++c.carried;
    entry->carrier = &*c.session;
    queued_mail next{.ticket = 0, .mail = entry->mail};
    pending_mail& taken = *entry;
    next.ticket = taken.ticket = in_flight.issue(std::move(entry));
    return next;
  }

  static bool reached(std::uint64_t limit, std::uint64_t count) noexcept { return limit != 0 && count >= limit; }

  void settle(carrier& c, protocol::settled_mail&& done) {
    const std::shared_ptr<pending_mail> entry = in_flight.redeem(done.ticket);
    if (!entry) return;  // its caller has left
    entry->carrier = nullptr;
    // A session that had worked before, or that ended with an earlier mail, says nothing about this one.
    if (done.untouched && c.carried > 1 && entry->returns < most_returns && !closing) {
      ++entry->returns;
      waiting.push_front(entry);
      return;
    }
    const clock::time_point now = clock::now();
    complete(*entry, std::move(done.outcome), now);
    growth.settled();
    if (waiting.empty()) growth.ran_dry(now);
    else if (carriers.size() >= growth.target()) grow(now);
  }

  void complete(pending_mail& entry, receipt&& outcome, clock::time_point now = clock::now()) {
    outcome.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - entry.since);
    for (auto& r : outcome.recipients)
      if (r.failure) r.failure->elapsed = outcome.elapsed;
    entry.complete(std::move(outcome));
  }

  receipt refuse(const pending_mail& entry, failure why) const {
    why.server = where.endpoint();
    protocol::transaction untouched(0, entry.mail);
    untouched.refuse_rest(why);
    return untouched.settle(why.server).outcome;
  }

  /// Its caller leaves, or the time for it is over.
  void abandon(const std::shared_ptr<pending_mail>& entry, failure why) {
    if (entry->carrier) {
      if (!entry->carrier->withdraw(entry->ticket)) {
        why.outcome = outcome::unknown;
        why.stage = stage::final;
      }
      in_flight.redeem(entry->ticket);
    } else {
      for (std::size_t i = 0; i < waiting.size(); ++i)
        if (waiting[i] == entry) {
          waiting.erase(i);
          made_room();
          break;
        }
    }
    complete(*entry, refuse(*entry, std::move(why)));
  }

  /// What is over is told so.
  void end_late_ones(clock::time_point now) {
    std::vector<std::shared_ptr<pending_mail>> late;
    const auto examine = [&](const std::shared_ptr<pending_mail>& entry) {
      const clock::time_point due = entry->since + where.timeouts.overall;
      if (due <= now) late.push_back(entry);
      else look_again_at(due);
    };
    for (std::size_t i = 0; i < waiting.size(); ++i) examine(waiting[i]);
    in_flight.for_each(examine);
    for (const auto& entry : late) abandon(entry, failure(cause::reply_timeout));
  }

  /// No session could be had. Mails wait for the connections that live or are being opened; the last one to fail tells
  /// them why.
  void unreachable(const failure& why) {
    if (ready == 0 && carriers.size() == 1) fail_waiting(why);
    else growth.refused(ready, clock::now());
  }

  /// One mail less waits: one of those who want to join may.
  void made_room() { room.cancel_one(); }

  void fail_waiting(const failure& why) {
    ring<std::shared_ptr<pending_mail>> all = std::move(waiting);
    waiting = {};
    room.cancel();
    for (std::size_t i = 0; i < all.size(); ++i) complete(*all[i], refuse(*all[i], why));
  }

  /// An idle connection if there is one, else a new one if the limits allow it and it is worth having.
  void find_carrier() {
    for (auto& c : carriers)
      if (c->session && c->session->dialogue().accepts_mail() && !c->session->awake()) return c->session->wake();
    if (carriers.size() >= growth.target()) grow(clock::now());
    else if (carriers.size() - ready < waiting.size()) open_one();
  }

  /// The connections that are to be had are there, or being opened, and mails wait: perhaps more are worth having.
  void grow(clock::time_point now) {
    growth.consider(now);
    for (std::size_t opening = carriers.size() - ready; carriers.size() < growth.target() && opening < waiting.size();
         ++opening)
      open_one();
    if (growth.may_grow()) look_again_at(std::max(growth.due(), now + std::chrono::milliseconds(10)));
  }

  void open_one() {
    carriers.push_back(std::make_unique<carrier>(*this));
    asio::co_spawn(executor, carry(shared_from_this(), carriers.back().get()), asio::detached);
  }

  // The clock: one timer for all that may have to be done later, set anew only if it would ring too late.

  void look_again_at(clock::time_point due) {
    if (due >= rings_at_) return;
    rings_at_ = due;
    alarm_.expires_at(due);
    alarm_.async_wait([weak = weak_from_this()](const std::error_code& cancelled) {
      const auto self = weak.lock();
      if (!cancelled && self) self->look_again();
    });
  }

  void look_again() {
    rings_at_ = clock::time_point::max();
    end_late_ones(clock::now());
    if (!waiting.empty()) find_carrier();
  }

  /// Every session pulls, or says QUIT if there is nothing left.
  void wake_all() {
    for (auto& c : carriers)
      if (c->session) c->session->wake();
  }

  /// Something is left to wait for: after giving up, not for somebody who still dials.
  bool lives() const {
    return std::any_of(carriers.begin(), carriers.end(), [&](const auto& c) { return c->session || !given_up; });
  }

  /// After a session that never was, only its end tells that another try makes sense: the ready ones pull what waits.
  void remove(carrier* gone, bool served) {
    std::erase_if(carriers, [gone](const auto& c) { return c.get() == gone; });
    if (carriers.empty() && waiting.empty()) growth.restart(clock::now());
    if (served && !waiting.empty()) find_carrier();
    ended.cancel();
  }

  asio::steady_timer room;
  asio::steady_timer ended;
  asio::steady_timer alarm_;
  clock::time_point rings_at_ = clock::time_point::max();
  std::size_t ready = 0;
  bool closing = false;  // takes no more mail
  bool given_up = false;
};

}  // namespace detail

/// Sends mails through at most `limits.connections` connections to one server with one account. Lives on `executor`,
/// which is run by one thread; every function is called there. Destroying it ends every session at once and every
/// waiting `send` with shutting_down; it never blocks.
class pool {
 public:
  pool(asio::any_io_executor executor, const server& where)
      : core_(std::make_shared<detail::pool_core>(std::move(executor), where)) {}
  pool(pool&&) noexcept = default;
  pool& operator=(pool&&) = delete;
  ~pool() {
    if (core_) core_->give_up(failure(cause::shutting_down));
  }

  /// Waits for room in the queue and then for the mail's outcome. If no session can be had, every mail that waits
  /// completes with the reason. A mail whose session ended before its content was begun goes to another session.
  ///
  /// Cancellation: before a connection has taken the mail it is removed, untouched (cause cancelled, transient).
  /// Afterwards the caller gets its answer at once: transient if its content has not been begun, which then never is,
  /// or unknown, and the connection finishes the mail. Other callers notice nothing.
  asio::awaitable<receipt> send(mail what) { return detail::pool_core::send(core_, std::move(what)); }

  std::size_t waiting() const noexcept { return core_->waiting.size(); }
  std::size_t in_flight() const noexcept { return core_->in_flight.size(); }
  std::size_t connections() const noexcept { return core_->carriers.size(); }
  /// Of the sessions that have ended.
  std::uint64_t round_trips() const noexcept { return core_->round_trips; }

  /// Takes no more mail, delivers what it holds, and ends the sessions with QUIT; after `limit` it gives up what is
  /// left.
  asio::awaitable<void> close(std::chrono::milliseconds limit) { return detail::pool_core::close(core_, limit); }

 private:
  std::shared_ptr<detail::pool_core> core_;
};

}  // namespace postrider::client
