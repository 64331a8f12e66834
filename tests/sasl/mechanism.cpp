// The concept: an archetype that has exactly what it asks for, and near misses that each lack one thing.
#include <postrider/sasl/cram_md5.hpp>
#include <postrider/sasl/login.hpp>
#include <postrider/sasl/mechanism.hpp>
#include <postrider/sasl/plain.hpp>

#include <catch2/catch.hpp>

#include <optional>
#include <string_view>
#include <utility>

using namespace postrider;

namespace {

struct archetype {
  archetype(archetype&&) = default;
  archetype(const archetype&) = delete;
  archetype& operator=(archetype&&) = delete;
  archetype& operator=(const archetype&) = delete;
  explicit archetype(int) {}
  ~archetype() = default;
  const char* name() const { return "X-ARCHETYPE"; }
  bool reveals_password() const { return true; }
  std::optional<secret> initial_response() { return secret("first"); }
  result<secret> respond(std::string_view) { return secret("next"); }
  bool succeeded() const { return false; }
};

struct near_miss_name : archetype {
  int name() const;
};
struct near_miss_initial_response : archetype {
  std::optional<std::string> initial_response();
};
struct near_miss_respond : archetype {
  secret respond(std::string_view);
};
struct near_miss_succeeded : archetype {
  bool succeeded();
};
struct near_miss_reveals : archetype {
  int reveals_password() const;
};
struct near_miss_fixed : archetype {
  near_miss_fixed(near_miss_fixed&&) = delete;
};

}  // namespace

static_assert(sasl::mechanism<archetype>);
static_assert(sasl::mechanism<sasl::plain>);
static_assert(sasl::mechanism<sasl::login>);
static_assert(sasl::mechanism<sasl::cram_md5>);
static_assert(sasl::mechanism<sasl::any_mechanism>);
static_assert(!sasl::mechanism<near_miss_name>);
static_assert(!sasl::mechanism<near_miss_initial_response>);
static_assert(!sasl::mechanism<near_miss_respond>);
static_assert(!sasl::mechanism<near_miss_succeeded>);
static_assert(!sasl::mechanism<near_miss_reveals>);
static_assert(!sasl::mechanism<near_miss_fixed>);
static_assert(!sasl::mechanism<int>);

TEST_CASE("a box passes everything on to what it holds", "[sasl]") {
  sasl::any_mechanism box = archetype(1);
  sasl::any_mechanism moved = std::move(box);
  CHECK(moved.name() == "X-ARCHETYPE");
  CHECK(moved.reveals_password());
  CHECK(moved.initial_response()->reveal() == "first");
  CHECK(moved.respond("x")->reveal() == "next");
  CHECK_FALSE(moved.succeeded());
}
