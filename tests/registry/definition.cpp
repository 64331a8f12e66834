#include <postrider/registry/definition.hpp>

#include "registry/rows.hpp"

#include <catch2/catch.hpp>

namespace definition_tests {

using namespace postrider;
using namespace postrider::test;

namespace {

/// sample_tenant with passwords: main's own, Ada's on backup, and Bob's on the internal server.
struct house {
  house() {
    server_record main = *acme.find_server("main");
    main.settings.account.password = "main-password";
    change set = set_server{main};
    REQUIRE(passwords.seal_all(set));
    put(acme.servers, std::get<set_server>(set).server);
    own("Ada@example.com", "backup", "ada-user", "ada-password");
    own("bob@example.com", "internal", "bob-user", "bob-password");
    internal.host = "internal.example.com";
    internal.account = {"process-user", "process-password"};
  }
  void own(std::string address, std::string server, std::string user, const char* password) {
    sender_record sender = sender_of(sender_kind::user, std::move(address), std::move(server));
    sender.override->account = {std::move(user), password};
    change set = set_sender{sender};
    REQUIRE(passwords.seal_all(set));
    put(acme.senders, std::get<set_sender>(set).sender);
  }
  result<server> define(std::string_view name, std::string_view sender) const {
    return define_server(acme, name, sender, keys, internal);
  }

  vault keys = vault::in_memory();
  tenant_passwords passwords{keys, "acme"};
  tenant_snapshot acme = sample_tenant();
  server internal{};
};

}  // namespace

TEST_CASE("an account is the server's own unless the sender has one on this very server", "[registry][definition]") {
  const house h;
  struct row {
    const char *server, *sender, *host, *user, *password;
  };
  for (const row& r : {
           row{"main", "", "main.example.com", "main-user", "main-password"},
           row{"main", "bob@example.com", "main.example.com", "main-user", "main-password"},
           row{"main", "stranger@example.com", "main.example.com", "main-user", "main-password"},
           row{"main", "news@example.com", "main.example.com", "main-user", "main-password"},  // no account of its own
           row{"main", "Ada@example.com", "main.example.com", "main-user", "main-password"},   // hers is for backup
           row{"backup", "Ada@example.com", "backup.example.com", "ada-user", "ada-password"},
           row{"backup", "Ada@EXAMPLE.COM", "backup.example.com", "ada-user", "ada-password"},
           row{"backup", "ada@example.com", "backup.example.com", "", ""},  // somebody else
           row{"backup", "alarm@example.com", "backup.example.com", "", ""},
           row{"backup", "", "backup.example.com", "", ""},
           row{"internal", "", "internal.example.com", "process-user", "process-password"},
           row{"internal", "Ada@example.com", "internal.example.com", "process-user", "process-password"},
           row{"internal", "bob@example.com", "internal.example.com", "bob-user", "bob-password"},
       }) {
    CAPTURE(r.server, r.sender);
    const auto defined = h.define(r.server, r.sender);
    REQUIRE(defined);
    CHECK(defined->host == r.host);
    CHECK(defined->account.user == r.user);
    CHECK(defined->account.password == secret(r.password));
  }
}

TEST_CASE("other settings are the server's as they are", "[registry][definition]") {
  house h;
  server_record main = *h.acme.find_server("main");
  main.settings.port = 2525;
  main.settings.security = security::tls;
  main.settings.limits.connections = 3;
  put(h.acme.servers, main);
  server expected = main.settings;
  expected.account.password = "main-password";
  CHECK(h.define("main", "").value() == expected);
  CHECK(h.define("internal", "").value() == h.internal);
}

TEST_CASE("what is not there is named", "[registry][definition]") {
  const house h;
  const auto why = [](const result<server>& defined) {
    REQUIRE_FALSE(defined);
    CHECK(defined.error().cause == cause::no_server);
    CHECK(defined.error().stage == stage::queue);
    return defined.error().detail;
  };
  CHECK(why(h.define("ghost", "")) == "server \"ghost\" does not exist in tenant \"acme\"");
  CHECK(why(h.define("", "")) == "server \"\" does not exist in tenant \"acme\"");
  CHECK(why(h.define("a\n", "")) == "server \"a\\n\" does not exist in tenant \"acme\"");
  CHECK(why(define_server(h.acme, "internal", "", h.keys, std::nullopt)) ==
        "no internal server was given to this process");
  CHECK(why(define_server(h.acme, "internal", "bob@example.com", h.keys, std::nullopt)) ==
        "no internal server was given to this process");
  CHECK(define_server(h.acme, "main", "", h.keys, std::nullopt));
  tenant_snapshot gone = h.acme;
  gone.version = 0;
  CHECK(why(define_server(gone, "main", "", h.keys, h.internal)) == "tenant \"acme\" does not exist");
}

TEST_CASE("a password that does not open is an error, not an empty password", "[registry][definition]") {
  const house h;
  const vault other = vault::in_memory();
  for (const auto& [server, sender] : {std::pair("main", ""), std::pair("backup", "Ada@example.com")}) {
    const auto defined = define_server(h.acme, server, sender, other, h.internal);
    REQUIRE_FALSE(defined);
    CHECK(defined.error().cause == cause::credential_unavailable);
    CHECK_THAT(defined.error().detail, Catch::Contains(server) && Catch::Contains("of tenant acme"));
    CHECK_THAT(defined.error().detail, !Catch::Contains("-password"));
  }
  CHECK(define_server(h.acme, "backup", "", other, h.internal));    // needs none
  CHECK(define_server(h.acme, "internal", "", other, h.internal));  // its password was never sealed

  tenant_snapshot renamed = h.acme;  // sealed for "acme"
  renamed.tenant = "other";
  CHECK_FALSE(define_server(renamed, "main", "", h.keys, h.internal));
}

TEST_CASE("a sender's user without a password does not take the server's", "[registry][definition]") {
  house h;
  h.own("carl@example.com", "main", "carl-user", "");
  const auto defined = h.define("main", "carl@example.com");
  REQUIRE(defined);
  CHECK(defined->account.user == "carl-user");
  CHECK(defined->account.password.empty());
}

}  // namespace definition_tests
