#include <postrider/registry/sealing.hpp>

#include "registry/rows.hpp"

#include <catch2/catch.hpp>

namespace sealing_tests {

using namespace postrider;
using namespace postrider::test;

namespace {

server_record server_with(std::string name, const char* password) {
  server_record made;
  made.name = std::move(name);
  made.settings.account = {"user", secret(password)};
  return made;
}
sender_record sender_with(std::string address, std::string server, const char* password) {
  sender_record made = sender_of(sender_kind::user, std::move(address), std::move(server));
  made.override->account = {"user", secret(password)};
  return made;
}
server_record sealed(const tenant_passwords& passwords, server_record server) {
  change what = add_server{std::move(server)};
  REQUIRE(passwords.seal_all(what));
  return std::get<add_server>(what).server;
}
sender_record sealed(const tenant_passwords& passwords, sender_record sender) {
  change what = add_sender{std::move(sender)};
  REQUIRE(passwords.seal_all(what));
  return std::get<add_sender>(what).sender;
}

}  // namespace

TEST_CASE("every change that brings a password has it sealed", "[registry][sealing]") {
  const vault keys = vault::in_memory();
  const tenant_passwords passwords(keys, "acme");
  const auto check = [&](const auto& row, const account& in_clear, const sealed_secret& kept) {
    CHECK(in_clear.password.empty());
    CHECK(in_clear.user == "user");
    CHECK(kept.bytes.find("hunter2") == std::string::npos);
    CHECK(passwords.open(row).value() == secret("hunter2"));
  };
  change added = add_server{server_with("main", "hunter2")}, set = set_server{server_with("main", "hunter2")};
  REQUIRE(passwords.seal_all(added));
  REQUIRE(passwords.seal_all(set));
  for (const auto& one : {std::get<add_server>(added).server, std::get<set_server>(set).server})
    check(one, one.settings.account, one.password);
  change joined = add_sender{sender_with("ada@example.com", "main", "hunter2")},
         moved = set_sender{sender_with("ada@example.com", "main", "hunter2")};
  REQUIRE(passwords.seal_all(joined));
  REQUIRE(passwords.seal_all(moved));
  for (const auto& one : {std::get<add_sender>(joined).sender, std::get<set_sender>(moved).sender})
    check(one, one.override->account, one.override->password);
}

TEST_CASE("changes without passwords are left alone", "[registry][sealing]") {
  const vault keys = vault::in_memory();
  const tenant_passwords passwords(keys, "acme");
  for (change what : {change(add_tenant{}), change(remove_tenant{}), change(remove_server{"main"}),
                      change(remove_sender{"ada@example.com"}), change(add_login{}), change(reseal{})})
    CHECK(passwords.seal_all(what));
  change plain = add_sender{sender_of(sender_kind::user, "Ada@EXAMPLE.com")};
  REQUIRE(passwords.seal_all(plain));
  CHECK(std::get<add_sender>(plain).sender == sender_of(sender_kind::user, "Ada@EXAMPLE.com"));
}

TEST_CASE("no password seals to nothing, whatever sealed bytes came along", "[registry][sealing]") {
  const vault keys = vault::in_memory();
  const tenant_passwords passwords(keys, "acme");
  server_record smuggled = server_with("main", "");
  smuggled.password.bytes = "bytes of somebody else";
  CHECK(sealed(passwords, smuggled).password.empty());
  sender_record sender = sender_with("ada@example.com", "main", "");
  sender.override->password.bytes = "bytes of somebody else";
  CHECK(sealed(passwords, sender).override->password.empty());
  CHECK(passwords.open(sealed(passwords, server_with("main", ""))).value().empty());
}

TEST_CASE("a sealed password opens in its row only", "[registry][sealing]") {
  const vault keys = vault::in_memory();
  const tenant_passwords acme(keys, "acme"), other(keys, "other");
  const auto closed = [](const result<secret>& opened, const char* place) {
    return !opened && opened.error().cause == cause::credential_unavailable &&
           opened.error().detail.find(place) != std::string::npos;
  };
  server_record server = sealed(acme, server_with("main", "hunter2"));
  CHECK(closed(other.open(server), "password of server main of tenant other"));
  server.name = "backup";
  CHECK(closed(acme.open(server), "password of server backup of tenant acme"));

  const sender_record sender = sealed(acme, sender_with("ada@example.com", "main", "hunter2"));
  CHECK(closed(other.open(sender), "of tenant other"));
  sender_record elsewhere = sender;
  elsewhere.override->server = "backup";  // given for one server, never sent to another
  CHECK(closed(acme.open(elsewhere), "sender ada@example.com on server backup"));
  elsewhere = sender;
  elsewhere.address = "bob@example.com";
  CHECK(closed(acme.open(elsewhere), "sender bob@example.com on server main"));
  server.name = "main";
  server.password = sender.override->password;
  CHECK(closed(acme.open(server), "server main"));
}

TEST_CASE("a sender's password belongs to the address in its stored form", "[registry][sealing]") {
  const vault keys = vault::in_memory();
  const tenant_passwords passwords(keys, "acme");
  const sender_record sender = sealed(passwords, sender_with("Ada@EXAMPLE.com", "main", "hunter2"));
  CHECK(sender.address == "Ada@example.com");
  CHECK(passwords.open(sender).value() == secret("hunter2"));
}

TEST_CASE("what cannot be sealed is refused, and named", "[registry][sealing]") {
  const vault keys = vault::in_memory();
  const tenant_passwords passwords(keys, "acme");
  const auto why = [&](change what) {
    const auto done = passwords.seal_all(what);
    REQUIRE_FALSE(done);
    CHECK(done.error().cause == cause::invalid_configuration);
    return done.error();
  };
  const failure control = why(add_server{server_with("main", "hunter\n2")});
  CHECK(control.field == field::password);
  CHECK(control.detail == "server main: the password has a control character");
  const failure longer = why(set_sender{sender_with("ada@example.com", "main", std::string(1025, 'p').c_str())});
  CHECK(longer.detail == "sender ada@example.com on server main: the password has more than 1024 bytes");
  const failure address = why(add_sender{sender_with("nobody", "main", "hunter2")});
  CHECK(address.field == field::sender);
  CHECK_THAT(address.detail, Catch::Contains("\"nobody\""));
  CHECK_THAT(why(add_server{server_with("a\nb", "p\n")}).detail, Catch::StartsWith("server a\\nb: "));
}

TEST_CASE("what an older key sealed is sealed again, the rest is not touched", "[registry][sealing]") {
  vault keys = vault::in_memory();
  const tenant_passwords passwords(keys, "acme");
  tenant_snapshot acme = sample_tenant();
  put(acme.servers, sealed(passwords, server_with("old", "one")));
  put(acme.senders, sealed(passwords, sender_with("old@example.com", "main", "two")));
  CHECK(passwords.seal_again(acme).value().servers.empty());
  CHECK(passwords.seal_again(acme).value().senders.empty());
  REQUIRE(keys.add_key());
  put(acme.servers, sealed(passwords, server_with("new", "three")));
  put(acme.senders, sealed(passwords, sender_with("new@example.com", "main", "four")));

  const reseal again = passwords.seal_again(acme).value();
  REQUIRE(again.servers.size() == 1);
  REQUIRE(again.senders.size() == 1);
  CHECK(again.servers[0].name == "old");
  CHECK(again.senders[0].address == "old@example.com");
  REQUIRE(keys.drop_old_keys());
  CHECK(passwords.open(again.servers[0]).value() == secret("one"));
  CHECK(passwords.open(again.senders[0]).value() == secret("two"));
  CHECK_FALSE(passwords.open(*acme.find_server("old")));
}

TEST_CASE("a secret without its key cannot be sealed again", "[registry][sealing]") {
  const vault keys = vault::in_memory(), lost = vault::in_memory();
  tenant_snapshot servers = sample_tenant(), senders = sample_tenant();
  put(servers.servers, sealed(tenant_passwords(lost, "acme"), server_with("old", "one")));
  put(senders.senders, sealed(tenant_passwords(lost, "acme"), sender_with("old@example.com", "main", "two")));
  for (const auto* tenant : {&servers, &senders}) {
    const auto again = tenant_passwords(keys, "acme").seal_again(*tenant);
    REQUIRE_FALSE(again);
    CHECK(again.error().cause == cause::credential_unavailable);
    CHECK_THAT(again.error().detail, Catch::Contains("old") && Catch::Contains("was sealed with a key that is not in"));
  }
}

TEST_CASE("every secret is visited, and nothing else", "[registry][sealing]") {
  tenant_snapshot acme = sample_tenant();
  std::vector<std::string> seen;
  const auto visit = [&](const sealed_secret& one) { seen.push_back(one.bytes); };
  for_each_secret(acme, visit);
  CHECK(seen.empty());
  server_record server = server_with("a", "");
  server.password.bytes = "1";
  sender_record sender = sender_with("a@example.com", "main", "");
  sender.override->password.bytes = "2";
  put(acme.servers, server);
  put(acme.senders, sender);
  for_each_secret(acme, visit);
  CHECK(seen == std::vector<std::string>{"1", "2"});
}

}  // namespace sealing_tests
