// How much mail each tenant has, for those who watch.
#pragma once

#include "relay/mail_queue.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace postrider::examples {

/// Counting costs what there is. So a thread of its own counts, some mails at a time so that others who ask the queue
/// come in between, and only when somebody asks and what is known has become old: for a while that grows with how long
/// counting took. Who asks waits for a small queue's count, and is told a large one's last count. Thread-safe; asks one
/// queue, which lives until `stop`.
class queue_census {
  using clock = std::chrono::steady_clock;

 public:
  queue_census() = default;
  queue_census(const queue_census&) = delete;
  queue_census& operator=(const queue_census&) = delete;
  ~queue_census() { stop(); }

  /// Begins to count, so that who asks first need not wait.
  void prime(mail_queue& queue) {
    const std::scoped_lock lock(mutex_);
    begin(queue);
  }

  /// Of one tenant, or of all if none is named.
  result<spool_counts> of(mail_queue& queue, const std::string& tenant) {
    std::unique_lock lock(mutex_);
    begin(queue);
    const auto done = [this] { return !counting_; };
    if (known_) counted_.wait_for(lock, patience, done);
    else counted_.wait(lock, done);
    if (trouble_) return fail(*trouble_);
    spool_counts sum;
    if (known_)
      for (const auto& [name, counts] : *known_)
        if (tenant.empty() || name == tenant) sum += counts;
    return sum;
  }

  /// Asks the queue no more.
  void stop() {
    {
      const std::scoped_lock lock(mutex_);
      stopped_ = true;
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  static constexpr std::size_t at_once = 5'000;
  static constexpr std::chrono::milliseconds patience{50};

  void begin(mail_queue& queue) {
    if (counting_ || stopped_ || clock::now() < stale_) return;
    if (thread_.joinable()) thread_.join();  // it has nothing left to do
    counting_ = true;
    thread_ = std::thread([this, &queue] { count(queue); });
  }

  void count(mail_queue& queue) {
    const auto before = clock::now();
    std::map<std::string, spool_counts> sums;
    std::optional<failure> trouble;
    std::optional<mail_id> next = mail_id();
    while (next && !trouble && !stopping()) {
      auto some = queue.counts_by_tenant(*next, at_once);
      if (some)
        for (const auto& [name, counts] : some->by_tenant) sums[name] += counts;
      else trouble = std::move(some.error());
      if (some) next = some->next;
    }
    const auto after = clock::now();
    const std::scoped_lock lock(mutex_);
    if (!next) known_ = std::move(sums);
    trouble_ = std::move(trouble);
    stale_ = after + std::max<clock::duration>(std::chrono::seconds(1), 50 * (after - before));
    counting_ = false;
    counted_.notify_all();
  }

  bool stopping() {
    const std::scoped_lock lock(mutex_);
    return stopped_;
  }

  std::mutex mutex_;
  std::condition_variable counted_;
  std::optional<std::map<std::string, spool_counts>> known_;
  std::optional<failure> trouble_;
  clock::time_point stale_{};
  bool counting_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace postrider::examples
