// The rules of the registry, each over every storage.
#include "registry/storages.hpp"

#include <catch2/catch.hpp>

namespace rules_tests {

using namespace postrider;
using namespace postrider::test;
using strings = std::vector<std::string>;

#define OVER_EVERY_STORAGE(name) TEMPLATE_TEST_CASE(name, "[registry][rules]", in_memory, in_sqlite)

OVER_EVERY_STORAGE("a tenant starts with the internal server as its default") {
  house<TestType> house;
  CHECK(house.acme()->default_server == "internal");
  REQUIRE(house.acme()->servers.size() == 1);
  CHECK(house.acme()->find_server("internal")->internal);
  CHECK(refused(house.registry.add_tenant("acme"), field::none, "tenant \"acme\" exists already"));

  REQUIRE(house.registry.add_tenant("other", "postmaster@example.com"));
  CHECK(house.registry.tenants() == strings{"acme", "other"});
  CHECK(house.registry.snapshot("other")->notify_address == "postmaster@example.com");
  REQUIRE(house.registry.remove_tenant("other"));
  CHECK(house.registry.tenants() == strings{"acme"});
  CHECK_FALSE(house.registry.snapshot("other")->exists());
  CHECK(refused(house.registry.remove_tenant("other"), field::none, "tenant \"other\" does not exist"));
  CHECK(refused(house.registry.add_server("other", custom("smtp")), field::none, "tenant \"other\" does not exist"));
}

OVER_EVERY_STORAGE("a removed tenant leaves nothing to the next one of its name") {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("smtp"), true));
  REQUIRE(house.registry.add_sender("acme", user("ada@example.com")));
  REQUIRE(house.registry.add_login("acme", {.name = "app", .senders = {"ada@example.com"}}, "pw"));
  REQUIRE(house.registry.remove_tenant("acme"));
  CHECK_FALSE(house.registry.verify_login("app", "pw"));
  REQUIRE(house.registry.add_tenant("acme"));
  CHECK(house.acme()->default_server == "internal");
  CHECK(house.acme()->servers.size() == 1);
  CHECK(house.acme()->senders.empty());
  CHECK(house.acme()->logins.empty());
}

OVER_EVERY_STORAGE("a tenant has exactly one default server, which cannot be removed") {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a")));
  CHECK(house.acme()->default_server == "internal");
  REQUIRE(house.registry.add_server("acme", custom("b"), true));
  CHECK(house.acme()->default_server == "b");
  CHECK(refused(house.registry.remove_server("acme", "b"), field::none, "server \"b\" is the default"));
  CHECK(refused(house.registry.remove_server("acme", "b", true), field::none, "make another one the default first"));
  REQUIRE(house.registry.set_default_server("acme", "a"));
  CHECK(house.acme()->default_server == "a");
  REQUIRE(house.registry.remove_server("acme", "b"));
  CHECK(house.acme()->find_server("b") == nullptr);
  CHECK(refused(house.registry.set_default_server("acme", "b"), field::none,
                "server \"b\" does not exist in tenant \"acme\""));
  CHECK(refused(house.registry.remove_server("acme", "b"), field::none, "server \"b\" does not exist"));
}

OVER_EVERY_STORAGE("the internal server cannot be removed, copied or edited") {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a"), true));
  CHECK(refused(house.registry.remove_server("acme", "internal"), field::none, "is the internal one"));
  CHECK(refused(house.registry.remove_server("acme", "internal", true), field::none, "is the internal one"));
  server_record second = custom("second");
  second.internal = true;
  CHECK(refused(house.registry.add_server("acme", second), field::none, "one internal server"));

  server_record internal = *house.acme()->find_server("internal");
  internal.settings.host = "elsewhere.example.com";
  CHECK(refused(house.registry.set_server("acme", internal), field::none, "defined for the whole process"));
  internal = *house.acme()->find_server("internal");
  internal.fallbacks = {"a"};
  internal.notify_address = "ops@example.com";
  REQUIRE(house.registry.set_server("acme", internal));
  CHECK(house.acme()->find_server("internal")->fallbacks == strings{"a"});
}

OVER_EVERY_STORAGE("changing the default moves those without an override and no others") {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a")));
  REQUIRE(house.registry.add_server("acme", custom("b")));
  REQUIRE(house.registry.add_sender("acme", user("ada@example.com")));
  REQUIRE(house.registry.add_sender("acme", channel("support@example.com")));
  REQUIRE(house.registry.add_sender("acme", overriding(user("eve@example.com"), "a")));
  const auto before = house.acme();
  CHECK(before->server_of("ada@example.com")->name == "internal");
  CHECK(before->server_of("eve@example.com")->name == "a");
  CHECK(before->server_of("stranger@example.com")->name == "internal");
  REQUIRE(house.registry.set_default_server("acme", "b"));
  CHECK(house.acme()->server_of("ada@example.com")->name == "b");
  CHECK(house.acme()->server_of("support@example.com")->name == "b");
  CHECK(house.acme()->server_of("stranger@example.com")->name == "b");
  CHECK(house.acme()->server_of("eve@example.com")->name == "a");
  CHECK(before->server_of("ada@example.com")->name == "internal");  // a snapshot stays as it is
}

OVER_EVERY_STORAGE("users and channels of a server are counted, told apart as by default or by override") {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a"), true));
  REQUIRE(house.registry.add_sender("acme", user("u1@example.com")));
  REQUIRE(house.registry.add_sender("acme", user("u2@example.com")));
  REQUIRE(house.registry.add_sender("acme", channel("c1@example.com")));
  REQUIRE(house.registry.add_sender("acme", overriding(user("u3@example.com"), "a")));
  REQUIRE(house.registry.add_sender("acme", overriding(channel("c2@example.com"), "a")));
  REQUIRE(house.registry.add_sender("acme", overriding(channel("c3@example.com"), "internal")));
  const server_usage a = house.acme()->used_by("a");
  CHECK(a.users.by_default == strings{"u1@example.com", "u2@example.com"});
  CHECK(a.users.by_override == strings{"u3@example.com"});
  CHECK(a.channels.by_default == strings{"c1@example.com"});
  CHECK(a.channels.by_override == strings{"c2@example.com"});
  CHECK(a.size() == 5);
  const server_usage internal = house.acme()->used_by("internal");
  CHECK(internal.users.size() == 0);
  CHECK(internal.channels.by_default.empty());
  CHECK(internal.channels.by_override == strings{"c3@example.com"});
}

OVER_EVERY_STORAGE("a server in use is not removed silently") {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a")));
  server_record b = custom("b");
  b.fallbacks = {"a"};
  REQUIRE(house.registry.add_server("acme", b));
  REQUIRE(house.registry.add_sender("acme", overriding(user("ada@example.com"), "a", {"ada", "pw"})));
  REQUIRE(house.registry.add_sender("acme", overriding(channel("help@example.com"), "a")));
  REQUIRE(house.registry.add_sender("acme", user("by.default@example.com")));

  const auto refusal = house.registry.remove_server("acme", "a", false, 3);
  REQUIRE(refused(refusal, field::none, "server \"a\" is still used by"));
  for (const char* name :
       {"user ada@example.com", "channel help@example.com", "server \"b\" as a fallback", "3 waiting mails"})
    CHECK_THAT(refusal.error().detail, Catch::Contains(name));
  CHECK_THAT(refusal.error().detail, !Catch::Contains("by.default"));
  CHECK(house.acme()->find_server("a") != nullptr);

  REQUIRE(house.registry.remove_server("acme", "a", true, 3));
  CHECK(house.acme()->find_server("a") == nullptr);
  CHECK_FALSE(house.acme()->find_sender("ada@example.com")->override);
  CHECK_FALSE(house.acme()->find_sender("help@example.com")->override);
  CHECK(house.acme()->server_of("ada@example.com")->name == "internal");
  CHECK(house.acme()->find_server("b")->fallbacks.empty());
}

OVER_EVERY_STORAGE("pins alone keep a server too") {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a")));
  CHECK(refused(house.registry.remove_server("acme", "a", false, 1), field::none, "1 waiting mail pinned to it"));
  CHECK(house.registry.remove_server("acme", "a"));
}

OVER_EVERY_STORAGE("an override without an account uses the server's own, one with an account only on its server") {
  house<TestType> house({.internal_server = server{.host = "127.0.0.1", .port = 2526, .security = security::none}});
  REQUIRE(house.registry.add_server("acme", custom("a", "a@example.com", "password of a")));
  REQUIRE(house.registry.add_server("acme", custom("b", "b@example.com", "password of b")));
  REQUIRE(house.registry.add_sender("acme", overriding(user("plain@example.com"), "a")));
  REQUIRE(house.registry.add_sender("acme", overriding(user("own@example.com"), "a", {"own", "password of own"})));
  const auto account_of = [&](const char* server, const char* sender) {
    return house.registry.definition("acme", server, sender)->account;
  };
  CHECK(account_of("a", "plain@example.com") == account{"a@example.com", "password of a"});
  CHECK(account_of("a", "own@example.com") == account{"own", "password of own"});
  CHECK(account_of("a", "own@EXAMPLE.com") == account{"own", "password of own"});
  CHECK(account_of("b", "own@example.com") == account{"b@example.com", "password of b"});
  CHECK(account_of("a", "") == account{"a@example.com", "password of a"});
  CHECK(account_of("a", "stranger@example.com") == account{"a@example.com", "password of a"});
  CHECK(account_of("internal", "own@example.com").empty());
  CHECK(house.registry.definition("acme", "internal")->endpoint() == "127.0.0.1:2526");

  // Moved to another server, the sender does not take its password along.
  sender_record own = *house.acme()->find_sender("own@example.com");
  own.override->server = "b";
  CHECK(refused(house.registry.set_sender("acme", own), field::password, "has a user on server \"b\" but no password"));
  own.override->account.password = "another";
  REQUIRE(house.registry.set_sender("acme", own));
  CHECK(account_of("b", "own@example.com") == account{"own", "another"});
  CHECK(account_of("a", "own@example.com") == account{"a@example.com", "password of a"});
  own = *house.acme()->find_sender("own@example.com");
  own.override->account = {};
  REQUIRE(house.registry.set_sender("acme", own));
  CHECK(account_of("b", "own@example.com") == account{"b@example.com", "password of b"});
  CHECK(house.acme()->find_sender("own@example.com")->override->password.empty());
}

OVER_EVERY_STORAGE("a definition that cannot be had names what is missing") {
  house<TestType> house;
  const auto why = [&](const char* tenant, const char* server) {
    return house.registry.definition(tenant, server).error();
  };
  CHECK(why("acme", "internal").cause == cause::no_server);
  CHECK(why("acme", "ghost").cause == cause::no_server);
  CHECK_THAT(why("acme", "ghost").detail, Catch::Contains("server \"ghost\" does not exist in tenant \"acme\""));
  CHECK_THAT(why("nobody", "a").detail, Catch::Contains("tenant \"nobody\" does not exist"));
}

OVER_EVERY_STORAGE("a custom server needs TLS and authentication") {
  house<TestType> house;
  const auto adding = [&](auto edit) {
    server_record server = custom("a");
    edit(server.settings);
    return house.registry.add_server("acme", server);
  };
  CHECK(refused(adding([](server& s) { s.security = security::none; }), field::security, "server \"a\" needs TLS"));
  CHECK(refused(adding([](server& s) { s.auth = auth_method::none; }), field::auth_method, "needs authentication"));
  CHECK(refused(adding([](server& s) { s.account = {}; }), field::user, "needs a user"));
  CHECK(refused(adding([](server& s) { s.account.password = {}; }), field::password, "has a user but no password"));
  CHECK(refused(adding([](server& s) { s.tls.dangerously_skip_verification = true; }), field::security,
                "verify certificates"));
  CHECK(refused(adding([](server& s) { s.tls.allow_tls_1_1 = true; }), field::security, "TLS 1.2"));
  CHECK(refused(adding([](server& s) { s.dangerously_allow_password_in_clear = true; }), field::security,
                "password in clear"));
  CHECK(house.acme()->servers.size() == 1);

  // The same holds for an edit of a server that was fine.
  REQUIRE(adding([](server&) {}));
  server_record a = *house.acme()->find_server("a");
  a.settings.security = security::none;
  CHECK(refused(house.registry.set_server("acme", a), field::security, "needs TLS"));
}

OVER_EVERY_STORAGE("an openly named policy admits insecure servers") {
  house<TestType> house({.policy = registry_policy::dangerously_insecure});
  REQUIRE(house.registry.add_server(
      "acme", {.name = "lab", .settings = {.host = "127.0.0.1", .port = 2526, .security = security::none}}));
  CHECK(house.registry.definition("acme", "lab")->account.empty());
  CHECK(refused(house.registry.add_server("acme", {.name = "x", .settings = {.host = "h", .account = {"u", ""}}}),
                field::password, "no password"));
}

OVER_EVERY_STORAGE("what an insecure policy has stored is of no use to a secure one") {
  TestType storage;
  const server plain{.host = "127.0.0.1", .port = 2526, .security = security::none};
  const vault keys = vault::in_memory();
  auto insecure =
      server_registry::open(storage.open(), keys, {.policy = registry_policy::dangerously_insecure}).value();
  REQUIRE(insecure.add_tenant("acme"));
  REQUIRE(insecure.add_server("acme", {.name = "lab", .settings = plain}));
  REQUIRE(insecure.add_server("acme", custom("good")));
  REQUIRE(insecure.add_sender("acme", overriding(user("ada@example.com"), "lab", {"ada", "ada's"})));
  CHECK(insecure.definition("acme", "lab"));

  auto secure = server_registry::open(storage.open(), keys, {.internal_server = plain}).value();
  CHECK(refused(secure.definition("acme", "lab"), field::security, "server \"lab\" needs TLS"));
  CHECK(refused(secure.definition("acme", "lab", "ada@example.com"), field::security, "server \"lab\" needs TLS"));
  CHECK(secure.definition("acme", "good"));
  CHECK(secure.definition("acme", "internal"));  // the process's own choice, not a tenant's
  // Mended, it is of use again.
  server_record mended = custom("lab");
  REQUIRE(secure.set_server("acme", mended));
  CHECK(secure.definition("acme", "lab"));
}

OVER_EVERY_STORAGE("an edit that leaves the password empty keeps the old one") {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a", "old@example.com", "old password")));
  server_record a = *house.acme()->find_server("a");
  CHECK(a.settings.account.password.empty());
  a.settings.host = "new.example.com";
  REQUIRE(house.registry.set_server("acme", a));
  CHECK(house.registry.definition("acme", "a")->host == "new.example.com");
  CHECK(house.registry.definition("acme", "a")->account == account{"old@example.com", "old password"});
  a = *house.acme()->find_server("a");
  a.settings.account.password = "new password";
  REQUIRE(house.registry.set_server("acme", a));
  CHECK(house.registry.definition("acme", "a")->account == account{"old@example.com", "new password"});

  REQUIRE(house.registry.add_sender("acme", overriding(user("ada@example.com"), "a", {"ada", "ada's"})));
  sender_record ada = *house.acme()->find_sender("ada@example.com");
  ada.name = "Countess";
  REQUIRE(house.registry.set_sender("acme", ada));
  CHECK(house.registry.definition("acme", "a", "ada@example.com")->account == account{"ada", "ada's"});

  REQUIRE(house.registry.add_login("acme", {.name = "app", .senders = {"ada@example.com"}}, "login password"));
  login_record app = *house.acme()->find_login("app");
  app.senders.push_back("eve@example.com");
  REQUIRE(house.registry.set_login("acme", app));
  CHECK(house.registry.verify_login("app", "login password").value() == "acme");
}

OVER_EVERY_STORAGE("the port follows the security until it is set") {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a")));
  CHECK(house.registry.definition("acme", "a")->effective_port() == 587);
  server_record a = *house.acme()->find_server("a");
  a.settings.security = security::tls;
  REQUIRE(house.registry.set_server("acme", a));
  CHECK(house.registry.definition("acme", "a")->effective_port() == 465);
  a = *house.acme()->find_server("a");
  a.settings.port = 2465;
  REQUIRE(house.registry.set_server("acme", a));
  a = *house.acme()->find_server("a");
  a.settings.security = security::starttls;
  REQUIRE(house.registry.set_server("acme", a));
  CHECK(house.registry.definition("acme", "a")->effective_port() == 2465);
}

OVER_EVERY_STORAGE("a login may use its sender addresses") {
  house<TestType> house;
  REQUIRE(house.registry.add_login(
      "acme", {.name = "app", .senders = {"Billing@Example.COM", "ada@example.com", "ada@example.com"}}, "pw"));
  const login_record& app = *house.acme()->find_login("app");
  CHECK(app.senders == strings{"Billing@example.com", "ada@example.com"});
  CHECK(app.permits("ada@EXAMPLE.com"));
  CHECK(app.permits("Billing@example.com"));
  CHECK_FALSE(app.permits("billing@example.com"));
  CHECK_FALSE(app.permits("eve@example.com"));
  CHECK_FALSE(app.permits(""));

  CHECK(house.registry.verify_login("app", "pw").value() == "acme");
  for (const auto& wrong : {house.registry.verify_login("app", "PW"), house.registry.verify_login("nobody", "pw"),
                            house.registry.verify_login("app", ""), house.registry.verify_login("", "pw")}) {
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().cause == cause::credentials_rejected);
    CHECK(wrong.error().detail == "the login or its password is wrong");
  }

  CHECK(refused(house.registry.add_login("acme", {.name = "app", .senders = {"a@example.com"}}, "x"), field::user,
                "exists already"));
  CHECK(refused(house.registry.add_login("acme", {.name = "b", .senders = {"a@example.com"}}, ""), field::password,
                "no password"));
  CHECK(refused(house.registry.add_login("acme", {.name = "b"}, "x"), field::sender, "no sender address"));
  CHECK(refused(house.registry.add_login("acme", {.name = "b", .senders = {"a@"}}, "x"), field::sender, "a@"));
  REQUIRE(house.registry.add_tenant("other"));
  CHECK(refused(house.registry.add_login("other", {.name = "app", .senders = {"a@example.com"}}, "x"), field::user,
                "another tenant"));
  REQUIRE(house.registry.remove_login("acme", "app"));
  CHECK_FALSE(house.registry.verify_login("app", "pw"));
  CHECK(refused(house.registry.remove_login("acme", "app"), field::user, "login \"app\" does not exist"));
  CHECK(house.registry.add_login("other", {.name = "app", .senders = {"a@example.com"}}, "x"));
}

OVER_EVERY_STORAGE("what somebody else changed meanwhile is not removed") {
  house<TestType> house;
  REQUIRE(house.registry.add_server("acme", custom("a")));
  REQUIRE(house.registry.add_sender("acme", user("ada@example.com")));
  REQUIRE(house.registry.add_login("acme", {.name = "app", .senders = {"a@example.com"}}, "pw"));
  const auto read = house.acme();
  const auto server = read->find_server("a")->revision, sender = read->find_sender("ada@example.com")->revision,
             login = read->find_login("app")->revision;
  REQUIRE(house.registry.set_server("acme", *read->find_server("a")));
  REQUIRE(house.registry.set_sender("acme", *read->find_sender("ada@example.com")));
  REQUIRE(house.registry.set_login("acme", *read->find_login("app")));
  REQUIRE(house.registry.set_tenant("acme", "ops@example.com"));
  CHECK(is_edit_conflict(house.registry.remove_server("acme", "a", false, 0, server).error()));
  CHECK(is_edit_conflict(house.registry.remove_server("acme", "a", true, 0, server).error()));
  CHECK(is_edit_conflict(house.registry.remove_sender("acme", "ada@example.com", sender).error()));
  CHECK(is_edit_conflict(house.registry.remove_login("acme", "app", login).error()));
  CHECK(is_edit_conflict(house.registry.set_default_server("acme", "a", read->revision).error()));
  CHECK(is_edit_conflict(house.registry.remove_tenant("acme", read->revision).error()));

  // Read again, they can be.
  const auto now = house.acme();
  CHECK(house.registry.remove_server("acme", "a", false, 0, now->find_server("a")->revision));
  CHECK(house.registry.remove_sender("acme", "ada@example.com", now->find_sender("ada@example.com")->revision));
  CHECK(house.registry.remove_login("acme", "app", now->find_login("app")->revision));
  CHECK(house.registry.remove_tenant("acme", now->revision));
}

OVER_EVERY_STORAGE("senders are found whatever the case of their domain") {
  house<TestType> house;
  REQUIRE(house.registry.add_sender("acme", user("Ada@EXAMPLE.com")));
  CHECK(house.acme()->find_sender("Ada@example.COM")->address == "Ada@example.com");
  CHECK(house.acme()->find_sender("ada@example.com") == nullptr);
  CHECK(refused(house.registry.add_sender("acme", user("Ada@example.com")), field::sender, "exists already"));
  REQUIRE(house.registry.remove_sender("acme", "Ada@Example.Com"));
  CHECK(house.acme()->senders.empty());
  CHECK(refused(house.registry.remove_sender("acme", "Ada@example.com"), field::sender, "does not exist"));
  CHECK(refused(house.registry.set_sender("acme", user("Ada@example.com")), field::sender, "does not exist"));
  CHECK(refused(house.registry.add_sender("acme", overriding(user("a@b.example"), "ghost")), field::none,
                "\"ghost\" does not exist"));
}

OVER_EVERY_STORAGE("bad names and values are refused and named") {
  house<TestType> house;
  for (const std::string& bad :
       {std::string(), std::string("a\nb"), std::string("a\0b", 3), std::string("a\x7f"), std::string("\xff"),
        std::string("a\xc2\x85z"), std::string(129, 'x'), std::string(" a"), std::string("a ")}) {
    CAPTURE(bad);
    CHECK(refused(house.registry.add_tenant(bad), field::none, "tenant"));
    CHECK(refused(house.registry.add_server("acme", custom(bad)), field::none, "server"));
    sender_record sender = user("a@example.com");
    sender.name = bad;
    CHECK(refused(house.registry.add_sender("acme", sender), field::none, "sender"));
    CHECK(refused(house.registry.add_login("acme", {.name = bad, .senders = {"a@example.com"}}, "x"), field::none,
                  "login"));
  }
  CHECK(refused(house.registry.add_server("acme", custom("a\nb")), field::none, "\"a\\nb\" has a control character"));

  for (const char* bad : {"", "a b", "a\r\nb", "mail.example.com:25/", "user@host", "<host>", "h\xc3\xb6st"}) {
    server_record server = custom("a");
    server.settings.host = bad;
    CHECK(refused(house.registry.add_server("acme", server), field::host, "server \"a\""));
  }
  for (const char* good : {"mail.example.com", "192.0.2.1", "2001:db8::1", "xn--hst-sna.example", "mail_1"}) {
    server_record server = custom("good");
    server.settings.host = good;
    CHECK(house.registry.add_server("acme", server));
    CHECK(house.registry.remove_server("acme", "good"));
  }
  CHECK(refused(house.registry.add_server("acme", custom("a", "us\ner")), field::user, "control character"));
  CHECK(refused(house.registry.add_server("acme", custom("a", "user", "pass\nword")), field::password,
                "control character"));
  const auto edited = [&](auto edit) {
    server_record server = custom("a");
    edit(server);
    return house.registry.add_server("acme", server);
  };
  CHECK(refused(edited([](auto& s) { s.notify_address = "not an address"; }), field::recipient, "not an address"));
  CHECK(refused(edited([](auto& s) { s.fallbacks = {"ghost"}; }), field::none, "\"ghost\" does not exist"));
  CHECK(refused(edited([](auto& s) { s.fallbacks = {"internal", "internal"}; }), field::none, "\"internal\" twice"));
  CHECK(refused(edited([](auto& s) { s.weight = 0; }), field::none, "weight"));
  CHECK(refused(edited([](auto& s) { s.settings.ehlo_name = "a\r\nMAIL FROM:<x>"; }), field::host, "EHLO name"));
  CHECK(refused(house.registry.add_sender("acme", user("no address")), field::sender, "no address"));
  CHECK(refused(house.registry.add_sender("acme", user("a@example.com\r\nRCPT TO:<b>")), field::sender, "\\r\\n"));

  REQUIRE(house.registry.add_server("acme", custom("a")));
  CHECK(refused(house.registry.add_server("acme", custom("a")), field::none, "server \"a\" exists already"));
  server_record self = *house.acme()->find_server("a");
  self.fallbacks = {"a"};
  CHECK(refused(house.registry.set_server("acme", self), field::none, "its own fallback"));
  CHECK(house.acme()->servers.size() == 2);
}

OVER_EVERY_STORAGE("a refused change leaves everything as it was") {
  house<TestType> house;
  const auto before = house.acme();
  CHECK_FALSE(house.registry.add_server("acme", {.name = "a"}));
  CHECK(house.acme() == before);
  CHECK(house.storage.open().load("acme")->version == before->version);
}

TEST_CASE("a name that is nobody's has a verifier like any other, always the same one", "[registry]") {
  house<in_memory> house;
  REQUIRE(house.registry.add_login("acme", {.name = "app", .senders = {"ada@example.com"}}, "pw"));
  const login_proof app = house.registry.find_login("app");
  CHECK(app.tenant == "acme");
  CHECK(app.verifier == house.acme()->find_login("app")->verifier);
  const login_proof nobody = house.registry.find_login("nobody");
  CHECK(nobody.tenant.empty());
  CHECK(nobody == house.registry.find_login("nobody"));
  CHECK(nobody.verifier != house.registry.find_login("somebody").verifier);
  const auto made_up = login_verifier::parse(nobody.verifier);
  const auto real = login_verifier::parse(app.verifier);
  REQUIRE((made_up && real));
  CHECK(made_up->iterations() == real->iterations());
  CHECK(made_up->keys().salt.size() == real->keys().salt.size());
  CHECK_FALSE(made_up->verify(""));
  postrider::test::house<in_memory> elsewhere;
  CHECK(elsewhere.registry.find_login("nobody").verifier != nobody.verifier);  // another key, another one
}

}  // namespace rules_tests
