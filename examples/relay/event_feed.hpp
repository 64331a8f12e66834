// What happens, for those who watch: the last events with their numbers, and a way to wait for the next one.
#pragma once

#include <postrider/client/explain.hpp>
#include <postrider/delivery/events.hpp>

#include "common/json.hpp"
#include "relay/clock.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::examples {

/// Thread-safe. Keeps the last `kept` events.
class event_feed {
 public:
  static constexpr std::size_t kept = 1'000;

  struct entry {
    std::uint64_t id;
    std::string name;
    std::string tenant;
    std::string data;  ///< JSON
  };

  void add(std::string name, std::string tenant, json data) {
    data["at"] = text_of(std::chrono::system_clock::now());
    data["tenant"] = tenant;
    const std::scoped_lock lock(mutex_);
    entries_.push_back({++last_, std::move(name), std::move(tenant), dump(data)});
    if (entries_.size() > kept) entries_.pop_front();
    added_.notify_all();
  }

  std::uint64_t last() const {
    const std::scoped_lock lock(mutex_);
    return last_;
  }

  /// The events after `id`, of one tenant if it is named; waits for one until `until`, but not once `close` was called.
  std::vector<entry> wait(std::uint64_t id, std::string_view tenant, std::chrono::steady_clock::time_point until) {
    std::vector<entry> found;
    std::unique_lock lock(mutex_);
    const auto look = [&] {
      for (const entry& one : entries_)
        if (one.id > id && (tenant.empty() || one.tenant == tenant)) found.push_back(one);
      return !found.empty() || closed_;
    };
    added_.wait_until(lock, until, look);
    return found;
  }

  /// Nobody waits any more.
  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    added_.notify_all();
  }
  bool closed() const {
    const std::scoped_lock lock(mutex_);
    return closed_;
  }

  void on(const events::server_held& e) {
    add("held", std::string(e.tenant),
        {{"server", e.server}, {"user", e.user}, {"sender", ""}, {"explanation", explain(e.why).sentence}});
  }
  void on(const events::account_suspended& e) {
    add("suspended", std::string(e.tenant),
        {{"server", e.server}, {"user", e.user}, {"sender", e.sender}, {"explanation", explain(e.why).sentence}});
  }
  void on(const events::server_released& e) {
    add("released", std::string(e.tenant),
        {{"server", e.server}, {"user", e.user}, {"sender", ""}, {"explanation", ""}});
  }
  void on(const events::failed& e) {
    for (const recipient_outcome& one : e.recipients)
      add("given_up", std::string(e.tenant),
          {{"mail", to_string(e.id)},
           {"recipient", one.address},
           {"explanation", one.failure ? explain(*one.failure).sentence : std::string()}});
  }
  void on(const events::spool_trouble& e) { add("spool_trouble", {}, {{"explanation", explain(e.why).sentence}}); }
  void on(const events::accepted&) {}
  void on(const events::attempt_finished&) {}
  void on(const events::deferred&) {}
  void on(const events::notified&) {}

 private:
  mutable std::mutex mutex_;
  std::condition_variable added_;
  std::deque<entry> entries_;
  std::uint64_t last_ = 0;
  bool closed_ = false;
};

}  // namespace postrider::examples
