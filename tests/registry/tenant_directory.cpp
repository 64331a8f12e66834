#include <postrider/registry/tenant_directory.hpp>

#include "registry/rows.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

namespace tenant_directory_tests {

using namespace postrider;
using namespace postrider::test;

namespace {

using tenant = std::shared_ptr<const tenant_snapshot>;

tenant version(std::string name, std::uint64_t number, std::initializer_list<const char*> logins = {}) {
  tenant_snapshot made;
  made.tenant = std::move(name);
  made.version = number;
  for (const char* login : logins) {
    login_record one;
    one.name = login;
    put(made.logins, one);
  }
  return std::make_shared<const tenant_snapshot>(std::move(made));
}

}  // namespace

TEST_CASE("a tenant that was never published does not exist, and is no null", "[registry][directory]") {
  const tenant_directory all;
  const auto none = all.snapshot("acme");
  REQUIRE(none);
  CHECK_FALSE(none->exists());
  CHECK(none->tenant == "acme");
  CHECK(all.snapshot("")->tenant.empty());
  CHECK(all.all().empty());
  CHECK(all.tenant_of_login("desk").empty());
}

TEST_CASE("the newest version is the one that is there", "[registry][directory]") {
  tenant_directory all;
  const tenant one = version("acme", 1), two = version("acme", 2);
  all.publish(one);
  CHECK(all.snapshot("acme") == one);
  const tenant kept = all.snapshot("acme");
  all.publish(two);
  CHECK(all.snapshot("acme") == two);
  CHECK(kept == one);  // readers keep what they have
  CHECK_FALSE(all.snapshot("Acme")->exists());
  all.publish(version("acme", 0));
  CHECK_FALSE(all.snapshot("acme")->exists());
  CHECK(all.all().empty());
  all.publish(version("acme", 0));  // once more: nothing to remove
  CHECK(all.all().empty());
}

TEST_CASE("tenants are listed by name", "[registry][directory]") {
  tenant_directory all;
  for (const char* name : {"m", "Z", "a", "mm", ""}) all.publish(version(name, 1));
  std::vector<std::string> names;
  for (const tenant& one : all.all()) names.push_back(one->tenant);
  CHECK(names == std::vector<std::string>{"", "Z", "a", "m", "mm"});
}

TEST_CASE("a login leads to its tenant", "[registry][directory]") {
  tenant_directory all;
  all.publish(version("acme", 1, {"desk", "shop"}));
  all.publish(version("other", 1, {"hall"}));
  CHECK(all.tenant_of_login("desk") == "acme");
  CHECK(all.tenant_of_login("shop") == "acme");
  CHECK(all.tenant_of_login("hall") == "other");
  CHECK(all.tenant_of_login("Desk").empty());
  all.publish(version("acme", 2, {"shop", "yard"}));
  CHECK(all.tenant_of_login("desk").empty());
  CHECK(all.tenant_of_login("shop") == "acme");
  CHECK(all.tenant_of_login("yard") == "acme");
  all.publish(version("other", 2, {"hall", "desk"}));  // free again
  CHECK(all.tenant_of_login("desk") == "other");
  all.publish(version("acme", 0));
  CHECK(all.tenant_of_login("shop").empty());
  CHECK(all.tenant_of_login("desk") == "other");
}

TEST_CASE("a login that moved to another tenant stays there, whichever of the two is read first",
          "[registry][directory]") {
  tenant_directory all;
  all.publish(version("old", 1, {"desk"}));
  all.publish(version("new", 1));
  const bool new_first = GENERATE(false, true);
  if (new_first) all.publish(version("new", 2, {"desk"}));
  all.publish(version("old", 2));
  if (!new_first) all.publish(version("new", 2, {"desk"}));
  CHECK(all.tenant_of_login("desk") == "new");
}

TEST_CASE("changed logins are taken as they are told, and a removed tenant loses all", "[registry][directory]") {
  tenant_directory all;
  all.publish(version("acme", 1, {"desk", "shop"}));
  const tenant now = version("acme", 2, {"shop", "yard"});
  row_changes<login_record> changes;
  changes.erased = {"desk", "ghost"};
  login_record yard;
  yard.name = "yard";
  changes.put = {std::make_shared<const login_record>(yard)};
  all.publish(now, changes);
  CHECK(all.snapshot("acme") == now);
  CHECK(all.tenant_of_login("desk").empty());
  CHECK(all.tenant_of_login("shop") == "acme");
  CHECK(all.tenant_of_login("yard") == "acme");
  all.publish(version("acme", 0), {});
  CHECK(all.tenant_of_login("shop").empty());
  CHECK(all.tenant_of_login("yard").empty());
}

TEST_CASE("listeners hear of every change, in the order they came, and find it published", "[registry][directory]") {
  tenant_directory all;
  std::vector<std::string> heard;
  const auto listener = [&](std::string name) {
    return [&all, &heard, name](const tenant& now) {
      CHECK(all.snapshot(now->tenant)->version == now->version);
      heard.push_back(name + ' ' + now->tenant + ' ' + std::to_string(now->version));
    };
  };
  all.publish(version("early", 1));
  const auto first = all.subscribe(listener("1"));
  const auto second = all.subscribe(listener("2"));
  all.publish(version("acme", 1));
  all.publish(version("acme", 2), {});
  all.publish(version("acme", 0));
  CHECK(heard == std::vector<std::string>{"1 acme 1", "2 acme 1", "1 acme 2", "2 acme 2", "1 acme 0", "2 acme 0"});
}

TEST_CASE("who ends a subscription is not called any more, others are", "[registry][directory]") {
  tenant_directory all;
  int first = 0, second = 0, third = 0;
  auto one = all.subscribe([&](const tenant&) { ++first; });
  const auto two = all.subscribe([&](const tenant&) { ++second; });
  all.publish(version("acme", 1));
  one = all.subscribe([&](const tenant&) { ++third; });  // takes the place of the former one
  all.publish(version("acme", 2));
  CHECK(first == 1);
  CHECK(second == 2);
  CHECK(third == 1);
  auto moved = std::move(one);
  all.publish(version("acme", 3));
  CHECK(third == 2);
  moved = registry_subscription();
  all.publish(version("acme", 4));
  CHECK(third == 2);
  CHECK(second == 4);
}

TEST_CASE("a listener is let go with its subscription, which may outlive the directory", "[registry][directory]") {
  const auto alive = std::make_shared<int>();
  registry_subscription left;
  {
    tenant_directory all;
    {
      const auto inner = all.subscribe([alive](const tenant&) {});
      CHECK(alive.use_count() == 2);
    }
    CHECK(alive.use_count() == 1);
    left = all.subscribe([alive](const tenant&) {});
  }
  left = {};
  CHECK(alive.use_count() == 1);
}

TEST_CASE("readers and listeners of other threads see whole versions", "[registry][directory]") {
  tenant_directory all;
  std::atomic<bool> done = false, sane = true;
  std::thread reader([&] {
    std::uint64_t newest = 0;
    while (!done) {
      const auto now = all.snapshot("acme");
      if (now->version < newest || now->logins.size() != (now->exists() ? 1u : 0u)) sane = false;
      newest = now->version;
      const auto owner = all.tenant_of_login("desk");
      if (owner != "acme" && newest != 0) sane = false;
      const auto listening = all.subscribe([](const tenant&) {});
    }
  });
  for (std::uint64_t n = 1; n <= 300; ++n) all.publish(version("acme", n, {"desk"}));
  done = true;
  reader.join();
  CHECK(sane);
  CHECK(all.snapshot("acme")->version == 300);
}

}  // namespace tenant_directory_tests
