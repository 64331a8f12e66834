#include <postrider/delivery/lane.hpp>

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <vector>

namespace lane_tests {

using namespace postrider;
using detail::lane;
using detail::turns;

TEST_CASE("tenants are served in turn, and the lanes of a tenant in turn") {
  lane a1(submitter("a", "1")), a2(submitter("a", "2")), a3(submitter("a", "3")), b(submitter("b", "1")),
      c(submitter("c", "1"));
  turns t;
  for (lane* one : {&a1, &a2, &a3, &b, &c}) t.enter(*one);
  std::string order;
  for (int i = 0; i < 12; ++i) {
    const lane& one = t.next();
    order += one.who.tenant + one.who.sender + ' ';
  }
  CHECK(order == "a1 b1 c1 a2 b1 c1 a3 b1 c1 a1 b1 c1 ");
}

TEST_CASE("a lane waits in each queue once, and in as many as it likes") {
  lane a(submitter("a", "1")), b(submitter("a", "2"));
  turns first, second;
  first.enter(a);
  first.enter(a);
  first.enter(b);
  second.enter(a);
  CHECK(first.has(a));
  CHECK(second.has(a));
  CHECK_FALSE(second.has(b));
  CHECK(first.all() == std::vector<lane*>{&a, &b});
  CHECK(&first.next() == &a);
  CHECK(&first.next() == &b);
  first.leave(a);
  CHECK_FALSE(first.has(a));
  CHECK(second.has(a));
  CHECK(&first.next() == &b);
  CHECK(&second.next() == &a);
  first.leave(b);
  first.leave(b);
  CHECK(first.empty());
}

TEST_CASE("lanes and queues may end in any order") {
  auto t = std::make_optional<turns>();
  auto a = std::make_optional<lane>(submitter("a", "1"));
  lane b(submitter("b", "1"));
  turns second;
  t->enter(*a);
  t->enter(b);
  second.enter(*a);
  second.enter(b);
  a.reset();
  CHECK(&second.next() == &b);
  CHECK(&t->next() == &b);
  t.reset();
  turns other;
  other.enter(b);
  CHECK(other.has(b));
}

}  // namespace lane_tests
