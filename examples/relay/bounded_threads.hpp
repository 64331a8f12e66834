// Threads for an HTTP server that lets callers wait where they cost nothing: before they are let in.
#pragma once

#include <httplib.h>

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>

namespace postrider::examples {

/// httplib's own pool holds a descriptor for each connection that waits for a thread, as many as come; this one takes
/// no more than `waiting`, and the others stay with the kernel.
class bounded_threads final : public httplib::TaskQueue {
 public:
  bounded_threads(std::size_t threads, std::size_t waiting) : pool_(threads), room_(threads + waiting) {}

  void enqueue(std::function<void()> task) override {
    std::unique_lock lock(mutex_);
    given_back_.wait(lock, [this] { return room_ != 0; });
    --room_;
    lock.unlock();
    pool_.enqueue([this, task = std::move(task)] {
      task();
      const std::scoped_lock again(mutex_);
      ++room_;
      given_back_.notify_one();
    });
  }

  void shutdown() override { pool_.shutdown(); }

 private:
  httplib::ThreadPool pool_;
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::size_t room_;
};

}  // namespace postrider::examples
