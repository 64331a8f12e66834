#include <postrider/delivery/throttle.hpp>

#include <catch2/catch.hpp>

#include <chrono>

namespace throttle_tests {

using namespace postrider;
using namespace std::chrono_literals;

namespace {

const throttle::time_point start{1h};
constexpr breaker_pauses pauses{10s, 60s};

failure too_fast() {
  return failure(cause::provider_rate, stage::mail);
}

/// One that sent a mail every 10 ms for a while.
throttle at_work(throttle::time_point& now) {
  throttle t;
  for (int i = 0; i < 200; ++i) t.depart(now += 10ms);
  return t;
}

}  // namespace

TEST_CASE("at full speed everything goes", "[throttle]") {
  auto now = start;
  throttle t = at_work(now);
  CHECK(t.admits(now));
  CHECK_FALSE(t.slowed());
  CHECK(t.why() == nullptr);
  CHECK_FALSE(t.accepted());
}

TEST_CASE("a refusal stops it for a pause and halves the rate after it", "[throttle]") {
  auto now = start;
  throttle t = at_work(now);
  CHECK(t.refused(now, too_fast(), pauses));
  CHECK(t.slowed());
  REQUIRE(t.why() != nullptr);
  CHECK(t.why()->cause == cause::provider_rate);
  CHECK(t.pause() == 10s);
  CHECK_FALSE(t.admits(now + 10s - 1ns));
  CHECK(t.admits(now + 10s));
  CHECK(t.interval() == 20ms);
  now += 10s;
  t.depart(now);
  CHECK_FALSE(t.admits(now));
  CHECK_FALSE(t.admits(now + 20ms - 1ns));
  CHECK(t.admits(now + 20ms));
}

TEST_CASE("refusals of mails that left before the pause change nothing; the next one slows it down further",
          "[throttle]") {
  auto now = start;
  throttle t = at_work(now);
  t.refused(now, too_fast(), pauses);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(t.refused(now + 1s, too_fast(), pauses));
  CHECK(t.interval() == 20ms);
  now += 10s;
  t.depart(now);
  CHECK_FALSE(t.refused(now, too_fast(), pauses));  // it was slow already
  CHECK(t.interval() == 20ms);                      // nobody knows how slow is slow enough
  CHECK(t.pause() == 20s);
  CHECK_FALSE(t.admits(now + 20s - 1ns));
  t.accepted();
  now += 20s;
  t.refused(now, too_fast(), pauses);
  CHECK(t.interval() > 38ms);  // half of what was too much
  CHECK(t.interval() < 40ms);
  CHECK(t.pause() == 10s);
}

TEST_CASE("pauses and intervals have an end", "[throttle]") {
  auto now = start;
  throttle t = at_work(now);
  for (int i = 0; i < 40; ++i) t.refused(now += 1h, too_fast(), pauses);
  CHECK(t.pause() == 60s);
  for (int i = 0; i < 40; ++i) {
    t.accepted();
    t.refused(now += 1h, too_fast(), pauses);
  }
  CHECK(t.interval() == 1min);
  throttle first;  // nothing is known of its speed
  first.refused(now, too_fast(), pauses);
  CHECK(first.interval() == 2s);
}

TEST_CASE("each mail that is taken raises the rate a little, until it is at full speed again", "[throttle]") {
  auto now = start;
  throttle t = at_work(now);
  t.refused(now, too_fast(), pauses);
  t.accepted();
  CHECK(t.pause() == 0s);  // the next one begins anew
  CHECK(t.interval() < 20ms);
  CHECK(t.interval() > 19ms);
  int taken = 1;
  for (; t.slowed() && taken < 1'000; ++taken) t.accepted();
  CHECK_FALSE(t.slowed());
  CHECK(t.why() == nullptr);
  CHECK(taken > 100);
  CHECK(taken < 200);
  CHECK(t.admits(now));
}

TEST_CASE("a late timer makes up for what it missed, but not for hours", "[throttle]") {
  auto now = start;
  throttle t = at_work(now);
  t.refused(now, too_fast(), pauses);
  now += 3h;
  int gone = 0;
  for (; t.admits(now) && gone < 100; ++gone) t.depart(now);
  CHECK(gone == 3);  // 50 ms of 20 ms each
}

TEST_CASE("an operator may have it tried at once", "[throttle]") {
  auto now = start;
  throttle t = at_work(now);
  t.refused(now, too_fast(), pauses);
  t.expedite(now);
  CHECK(t.admits(now));
  CHECK(t.slowed());
}

}  // namespace throttle_tests
