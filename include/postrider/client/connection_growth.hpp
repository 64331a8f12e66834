// How many connections to one server are worth having: more while they raise throughput.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

namespace postrider::client {

/// Begins with one connection and doubles while mails wait and the last doubling has paid: mails a second are compared
/// before and after, once there are enough of them to compare. A server that takes its time is given the benefit of the
/// doubt: for it connections are what throughput is made of. Where the last doubling did not pay it is taken back,
/// until the rate falls to a half of what it was.
///
/// Pure: time is what the caller says.
class connection_growth {
 public:
  using clock = std::chrono::steady_clock;

  /// `most` connections; zero: no limit.
  explicit connection_growth(std::uint32_t most) noexcept
      : most_(most == 0 ? std::numeric_limits<std::size_t>::max() : most) {}

  /// How many connections to have, those that are being opened included.
  std::size_t target() const noexcept { return target_; }

  /// Another connection takes mails. The first ones after a doubling are what it is measured from.
  void opened(clock::time_point now) noexcept {
    if (to_be_opened_ == 0) return;
    --to_be_opened_;
    measure_from(now);
  }

  /// A connection could not be had while others live, `left` of which take mails: those will do for now.
  void refused(std::size_t left, clock::time_point now) noexcept {
    target_ = std::max<std::size_t>(left, 1);
    to_be_opened_ = left == 0 ? 1 : 0;
    refused_until_ = now + pause_after_refusal;
  }

  /// A mail was answered.
  void settled() noexcept { ++settled_; }

  /// Nothing waits any more: what was measured is not what connections can do.
  void ran_dry(clock::time_point now) noexcept { measure_from(now); }

  /// All connections have ended.
  void restart(clock::time_point now) noexcept {
    target_ = to_be_opened_ = 1;
    before_.reset();
    held_at_.reset();
    measure_from(now);
  }

  bool may_grow() const noexcept { return target_ < most_; }

  /// Mails wait, and all the connections that are to be had are there or being opened: whether that is to change.
  void consider(clock::time_point now) noexcept {
    if (!may_grow() || now < refused_until_) return;
    const clock::duration passed = now - since_;
    if (to_be_opened_ > 0 && passed < patience_for_opening) return;
    const bool measured = settled_ >= enough * target_ && passed >= shortest;
    if (!measured && passed < patience) return;
    const std::optional<double> rate = measured ? std::optional(rate_over(passed)) : std::nullopt;
    if (held_at_) {
      if (rate && *rate >= *held_at_ / 2) return measure_from(now);
      held_at_.reset();
      before_.reset();
    }
    if (rate && before_ && *rate < *before_ * worthwhile) {
      target_ = std::max<std::size_t>(target_ / 2, 1);
      held_at_ = std::max(*rate, *before_);
      return measure_from(now);
    }
    before_ = rate;
    const std::size_t next = target_ > most_ / 2 ? most_ : 2 * target_;
    to_be_opened_ = next - target_;
    target_ = next;
    measure_from(now);
  }

  /// When `consider` could come to another answer although no mail is answered.
  clock::time_point due() const noexcept {
    return std::max(refused_until_, since_ + (to_be_opened_ > 0 ? patience_for_opening : patience));
  }

 private:
  static constexpr std::size_t enough = 16;                // mails a connection, for a rate that means something
  static constexpr std::chrono::milliseconds shortest{5};  // to measure
  static constexpr double worthwhile = 1.1;
  static constexpr std::chrono::milliseconds patience{100};
  static constexpr std::chrono::milliseconds patience_for_opening{1'000};
  static constexpr std::chrono::seconds pause_after_refusal{10};

  void measure_from(clock::time_point now) noexcept {
    since_ = now;
    settled_ = 0;
  }

  double rate_over(clock::duration passed) const noexcept {
    return static_cast<double>(settled_) / std::max(std::chrono::duration<double>(passed).count(), 1e-9);
  }

  std::size_t most_;
  std::size_t target_ = 1;
  std::size_t to_be_opened_ = 1;  // of those that the last doubling asked for
  std::size_t settled_ = 0;       // since then
  clock::time_point since_{};
  clock::time_point refused_until_{};
  std::optional<double> before_;   // mails a second at half the target
  std::optional<double> held_at_;  // mails a second when growing had stopped to pay
};

}  // namespace postrider::client
