#include <postrider/delivery/routing.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace routing_tests {

using namespace postrider;
using namespace std::chrono_literals;

namespace {

/// Tenant "acme": servers internal, first (the default) and second.
struct acme {
  tenant_snapshot tenant;

  acme() {
    tenant.tenant = "acme";
    tenant.version = 1;
    tenant.default_server = "first";
    add({.name = "internal", .internal = true});
    add({.name = "first",
         .settings = {.host = "smtp.first.example", .security = security::tls, .account = {"relay", secret("p")}}});
    add({.name = "second", .settings = {.host = "smtp.second.example", .account = {"relay", secret("p")}}});
  }
  void add(server_record one) {
    tenant.servers = tenant.servers.with(std::make_shared<const server_record>(std::move(one)));
  }
  void add(sender_record one) {
    tenant.senders = tenant.senders.with(std::make_shared<const sender_record>(std::move(one)));
  }
  void add_sender(const std::string& address, const std::string& server = {}, const std::string& user = {}) {
    sender_record one{.name = address, .address = address};
    if (!server.empty()) one.override = server_override{.server = server, .account = {user, secret()}};
    add(std::move(one));
  }
};

struct expectation {
  const char* sender;
  const char* pin;
  const char* server;
  route_reason why;
  const char* account_of;
};

}  // namespace

TEST_CASE("every rule of routing") {
  acme a;
  a.add_sender("plain@example.com");
  a.add_sender("second@example.com", "second");
  a.add_sender("own@example.com", "second", "own");
  a.add_sender("same@example.com", "first", "own");

  using enum route_reason;
  const auto e = GENERATE(values<expectation>({
      {"plain@example.com", "", "first", by_default, ""},
      {"stranger@example.com", "", "first", by_default, ""},
      {"", "", "first", by_default, ""},
      {"second@example.com", "", "second", by_override, ""},
      {"own@example.com", "", "second", by_override, "own@example.com"},
      {"own@EXAMPLE.com", "", "second", by_override, "own@example.com"},
      {"same@example.com", "", "first", by_override, "same@example.com"},
      // A pin decides; a sender's account goes with the server that it was given for, and with no other.
      {"plain@example.com", "second", "second", by_pin, ""},
      {"own@example.com", "first", "first", by_pin, ""},
      {"own@example.com", "second", "second", by_pin, "own@example.com"},
      {"own@example.com", "internal", "internal", by_pin, ""},
      {"", "second", "second", by_pin, ""},
      {"", "internal", "internal", internal, ""},
  }));
  CAPTURE(e.sender, e.pin);
  const auto way = find_route(a.tenant, submitter("acme", e.sender, {}, e.pin));
  REQUIRE(way);
  CHECK(way->server == e.server);
  CHECK(way->why == e.why);
  CHECK(way->account_of == e.account_of);
}

TEST_CASE("a changed default moves those without an override, and none of the others") {
  acme a;
  a.add_sender("plain@example.com");
  a.add_sender("fixed@example.com", "first");
  a.tenant.default_server = "second";
  CHECK(find_route(a.tenant, submitter("acme", "plain@example.com"))->server == "second");
  CHECK(find_route(a.tenant, submitter("acme", "fixed@example.com"))->server == "first");
}

TEST_CASE("where there is no way, the failure says what is missing") {
  acme a;
  const auto gone = find_route(a.tenant, submitter("acme", "ada@example.com", {}, "gone"));
  REQUIRE_FALSE(gone);
  CHECK(gone.error().cause == cause::no_server);
  CHECK(gone.error().detail.find("\"gone\"") != std::string::npos);

  const tenant_snapshot nobody;
  const auto none = find_route(nobody, submitter("nobody", "ada@example.com"));
  REQUIRE_FALSE(none);
  CHECK(none.error().cause == cause::no_server);
  CHECK(none.error().detail.find("\"nobody\"") != std::string::npos);
}

TEST_CASE("fallbacks come in their order, servers of one rank on one level") {
  acme a;
  const auto add = [&](const char* name, std::uint32_t rank, std::uint32_t weight = 1) {
    a.add({.name = name, .weight = weight, .rank = rank});
  };
  add("b", 0);
  add("c", 5, 2);
  add("d", 0);
  add("e", 5, 3);
  add("f", 9, 4);
  const auto ways = [&](const char* sender = "ada@example.com", const char* pin = "") {
    std::string text;
    const auto all = find_ways(a.tenant, submitter("acme", sender, {}, pin)).value();
    for (const route& way : all)
      text += way.server + '/' + std::to_string(way.level) + '/' + std::to_string(way.weight) + '/' +
              std::string(to_string(way.why)) + ' ';
    return text;
  };
  CHECK(ways() == "first/0/1/default ");
  a.add({.name = "first", .fallbacks = {"b", "c", "gone", "d", "e", "f"}, .weight = 2, .rank = 9});
  CHECK(ways() == "first/0/2/default f/0/4/peer b/1/1/fallback c/2/2/fallback e/2/3/fallback d/3/1/fallback ");
  CHECK(ways("ada@example.com", "first") == "first/0/2/pin ");
  a.add_sender("own@example.com", "first", "own");  // its account is of no use on a peer
  CHECK(ways("own@example.com").starts_with("first/0/2/override b/1/1/fallback c/2"));
  CHECK(ways("own@example.com").ends_with("f/4/4/fallback "));
  a.add({.name = "first", .fallbacks = {"b", "d"}});  // without a rank nobody shares
  CHECK(ways() == "first/0/1/default b/1/1/fallback d/2/1/fallback ");
  CHECK_FALSE(find_ways(a.tenant, submitter("acme", "ada@example.com", {}, "gone")));
}

TEST_CASE("a route with fallbacks says so, and what is chosen while servers are in trouble") {
  acme a;
  a.add({.name = "first",
         .settings = {.host = "smtp.first.example"},
         .fallbacks = {"second", "internal"},
         .weight = 3,
         .rank = 1});
  a.add({.name = "second", .settings = {.host = "smtp.second.example"}, .rank = 1});
  const submitter ada("acme", "ada@example.com");
  const std::string usual = explain_route(a.tenant, ada);
  CHECK(
      usual.ends_with(". It shares the load by weight (3) with \"second\" (1). While it is in trouble, mail takes "
                      "\"internal\", with the account of that server."));
  std::vector<way_state> now;
  const auto ways = find_ways(a.tenant, ada).value();
  for (const route& way : ways) now.emplace_back(way);
  CHECK(explain_route(a.tenant, ada, now) == usual);
  now[0].trouble = failure(cause::connect_timeout, stage::connect);
  now[0].remaining = 7'200ms;
  CHECK(explain_route(a.tenant, ada, now) ==
        usual + " The server \"first\" is in trouble (connect_timeout) and is tried again in 8 s. Now mail waits.");
  now[1].used_now = true;
  CHECK(explain_route(a.tenant, ada, now).ends_with(" in 8 s. Now mail takes \"second\"."));
}

TEST_CASE("a route explains itself") {
  acme a;
  a.add_sender("plain@example.com");
  a.add_sender("own@example.com", "second", "own");
  const auto words = [&](const char* sender, const char* pin = "") {
    return explain_route(a.tenant, submitter("acme", sender, {}, pin));
  };
  CHECK(words("plain@example.com") ==
        "Mail from plain@example.com takes the server \"first\" (smtp.first.example:465) because it is the default of "
        "tenant "
        "\"acme\" and the sender does not override it, with the server's account.");
  CHECK(words("own@example.com") ==
        "Mail from own@example.com takes the server \"second\" (smtp.second.example:587) because the sender overrides "
        "the "
        "default, with the account of own@example.com.");
  CHECK(words("x@example.com").find("the address is no registered sender") != std::string::npos);
  CHECK(words("", "internal") ==
        "Mail from <> takes the server \"internal\" because notifications take the tenant's internal server.");
  CHECK(words("plain@example.com", "second").find("because it is pinned to it") != std::string::npos);
  CHECK(words("plain@example.com", "gone") == "No way to go: tenant \"acme\" has no server \"gone\" (pin).");
  for (const char* sender : {"plain@example.com", "own@example.com"})
    CHECK(words(sender).find("secret") == std::string::npos);
}

}  // namespace routing_tests
