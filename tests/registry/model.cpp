#include <postrider/registry/model.hpp>

#include "registry/rows.hpp"

#include <catch2/catch.hpp>

namespace model_tests {

using namespace postrider;
using namespace postrider::test;

using names = std::vector<std::string>;

TEST_CASE("the domain of a sender's key is in lower case, its local part as it was", "[registry][model]") {
  struct row {
    const char *address, *key;
  };
  for (const row& r :
       {row{"Ada@EXAMPLE.com", "Ada@example.com"}, row{"ADA@example.com", "ADA@example.com"},
        row{"\"A@B\"@C.D", "\"A@B\"@c.d"}, row{"NoAt", "NoAt"}, row{"", ""}, row{"@X", "@x"},
        row{"a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"}, row{"a@B\u00dcCHER.DE", "a@b\u00dccher.de"}})
    CHECK(sender_key(r.address) == r.key);
}

TEST_CASE("a login may use its senders and nobody else's", "[registry][model]") {
  login_record login;
  CHECK_FALSE(login.permits("ada@example.com"));
  login.senders = {"Ada@example.com", "bob@example.com", "zoe@example.com"};
  for (const char* yes : {"Ada@example.com", "Ada@EXAMPLE.COM", "bob@Example.com", "zoe@example.com"})
    CHECK(login.permits(yes));
  for (const char* no : {"", "ada@example.com", "bob@example.co", "bob@example.com.evil", "bo", "@example.com"})
    CHECK_FALSE(login.permits(no));
}

TEST_CASE("a tenant that does not exist has nothing", "[registry][model]") {
  const tenant_snapshot none;
  CHECK_FALSE(none.exists());
  CHECK(none.find_server("internal") == nullptr);
  CHECK(none.find_login("a") == nullptr);
  CHECK(none.find_sender("a@b") == nullptr);
  CHECK(none.server_of("a@b") == nullptr);
  CHECK(none.used_by("internal").size() == 0);
  CHECK(none.used_by("").size() == 0);
}

TEST_CASE("rows are found by their keys", "[registry][model]") {
  const tenant_snapshot acme = sample_tenant();
  CHECK(acme.find_server("backup")->name == "backup");
  CHECK(acme.find_server("Backup") == nullptr);
  CHECK(acme.find_server("") == nullptr);
  CHECK(acme.find_login("desk")->name == "desk");
  CHECK(acme.find_login("Desk") == nullptr);
  CHECK(acme.find_sender("Ada@Example.COM")->address == "Ada@example.com");
  CHECK(acme.find_sender("ada@example.com") == nullptr);
  CHECK(acme.find_sender("") == nullptr);
}

TEST_CASE("a sender uses its override, everybody else the default", "[registry][model]") {
  const tenant_snapshot acme = sample_tenant();
  CHECK(acme.server_of("Ada@EXAMPLE.com")->name == "backup");
  CHECK(acme.server_of("bob@example.com")->name == "main");
  CHECK(acme.server_of("stranger@example.com")->name == "main");
  CHECK(acme.server_of("")->name == "main");
}

TEST_CASE("who uses a server is told apart by kind and by choice", "[registry][model]") {
  const tenant_snapshot acme = sample_tenant();
  const server_usage main = acme.used_by("main"), backup = acme.used_by("backup"), none = acme.used_by("internal");
  CHECK(main.users.by_default == names{"bob@example.com", "zoe@example.com"});  // sorted
  CHECK(main.users.by_override.empty());
  CHECK(main.channels.by_default.empty());
  CHECK(main.channels.by_override == names{"news@example.com"});  // its choice, though it is the default
  CHECK(main.fallback_of.empty());
  CHECK(main.users.size() == 2);
  CHECK(main.size() == 3);
  CHECK(backup.users.by_override == names{"Ada@example.com"});
  CHECK(backup.channels.by_override == names{"alarm@example.com"});
  CHECK(backup.fallback_of == names{"internal", "main"});
  CHECK(backup.size() == 2);  // a fallback is no user
  CHECK(none.size() == 0);
  CHECK(acme.used_by("ghost").size() == 0);
}

TEST_CASE("a copy of a tenant does not change with it", "[registry][model]") {
  const tenant_snapshot before = sample_tenant();
  tenant_snapshot after = before;
  after.servers = after.servers.without("backup");
  CHECK(before.find_server("backup") != nullptr);
  CHECK(after.find_server("backup") == nullptr);
  CHECK(after.find_server("main") == before.find_server("main"));  // shared
}

}  // namespace model_tests
