#include <postrider/registry/persistent_map.hpp>

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace persistent_map_tests {

using namespace postrider;

namespace {

struct entry {
  std::string name;
  int value;
  std::string_view key() const { return name; }
};
using entries = persistent_map<entry>;

std::shared_ptr<const entry> make(std::string name, int value) {
  return std::make_shared<const entry>(entry{std::move(name), value});
}

static_assert(std::forward_iterator<entries::iterator>);

}  // namespace

TEST_CASE("a persistent map keeps its versions apart", "[registry]") {
  const entries none;
  const entries one = none.with(make("b", 1));
  const entries two = one.with(make("a", 2));
  const entries changed = two.with(make("b", 3));
  const entries without = two.without("b");
  CHECK(none.empty());
  CHECK(one.size() == 1);
  CHECK(one.find("a") == nullptr);
  CHECK(two.find("b")->value == 1);
  CHECK(changed.find("b")->value == 3);
  CHECK(changed.size() == 2);
  CHECK(without.find("b") == nullptr);
  CHECK(two.find("b") == one.find("b"));
  CHECK(two.without("c").size() == 2);
}

TEST_CASE("a persistent map agrees with a sorted map", "[registry]") {
  std::mt19937 random(7);
  std::map<std::string, int> expected;
  entries map;
  for (int step = 0; step < 4000; ++step) {
    const std::string name = std::to_string(random() % 500);
    if (random() % 3 == 0) {
      expected.erase(name);
      map = map.without(name);
    } else {
      expected[name] = step;
      map = map.with(make(name, step));
    }
    if (step % 100 != 0) continue;
    REQUIRE(map.size() == expected.size());
    auto at = expected.begin();
    for (const entry& e : map) {
      REQUIRE(e.name == at->first);
      REQUIRE(e.value == at->second);
      ++at;
    }
    REQUIRE(at == expected.end());
  }
}

TEST_CASE("an edit of a persistent map shares almost everything with the version before", "[registry]") {
  entries map;
  for (int i = 0; i < 10000; ++i) map = map.with(make("user" + std::to_string(i), i));
  const entries edited = map.with(make("user77", -1));
  std::size_t shared = 0;
  auto other = edited.begin();
  for (const entry& e : map) shared += &e == &*other++ ? 1u : 0u;
  CHECK(shared == 9999);
  CHECK(edited.find("user77")->value == -1);
}

TEST_CASE("a persistent map goes on after any key", "[registry]") {
  entries map;
  for (int i = 0; i < 100; i += 2) map = map.with(make(std::to_string(100 + i), i));
  CHECK(map.upper_bound("")->value == 0);
  CHECK(map.upper_bound("100")->value == 2);
  CHECK(map.upper_bound("101")->value == 2);
  CHECK(map.upper_bound("198") == map.end());
  CHECK(map.lower_bound("100")->value == 0);
  CHECK(map.lower_bound("101")->value == 2);
  CHECK(map.lower_bound("199") == map.end());
  int expected = 50;
  for (auto at = map.upper_bound("149"); at != map.end(); ++at, expected += 2) REQUIRE(at->value == expected);
  CHECK(expected == 100);
}

TEST_CASE("the differences of two persistent maps, at the cost of what differs", "[registry]") {
  std::mt19937 random(11);
  entries before;
  for (int i = 0; i < 2000; ++i) before = before.with(make(std::to_string(random() % 3000), i));
  entries after = before;
  std::map<std::string, std::pair<const entry*, const entry*>> expected, told;
  std::vector<std::shared_ptr<const entry>> kept;
  for (int i = 0; i < 40; ++i) {
    const std::string name = std::to_string(random() % 3000);
    const entry* const old = before.find(name);
    if (i % 2 == 0) {
      after = after.without(name);
      if (old == nullptr) expected.erase(name);
      else expected[name] = {old, nullptr};
    } else {
      kept.push_back(make(name, -i));
      after = after.with(kept.back());
      expected[name] = {old, kept.back().get()};
    }
  }
  entries::differences(before, after, [&](const entry* old, const entry* now) {
    told[old != nullptr ? old->name : now->name] = {old, now};
  });
  CHECK(told == expected);
  CHECK(expected.size() > 20);

  // Against nothing, every record is a difference.
  std::size_t added = 0, gone = 0;
  entries::differences({}, after, [&](const entry* old, const entry*) { added += old == nullptr ? 1 : 0; });
  entries::differences(after, {}, [&](const entry*, const entry* now) { gone += now == nullptr ? 1 : 0; });
  CHECK(added == after.size());
  CHECK(gone == after.size());
}

}  // namespace persistent_map_tests
