// When a recipient is tried again, and when no more: pure functions that are joined with `|`.
//
//   constexpr auto strategy = exponential{1min, 4h} | jitter{0.2} | give_up_after{120h};
#pragma once

#include <postrider/core/failure.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace postrider {

/// What a strategy may look at: an attempt that did not deliver, for one recipient.
struct attempt {
  postrider::outcome outcome = postrider::outcome::transient;
  const postrider::failure* failure = nullptr;  ///< why; null where nothing is known but the outcome
  std::uint32_t number = 1;                     ///< of the attempts that count, this one included
  std::chrono::milliseconds age{0};             ///< since the mail was accepted
  std::chrono::milliseconds previous_delay{0};  ///< what was decided after the attempt before
  double random = 0.5;                          ///< evenly distributed, at least 0, below 1
};

/// Try again after a while, or give up.
class decision {
 public:
  static constexpr decision retry_after(std::chrono::milliseconds delay) noexcept {
    return decision(std::max(delay, std::chrono::milliseconds(0)));
  }
  static constexpr decision give_up() noexcept { return decision(std::chrono::milliseconds(-1)); }

  constexpr bool gives_up() const noexcept { return delay_.count() < 0; }
  /// Zero after giving up.
  constexpr std::chrono::milliseconds delay() const noexcept { return std::max(delay_, std::chrono::milliseconds(0)); }
  friend constexpr bool operator==(decision, decision) noexcept = default;

 private:
  constexpr explicit decision(std::chrono::milliseconds delay) noexcept : delay_(delay) {}
  std::chrono::milliseconds delay_;
};

/// A pure function from an attempt, and what was decided so far, to a decision. It never throws, keeps no state, and
/// is copied freely. One that sets a delay leaves `give_up` alone, unless reviving is what it is for.
template <class R>
concept retry_strategy = std::copy_constructible<R> &&
    requires(const R& strategy, const attempt& what, decision so_far) {
  { strategy(what, so_far) }
  noexcept->std::same_as<decision>;
};

/// Asks `strategy`, beginning with what the outcome itself says: permanent is given up, all else is tried at once.
template <retry_strategy R>
constexpr decision decide(const R& strategy, const attempt& what) noexcept {
  const bool final = what.outcome == outcome::permanent;
  return strategy(what, final ? decision::give_up() : decision::retry_after(std::chrono::milliseconds(0)));
}

/// The age at which `strategy` gives up what goes on failing, to the second; nothing if that is more than 1000 days.
template <retry_strategy R>
constexpr std::optional<std::chrono::milliseconds> patience(const R& strategy) noexcept {
  const auto gives_up = [&](std::chrono::seconds age) { return decide(strategy, attempt{.age = age}).gives_up(); };
  std::chrono::seconds least{0}, most{86'400'000};
  if (!gives_up(most)) return std::nullopt;
  while (most - least > std::chrono::seconds(1)) {
    const auto middle = least + (most - least) / 2;
    (gives_up(middle) ? most : least) = middle;
  }
  return most;
}

/// `first`, and `factor` times as long after each further attempt, up to `longest`.
struct exponential {
  std::chrono::milliseconds first{60'000};
  std::chrono::milliseconds longest{14'400'000};
  double factor = 2;

  constexpr decision operator()(const attempt& what, decision so_far) const noexcept {
    if (so_far.gives_up()) return so_far;
    auto delay = static_cast<double>(first.count());
    const auto limit = static_cast<double>(longest.count());
    for (std::uint32_t n = 1; n < what.number && delay < limit && factor > 1; ++n) delay *= factor;
    return decision::retry_after(std::chrono::milliseconds(static_cast<std::int64_t>(std::min(delay, limit))));
  }
};

/// These delays one after the other; the last one repeats.
template <std::size_t N>
requires(N > 0) struct fixed_delays {
  template <class... Delays>
  requires(sizeof...(Delays) == N && (std::convertible_to<Delays, std::chrono::milliseconds> &&
                                      ...)) constexpr explicit fixed_delays(Delays... each) noexcept
      : delays{std::chrono::milliseconds(each)...} {}

  std::array<std::chrono::milliseconds, N> delays;

  constexpr decision operator()(const attempt& what, decision so_far) const noexcept {
    if (so_far.gives_up()) return so_far;
    const std::size_t index = what.number == 0 ? 0 : what.number - 1;
    return decision::retry_after(delays[std::min(index, N - 1)]);
  }
};
template <class... Delays>
fixed_delays(Delays...) -> fixed_delays<sizeof...(Delays)>;

/// Spreads the delay by up to `share` of it in both directions, so that mails do not come back all at once.
struct jitter {
  double share = 0.2;

  constexpr decision operator()(const attempt& what, decision so_far) const noexcept {
    if (so_far.gives_up()) return so_far;
    const double spread = 1 + std::clamp(share, 0.0, 1.0) * (2 * std::clamp(what.random, 0.0, 1.0) - 1);
    const double delay = static_cast<double>(so_far.delay().count()) * spread;
    return decision::retry_after(std::chrono::milliseconds(static_cast<std::int64_t>(delay)));
  }
};

/// Gives up once the mail is `longest` old. The last attempt takes place at that age, not a whole delay later.
struct give_up_after {
  std::chrono::milliseconds longest{432'000'000};

  constexpr decision operator()(const attempt& what, decision so_far) const noexcept {
    if (so_far.gives_up() || what.age >= longest) return decision::give_up();
    return decision::retry_after(std::min(so_far.delay(), longest - what.age));
  }
};

/// Gives up after so many attempts.
struct give_up_after_attempts {
  std::uint32_t most = 30;

  constexpr decision operator()(const attempt& what, decision so_far) const noexcept {
    return what.number >= most ? decision::give_up() : so_far;
  }
};

/// Rather no mail than two: an attempt that may have delivered is never repeated.
struct give_up_when_unknown {
  constexpr decision operator()(const attempt& what, decision so_far) const noexcept {
    return what.outcome == outcome::unknown ? decision::give_up() : so_far;
  }
};

/// `First`, then `Second` with what `First` decided.
template <retry_strategy First, retry_strategy Second>
struct joined_strategies {
  First first;
  Second second;

  constexpr decision operator()(const attempt& what, decision so_far) const noexcept {
    return second(what, first(what, so_far));
  }
};

template <retry_strategy First, retry_strategy Second>
constexpr joined_strategies<First, Second> operator|(First first, Second second) noexcept {
  return {first, second};
}

/// The usual strategy as values of run time, one for each server: exponential | jitter | give_up_after.
struct retry_schedule {
  std::chrono::milliseconds first{60'000};
  std::chrono::milliseconds longest{14'400'000};
  std::chrono::milliseconds give_up{432'000'000};
  double factor = 2;
  double spread = 0.2;

  constexpr decision operator()(const attempt& what, decision so_far) const noexcept {
    return (exponential{first, longest, factor} | jitter{spread} | give_up_after{give_up})(what, so_far);
  }
  friend constexpr bool operator==(const retry_schedule&, const retry_schedule&) = default;
};

static_assert(retry_strategy<exponential> && retry_strategy<fixed_delays<3>> && retry_strategy<jitter> &&
              retry_strategy<give_up_after> && retry_strategy<give_up_after_attempts> &&
              retry_strategy<give_up_when_unknown> && retry_strategy<retry_schedule>);

}  // namespace postrider
