// What the relay has done since it started: totals, the last hour in slices, and how each server has been lately.
#pragma once

#include <postrider/delivery/events.hpp>
#include <postrider/delivery/spooled_mail.hpp>

#include "relay/health_record.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::examples {

/// Recipients by what an attempt said of them.
struct delivery_counts {
  std::uint64_t delivered = 0;
  std::uint64_t deferred = 0;
  std::uint64_t failed = 0;
  std::uint64_t latency_ms = 0;  ///< sum over attempts that delivered
  std::uint64_t attempts = 0;    ///< those

  delivery_counts& operator+=(const delivery_counts& more) noexcept {
    delivered += more.delivered;
    deferred += more.deferred;
    failed += more.failed;
    latency_ms += more.latency_ms;
    attempts += more.attempts;
    return *this;
  }
  std::uint64_t all() const noexcept { return delivered + deferred + failed; }
};

/// One slice of time.
struct time_slice {
  std::int64_t number = 0;  ///< since 1970
  delivery_counts counts{};
  std::vector<std::pair<cause, std::uint32_t>> failures{};  ///< attempts
};

/// Upper bounds of the latency histogram, in milliseconds; one more cell is for what is above.
inline constexpr std::array<std::uint32_t, 12> latency_bounds{5,     10,    25,    50,     100,    250,
                                                              1'000, 2'500, 5'000, 10'000, 30'000, 120'000};

/// How a server of a tenant has been.
struct server_statistics {
  delivery_counts totals{};
  std::array<std::uint64_t, latency_bounds.size() + 1> latency{};
  std::map<cause, std::uint64_t> failures{};  ///< attempts
  std::optional<spool_time> last_success{};
  std::optional<spool_time> last_failure_at{};
  std::optional<failure> last_failure{};  ///< of scope server, account or local
  bool health_changed = false;            ///< since it was taken last
  std::deque<time_slice> slices{};        ///< those in which something happened, oldest first
};

/// Thread-safe. Told by the pipeline's thread, read by others. Holds at most `most_servers` servers; what comes after
/// counts for the nameless server of its tenant.
class statistics {
 public:
  static constexpr std::chrono::seconds slice{10};
  static constexpr std::int64_t slices_kept = 360;
  static constexpr std::size_t most_servers = 2'000;
  using server_key = std::pair<std::string, std::string>;  ///< tenant, server

  struct totals {
    std::uint64_t accepted = 0;  ///< mails
    std::uint64_t accepted_bytes = 0;
    std::uint64_t given_up = 0;  ///< recipients
    std::uint64_t notified = 0;  ///< recipients
    std::uint64_t spool_errors = 0;
    std::optional<spool_time> last_spool_error{};
    std::optional<failure> spool_error{};
  };

  static std::int64_t slice_of(spool_time at) noexcept {
    return at.time_since_epoch() / std::chrono::milliseconds(slice);
  }

  void on(const events::accepted& e) {
    const std::scoped_lock lock(mutex_);
    ++totals_.accepted;
    totals_.accepted_bytes += e.size;
  }

  void on(const events::attempt_finished& e) {
    const spool_time now = spool_now();
    delivery_counts counts;
    for (const recipient_outcome& one : e.receipt.recipients) {
      if (one.outcome == outcome::accepted) ++counts.delivered;
      else ++(one.outcome == outcome::permanent ? counts.failed : counts.deferred);
    }
    const failure* const why = e.receipt.first_failure();
    const std::scoped_lock lock(mutex_);
    server_statistics& server = server_of(e.tenant, e.server);
    if (counts.delivered != 0) {
      const auto took = static_cast<std::uint64_t>(std::max<std::int64_t>(e.receipt.elapsed.count(), 0));
      counts.latency_ms = took;
      counts.attempts = 1;
      const auto cell = std::lower_bound(latency_bounds.begin(), latency_bounds.end(), took);
      ++server.latency[static_cast<std::size_t>(cell - latency_bounds.begin())];
    }
    server.totals += counts;
    time_slice& at = slice_at(server, now);
    at.counts += counts;
    if (why != nullptr) {
      ++server.failures[why->cause];
      const auto known = std::find_if(at.failures.begin(), at.failures.end(),
                                      [&](const auto& one) { return one.first == why->cause; });
      if (known != at.failures.end()) ++known->second;
      else at.failures.emplace_back(why->cause, 1);
    }
    const bool servers_own = why != nullptr && why->scope != scope::recipient && why->scope != scope::message;
    if (servers_own) {
      server.last_failure_at = now;
      server.last_failure = *why;
    } else {
      server.last_success = now;
    }
    server.health_changed = true;
  }

  void on(const events::failed& e) {
    const std::scoped_lock lock(mutex_);
    totals_.given_up += e.recipients.size();
  }
  void on(const events::notified& e) {
    const std::scoped_lock lock(mutex_);
    totals_.notified += e.recipients;
  }
  void on(const events::spool_trouble& e) {
    const std::scoped_lock lock(mutex_);
    ++totals_.spool_errors;
    totals_.last_spool_error = spool_now();
    totals_.spool_error = e.why;
  }
  void on(const events::server_held& e) { troubled(e.tenant, e.server, e.why); }
  void on(const events::account_suspended& e) { troubled(e.tenant, e.server, e.why); }
  void on(const events::deferred&) {}
  void on(const events::server_released&) {}

  totals sums() const {
    const std::scoped_lock lock(mutex_);
    return totals_;
  }
  /// What was delivered, deferred and refused; of one tenant if it is named.
  delivery_counts counts(std::string_view tenant) const {
    delivery_counts all;
    each(tenant, [&](const server_key&, const server_statistics& server) { all += server.totals; });
    return all;
  }
  /// How a server has been lately; nothing if it was not used yet.
  std::optional<health_record> find(const std::string& tenant, const std::string& server) const {
    const std::scoped_lock lock(mutex_);
    const auto found = servers_.find(server_key(tenant, server));
    if (found == servers_.end()) return std::nullopt;
    return health_of(*found);
  }
  /// The health that has changed since this was asked last.
  std::vector<health_record> take_changed() {
    std::vector<health_record> all;
    const std::scoped_lock lock(mutex_);
    for (auto& one : servers_)
      if (std::exchange(one.second.health_changed, false) && !one.first.second.empty()) all.push_back(health_of(one));
    return all;
  }
  /// How a server was when the relay ran before.
  void restore(health_record known) {
    const std::scoped_lock lock(mutex_);
    server_statistics& server = server_of(known.tenant, known.server);
    server.last_success = known.last_success;
    server.last_failure_at = known.last_failure_at;
    server.last_failure = std::move(known.last_failure);
  }
  /// Another server of that name begins anew.
  void forget(const std::string& tenant, const std::string& server) {
    const std::scoped_lock lock(mutex_);
    servers_.erase(server_key(tenant, server));
  }
  void forget(const std::string& tenant) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(servers_, [&](const auto& one) { return one.first.first == tenant; });
  }
  /// Calls `read(server_key, server_statistics)` for each server, of one tenant if it is named; nothing else is counted
  /// meanwhile.
  template <class Read>
  void each(std::string_view tenant, Read read) const {
    const std::scoped_lock lock(mutex_);
    auto at = tenant.empty() ? servers_.begin() : servers_.lower_bound(server_key(tenant, ""));
    for (; at != servers_.end() && (tenant.empty() || at->first.first == tenant); ++at) read(at->first, at->second);
  }

  spool_time started() const noexcept { return started_; }

 private:
  void troubled(std::string_view tenant, std::string_view server, const failure& why) {
    const std::scoped_lock lock(mutex_);
    server_statistics& one = server_of(tenant, server);
    one.last_failure_at = spool_now();
    one.last_failure = why;
    one.health_changed = true;
  }

  static health_record health_of(const std::pair<const server_key, server_statistics>& one) {
    return {one.first.first, one.first.second, one.second.last_success, one.second.last_failure_at,
            one.second.last_failure};
  }

  server_statistics& server_of(std::string_view tenant, std::string_view server) {
    server_key key(tenant, server);
    const auto found = servers_.find(key);
    if (found != servers_.end()) return found->second;
    if (servers_.size() >= most_servers) key.second.clear();
    return servers_[std::move(key)];
  }

  static time_slice& slice_at(server_statistics& server, spool_time now) {
    const std::int64_t number = slice_of(now);
    auto& slices = server.slices;
    while (!slices.empty() && slices.front().number <= number - slices_kept) slices.pop_front();
    // A clock that was set back goes on in the last slice.
    if (slices.empty() || slices.back().number < number) slices.push_back({number, {}, {}});
    return slices.back();
  }

  const spool_time started_ = spool_now();
  mutable std::mutex mutex_;
  totals totals_;
  std::map<server_key, server_statistics> servers_;
};

}  // namespace postrider::examples
