// What every storage of a registry promises, below the rules.
#include "registry/storages.hpp"
#include "storage/failing_disk.hpp"

#include <catch2/catch.hpp>

#include <fstream>

namespace registry_storage_tests {

using namespace postrider;
using namespace postrider::test;

namespace {

template <class Record>
std::shared_ptr<const Record> shared(Record record) {
  return std::make_shared<const Record>(std::move(record));
}

/// No member has its default.
server_record unusual_server() {
  using namespace std::chrono_literals;
  server_record s;
  s.name = "sm\xc3\xb6rg\xc3\xa5s \"quoted\"";
  s.settings = {.host = "mail.example.com",
                .port = 2525,
                .security = security::tls,
                .auth = auth_method::cram_md5,
                .account = {"user", {}}};
  s.settings.tls = {.ca_file = "/etc/ca.pem",
                    .server_name = "other.example.com",
                    .allow_tls_1_1 = true,
                    .dangerously_skip_verification = true};
  s.settings.limits = {1, 2, 3, 4, 5, 6s, 7s};
  s.settings.quirks = {true, true, true, true, true, true, true, 8};
  s.settings.timeouts = {1ms, 2ms, 3ms, 4ms, 5ms, 6ms, 7ms, 8ms, 9ms, 10ms};
  s.settings.ehlo_name = "relay.example.com";
  s.settings.local_address = "192.0.2.1";
  s.settings.dangerously_allow_password_in_clear = true;
  s.password = {std::string("sealed\0bytes", 12)};
  s.fallbacks = {"b", "a"};
  s.weight = 4'000'000'000;
  s.rank = 3;
  s.notify_address = "ops@example.com";
  s.revision = 17;
  return s;
}

change_set everything() {
  change_set changes{.version = 1, .tenant = tenant_row{"internal", "ops@example.com", 9}};
  changes.servers.put = {shared(server_record{.name = "internal", .internal = true}), shared(unusual_server())};
  changes.senders.put = {
      shared(sender_record{.name = "Ada", .address = "ada@example.com", .revision = 3}),
      shared(sender_record{.kind = sender_kind::channel,
                           .name = "Help",
                           .address = "help@example.com",
                           .override = server_override{"internal", {"own", {}}, {"sealed"}},
                           .revision = 4}),
      shared(
          sender_record{.name = "Eve", .address = "eve@example.com", .override = server_override{"internal", {}, {}}})};
  changes.logins.put = {shared(login_record{"app", "verifier", {"a@example.com", "b@example.com"}, 5})};
  return changes;
}

template <class Record>
void check_same(const persistent_map<Record>& rows, const std::vector<std::shared_ptr<const Record>>& expected) {
  REQUIRE(rows.size() == expected.size());
  for (const auto& record : expected) {
    REQUIRE(rows.find(record->key()) != nullptr);
    CHECK(*rows.find(record->key()) == *record);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("every field is stored", "[storage][registry]", in_memory, in_sqlite) {
  TestType storage;
  REQUIRE(storage.open().commit("acme", 0, everything()).value() == commit_outcome::committed);
  auto again = storage.open();
  CHECK(again.tenants().value() == std::vector<std::string>{"acme"});
  const tenant_snapshot acme = again.load("acme").value();
  CHECK(acme.tenant == "acme");
  CHECK(acme.version == 1);
  CHECK(acme.default_server == "internal");
  CHECK(acme.notify_address == "ops@example.com");
  CHECK(acme.revision == 9);
  check_same(acme.servers, everything().servers.put);
  check_same(acme.senders, everything().senders.put);
  check_same(acme.logins, everything().logins.put);
}

TEMPLATE_TEST_CASE("a commit replaces and erases, and leaves the rest", "[storage][registry]", in_memory, in_sqlite) {
  TestType storage;
  auto direct = storage.open();
  REQUIRE(direct.commit("acme", 0, everything()));
  change_set changes{.version = 2};
  server_record edited = unusual_server();
  edited.settings.host = "new.example.com";
  edited.fallbacks.clear();
  changes.servers.put = {shared(edited)};
  changes.senders.erased = {"help@example.com", "not there"};
  REQUIRE(direct.commit("acme", 1, changes).value() == commit_outcome::committed);
  const tenant_snapshot acme = direct.load("acme").value();
  CHECK(acme.version == 2);
  CHECK(acme.revision == 9);
  CHECK(*acme.find_server(edited.name) == edited);
  CHECK(acme.servers.size() == 2);
  CHECK(acme.senders.size() == 2);
  CHECK(acme.logins.size() == 1);
  REQUIRE(direct.commit("acme", 2, {.version = 0}).value() == commit_outcome::committed);
  CHECK(direct.tenants()->empty());
  CHECK_FALSE(direct.load("acme")->exists());
  CHECK(direct.load("acme")->senders.empty());
}

TEMPLATE_TEST_CASE("a commit against another version writes nothing", "[storage][registry]", in_memory, in_sqlite) {
  TestType storage;
  auto direct = storage.open();
  CHECK(direct.commit("acme", 3, everything()).value() == commit_outcome::version_conflict);
  CHECK(direct.tenants()->empty());
  REQUIRE(direct.commit("acme", 0, everything()));
  CHECK(direct.commit("acme", 0, everything()).value() == commit_outcome::version_conflict);
  change_set changes{.version = 3};
  changes.servers.erased = {"internal"};
  CHECK(storage.open().commit("acme", 2, changes).value() == commit_outcome::version_conflict);
  CHECK(direct.load("acme")->servers.size() == 2);
}

TEMPLATE_TEST_CASE("tenants do not see each other's rows", "[storage][registry]", in_memory, in_sqlite) {
  TestType storage;
  auto direct = storage.open();
  REQUIRE(direct.commit("acme", 0, everything()));
  change_set other = everything();
  other.logins.put.clear();
  other.senders.put.clear();
  REQUIRE(direct.commit("other", 0, other));
  change_set changes{.version = 2};
  changes.servers.erased = {unusual_server().name};
  REQUIRE(direct.commit("other", 1, changes));
  CHECK(direct.load("acme")->servers.size() == 2);
  REQUIRE(direct.commit("other", 2, {.version = 0}));
  CHECK(direct.load("acme")->senders.size() == 3);
}

TEMPLATE_TEST_CASE("changes names what others changed, once", "[storage][registry]", in_memory, in_sqlite) {
  TestType storage;
  auto mine = storage.open();
  auto yours = storage.open();
  REQUIRE(mine.commit("acme", 0, everything()));
  CHECK(mine.changes()->empty());
  CHECK(yours.changes().value() == std::vector<std::string>{"acme"});
  CHECK(yours.changes()->empty());
  REQUIRE(yours.commit("acme", 1, {.version = 2}));
  CHECK(yours.changes()->empty());
  CHECK(mine.changes().value() == std::vector<std::string>{"acme"});
  REQUIRE(yours.commit("acme", 2, {.version = 0}));
  CHECK(mine.changes().value() == std::vector<std::string>{"acme"});
  CHECK(mine.changes()->empty());
}

TEST_CASE("a registry that cannot be opened is named", "[storage][registry][sqlite]") {
  const temporary_folder folder;
  const auto path = folder / "registry.db";
  const auto why = [&] {
    const auto opened = sqlite::registry_storage::open(path);
    REQUIRE_FALSE(opened);
    CHECK_THAT(opened.error().detail, Catch::StartsWith(path.native() + ": "));
    return opened.error().detail;
  };
  std::ofstream(path) << std::string(5000, 'x');
  CHECK_THAT(why(), Catch::Contains("not a database"));
  std::filesystem::remove(path);
  REQUIRE(sqlite::registry_storage::open(path)->commit("acme", 0, everything()));
  {
    auto db = sqlite::database::open(path, sqlite::detail::registry_schema).value();
    REQUIRE(db.execute("PRAGMA user_version = 99"));
  }
  CHECK_THAT(why(), Catch::Contains("newer version"));
}

TEST_CASE("a file of the first version is read, and has what it did not know at its default",
          "[storage][registry][sqlite]") {
  const temporary_folder folder;
  const auto path = folder / "registry.db";
  REQUIRE(sqlite::registry_storage::open(path)->commit("acme", 0, everything()));
  {
    auto db = sqlite::database::open(path, sqlite::detail::registry_schema).value();
    REQUIRE(db.execute("ALTER TABLE server DROP COLUMN overall_ms; PRAGMA user_version = 1"));
  }
  const auto loaded = sqlite::registry_storage::open(path)->load("acme").value();
  server_record old = unusual_server();
  old.settings.timeouts.overall = server_timeouts().overall;
  REQUIRE(loaded.find_server(old.name) != nullptr);
  CHECK(*loaded.find_server(old.name) == old);
}

TEST_CASE("a row that no version wrote is an error that names it", "[storage][registry][sqlite]") {
  const temporary_folder folder;
  const auto path = folder / "registry.db";
  auto storage = sqlite::registry_storage::open(path).value();
  REQUIRE(storage.commit("acme", 0, everything()));
  for (const char* damage :
       {"UPDATE server SET security = 'magic'", "UPDATE server SET port = 70000", "UPDATE sender SET kind = 'x'"}) {
    auto db = sqlite::database::open(path, sqlite::detail::registry_schema).value();
    auto change = sqlite::transaction::begin(db).value();
    REQUIRE(db.execute(damage));
    REQUIRE(change.commit());
    const auto loaded = storage.load("acme");
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().cause == cause::spool_failed);
    CHECK_THAT(loaded.error().detail,
               Catch::StartsWith(path.native() + ": is corrupt") && Catch::Contains("tenant acme"));
    REQUIRE(db.execute("UPDATE server SET security = 'tls', port = 1; UPDATE sender SET kind = 'user'"));
  }
}

TEST_CASE("a disk that fills up loses nothing and leaves nothing half written", "[storage][registry][sqlite]") {
  int failed = 0;
  for (long operation = 0;; ++operation) {
    ::test::failing_disk disk;
    in_sqlite storage;
    const vault keys = vault::in_memory();
    auto registry = server_registry::open(storage.open(), keys).value();
    registry.add_tenant("acme").value();
    registry.add_server("acme", custom("a")).value();

    disk.break_after(operation, SQLITE_FULL);
    const auto outcome = registry.add_server("acme", custom("b"), true);
    disk.repair();
    if (!outcome) {
      ++failed;
      CHECK(outcome.error().cause == cause::spool_failed);
      CHECK_THAT(outcome.error().detail, Catch::Contains((storage.folder / "registry.db").native()));
      CHECK(registry.snapshot("acme")->default_server == "internal");
      CHECK(registry.snapshot("acme")->find_server("b") == nullptr);
      REQUIRE(registry.add_server("acme", custom("b"), true));  // the disk has room again
    }
    auto again = server_registry::open(storage.open(), keys).value();
    CHECK(again.snapshot("acme")->default_server == "b");
    CHECK(again.snapshot("acme")->servers.size() == 3);
    CHECK(again.definition("acme", "b"));
    if (outcome) break;
  }
  CHECK(failed > 1);
}

}  // namespace registry_storage_tests
