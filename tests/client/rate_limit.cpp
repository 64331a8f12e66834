#include <postrider/client/rate_limit.hpp>

#include <catch2/catch.hpp>

#include <vector>

namespace rate_limit_tests {

using postrider::client::rate_limit;
using namespace std::chrono_literals;

TEST_CASE("no second, wherever it begins, has more than the rate", "[rate_limit]") {
  const auto rate = GENERATE(as<std::uint32_t>(), 1, 3, 14, 1000);
  rate_limit limit(rate);
  rate_limit::clock::time_point now{1h};
  std::vector<rate_limit::clock::time_point> taken;
  for (std::uint32_t i = 0; i < 5 * rate; ++i) {
    if (i % 7 == 3) now += 350ms;  // nobody sends for a while: that is not made up for
    now = std::max(now, limit.ready_at());
    limit.take(1, now);
    taken.push_back(now);
  }
  for (std::size_t first = 0; first + rate < taken.size(); ++first)
    CHECK(taken[first + rate] - taken[first] >= 1s - std::chrono::nanoseconds(rate));
}

TEST_CASE("many at once are waited for as long as one after the other", "[rate_limit]") {
  rate_limit limit(10);
  const rate_limit::clock::time_point now{1h};
  limit.take(25, now);
  CHECK(limit.ready_at() == now + 2500ms);
  limit.take(5, now + 2500ms);
  CHECK(limit.ready_at() == now + 3s);
}

TEST_CASE("zero is no limit", "[rate_limit]") {
  rate_limit limit(0);
  limit.take(1'000'000, rate_limit::clock::time_point{1h});
  CHECK(limit.ready_at() <= rate_limit::clock::time_point{1h});
}

}  // namespace rate_limit_tests
