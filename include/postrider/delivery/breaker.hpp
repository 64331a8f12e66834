// Whether a server, or an account on it, may be tried now: one small record for each key of the pipeline.
#pragma once

#include <postrider/core/failure.hpp>
#include <postrider/core/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace postrider {

/// How long a breaker stays open: `first`, then twice as long after each failed probe, up to `longest`.
struct breaker_pauses {
  std::chrono::milliseconds first{10'000};
  std::chrono::milliseconds longest{600'000};
};

/// Closed: every mail may go. Open: none, until the pause has passed. Half open: one mail is on its way as a probe and
/// its fate decides. Time is given, never asked for.
class breaker {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  enum class state : std::uint8_t { closed, open, half_open };

  state now_in() const noexcept { return state_; }
  bool closed() const noexcept { return state_ == state::closed; }

  /// May a mail go at `now`?
  bool admits(time_point now) const noexcept {
    return state_ == state::closed || (state_ == state::open && now >= until_);
  }

  /// A mail that was admitted goes now; true if it is the probe of an open breaker.
  bool depart() noexcept {
    if (state_ == state::closed) return false;
    state_ = state::half_open;
    return true;
  }

  /// The server took a mail, or refused one for reasons of the mail's own. True if that closed the breaker.
  bool succeeded() noexcept {
    const bool changed = !closed();
    state_ = state::closed;
    pause_ = {};
    why_.reset();
    return changed;
  }

  /// The server, or the account on it, failed. True if that opened the breaker, which is then open until
  /// `open_until()`. A verdict that comes late, of a mail that left before the breaker opened, changes nothing.
  bool failed(time_point now, failure why, breaker_pauses pauses) {
    if (state_ == state::open) return false;
    const bool opened = closed();
    pause_ = opened ? pauses.first : std::max(2 * pause_, pauses.first);
    pause_ = std::min(pause_, std::max(pauses.first, pauses.longest));
    until_ = now + pause_;
    state_ = state::open;
    why_ = std::move(why);
    return opened;
  }

  /// The probe came back without a verdict (cancelled, given up for other reasons): the next mail is the probe.
  void withdrawn() noexcept {
    if (state_ == state::half_open) state_ = state::open;
  }

  /// An operator wants it tried now.
  void expedite(time_point now) noexcept {
    if (state_ == state::open) until_ = std::min(until_, now);
  }

  /// When the next probe may go; meaningful unless closed.
  time_point open_until() const noexcept { return until_; }
  std::chrono::milliseconds pause() const noexcept { return pause_; }

  /// What opened it; null if closed.
  const failure* why() const noexcept { return why_ ? &*why_ : nullptr; }

 private:
  time_point until_{};
  std::chrono::milliseconds pause_{0};
  std::optional<failure> why_;
  state state_ = state::closed;
};
template <>
inline constexpr std::array<std::string_view, 3> spellings<breaker::state>{"closed", "open", "half_open"};

}  // namespace postrider
