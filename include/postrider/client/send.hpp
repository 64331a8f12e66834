// One mail, one server, one call.
#pragma once

#include <postrider/client/connection.hpp>
#include <postrider/client/dial.hpp>
#include <postrider/core/receipt.hpp>
#include <postrider/mail/header_fields.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace postrider::client {
namespace detail {

/// Gives one mail, and the order to quit behind it.
class single_mail final : public mail_source {
 public:
  single_mail(connection& on, mail what) : session_(on), mail_(std::move(what)) {}

  std::optional<queued_mail> pull() override {
    if (given_) {
      session_.quit();
      return std::nullopt;
    }
    given_ = true;
    return queued_mail{.ticket = 1, .mail = mail_};
  }
  void settled(protocol::settled_mail&& done) override { outcome_ = std::move(done.outcome); }

  std::optional<receipt>& outcome() noexcept { return outcome_; }

 private:
  connection& session_;
  mail mail_;
  std::optional<receipt> outcome_;
  bool given_ = false;
};

/// Only QUIT.
class no_mail final : public mail_source {
 public:
  explicit no_mail(connection& on) : session_(on) {}
  std::optional<queued_mail> pull() override {
    session_.quit();
    return std::nullopt;
  }
  void settled(protocol::settled_mail&&) override {}

 private:
  connection& session_;
};

/// Closes the session when the time for the mail is over.
class overall_limit {
 public:
  overall_limit(connection& session, std::chrono::steady_clock::time_point due, const asio::any_io_executor& executor)
      : timer_(executor, due), session_(std::make_shared<connection*>(&session)) {
    timer_.async_wait([watched = std::weak_ptr<connection*>(session_)](const std::error_code& cancelled) {
      const auto alive = watched.lock();
      if (!cancelled && alive)
        (*alive)->close(failure(cause::reply_timeout, stage::queue, "the time for this mail is over"));
    });
  }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<connection*> session_;
};

inline asio::awaitable<result<connection>> open(server where, protocol::trace* listener,
                                                std::chrono::steady_clock::time_point due) {
  auto dialled = co_await dial(where, listener, due);
  if (!dialled) co_return fail(std::move(dialled.error()));
  std::error_code ignored;
  const auto local = dialled->socket().local_endpoint(ignored);
  connection session(std::move(*dialled), where, protocol::address_literal(local.address().to_string()), listener);
  const overall_limit limit(session, due, session.get_executor());
  auto opened = co_await session.open();
  if (!opened) co_return fail(std::move(opened.error()));
  co_return std::move(session);
}

inline asio::awaitable<receipt> send(mail what, server where, protocol::trace* listener) {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto begun = std::chrono::steady_clock::now();
  const auto due = begun + where.timeouts.overall;
  protocol::transaction unsent(1, what);
  std::string message_id = find_field(header_section(what.content().bytes().value_or("")), "Message-ID").value_or("");
  receipt outcome;
  auto session = co_await open(where, listener, due);
  if (session) {
    single_mail source(*session, std::move(what));
    const overall_limit limit(*session, due, session->get_executor());
    co_await session->serve(source);
    outcome = std::move(*source.outcome());
  } else {
    unsent.refuse_rest(session.error());
    outcome = unsent.settle(where.endpoint()).outcome;
  }
  outcome.mail_id = std::move(message_id);
  outcome.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
  for (auto& r : outcome.recipients)
    if (r.failure) r.failure->elapsed = outcome.elapsed;
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return outcome;
}

inline asio::awaitable<result<void>> check(server where, protocol::trace* listener) {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  auto session = co_await open(where, listener, std::chrono::steady_clock::now() + where.timeouts.overall);
  result<void> passed;
  if (session) {
    no_mail source(*session);
    co_await session->serve(source);
  } else {
    passed = fail(std::move(session.error()));
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return passed;
}

}  // namespace detail

/// Connects, secures, authenticates, sends `what` and says QUIT, on the caller's executor; the receipt has every
/// recipient once. Deadlines are those of `where.timeouts`, `overall` for all of it.
///
/// Nothing is tried twice, except that every address of the host is. Cancellation closes the connection; the
/// outcome is then transient, or unknown if the whole content may have arrived.
inline asio::awaitable<receipt> send(mail what, const server& where) {
  return detail::send(std::move(what), where, nullptr);
}

/// The same; `listener` hears what happens and outlives the call.
inline asio::awaitable<receipt> send(mail what, const server& where, protocol::trace& listener) {
  return detail::send(std::move(what), where, &listener);
}

/// Everything short of a mail: connects, secures, authenticates, says QUIT.
inline asio::awaitable<result<void>> check(const server& where, protocol::trace& listener) {
  return detail::check(where, &listener);
}

}  // namespace postrider::client

namespace postrider {
using client::send;
}
