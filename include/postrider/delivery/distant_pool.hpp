// A pool that lives on another thread than the pipeline that uses it.
#pragma once

#include <postrider/core/failure.hpp>
#include <postrider/delivery/delivery_pool.hpp>
#include <postrider/delivery/signal.hpp>
#include <postrider/net/context_lifetime.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace postrider::detail {

/// Mails go over to the pool's thread and their receipts come back, several at a time where they come together. The
/// pool is made, used and destroyed there; whoever sends stays at home. Either context may end first.
template <delivery_pool Pool>
class distant_pool final : public net::context_lodger, public std::enable_shared_from_this<distant_pool<Pool>> {
  using self_pointer = std::shared_ptr<distant_pool>;

 public:
  distant_pool(const asio::any_io_executor& home, const asio::any_io_executor& there, const server& where)
      : home_(home), there_(there), where_(where) {}

  static self_pointer make(const asio::any_io_executor& home, const asio::any_io_executor& there, const server& where) {
    auto made = std::make_shared<distant_pool>(home, there, where);
    made->there_.tell(made);
    return made;
  }

  static asio::awaitable<receipt> send(self_pointer self, mail what) {
    caller waits(*self);
    self->go(errand(waits.number, what));
    while (!waits.brought) co_await waits.news.wait();
    if (waits.brought->error) std::rethrow_exception(waits.brought->error);
    if (!waits.brought->outcome) co_return refused(what, self->where_);
    co_return std::move(*waits.brought->outcome);
  }

  static asio::awaitable<void> close(self_pointer self, std::chrono::milliseconds patience) {
    caller waits(*self);
    self->go(errand(waits.number, patience));
    while (!waits.brought) co_await waits.news.wait();
  }

  /// Nobody sends any more.
  void leave() {
    there_.post([self = this->shared_from_this()] { self->pool_.reset(); });
  }

  void context_ends() noexcept override { pool_.reset(); }

 private:
  /// Something to do there: a mail to send, or else to close the pool.
  class errand {
   public:
    errand(std::uint64_t number, mail what) : number(number), what(std::move(what)) {}
    errand(std::uint64_t number, std::chrono::milliseconds patience) : number(number), patience(patience) {}
    std::uint64_t number;
    std::optional<mail> what;
    std::chrono::milliseconds patience{};
  };

  class answer {
   public:
    answer(std::uint64_t number, std::exception_ptr error, std::optional<receipt> outcome)
        : number(number), error(std::move(error)), outcome(std::move(outcome)) {}
    std::uint64_t number;
    std::exception_ptr error;
    std::optional<receipt> outcome;
  };

  /// A coroutine at home that waits, as long as it lives.
  class caller {
   public:
    explicit caller(distant_pool& of) : number(of.next_number_++), news(of.home_.executor()), of_(of) {
      of_.callers_.emplace(number, this);
    }
    caller(const caller&) = delete;
    caller& operator=(const caller&) = delete;
    ~caller() { of_.callers_.erase(number); }

    void take(answer&& one) {
      brought = std::move(one);
      news.raise();
    }

    const std::uint64_t number;
    signal news;
    std::optional<answer> brought;

   private:
    distant_pool& of_;
  };

  void go(errand&& what) {
    if (!add(errands_, std::move(what))) return;
    if (there_.post([self = this->shared_from_this()] { self->run_errands(); })) return;
    for (const errand& one : take_all(errands_)) hand_out(answer(one.number, nullptr, std::nullopt));
  }

  /// On the pool's thread.
  void run_errands() {
    if (!pool_) pool_ = std::make_shared<Pool>(there_.executor(), where_);
    for (errand& one : take_all(errands_)) {
      auto report = [self = this->shared_from_this(), pool = pool_, number = one.number](
                        std::exception_ptr error, std::optional<receipt> outcome = std::nullopt) {
        self->report(answer(number, std::move(error), std::move(outcome)));
      };
      if (one.what) asio::co_spawn(there_.executor(), pool_->send(std::move(*one.what)), std::move(report));
      else asio::co_spawn(there_.executor(), pool_->close(one.patience), std::move(report));
    }
  }

  void report(answer&& what) {
    if (!add(answers_, std::move(what))) return;
    home_.post([self = this->shared_from_this()] {
      for (answer& one : self->take_all(self->answers_)) self->hand_out(std::move(one));
    });
  }

  /// At home. Who waited for it may be gone.
  void hand_out(answer&& one) {
    if (const auto waiting = callers_.find(one.number); waiting != callers_.end())
      waiting->second->take(std::move(one));
  }

  /// True if it is the first one: whoever takes them has to be called.
  template <class T>
  bool add(std::vector<T>& to, T&& one) {
    const std::lock_guard lock(mutex_);
    to.push_back(std::move(one));
    return to.size() == 1;
  }
  template <class T>
  std::vector<T> take_all(std::vector<T>& from) {
    const std::lock_guard lock(mutex_);
    return std::exchange(from, {});
  }

  static receipt refused(const mail& what, const server& where) {
    failure why(cause::shutting_down);
    why.server = where.endpoint();
    receipt told;
    for (const auto& one : what.envelope().recipients) told.recipients.emplace_back(one.forward_path.str(), why);
    return told;
  }

  const net::context_lifetime home_;
  const net::context_lifetime there_;
  const server where_;
  std::shared_ptr<Pool> pool_;                          // on its own thread
  std::unordered_map<std::uint64_t, caller*> callers_;  // at home
  std::uint64_t next_number_ = 0;                       // likewise
  std::mutex mutex_;
  std::vector<errand> errands_;
  std::vector<answer> answers_;
};

}  // namespace postrider::detail
