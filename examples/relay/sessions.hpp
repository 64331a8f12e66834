// Who is logged in at the console, and who has tried too often.
#pragma once

#include "relay/password_hash.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::examples {

/// Sessions live in memory: a restart ends them. Thread-safe. Time is given, never asked for.
class session_book {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::size_t most = 1'000;
  static constexpr std::chrono::hours longest{24};

  struct session {
    std::string name;
    std::string tenant;  ///< empty: all
    std::string csrf;
    time_point begun{};
    time_point last_used{};
  };

  /// How long one lasts without being used.
  void set_idle(std::chrono::milliseconds idle) {
    const std::scoped_lock lock(mutex_);
    idle_ = idle;
  }

  /// The new session's token, which the browser keeps.
  std::string begin(std::string name, std::string tenant, time_point now) {
    std::string token = random_text();
    const std::scoped_lock lock(mutex_);
    std::erase_if(all_, [&](const auto& one) { return over(one.second, now); });
    if (all_.size() >= most) {
      const auto oldest = std::min_element(all_.begin(), all_.end(), [](const auto& a, const auto& b) {
        return a.second.last_used < b.second.last_used;
      });
      all_.erase(oldest);
    }
    all_.emplace(token_hash(token), session{std::move(name), std::move(tenant), random_text(), now, now});
    return token;
  }

  /// Uses it; nothing if there is none of that token, or it is over.
  std::optional<session> find(std::string_view token, time_point now) {
    const std::scoped_lock lock(mutex_);
    const auto found = all_.find(token_hash(token));
    if (found == all_.end()) return std::nullopt;
    if (over(found->second, now)) {
      all_.erase(found);
      return std::nullopt;
    }
    found->second.last_used = now;
    return found->second;
  }

  /// When a session ends that is not used from now on.
  std::chrono::milliseconds left(const session& of, time_point now) const {
    const std::scoped_lock lock(mutex_);
    const auto until = std::min<time_point>(now + idle_, of.begun + longest);
    return std::chrono::duration_cast<std::chrono::milliseconds>(until - now);
  }

  void end(std::string_view token) {
    const std::scoped_lock lock(mutex_);
    all_.erase(token_hash(token));
  }
  void end_all_of(std::string_view name, std::string_view but_token = {}) {
    const std::string kept = token_hash(but_token);
    const std::scoped_lock lock(mutex_);
    std::erase_if(all_, [&](const auto& one) { return one.second.name == name && one.first != kept; });
  }
  /// Those of who sees this tenant only.
  void end_all_within(std::string_view tenant) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(all_, [&](const auto& one) { return one.second.tenant == tenant; });
  }

 private:
  bool over(const session& one, time_point now) const {
    return now - one.last_used > idle_ || now - one.begun > longest;
  }

  mutable std::mutex mutex_;
  std::chrono::milliseconds idle_{std::chrono::hours(8)};
  std::map<std::string, session> all_;  // by the hash of its token
};

/// Counts what goes wrong: after `free` times in a row somebody waits, longer each time, and tries once at a time.
/// Thread-safe.
template <class Who>
class attempt_limit {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit attempt_limit(unsigned free) : free_(free) {}

  /// How long `who` has to wait; zero: he tries, until `end`. What is tried at the same time counts as failed
  /// meanwhile.
  std::chrono::seconds begin(const Who& who, time_point now) {
    const std::scoped_lock lock(mutex_);
    make_room(now);
    record& of = all_[who];
    if (now < of.until) return std::chrono::ceil<std::chrono::seconds>(of.until - now);
    if (of.trying != 0 && of.count + of.trying >= free_) return std::chrono::seconds(1);
    ++of.trying;
    return std::chrono::seconds(0);
  }
  void failed(const Who& who, time_point now) {
    const std::scoped_lock lock(mutex_);
    record& of = all_[who];
    if (now - of.last > forgotten) of.count = 0;
    of.last = now;
    if (++of.count < free_) return;
    const unsigned doublings = std::min(of.count - free_, 5U);
    of.until = now + first_pause * (1U << doublings);
  }
  void succeeded(const Who& who) {
    const std::scoped_lock lock(mutex_);
    record& of = all_[who];
    of.count = 0;
    of.until = {};
  }
  void end(const Who& who) {
    const std::scoped_lock lock(mutex_);
    const auto found = all_.find(who);
    if (found == all_.end()) return;
    if (found->second.trying != 0) --found->second.trying;
    if (found->second.trying == 0 && found->second.count == 0) all_.erase(found);
  }

 private:
  static constexpr std::size_t most = 10'000;
  static constexpr std::chrono::seconds first_pause{30};
  static constexpr std::chrono::minutes forgotten{30};

  struct record {
    unsigned count = 0;
    unsigned trying = 0;
    time_point last{};
    time_point until{};
  };

  void make_room(time_point now) {
    if (all_.size() >= most) std::erase_if(all_, [&](const auto& one) { return now - one.second.last > forgotten; });
    if (all_.size() >= most) all_.clear();
  }

  unsigned free_;
  std::mutex mutex_;
  std::map<Who, record> all_;
};

/// One attempt, from its begin to the end of its life.
template <class Who>
class login_attempt {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  login_attempt(attempt_limit<Who>& limit, Who who, time_point now)
      : limit_(limit), who_(std::move(who)), wait_(limit_.begin(who_, now)) {}
  login_attempt(const login_attempt&) = delete;
  login_attempt& operator=(const login_attempt&) = delete;
  ~login_attempt() {
    if (wait_.count() == 0) limit_.end(who_);
  }

  /// How long to wait before it may be made; zero: now.
  std::chrono::seconds wait() const noexcept { return wait_; }
  void failed(time_point now) { limit_.failed(who_, now); }
  void succeeded() { limit_.succeeded(who_); }

 private:
  attempt_limit<Who>& limit_;
  Who who_;
  std::chrono::seconds wait_;
};

}  // namespace postrider::examples
