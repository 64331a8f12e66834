#include <postrider/core/cause.hpp>
#include <postrider/core/server.hpp>
#include <postrider/core/vocabulary.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace {

enum class colour : std::uint8_t { red, dark_red, blue };
enum class depth : int { one, two };
enum class silent : std::uint8_t { nothing };
enum old_style { first, second };

}  // namespace

namespace postrider {

template <>
inline constexpr std::array<std::string_view, 3> spellings<colour>{"red", "dark_red", "blue"};
template <>
inline constexpr std::array<std::string_view, 2> spellings<depth>{"one", "two"};
template <>
inline constexpr std::array<std::string_view, 2> spellings<old_style>{"first", "second"};

}  // namespace postrider

using namespace postrider;

static_assert(vocabulary<colour>);
static_assert(vocabulary<depth>);
static_assert(vocabulary<old_style>);
static_assert(!vocabulary<silent>);
static_assert(!vocabulary<int>);
static_assert(!vocabulary<std::string_view>);

// All of it can be used before the program runs.
static_assert(to_string(colour::dark_red) == "dark_red");
static_assert(from_string<colour>("blue") == colour::blue);
static_assert(!from_string<colour>("green"));

TEST_CASE("an enumerator is spelled as it stands in its table", "[vocabulary]") {
  CHECK(to_string(colour::red) == "red");
  CHECK(to_string(colour::blue) == "blue");
  CHECK(to_string(depth::two) == "two");
  CHECK(to_string(second) == "second");
}

TEST_CASE("what is no enumerator has no spelling", "[vocabulary]") {
  CHECK(to_string(static_cast<colour>(3)).empty());
  CHECK(to_string(static_cast<colour>(255)).empty());
  CHECK(to_string(static_cast<depth>(2)).empty());
  CHECK(to_string(static_cast<depth>(-1)).empty());
}

TEST_CASE("a spelling is read exactly or not at all", "[vocabulary]") {
  using namespace std::string_view_literals;
  CHECK(from_string<colour>("red") == colour::red);
  CHECK(from_string<colour>("dark_red") == colour::dark_red);
  for (const auto wrong :
       {""sv, "Red"sv, "RED"sv, " red"sv, "red "sv, "re"sv, "redd"sv, "dark"sv, "dark-red"sv, "red\0"sv, "0"sv}) {
    INFO(wrong);
    CHECK_FALSE(from_string<colour>(wrong));
  }
  CHECK(from_string<depth>("two") == depth::two);
  CHECK_FALSE(from_string<depth>("red"));
}

TEMPLATE_TEST_CASE("every word of the core is unlike the others, in lower case, and leads back", "[vocabulary]",
                   outcome, stage, scope, action, field, cause, security, auth_method) {
  const auto& names = spellings<TestType>;
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto value = static_cast<TestType>(i);
    INFO(i << ' ' << names[i]);
    CHECK_FALSE(names[i].empty());
    CHECK(names[i].find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos);
    CHECK(seen.insert(names[i]).second);
    CHECK(to_string(value) == names[i]);
    CHECK(from_string<TestType>(names[i]) == value);
  }
  CHECK(to_string(static_cast<TestType>(names.size())).empty());
}

TEST_CASE("the tables reach to the last enumerator", "[vocabulary]") {
  CHECK(to_string(outcome::unknown) == "unknown");
  CHECK(to_string(stage::quit) == "quit");
  CHECK(to_string(scope::local) == "local");
  CHECK(to_string(action::ask_operator) == "operator");
  CHECK(to_string(field::none) == "none");
  CHECK(to_string(cause::unclassified_permanent) == "unclassified_permanent");
  CHECK(to_string(security::none) == "none");
  CHECK(to_string(auth_method::none) == "none");
}
