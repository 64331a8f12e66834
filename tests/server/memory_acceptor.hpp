// An acceptor that keeps what it is given, fails when it is told to, and can be made to wait.
#pragma once

#include <postrider/server/mail_acceptor.hpp>

#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// The archetype: it has what a `mail_acceptor` needs, and nothing else of it.
class memory_acceptor {
 public:
  struct accepted_mail {
    postrider::submitter from;
    postrider::envelope to{std::nullopt, {}};
    std::string content;
  };

  class writer {
   public:
    writer(memory_acceptor& into, postrider::submitter from, postrider::envelope to) : into_(&into) {
      mail_.from = std::move(from);
      mail_.to = std::move(to);
      ++into.open_;
    }
    writer(writer&& other) noexcept : into_(std::exchange(other.into_, nullptr)), mail_(std::move(other.mail_)) {}
    writer& operator=(writer&& other) noexcept {
      std::swap(into_, other.into_);
      std::swap(mail_, other.mail_);
      return *this;
    }
    ~writer() {
      if (into_ != nullptr) --into_->open_;
    }

    asio::awaitable<postrider::result<void>> append(std::string piece) {
      const auto done = co_await into_->operation();
      if (!done) co_return done;
      into_->appended_ += piece.size();
      mail_.content += piece;
      co_return postrider::result<void>();
    }
    asio::awaitable<postrider::result<postrider::mail_id>> commit() {
      const auto done = co_await into_->operation();
      if (!done) co_return postrider::fail(done.error());
      into_->mails_.push_back(std::move(mail_));
      co_return postrider::mail_id{into_->mails_.size()};
    }

   private:
    memory_acceptor* into_;
    accepted_mail mail_;
  };

  explicit memory_acceptor(asio::io_context& context) : gate_(context, asio::steady_timer::time_point::max()) {}

  asio::awaitable<postrider::result<writer>> begin(postrider::submitter from, postrider::envelope to) {
    const auto done = co_await operation();
    if (!done) co_return postrider::fail(done.error());
    co_return writer(*this, std::move(from), std::move(to));
  }

  // For tests.
  void fail_at(std::optional<std::size_t> operation, std::string detail = {}) {
    failing_ = operation;
    detail_ = std::move(detail);
    operations_ = 0;
  }
  void hold() { held_ = true; }
  void let_go() {
    held_ = false;
    gate_.cancel();
  }
  std::size_t operations() const noexcept { return operations_; }
  std::size_t appended() const noexcept { return appended_; }
  std::size_t open_writers() const noexcept { return open_; }
  const std::vector<accepted_mail>& mails() const noexcept { return mails_; }

 private:
  asio::awaitable<postrider::result<void>> operation() {
    const std::size_t number = operations_++;
    while (held_) co_await gate_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    if (number == failing_) co_return postrider::fail(postrider::cause::spool_failed, postrider::stage::queue, detail_);
    co_return postrider::result<void>();
  }

  asio::steady_timer gate_;
  std::vector<accepted_mail> mails_;
  std::optional<std::size_t> failing_;
  std::string detail_;
  std::size_t operations_ = 0;
  std::size_t appended_ = 0;
  std::size_t open_ = 0;
  bool held_ = false;
};

static_assert(postrider::mail_acceptor<memory_acceptor>);

}  // namespace test
