// Several editors, several registries over one storage, several threads.
#include "registry/storages.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

namespace shared_tests {

using namespace postrider;
using namespace postrider::test;

TEMPLATE_TEST_CASE("two editors of one row are told, of two rows are not", "[registry][shared]", in_memory, in_sqlite) {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a")));
  REQUIRE(house.registry.add_server("acme", custom("b")));
  REQUIRE(house.registry.add_sender("acme", user("ada@example.com")));
  REQUIRE(house.registry.add_login("acme", {.name = "app", .senders = {"ada@example.com"}}, "pw"));
  const auto seen = house.acme();
  server_record mine = *seen->find_server("a");
  server_record yours = *seen->find_server("a");
  server_record other = *seen->find_server("b");

  mine.settings.host = "mine.example.com";
  const auto revision = house.registry.set_server("acme", mine);
  REQUIRE(revision);
  yours.settings.host = "yours.example.com";
  const auto told = house.registry.set_server("acme", yours);
  REQUIRE(refused(told, field::none, "server \"a\" was changed by somebody else meanwhile"));
  CHECK(is_edit_conflict(told.error()));
  CHECK(told.error().outcome == outcome::transient);
  other.settings.host = "other.example.com";
  CHECK(house.registry.set_server("acme", other));
  mine.revision = *revision;
  CHECK(house.registry.set_server("acme", mine));
  CHECK(house.acme()->find_server("a")->settings.host == "mine.example.com");

  // The other kinds of row.
  sender_record ada = *seen->find_sender("ada@example.com");
  CHECK(house.registry.set_sender("acme", ada));
  CHECK(is_edit_conflict(house.registry.set_sender("acme", ada).error()));
  login_record app = *seen->find_login("app");
  CHECK(house.registry.set_login("acme", app));
  CHECK(is_edit_conflict(house.registry.set_login("acme", app).error()));
  CHECK(house.registry.commit("acme", set_tenant{"ops@example.com", seen->revision}));
  CHECK(is_edit_conflict(house.registry.commit("acme", set_tenant{"", seen->revision}).error()));
  CHECK(is_edit_conflict(house.registry.commit("acme", set_default_server{"a", seen->revision}).error()));
  CHECK_FALSE(is_edit_conflict(house.registry.set_default_server("acme", "ghost").error()));

  // A row that was removed and made anew is another row.
  REQUIRE(house.registry.remove_server("acme", "b"));
  REQUIRE(house.registry.add_server("acme", custom("b")));
  CHECK(is_edit_conflict(house.registry.set_server("acme", other).error()));
}

TEMPLATE_TEST_CASE("two registries over one storage keep each other's changes", "[registry][shared]", in_memory,
                   in_sqlite) {
  TestType storage;
  const vault keys = vault::in_memory();
  auto one = server_registry::open(storage.open(), keys).value();
  REQUIRE(one.add_tenant("acme"));
  auto two = server_registry::open(storage.open(), keys).value();
  REQUIRE(one.add_server("acme", custom("a")));
  REQUIRE(two.snapshot("acme")->find_server("a") == nullptr);
  REQUIRE(two.add_server("acme", custom("b")));  // did not know of a, and does not undo it
  CHECK(two.snapshot("acme")->find_server("a") != nullptr);
  CHECK(refused(one.add_server("acme", custom("b")), field::none, "exists already"));
  CHECK(one.snapshot("acme")->servers.size() == 3);

  server_record mine = *one.snapshot("acme")->find_server("a");
  server_record yours = *two.snapshot("acme")->find_server("a");
  mine.weight = 2;
  yours.weight = 3;
  REQUIRE(one.set_server("acme", mine));
  CHECK(is_edit_conflict(two.set_server("acme", yours).error()));
  CHECK(two.snapshot("acme")->find_server("a")->weight == 2);
  REQUIRE(one.set_default_server("acme", "a"));
  CHECK(refused(two.remove_server("acme", "a"), field::none, "is the default"));
}

TEMPLATE_TEST_CASE("a refresh takes up what others changed", "[registry][shared]", in_memory, in_sqlite) {
  TestType storage;
  const vault keys = vault::in_memory();
  auto one = server_registry::open(storage.open(), keys).value();
  auto two = server_registry::open(storage.open(), keys).value();
  std::vector<std::string> heard;
  const auto listening =
      two.subscribe([&](const auto& now) { heard.push_back(now->tenant + (now->exists() ? "" : " is gone")); });
  REQUIRE(two.refresh());
  CHECK(heard.empty());
  REQUIRE(one.add_tenant("acme"));
  REQUIRE(one.add_tenant("other"));
  REQUIRE(one.add_login("acme", {.name = "app", .senders = {"ada@example.com"}}, "pw"));
  REQUIRE(two.refresh());
  CHECK(heard == std::vector<std::string>{"acme", "other"});
  CHECK(two.verify_login("app", "pw"));
  heard.clear();
  REQUIRE(two.refresh());
  REQUIRE(one.remove_tenant("other"));
  REQUIRE(two.refresh());
  CHECK(heard == std::vector<std::string>{"other is gone"});
  CHECK(two.tenants() == std::vector<std::string>{"acme"});
  REQUIRE(one.refresh());
}

TEST_CASE("listeners hear of every change, in order, until they are let go", "[registry][shared]") {
  house<in_memory> house;
  std::vector<std::uint64_t> versions;
  {
    const auto listening = house.registry.subscribe([&](const auto& now) { versions.push_back(now->version); });
    REQUIRE(house.registry.add_server("acme", custom("a")));
    CHECK_FALSE(house.registry.add_server("acme", custom("a")));
    REQUIRE(house.registry.set_default_server("acme", "a"));
    REQUIRE(house.registry.remove_tenant("acme"));
  }
  REQUIRE(house.registry.add_tenant("acme"));
  CHECK(versions == std::vector<std::uint64_t>{2, 3, 0});
}

TEST_CASE("a subscription may outlive its registry", "[registry][shared]") {
  registry_subscription listening;
  {
    house<in_memory> house;
    listening = house.registry.subscribe([](const auto&) {});
  }
  listening = {};
}

TEST_CASE("snapshots are read while the registry changes", "[registry][shared]") {
  house<in_memory> house({.internal_server = server{.host = "127.0.0.1"}});
  REQUIRE(house.registry.add_server("acme", custom("a")));
  std::atomic<bool> done = false;
  std::atomic<std::size_t> broken = 0;
  std::atomic<std::size_t> heard = 0;
  const auto listening = house.registry.subscribe([&](const auto&) { ++heard; });
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!done) {
        const auto now = house.registry.snapshot("acme");
        if (now->find_server(now->default_server) == nullptr) ++broken;
        for (const sender_record& sender : now->senders)
          if (now->server_of(sender.address) == nullptr) ++broken;
        if (!house.registry.definition("acme", "a")) ++broken;
        static_cast<void>(house.registry.tenants());
        const auto short_lived = house.registry.subscribe([](const auto&) {});
      }
    });
  for (int i = 0; i < 60; ++i) {
    const std::string name = "s" + std::to_string(i);
    REQUIRE(house.registry.add_server("acme", custom(name), i % 2 == 0));
    REQUIRE(house.registry.add_sender("acme", overriding(user(name + "@example.com"), name)));
    REQUIRE(house.registry.set_default_server("acme", "a"));
    if (i % 20 == 0) REQUIRE(house.registry.rotate_key());
    if (i % 3 == 0) REQUIRE(house.registry.remove_server("acme", name, true));
  }
  done = true;
  for (auto& reader : readers) reader.join();
  CHECK(broken == 0);
  CHECK(heard == 60 * 3 + 20 + 3);
}

TEMPLATE_TEST_CASE("editors in several threads lose no change", "[registry][shared]", in_memory, in_sqlite) {
  TestType storage;
  const vault keys = vault::in_memory();
  auto one = server_registry::open(storage.open(), keys).value();
  REQUIRE(one.add_tenant("acme"));
  auto two = server_registry::open(storage.open(), keys).value();
  std::atomic<int> refusals = 0;
  std::vector<std::thread> editors;
  for (int thread = 0; thread < 4; ++thread)
    editors.emplace_back([&, thread] {
      auto& registry = thread % 2 == 0 ? one : two;
      for (int i = 0; i < 10; ++i)
        if (!registry.add_sender("acme", user("u" + std::to_string(thread) + "-" + std::to_string(i) + "@example.com")))
          ++refusals;
    });
  for (auto& editor : editors) editor.join();
  CHECK(refusals == 0);
  CHECK(storage.open().load("acme")->senders.size() == 40);
}

}  // namespace shared_tests
