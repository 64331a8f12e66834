#include <postrider/client/connection_growth.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>

namespace connection_growth_tests {

using postrider::client::connection_growth;
using namespace std::chrono_literals;

namespace {

/// A server whose mails a second depend on the number of connections, with always enough mail waiting.
struct world {
  explicit world(std::uint32_t most, std::function<double(std::size_t)> mails_a_second)
      : growth(most), rate(std::move(mails_a_second)) {}

  void run_for(std::chrono::milliseconds time) {
    for (const auto end = now + time; now < end; now += 1ms) {
      for (; open < growth.target(); ++open) growth.opened(now);
      open = std::min(open, growth.target());
      for (owed += rate(open) / 1000; owed >= 1; owed -= 1) growth.settled();
      growth.consider(now);
    }
  }

  connection_growth growth;
  std::function<double(std::size_t)> rate;
  connection_growth::clock::time_point now{1h};
  std::size_t open = 0;
  double owed = 0;
};

}  // namespace

TEST_CASE("connections that raise throughput are opened up to the limit", "[growth]") {
  const auto most = GENERATE(as<std::uint32_t>(), 1, 2, 5, 8, 100);
  const auto of_one = GENERATE(2.0, 100.0, 10'000.0);  // slow servers as well as fast ones
  world all(most, [&](std::size_t n) { return of_one * static_cast<double>(n); });
  all.run_for(3s);
  CHECK(all.growth.target() == most);
}

TEST_CASE("connections that raise nothing are not opened", "[growth]") {
  world all(100, [](std::size_t) { return 20'000.0; });
  all.run_for(10s);
  CHECK(all.growth.target() == 1);
  all.rate = [](std::size_t n) { return 5'000.0 * static_cast<double>(std::min<std::size_t>(n, 4)); };
  all.run_for(10s);  // slower, but now more of them help
  CHECK(all.growth.target() == 4);
}

TEST_CASE("growing stops where it has stopped to pay", "[growth]") {
  world all(64, [](std::size_t n) { return 2'000.0 * static_cast<double>(std::min<std::size_t>(n, 8)); });
  all.run_for(10s);
  CHECK(all.growth.target() == 8);
}

TEST_CASE("a refusal is taken at its word for a while", "[growth]") {
  world all(64, [](std::size_t n) { return 10.0 * static_cast<double>(n); });
  all.run_for(150ms);
  REQUIRE(all.growth.target() == 2);
  all.growth.refused(1, all.now);
  all.run_for(5s);
  CHECK(all.growth.target() == 1);
  all.run_for(10s);
  CHECK(all.growth.target() > 1);
}

TEST_CASE("what was measured before a pause counts for nothing", "[growth]") {
  connection_growth growth(8);
  connection_growth::clock::time_point now{1h};
  growth.opened(now);
  for (int i = 0; i < 1000; ++i) growth.settled();
  growth.ran_dry(now += 50ms);
  growth.consider(now += 50ms);
  CHECK(growth.target() == 1);
  CHECK(growth.due() == now + 50ms);
  growth.consider(growth.due());  // nothing was answered for so long
  CHECK(growth.target() == 2);
  growth.restart(now);
  CHECK(growth.target() == 1);
  CHECK(growth.may_grow());
  CHECK_FALSE(connection_growth(1).may_grow());
}

}  // namespace connection_growth_tests
