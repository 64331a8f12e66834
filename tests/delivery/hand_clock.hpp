// Time that passes as a test says.
#pragma once

#include <asio/wait_traits.hpp>

#include <algorithm>
#include <chrono>

namespace test {

struct hand_clock {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<hand_clock>;
  static time_point now() noexcept { return current; }
  inline static time_point current{};
};

}  // namespace test

/// Whoever waits for that clock looks at it again and again.
template <>
struct asio::wait_traits<test::hand_clock> {
  static test::hand_clock::duration to_wait_duration(const test::hand_clock::duration& left) {
    return std::min(std::max(left, test::hand_clock::duration(0)), test::hand_clock::duration(1));
  }
  static test::hand_clock::duration to_wait_duration(const test::hand_clock::time_point& until) {
    return to_wait_duration(until - test::hand_clock::now());
  }
};
