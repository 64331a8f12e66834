#include <postrider/registry/storage.hpp>
#include <postrider/storage/memory_registry_storage.hpp>
#include <postrider/storage/sqlite_registry_storage.hpp>

#include <catch2/catch.hpp>

namespace concept_tests {

using namespace postrider;

namespace {

/// Exactly what the concept asks for and no more: not copyable, not default constructible.
class archetype {
 public:
  explicit archetype(int) {}
  archetype(archetype&&) = default;
  archetype& operator=(archetype&&) = default;

  result<std::vector<std::string>> tenants() { return std::vector<std::string>{"acme"}; }
  result<tenant_snapshot> load(std::string_view) { return tenant_snapshot{}; }
  result<commit_outcome> commit(std::string_view, std::uint64_t, const change_set&) {
    return commit_outcome::version_conflict;
  }
  result<std::vector<std::string>> changes() { return fail(cause::spool_failed); }
};

/// Says whether it worked, but not whether somebody else was faster.
struct near_miss : archetype {
  result<void> commit(std::string_view, std::uint64_t, const change_set&) { return {}; }
};

static_assert(registry_storage<archetype>);
static_assert(registry_storage<memory::registry_storage>);
static_assert(registry_storage<sqlite::registry_storage>);
static_assert(registry_storage<any_registry_storage>);
static_assert(!registry_storage<near_miss>);
static_assert(!std::is_constructible_v<any_registry_storage, near_miss>);
static_assert(!std::is_constructible_v<any_registry_storage, int>);

}  // namespace

TEST_CASE("any storage passes calls on", "[registry]") {
  any_registry_storage any = archetype(1);
  any_registry_storage moved = std::move(any);
  CHECK(moved.tenants().value() == std::vector<std::string>{"acme"});
  CHECK_FALSE(moved.load("acme")->exists());
  CHECK(moved.commit("acme", 0, {}).value() == commit_outcome::version_conflict);
  CHECK(moved.changes().error().cause == cause::spool_failed);
}

}  // namespace concept_tests
