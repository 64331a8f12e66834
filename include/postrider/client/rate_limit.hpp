// So many a second and not more, whatever second one looks at.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace postrider::client {

/// Spaces what is taken evenly: after `n` at once the next may follow only when the rate has room for them again. It is
/// asked before something is sent, so that the limit holds, not an average of it.
class rate_limit {
 public:
  using clock = std::chrono::steady_clock;

  /// Zero: no limit.
  explicit rate_limit(std::uint32_t per_second) noexcept : per_second_(per_second) {}

  /// When the next may be taken; in the past if now.
  clock::time_point ready_at() const noexcept { return ready_at_; }

  void take(std::size_t count, clock::time_point now) noexcept {
    if (per_second_ == 0) return;
    const auto pause =
        std::chrono::nanoseconds(std::chrono::seconds(1)) * static_cast<std::int64_t>(count) / per_second_;
    ready_at_ = (ready_at_ < now ? now : ready_at_) + std::chrono::duration_cast<clock::duration>(pause);
  }

 private:
  std::int64_t per_second_;
  clock::time_point ready_at_{};
};

}  // namespace postrider::client
