// How fast a server that asked for patience is given mail: slower at once, faster again by and by.
#pragma once

#include <postrider/core/failure.hpp>
#include <postrider/delivery/breaker.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace postrider {

/// Full speed, until the server says that it gets too much: then nothing for a pause, and half as fast as before after
/// it. One that goes on refusing without taking any is left alone for longer, not asked more slowly. Each mail that is
/// taken raises the rate by a fiftieth, until it is eight times what it was when the trouble began. Time is given,
/// never asked for.
class throttle {
 public:
  using time_point = breaker::time_point;

  bool slowed() const noexcept { return interval_ != duration::zero(); }

  /// May a mail go at `now`?
  bool admits(time_point now) const noexcept { return !slowed() || now >= next_; }

  /// A mail goes now.
  void depart(time_point now) noexcept {
    if (slowed()) {
      next_ =
          std::max(next_, now - std::chrono::milliseconds(50)) + interval_;  // what a late timer missed, and no more
    } else if (last_ != time_point{}) {
      const duration gap = std::min<duration>(now - last_, std::chrono::seconds(1));
      gap_ += gap_ == duration::zero() ? gap : (gap - gap_) / 8;
    }
    last_ = now;
  }

  /// The server refused a mail because of its rate. True if it was at full speed until now. A refusal that comes during
  /// the pause, of a mail that left before it, changes nothing.
  bool refused(time_point now, failure why, breaker_pauses pauses) {
    if (slowed() && now < paused_until_) return false;
    const bool first = !slowed();
    if (first && gap_ == duration::zero()) gap_ = std::chrono::seconds(1);
    if (first || taken_)
      interval_ = std::clamp<duration>(2 * (first ? gap_ : interval_), shortest, std::chrono::minutes(1));
    taken_ = false;
    if (first) released_at_ = interval_ / 16;
    pause_ = pause_ == pause_.zero() ? pauses.first : std::min(2 * pause_, std::max(pauses.first, pauses.longest));
    paused_until_ = next_ = now + pause_;
    why_ = std::move(why);
    return first;
  }

  /// The server took a mail. True if that brought it back to full speed.
  bool accepted() noexcept {
    if (!slowed()) return false;
    pause_ = {};
    taken_ = true;
    interval_ -= interval_ / 50;
    if (interval_ > std::max<duration>(released_at_, shortest / 2)) return false;
    *this = throttle();
    return true;
  }

  /// An operator wants it tried now.
  void expedite(time_point now) noexcept { paused_until_ = next_ = std::min(next_, now); }

  /// When the next mail may go, while slowed.
  time_point next() const noexcept { return next_; }
  /// The time between two mails; zero at full speed.
  std::chrono::nanoseconds interval() const noexcept { return interval_; }
  std::chrono::milliseconds pause() const noexcept { return pause_; }
  /// What the server said; null at full speed.
  const failure* why() const noexcept { return why_ ? &*why_ : nullptr; }

 private:
  using duration = std::chrono::nanoseconds;
  static constexpr duration shortest = std::chrono::milliseconds(1);

  duration interval_{0};
  duration gap_{0};  ///< between two mails, on the average, at full speed; zero: not known
  duration released_at_{0};
  std::chrono::milliseconds pause_{0};
  time_point last_{};
  time_point next_{};
  time_point paused_until_{};
  bool taken_ = false;  ///< a mail, since the last refusal
  std::optional<failure> why_;
};

}  // namespace postrider
