// Makes outcomes durable, as many at once as have come together, and tells of them afterwards.
#pragma once

#include <postrider/delivery/events.hpp>
#include <postrider/delivery/settlement.hpp>
#include <postrider/delivery/signal.hpp>
#include <postrider/delivery/spool.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace postrider::detail {

/// What an observer hears once a settlement is durable.
class settled_news {
 public:
  settled_news() {}  // not an aggregate, so that g++ 12 can pass it through awaiting expressions

  mail_id mail;
  std::string tenant;
  std::size_t deferred = 0;
  std::chrono::milliseconds retry_after{0};
  std::optional<failure> why_deferred;
  std::vector<recipient_outcome> failed;
  std::string notified;  ///< who is told about them; empty: nobody
};

/// Belongs to one thread. A spool that fails is asked again until it succeeds, or nobody waits any longer.
template <spool Spool, observer Observer, class Clock = std::chrono::steady_clock>
class settler {
 public:
  /// Without listeners no news need be collected.
  static constexpr bool tells = !std::same_as<Observer, no_observer>;

  /// What comes waits so long for others that share its commit (`within`), but only `enough` of them.
  settler(const asio::any_io_executor& executor, Spool& into, Observer& listener, std::chrono::milliseconds pause,
          std::chrono::milliseconds within = std::chrono::milliseconds(0))
      : spool_(into), observer_(listener), pause_(pause), within_(within), news_of_work_(executor) {}

  /// How many outcomes are not durable yet.
  std::size_t unsettled() const noexcept { return unsettled_; }

  void add(settlement change, settled_news news) {
    settlements_.push_back(std::move(change));
    if constexpr (tells) news_.push_back(std::move(news));
    ++unsettled_;
    // Who gathers need not hear of each.
    if (settlements_.size() == 1 || settlements_.size() == enough) news_of_work_.raise();
  }

  /// Nothing more will come: `run` ends when all is durable.
  void finish() {
    finishing_ = true;
    news_of_work_.raise();
  }

  /// `run` ends soon; what is not durable will be found unfinished in the spool.
  void abandon() {
    abandoned_ = true;
    finish();
  }

  /// Works until told to finish. `settled()` is called after each batch.
  template <std::invocable F>
  asio::awaitable<void> run(F settled) {
    std::vector<settlement> batch;
    std::vector<settled_news> news;
    while (!abandoned_) {
      if (settlements_.empty()) {
        if (finishing_) break;
        co_await news_of_work_.wait();
        continue;
      }
      co_await gather();
      take(batch, news);
      int failures = 0;
      while (!batch.empty() && !abandoned_) {
        auto done = co_await spool_.settle(std::span<const settlement>(batch));
        if (done) finished(batch, news, settled);
        if (done || abandoned_) break;
        observer_.on(events::spool_trouble{"settle", done.error()});
        const bool lasting = ++failures > 3;  // perhaps the trouble of one of them only
        if (lasting && batch.size() > 1) co_await settle_singly(batch, news, settled);
        if (batch.empty() || abandoned_) break;
        co_await rest();
        if (lasting) take(batch, news);  // need not wait for those that fail for ever
      }
    }
  }

 private:
  static constexpr std::size_t enough = 256;

  /// A moment for others to come.
  asio::awaitable<void> gather() {
    const auto until = Clock::now() + within_;
    while (!finishing_ && settlements_.size() < enough && Clock::now() < until) co_await news_of_work_.wait(until);
  }

  void take(std::vector<settlement>& batch, std::vector<settled_news>& news) {
    std::move(settlements_.begin(), settlements_.end(), std::back_inserter(batch));
    std::move(news_.begin(), news_.end(), std::back_inserter(news));
    settlements_.clear();
    news_.clear();
  }

  template <std::invocable F>
  void finished(std::vector<settlement>& batch, std::vector<settled_news>& news, F& settled) {
    unsettled_ -= batch.size();
    if (!abandoned_) {
      tell(news);
      settled();
    }
    batch.clear();
    news.clear();
  }

  /// Those that fail by themselves are left, and with each of them what follows it for the same mail.
  template <std::invocable F>
  asio::awaitable<void> settle_singly(std::vector<settlement>& batch, std::vector<settled_news>& news, F& settled) {
    std::vector<settlement> done, left;
    std::vector<settled_news> news_done, news_left;
    std::set<mail_id> failing;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      bool durable = false;
      if (!abandoned_ && !failing.contains(batch[i].mail)) {
        auto answer = co_await spool_.settle(std::span<const settlement>(&batch[i], 1));
        durable = answer.has_value();
      }
      if (!durable) failing.insert(batch[i].mail);
      (durable ? done : left).push_back(std::move(batch[i]));
      if constexpr (tells) (durable ? news_done : news_left).push_back(std::move(news[i]));
    }
    batch = std::move(left);
    news = std::move(news_left);
    if (!done.empty()) finished(done, news_done, settled);
  }

  /// A pause, however much is added meanwhile; only the end of the work comes earlier.
  asio::awaitable<void> rest() {
    const auto until = Clock::now() + pause_;
    const bool finishing = finishing_;
    do co_await news_of_work_.wait(until);
    while (!abandoned_ && finishing_ == finishing && Clock::now() < until);
  }

  void tell(const std::vector<settled_news>& all) {
    if constexpr (tells) {
      for (const auto& one : all) {
        if (one.deferred != 0 && one.why_deferred)
          observer_.on(events::deferred{one.mail, one.tenant, one.deferred, one.retry_after, *one.why_deferred});
        if (one.failed.empty()) continue;
        observer_.on(events::failed{one.mail, one.tenant, one.failed});
        if (!one.notified.empty())
          observer_.on(events::notified{one.mail, one.tenant, one.notified, one.failed.size()});
      }
    }
  }

  Spool& spool_;
  Observer& observer_;
  std::chrono::milliseconds pause_;
  std::chrono::milliseconds within_;
  basic_signal<Clock> news_of_work_;
  std::vector<settlement> settlements_;
  std::vector<settled_news> news_;
  std::size_t unsettled_ = 0;
  bool finishing_ = false;
  bool abandoned_ = false;
};

}  // namespace postrider::detail
