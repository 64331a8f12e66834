#include <postrider/delivery/retry.hpp>

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

using namespace postrider;
using namespace std::chrono_literals;

namespace {

constexpr attempt nth(std::uint32_t number, std::chrono::milliseconds age = 0ms) {
  attempt what;
  what.number = number;
  what.age = age;
  return what;
}
constexpr attempt ended(outcome how, double random = 0.5) {
  attempt what;
  what.outcome = how;
  what.random = random;
  return what;
}
constexpr auto after = [](std::chrono::milliseconds delay) { return decision::retry_after(delay); };

/// Satisfies retry_strategy and can nothing else.
struct archetype {
  archetype() = delete;
  archetype& operator=(const archetype&) = delete;
  archetype(const archetype&) = default;
  decision operator()(const attempt&, decision so_far) const noexcept { return so_far; }
};
struct may_throw {
  decision operator()(const attempt&, decision so_far) const { return so_far; }
};
struct changes_itself {
  decision operator()(const attempt&, decision so_far) noexcept { return so_far; }
};
struct says_something_else {
  std::chrono::milliseconds operator()(const attempt&, decision) const noexcept { return 0ms; }
};
struct looks_at_less {
  decision operator()(const attempt&) const noexcept { return decision::give_up(); }
};
static_assert(retry_strategy<archetype>);
static_assert(!retry_strategy<may_throw> && !retry_strategy<changes_itself> && !retry_strategy<says_something_else> &&
              !retry_strategy<looks_at_less>);
static_assert(retry_strategy<decltype(exponential{} | jitter{} | give_up_after{})>);

// All of it can be computed by the compiler.
constexpr auto usual = exponential{1min, 4h} | jitter{0.2} | give_up_after{120h};
static_assert(decide(usual, nth(1)) == after(1min));
static_assert(decide(usual, nth(3)) == after(4min));
static_assert(decide(usual, nth(100)) == after(4h));
static_assert(decide(usual, nth(100, 119h)) == after(1h));
static_assert(decide(usual, nth(100, 120h)).gives_up());
static_assert(decide(usual, ended(outcome::permanent)).gives_up());
static_assert(decide(fixed_delays{1min, 5min, 1h}, nth(2)) == after(5min));

}  // namespace

TEST_CASE("Exponential delays grow from the first to the longest") {
  struct row {
    exponential strategy;
    std::uint32_t number;
    std::chrono::milliseconds delay;
  };
  const row table[] = {
      {{1min, 4h}, 0, 1min},    {{1min, 4h}, 1, 1min},           {{1min, 4h}, 2, 2min},       {{1min, 4h}, 8, 128min},
      {{1min, 4h}, 9, 4h},      {{1min, 4h}, 4'000'000'000, 4h}, {{2s, 30s}, 4, 16s},         {{2s, 30s}, 5, 30s},
      {{1min, 4h, 3}, 3, 9min}, {{1min, 4h, 1}, 50, 1min},       {{1min, 4h, 0.5}, 50, 1min}, {{5min, 1min}, 1, 1min},
      {{0ms, 1min}, 7, 0ms},
  };
  for (const auto& [strategy, number, delay] : table) {
    CAPTURE(strategy.first.count(), number);
    CHECK(decide(strategy, nth(number)) == after(delay));
  }
}

TEST_CASE("Fixed delays come in turn, the last one again and again") {
  const auto strategy = fixed_delays{1min, 5min, 1h};
  const std::vector<std::chrono::milliseconds> expected{1min, 1min, 5min, 1h, 1h};
  for (std::uint32_t number = 0; number < 5; ++number) CHECK(decide(strategy, nth(number)) == after(expected[number]));
}

TEST_CASE("Jitter stays in its bounds and uses all of them") {
  const auto strategy = exponential{100s, 1h} | jitter{0.2};
  CHECK(decide(strategy, ended(outcome::transient, 0.0)) == after(80s));
  CHECK(decide(strategy, ended(outcome::transient, 0.5)) == after(100s));
  CHECK(decide(strategy, ended(outcome::transient, 7)) == after(120s));
  CHECK(decide(strategy, ended(outcome::transient, -7)) == after(80s));
  std::minstd_rand chance(1);
  std::uniform_real_distribution<double> random(0, 1);
  auto least = 1h + 0ms, most = 0ms;
  for (int i = 0; i < 10'000; ++i) {
    const auto delay = decide(strategy, ended(outcome::transient, random(chance))).delay();
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  CHECK((least >= 80s && least < 81s));
  CHECK((most <= 120s && most > 119s));
  CHECK(decide(exponential{100s, 1h} | jitter{9}, ended(outcome::transient, 0)) == after(0s));
}

TEST_CASE("Who gave up is not revived by who sets delays") {
  CHECK(decide(give_up_after{1h} | exponential{} | jitter{}, nth(1, 2h)).gives_up());
  CHECK(decide(give_up_after_attempts{3} | fixed_delays{1min}, nth(3)).gives_up());
  CHECK(decide(usual, ended(outcome::permanent)).gives_up());
  CHECK(decision::give_up().delay() == 0ms);
}

TEST_CASE("The order of strategies counts") {
  // Limited, then spread: the last attempt may come later than the limit. The other way round it may not.
  const auto spread_last = exponential{1h, 1h} | give_up_after{90min} | jitter{1};
  const auto spread_first = exponential{1h, 1h} | jitter{1} | give_up_after{90min};
  attempt what = nth(2, 1h);
  what.random = 0.999999;
  CHECK(decide(spread_last, what).delay() > 59min);
  CHECK(decide(spread_first, what) == after(30min));
}

TEST_CASE("A mail's last attempt is at the limit, not a delay later") {
  const auto strategy = exponential{10min, 4h} | give_up_after{1h};
  std::chrono::milliseconds age = 0ms;
  std::uint32_t number = 0;
  while (true) {
    const auto next = decide(strategy, nth(++number, age));
    if (next.gives_up()) break;
    age += next.delay();
    REQUIRE(number < 10);
  }
  CHECK(age == 1h);
  CHECK(number == 4);  // after 0, 10, 30 and 60 minutes
}

TEST_CASE("Attempts can be counted, and unknown outcomes refused") {
  CHECK(decide(exponential{} | give_up_after_attempts{3}, nth(2)) == after(2min));
  CHECK(decide(exponential{} | give_up_after_attempts{3}, nth(3)).gives_up());
  CHECK(decide(exponential{}, ended(outcome::unknown)) == after(1min));
  CHECK(decide(exponential{} | give_up_when_unknown{}, ended(outcome::unknown)).gives_up());
  CHECK(decide(exponential{} | give_up_when_unknown{}, ended(outcome::transient)) == after(1min));
}

TEST_CASE("A strategy of one's own sees the failure, and may revive") {
  struct patient_with_full_mailboxes {
    decision operator()(const attempt& what, decision so_far) const noexcept {
      if (what.failure != nullptr && what.failure->cause == cause::mailbox_full) return decision::retry_after(24h);
      return so_far;
    }
  };
  const failure full(cause::mailbox_full, stage::rcpt), unknown_user(cause::mailbox_unknown, stage::rcpt);
  const auto strategy = exponential{} | patient_with_full_mailboxes{};
  attempt what = ended(outcome::permanent);
  what.failure = &full;
  CHECK(decide(strategy, what) == after(24h));
  what.failure = &unknown_user;
  CHECK(decide(strategy, what).gives_up());
}

TEST_CASE("The patience of a strategy is the age at which it gives up, whatever it is made of") {
  CHECK(patience(give_up_after{5min}) == 5min);
  CHECK(patience(exponential{1min, 4h} | jitter{0.2} | give_up_after{120h}) == 120h);
  CHECK(patience(retry_schedule{2s, 30s, 5min, 2, 0.1}) == 5min);
  CHECK_FALSE(patience(exponential{1min, 4h}));
  CHECK(patience(give_up_after_attempts{1}) == 1s);  // at once: the first attempt is the last one
}

TEST_CASE("A schedule of run time does what the composition does") {
  const retry_schedule schedule{2s, 30s, 5min, 2, 0.1};
  const auto same = exponential{2s, 30s} | jitter{0.1} | give_up_after{5min};
  for (std::uint32_t number = 1; number < 10; ++number)
    for (const auto age : {0s, 299s, 300s})
      for (const double random : {0.0, 0.3, 0.99}) {
        attempt what = nth(number, age);
        what.random = random;
        CHECK(decide(schedule, what) == decide(same, what));
      }
  CHECK(retry_schedule{} == retry_schedule{});
}
