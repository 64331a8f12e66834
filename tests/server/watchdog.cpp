#include <postrider/server/watchdog.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace watchdog_tests {

using postrider::detail::watchdog;

namespace {

using clock_type = std::chrono::steady_clock;

// A deadline is over before anything runs, or so far away that no test lives to see it.
constexpr std::chrono::milliseconds over{-1};
constexpr std::chrono::hours far{24};

struct yard {
  asio::io_context context{1};
  int barks = 0;
  std::optional<watchdog> dog;

  yard() {
    dog.emplace(context.get_executor(), [this] { ++barks; });
  }
  /// Runs what is due; whether something is still waited for.
  bool waits() {
    context.restart();
    context.poll();
    return !context.stopped();
  }
};

}  // namespace

TEST_CASE("a watchdog that expects nothing neither barks nor keeps anyone busy", "[watchdog]") {
  yard y;
  CHECK_FALSE(y.waits());
  CHECK(y.barks == 0);
}

TEST_CASE("a deadline that has passed is barked at once, and not from within", "[watchdog]") {
  yard y;
  SECTION("as a point in time") {
    y.dog->expect(clock_type::now() - std::chrono::seconds(1));
  }
  SECTION("as a time from now") {
    y.dog->expect(over);
  }
  SECTION("as long ago as there is") {
    y.dog->expect(clock_type::time_point::min());
  }
  CHECK(y.barks == 0);
  CHECK_FALSE(y.waits());
  CHECK(y.barks == 1);
  CHECK_FALSE(y.waits());
  CHECK(y.barks == 1);
}

TEST_CASE("a deadline to come is waited for", "[watchdog]") {
  yard y;
  y.dog->expect(far);
  CHECK(y.waits());
  CHECK(y.barks == 0);
}

TEST_CASE("an earlier deadline takes the place of a later one", "[watchdog]") {
  yard y;
  y.dog->expect(far);
  CHECK(y.waits());
  y.dog->expect(over);
  CHECK_FALSE(y.waits());
  CHECK(y.barks == 1);
}

TEST_CASE("a deadline that moves on is not barked at", "[watchdog]") {
  yard y;
  y.dog->expect(over);
  y.dog->expect(far);
  CHECK(y.waits());  // it woke at the old one, and sleeps on
  CHECK(y.barks == 0);
  y.dog->expect(over);
  CHECK_FALSE(y.waits());
  CHECK(y.barks == 1);
}

TEST_CASE("who rests does not bark, until something is expected again", "[watchdog]") {
  yard y;
  y.dog->expect(over);
  y.dog->rest();
  CHECK_FALSE(y.waits());
  CHECK(y.barks == 0);
  y.dog->expect(over);
  CHECK_FALSE(y.waits());
  CHECK(y.barks == 1);
}

TEST_CASE("rest, then a far deadline: it is still waited for", "[watchdog]") {
  yard y;
  y.dog->expect(over);
  y.dog->rest();
  y.dog->expect(far);
  CHECK(y.waits());
  CHECK(y.barks == 0);
}

TEST_CASE("after a bark the next deadline counts", "[watchdog]") {
  yard y;
  for (int i = 1; i <= 3; ++i) {
    y.dog->expect(over);
    CHECK_FALSE(y.waits());
    CHECK(y.barks == i);
  }
  y.dog->expect(far);
  CHECK(y.waits());
  CHECK(y.barks == 3);
}

TEST_CASE("a bark may expect the next", "[watchdog]") {
  asio::io_context context(1);
  int barks = 0;
  watchdog* self = nullptr;
  watchdog dog(context.get_executor(), [&] {
    if (++barks < 5) self->expect(over);
  });
  self = &dog;
  dog.expect(over);
  context.run();
  CHECK(barks == 5);
}

TEST_CASE("a watchdog that is gone does not bark, and nobody waits for it", "[watchdog]") {
  yard y;
  SECTION("with a deadline to come") {
    y.dog->expect(far);
  }
  SECTION("with a deadline that has passed") {
    y.dog->expect(over);
  }
  SECTION("while it is waited for") {
    y.dog->expect(far);
    CHECK(y.waits());
  }
  y.dog.reset();
  CHECK_FALSE(y.waits());
  CHECK(y.barks == 0);
}

TEST_CASE("a watchdog that goes while its turn has come does not bark", "[watchdog]") {
  asio::io_context context(1);
  int barks = 0;
  std::optional<watchdog> one;
  std::optional<watchdog> other;
  one.emplace(context.get_executor(), [&] {
    ++barks;
    other.reset();
  });
  other.emplace(context.get_executor(), [&] {
    ++barks;
    one.reset();
  });
  one->expect(over);
  other->expect(over);
  context.run();  // both timers have expired together
  CHECK(barks == 1);
  CHECK(one.has_value() != other.has_value());
}

TEST_CASE("a watchdog lets go of what its bark holds", "[watchdog]") {
  asio::io_context context(1);
  const auto held = std::make_shared<int>(0);
  {
    watchdog dog(context.get_executor(), [held] { ++*held; });
    dog.expect(far);
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);  // although the cancelled wait has not been seen yet
  context.run();
  CHECK(*held == 0);
}

TEST_CASE("it barks where it was told to", "[watchdog]") {
  asio::io_context context(1);
  auto strand = asio::make_strand(context);
  bool within = false;
  watchdog dog(strand, [&] { within = strand.running_in_this_thread(); });
  dog.expect(over);
  context.run();
  CHECK(within);
}

}  // namespace watchdog_tests
