// Passwords at rest, their key, and its rotation.
#include <postrider/core/base64.hpp>

#include "registry/storages.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

namespace secrets_tests {

using namespace postrider;
using namespace postrider::test;

namespace {

/// All bytes of all files of a folder.
std::string everything_in(const std::filesystem::path& folder) {
  std::string bytes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(in), {});
  }
  return bytes;
}

void fill(server_registry& registry) {
  registry.add_tenant("acme").value();
  registry.add_server("acme", custom("a", "visible-user", "password-of-the-server")).value();
  registry.add_server("acme", custom("b", "visible-user", "password-of-another")).value();
  registry.add_sender("acme", overriding(user("ada@example.com"), "a", {"ada", "password-of-the-sender"})).value();
  registry.add_login("acme", {.name = "app", .senders = {"ada@example.com"}}, "password-of-the-login").value();
  server_record changed = *registry.snapshot("acme")->find_server("b");
  changed.settings.account.password = "password-changed-later";
  registry.set_server("acme", changed).value();
}

}  // namespace

TEST_CASE("no password lies in the database in clear", "[registry][secrets]") {
  in_sqlite storage;
  auto registry = server_registry::open(storage.open(), key_file{storage.folder / "key"}).value();
  fill(registry);
  const std::string stored = everything_in(storage.folder.path());
  REQUIRE(stored.find("visible-user") != std::string::npos);
  for (const std::string password : {"password-of-the-server", "password-of-another", "password-of-the-sender",
                                     "password-of-the-login", "password-changed-later"}) {
    CHECK(stored.find(password) == std::string::npos);
    CHECK(stored.find(base64::encode(password).substr(0, 16)) == std::string::npos);
  }
}

TEMPLATE_TEST_CASE("no snapshot holds a password in clear", "[registry][secrets]", in_memory, in_sqlite) {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a")));
  REQUIRE(house.registry.add_sender("acme", overriding(user("ada@example.com"), "a", {"ada", "own"})));
  CHECK(house.acme()->find_server("a")->settings.account.password.empty());
  CHECK(house.acme()->find_server("a")->password.bytes.find("swordfish") == std::string::npos);
  CHECK(house.acme()->find_sender("ada@example.com")->override->account.password.empty());

  const auto refusal = house.registry.add_server("acme", custom("a", "user", "do-not-show-me"));
  REQUIRE_FALSE(refusal);
  CHECK(refusal.error().detail.find("do-not-show-me") == std::string::npos);
  const auto control = house.registry.add_server("acme", custom("c", "user", "do-not\nshow-me"));
  REQUIRE_FALSE(control);
  CHECK(control.error().detail.find("do-not") == std::string::npos);
}

TEMPLATE_TEST_CASE("the key file is made only while there is no secret", "[registry][secrets]", in_memory, in_sqlite) {
  TestType storage;
  const temporary_folder folder;
  const key_file key{folder / "key"};
  {
    auto registry = server_registry::open(storage.open(), key).value();
    registry.add_tenant("acme").value();
    std::filesystem::remove(key.path);
  }
  fill(*std::make_unique<server_registry>([&] {
    auto registry = server_registry::open(storage.open(), key).value();  // no secret yet: a new key is as good
    registry.remove_tenant("acme").value();
    return registry;
  }()));
  {
    auto registry = server_registry::open(storage.open(), key);
    REQUIRE(registry);
    CHECK(registry->definition("acme", "a")->account.password == secret("password-of-the-server"));
    CHECK(registry->verify_login("app", "password-of-the-login").value() == "acme");
  }
  std::filesystem::rename(key.path, folder / "elsewhere");
  const auto missing = server_registry::open(storage.open(), key);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().cause == cause::invalid_configuration);
  CHECK_THAT(missing.error().detail, Catch::StartsWith(key.path.native() + ": the key file is missing"));
  CHECK_FALSE(std::filesystem::exists(key.path));

  static_cast<void>(vault::open(key, vault::if_missing::create).value());
  const auto wrong = server_registry::open(storage.open(), key);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().cause == cause::invalid_configuration);
  CHECK_THAT(wrong.error().detail,
             Catch::StartsWith(key.path.native()) && Catch::Contains("not the key") && Catch::Contains("acme"));
  std::filesystem::rename(folder / "elsewhere", key.path);
  CHECK(server_registry::open(storage.open(), key));
}

TEMPLATE_TEST_CASE("a sealed password moved to another row does not open", "[registry][secrets]", in_memory,
                   in_sqlite) {
  TestType storage;
  const vault keys = vault::in_memory();
  {
    auto registry = server_registry::open(storage.open(), keys).value();
    fill(registry);
    registry.add_tenant("other").value();
    registry.add_server("other", custom("a", "visible-user", "password-of-other")).value();
  }
  any_registry_storage direct = storage.open();
  const tenant_snapshot acme = direct.load("acme").value();
  const tenant_snapshot other = direct.load("other").value();
  const auto overwrite = [&](const tenant_snapshot& tenant, server_record server, const sealed_secret& with) {
    server.password = with;
    change_set changes{.version = tenant.version + 1};
    changes.servers.put.push_back(std::make_shared<const server_record>(server));
    REQUIRE(direct.commit(tenant.tenant, tenant.version, changes).value() == commit_outcome::committed);
  };
  overwrite(acme, *acme.find_server("b"), acme.find_server("a")->password);
  overwrite(other, *other.find_server("a"), acme.find_server("a")->password);

  auto registry = server_registry::open(storage.open(), keys).value();
  CHECK(registry.definition("acme", "a"));
  for (const auto& [tenant, server] : {std::pair("acme", "b"), std::pair("other", "a")}) {
    const auto swapped = registry.definition(tenant, server);
    REQUIRE_FALSE(swapped);
    CHECK(swapped.error().cause == cause::credential_unavailable);
    CHECK_THAT(swapped.error().detail, Catch::Contains(std::string("server ") + server + " of tenant " + tenant));
    CHECK_THAT(swapped.error().detail, !Catch::Contains("password-of"));
  }
}

TEMPLATE_TEST_CASE("a rotated key seals every secret again", "[registry][secrets]", in_memory, in_sqlite) {
  TestType storage;
  const temporary_folder folder;
  const key_file key{folder / "key"};
  auto registry = server_registry::open(storage.open(), key).value();
  fill(registry);
  const auto before = registry.snapshot("acme");
  const vault old_keys = vault::open(key, vault::if_missing::fail).value();

  REQUIRE(registry.rotate_key());
  const auto after = registry.snapshot("acme");
  std::size_t secrets = 0;
  for_each_secret(*after, [&](const sealed_secret& sealed) {
    CHECK_FALSE(old_keys.has_key_of(sealed));
    ++secrets;
  });
  CHECK(secrets == 3);
  const auto check = [&](const server_registry& any) {
    CHECK(any.definition("acme", "a")->account.password == secret("password-of-the-server"));
    CHECK(any.definition("acme", "b")->account.password == secret("password-changed-later"));
    CHECK(any.definition("acme", "a", "ada@example.com")->account.password == secret("password-of-the-sender"));
  };
  check(registry);
  check(server_registry::open(storage.open(), key).value());

  // An editor who read the row before the rotation is told, and loses nothing.
  server_record stale = *before->find_server("a");
  const auto edit = registry.set_server("acme", stale);
  REQUIRE_FALSE(edit);
  CHECK(is_edit_conflict(edit.error()));
  stale.revision = 0;  // "whatever is there": the old password, under the new key, is kept
  REQUIRE(registry.set_server("acme", stale));
  check(registry);
}

TEMPLATE_TEST_CASE("an interrupted rotation is repeated", "[registry][secrets]", in_memory, in_sqlite) {
  TestType storage;
  const temporary_folder folder;
  const key_file key{folder / "key"};
  fill(*std::make_unique<server_registry>(server_registry::open(storage.open(), key).value()));
  vault interrupted = vault::open(key, vault::if_missing::fail).value();
  REQUIRE(interrupted.add_key());  // the new key was written, nothing was sealed with it

  auto registry = server_registry::open(storage.open(), key).value();
  CHECK(registry.definition("acme", "a")->account.password == secret("password-of-the-server"));
  REQUIRE(registry.rotate_key());
  CHECK(registry.definition("acme", "a")->account.password == secret("password-of-the-server"));
  CHECK(server_registry::open(storage.open(), key).value().definition("acme", "b"));
}

}  // namespace secrets_tests
