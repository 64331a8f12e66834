// Lists in pages.
#include "relay/paging.hpp"

#include <postrider/registry/persistent_map.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

using namespace postrider;
using namespace postrider::examples;

namespace {

struct entry {
  std::string name;
  std::string_view key() const { return name; }
};

persistent_map<entry> entries(int count) {
  persistent_map<entry> all;
  for (int i = 0; i < count; ++i) {
    const std::string digits = std::to_string(i);
    all = all.with(std::make_shared<const entry>(entry{(i < 10 ? "e0" : "e") + digits}));
  }
  return all;
}

page_request request(const json& given) {
  return page_request(arguments(given, {"limit", "cursor"}));
}

/// All pages one after the other: the names, and how many pages it took.
std::pair<std::vector<std::string>, int> walk(const persistent_map<entry>& all, std::size_t limit, auto show,
                                              std::size_t looks = 20) {
  std::vector<std::string> names;
  json cursor = "";
  int pages = 0;
  for (; !cursor.is_null(); ++pages) {
    const json given{{"limit", limit}, {"cursor", cursor}};
    const json page = page_of("entries", all, request(given), show, looks);
    CHECK(page["entries"].size() <= limit);
    for (const json& one : page["entries"]) names.push_back(one);
    cursor = page["next_cursor"];
    REQUIRE(pages < 1'000);
  }
  return {names, pages};
}

json name_of(const entry& one) {
  return one.name;
}

}  // namespace

TEST_CASE("what a page is asked for") {
  CHECK(request(json::object()).limit == 100);
  CHECK(request({{"limit", 7}, {"cursor", "x"}}).limit == 7);
  CHECK(request({{"limit", "7"}, {"cursor", "x"}}).after == "x");
  for (const json& wrong : {json(0), json(1001), json("many"), json(-1), json(2.5)})
    CHECK_THROWS_AS(request({{"limit", wrong}}), bad_argument);
}

TEST_CASE("pages hold each entry once, in order") {
  for (int count : {0, 1, 9, 10, 11, 25}) {
    const auto all = entries(count);
    for (std::size_t limit : {1U, 3U, 10U, 100U}) {
      CAPTURE(count, limit);
      const auto [names, pages] = walk(all, limit, name_of);
      std::vector<std::string> wanted;
      for (const entry& one : all) wanted.push_back(one.name);
      CHECK(names == wanted);
      CHECK(pages == std::max<int>(1, (count + static_cast<int>(limit) - 1) / static_cast<int>(limit)));
    }
  }
}

TEST_CASE("a cursor of what is gone goes on behind it") {
  const auto all = entries(10).without("e04");
  const json given{{"cursor", "e04"}, {"limit", 2}};
  CHECK(page_of("entries", all, request(given), name_of)["entries"] == json{"e05", "e06"});
}

TEST_CASE("a page looks at so many entries and no more") {
  const auto all = entries(90);
  int looked = 0;
  const auto only_last = [&](const entry& one) -> json {
    ++looked;
    return one.name == "e89" ? json(one.name) : json(nullptr);
  };
  const json given{{"limit", 2}};
  const json page = page_of("entries", all, request(given), only_last, 5);
  CHECK(page["entries"].empty());
  CHECK(page["next_cursor"] == "e09");
  CHECK(looked == 10);
  CHECK(walk(all, 2, only_last, 5).first == std::vector<std::string>{"e89"});
}

TEST_CASE("those whose keys begin alike") {
  const auto all = entries(25);
  CHECK(page_of("entries", records_with(all, "e1"), request({{"limit", 100}}), name_of)["entries"].size() == 10);
  const json given{{"limit", 100}, {"cursor", "e17"}};
  CHECK(page_of("entries", records_with(all, "e1"), request(given), name_of)["entries"] == json{"e18", "e19"});
  CHECK(page_of("entries", records_with(all, "x"), request({{"limit", 100}}), name_of)["entries"].empty());
}
