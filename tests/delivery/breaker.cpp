#include <postrider/delivery/breaker.hpp>

#include <catch2/catch.hpp>

namespace breaker_tests {

using namespace postrider;
using namespace std::chrono_literals;

namespace {

const breaker_pauses pauses{10s, 60s};
const breaker_pauses rare{900s, 3600s};
const failure refused(cause::connection_refused, stage::connect);
const failure rejected(cause::credentials_rejected, stage::auth);
const breaker::time_point start{1000h};

}  // namespace

TEST_CASE("a closed breaker admits every mail and knows no reason") {
  breaker b;
  CHECK(b.closed());
  CHECK(b.admits(start));
  CHECK_FALSE(b.depart());
  CHECK(b.admits(start));
  CHECK(b.why() == nullptr);
  CHECK_FALSE(b.succeeded());
}

TEST_CASE("a failure opens it for the first pause, then one probe may go") {
  breaker b;
  CHECK(b.failed(start, refused, pauses));
  CHECK_FALSE(b.closed());
  CHECK(b.open_until() == start + 10s);
  REQUIRE(b.why());
  CHECK(b.why()->cause == cause::connection_refused);
  CHECK_FALSE(b.admits(start));
  CHECK_FALSE(b.admits(start + 10s - 1ms));
  CHECK(b.admits(start + 10s));
  CHECK(b.depart());
  CHECK(b.now_in() == breaker::state::half_open);
  CHECK_FALSE(b.admits(start + 1h));
}

TEST_CASE("the pause doubles with each failed probe, up to the longest") {
  breaker b;
  b.failed(start, refused, pauses);
  auto now = start;
  for (const auto expected : {20s, 40s, 60s, 60s}) {
    now = b.open_until();
    REQUIRE(b.depart());
    CHECK_FALSE(b.failed(now, refused, pauses));
    CHECK(b.pause() == expected);
    CHECK(b.open_until() == now + expected);
  }
}

TEST_CASE("verdicts of mails that left before it opened change nothing for the worse") {
  breaker b;
  b.failed(start, refused, pauses);
  CHECK_FALSE(b.failed(start + 1s, refused, pauses));
  CHECK(b.open_until() == start + 10s);
  CHECK(b.succeeded());
  CHECK(b.closed());
  CHECK(b.admits(start + 1s));
}

TEST_CASE("a successful probe closes it and forgets the growth") {
  breaker b;
  b.failed(start, refused, pauses);
  b.depart();
  b.failed(start + 10s, refused, pauses);
  b.depart();
  CHECK(b.succeeded());
  CHECK(b.why() == nullptr);
  CHECK(b.failed(start + 1h, refused, pauses));
  CHECK(b.pause() == 10s);
}

TEST_CASE("a probe without a verdict leaves its place to the next mail") {
  breaker b;
  b.failed(start, refused, pauses);
  b.depart();
  b.withdrawn();
  CHECK(b.admits(start + 10s));
  CHECK(b.depart());
  b.succeeded();
  b.withdrawn();
  CHECK(b.closed());
}

TEST_CASE("graver trouble at the probe takes the longer pauses") {
  breaker b;
  b.failed(start, refused, pauses);
  b.depart();
  b.failed(start + 10s, rejected, rare);
  CHECK(b.pause() == 900s);
  CHECK(b.why()->cause == cause::credentials_rejected);
}

TEST_CASE("a longest pause below the first does not shorten the first") {
  breaker b;
  b.failed(start, refused, breaker_pauses{10s, 1s});
  CHECK(b.pause() == 10s);
  b.depart();
  b.failed(start, refused, breaker_pauses{10s, 1s});
  CHECK(b.pause() == 10s);
}

TEST_CASE("an operator can have it tried at once") {
  breaker b;
  b.failed(start, refused, pauses);
  b.expedite(start + 1s);
  CHECK(b.admits(start + 1s));
  b.expedite(start + 5s);
  CHECK(b.open_until() == start + 1s);
}

}  // namespace breaker_tests
