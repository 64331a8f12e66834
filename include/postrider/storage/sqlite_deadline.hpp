// An end to what SQLite does in one step, however long that would take.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace postrider::sqlite {

/// Interrupts `on` when `limit` has passed, unless it is destroyed before that. A thread of its own, because a check of
/// a whole file is one step to SQLite, in which no progress handler is called.
class deadline {
 public:
  deadline(sqlite3* on, std::chrono::milliseconds limit)
      : thread_([this, on, until = std::chrono::steady_clock::now() + limit] {
          std::unique_lock lock(mutex_);
          if (ended_.wait_until(lock, until, [this] { return over_; })) return;
          passed_ = true;
          sqlite3_interrupt(on);
        }) {}
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    ended_.notify_one();
    thread_.join();
  }

  /// What was done meanwhile was perhaps cut short.
  bool passed() const noexcept { return passed_; }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::atomic<bool> passed_{false};
  std::thread thread_;  // last: it uses all the others
};

}  // namespace postrider::sqlite
