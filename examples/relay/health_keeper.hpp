// How servers have been, kept over a restart.
#pragma once

#include <postrider/registry/registry.hpp>

#include "relay/accounts.hpp"
#include "relay/statistics.hpp"

#include <chrono>
#include <condition_variable>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace postrider::examples {

/// Takes up what the database remembers, and every few seconds writes what has changed since: one transaction, however
/// much mail went out. A crash forgets these seconds.
class health_keeper {
 public:
  health_keeper(statistics& of, accounts& into, const server_registry& registry,
                std::chrono::milliseconds every = std::chrono::seconds(5))
      : of_(of), into_(into) {
    if (auto remembered = into_.health())
      for (health_record& one : *remembered) {
        if (registry.snapshot(one.tenant)->find_server(one.server) != nullptr) of_.restore(std::move(one));
        else complain(into_.forget_health(one.tenant, one.server));
      }
    else complain(fail(std::move(remembered.error())));
    thread_ = std::thread([this, every] { run(every); });
  }
  health_keeper(const health_keeper&) = delete;
  health_keeper& operator=(const health_keeper&) = delete;
  ~health_keeper() { stop(); }

  /// Writes what is left, and ends.
  void stop() {
    if (!thread_.joinable()) return;
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  void run(std::chrono::milliseconds every) {
    std::unique_lock lock(mutex_);
    while (true) {
      const bool last = wake_.wait_for(lock, every, [this] { return stopping_; });
      for (health_record& one : of_.take_changed()) {
        const auto key = std::pair(one.tenant, one.server);
        unwritten_[key] = std::move(one);
      }
      write();
      if (last) return;
    }
  }

  void write() {
    if (unwritten_.empty()) return;
    std::vector<health_record> all;
    for (const auto& [key, one] : unwritten_) all.push_back(one);
    const auto done = into_.remember(all);
    if (done) unwritten_.clear();
    complain(done);
  }

  /// Once for each time that it begins to go wrong.
  void complain(const result<void>& done) {
    if (!done && !failing_)
      std::cerr << "postrider-relay: how servers have been cannot be kept: " + done.error().detail + '\n';
    failing_ = !done;
  }

  statistics& of_;
  accounts& into_;
  std::map<std::pair<std::string, std::string>, health_record> unwritten_;
  bool failing_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace postrider::examples
