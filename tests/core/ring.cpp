#include <postrider/core/ring.hpp>

#include <catch2/catch.hpp>

#include <deque>
#include <memory>
#include <random>

using postrider::ring;

namespace {

void check_equal(const ring<std::unique_ptr<int>>& got, const std::deque<int>& expected) {
  REQUIRE(got.size() == expected.size());
  REQUIRE(got.empty() == expected.empty());
  for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(*got[i] == expected[i]);
  if (expected.empty()) return;
  REQUIRE(*got.front() == expected.front());
  REQUIRE(*got.back() == expected.back());
}

}  // namespace

TEST_CASE("a ring does what a deque does", "[ring]") {
  std::mt19937 random(7);
  ring<std::unique_ptr<int>> all;
  std::deque<int> expected;
  for (int i = 0; i < 20'000; ++i) {
    switch (random() % 8) {
      case 0:
        all.push_front(std::make_unique<int>(i));
        expected.push_front(i);
        break;
      case 1:
      case 2:
      case 3:
        all.push_back(std::make_unique<int>(i));
        expected.push_back(i);
        break;
      case 4:
        if (expected.empty()) break;
        all.pop_back();
        expected.pop_back();
        break;
      case 5:
        if (expected.empty()) break;
        {
          const std::size_t at = random() % expected.size();
          all.erase(at);
          expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(at));
        }
        break;
      default:
        if (expected.empty()) break;
        all.pop_front();
        expected.pop_front();
    }
    if (random() % 500 == 0) {
      ring<std::unique_ptr<int>> moved(std::move(all));
      check_equal(all, {});
      all = std::move(moved);
    }
    if (random() % 1000 == 0) {
      all.clear();
      expected.clear();
    }
    check_equal(all, expected);
  }
}
