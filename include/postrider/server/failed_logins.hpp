// Who has guessed at passwords too often.
#pragma once

#include <postrider/server/network.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>

namespace postrider {

/// Counts failed logins for each client address, an IPv6 client by the range it is in. A count begins with the first
/// failure and is forgotten when its time is over; what is remembered is bounded. Single-threaded.
class failed_logins {
 public:
  using clock = std::chrono::steady_clock;

  /// `most` failures in `within`; zero means no limit.
  failed_logins(std::size_t most, std::chrono::milliseconds within) : most_(most), within_(within) {}

  /// A client of this address has to wait before it tries again.
  bool too_many(const network& from, clock::time_point now) const {
    const auto found = counts_.find(from);
    return most_ != 0 && found != counts_.end() && found->second.failures >= most_ && !over(found->second, now);
  }

  void count(const network& from, clock::time_point now) {
    if (most_ == 0) return;
    const auto found = counts_.find(from);
    if (found != counts_.end() && !over(found->second, now)) {
      ++found->second.failures;
      return;
    }
    if (found == counts_.end() && counts_.size() >= most_remembered) make_room(now);
    counts_.insert_or_assign(from, record{now, 1});
  }

  static constexpr std::size_t most_remembered = 10'000;
  std::size_t remembered() const noexcept { return counts_.size(); }

 private:
  struct record {
    clock::time_point first;
    std::size_t failures = 0;
  };

  bool over(const record& of, clock::time_point now) const { return now - of.first >= within_; }

  void make_room(clock::time_point now) {
    std::erase_if(counts_, [&](const auto& one) { return over(one.second, now); });
    if (counts_.size() < most_remembered) return;
    counts_.erase(std::min_element(counts_.begin(), counts_.end(), [](const auto& one, const auto& other) {
      return one.second.first < other.second.first;
    }));
  }

  std::size_t most_;
  std::chrono::milliseconds within_;
  std::map<network, record> counts_;
};

}  // namespace postrider
