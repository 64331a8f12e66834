// The pure parts of postrider-relay: durations, paths, arguments, the table of calls, what commands become.
#include <postrider/storage/memory_registry_storage.hpp>
#include <postrider/storage/sqlite_spool.hpp>

#include "relay/api_table.hpp"
#include "relay/arguments.hpp"
#include "relay/data_folder.hpp"
#include "relay/durations.hpp"
#include "relay/options.hpp"
#include "relay/shell_queue.hpp"
#include "relay/spool_queue.hpp"
#include "support/temporary_folder.hpp"
#include "support/thread_of_its_own.hpp"

#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>
#include <catch2/catch.hpp>

#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace postrider;
using namespace postrider::examples;
using namespace std::chrono_literals;
using postrider::test::temporary_folder;
using ::test::thread_of_its_own;

TEST_CASE("durations") {
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("2s") == 2s);
  CHECK(parse_duration("5m") == 5min);
  CHECK(parse_duration("4h") == 4h);
  CHECK(parse_duration("5d") == 120h);
  CHECK(parse_duration("1000d") == 24000h);
  for (const char* wrong :
       {"", "s", "2", "0s", "-2s", "+2s", "2 s", "2sec", "1.5s", "1001d", "99999999999999999999s", "2S"}) {
    CAPTURE(wrong);
    CHECK(!parse_duration(wrong));
  }
}

TEST_CASE("retry schedules") {
  const auto schedule = parse_retry("2s,30s,5m");
  CHECK(schedule.first == 2s);
  CHECK(schedule.longest == 30s);
  CHECK(schedule.give_up == 5min);
  for (const char* wrong : {"soon", "", "2s", "2s,30s", "2s,30s,5m,6m", "2s,,5m", ",30s,5m", "30s,2s,5m"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(parse_retry(wrong), usage_error);
  }
}

TEST_CASE("endpoints") {
  CHECK(text_of(parse_endpoint("--listen", "127.0.0.1:2525")) == "127.0.0.1:2525");
  CHECK(text_of(parse_endpoint("--listen", "[::1]:0")) == "[::1]:0");
  for (const char* wrong :
       {"", "2525", "127.0.0.1", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:65536", "localhost:25", ":25"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(parse_endpoint("--listen", wrong), usage_error);
  }
}

TEST_CASE("a host name is one that notifications can come from") {
  serve_options options;
  for (const char* good : {"mail.example.com", "relay", "[192.0.2.1]", "[IPv6:2001:db8::1]"}) {
    options.hostname = good;
    CHECK(hostname_of(options) == good);
  }
  for (const char* wrong : {"my_host", "mail.example.com.", "m\xC3\xBCnchen.example", "a b", "-a", "192.0.2.1]"}) {
    CAPTURE(wrong);
    options.hostname = wrong;
    CHECK_THROWS_AS(hostname_of(options), usage_error);
  }
  options.hostname.clear();
  CHECK(address::parse("mailer-daemon@" + hostname_of(options)));
}

TEST_CASE("targets carry any path and any query") {
  call what{"GET", {"tenants", "a/b c%?&\r\n", "ü"}, {{"address", "a+b=c&d@example.com"}, {"limit", 5}}};
  const auto again = parse_target("GET", target_of(what));
  REQUIRE(again);
  CHECK(again->path == what.path);
  CHECK(again->arguments["address"] == "a+b=c&d@example.com");
  CHECK(again->arguments["limit"] == "5");
  what.method = "POST";
  CHECK(target_of(what).find('?') == std::string::npos);
  CHECK(parse_target("GET", "/api/v1")->path.empty());
  for (const char* wrong : {"/", "/api/v2/tenants", "/api/v1tenants", "/api/v1/a%2", "/api/v1/a%zz", "/api/v1/a?%=1"}) {
    CAPTURE(wrong);
    CHECK(!parse_target("GET", wrong));
  }
}

TEST_CASE("paths match patterns") {
  using path = std::vector<std::string>;
  CHECK(match("tenants", path{"tenants"}));
  CHECK(!match("tenants", path{}));
  CHECK(!match("tenants", path{"tenants", "acme"}));
  CHECK(!match("tenants/{tenant}", path{"tenants"}));
  const auto values = match("tenants/{tenant}/servers/{server}", path{"tenants", "acme", "servers", "a/b"});
  REQUIRE(values);
  CHECK(values->at("tenant") == "acme");
  CHECK(values->at("server") == "a/b");
}

TEST_CASE("arguments name what is wrong") {
  const json given{{"name", "one"},      {"port", "25"},   {"big", 70000},   {"flag", true},
                   {"list", {"a", "b"}}, {"kind", "user"}, {"none", nullptr}};
  const arguments args(given, {"name", "port", "big", "flag", "list", "kind", "none", "other"});
  CHECK(args.demand_text("name") == "one");
  CHECK(args.number<std::uint16_t>("port", 1) == 25);
  CHECK(args.flag("flag") == true);
  CHECK(args.texts("list") == std::vector<std::string>{"a", "b"});
  CHECK(args.choice<sender_kind>("kind") == sender_kind::user);
  CHECK(!args.text("none"));
  CHECK(!args.number<std::uint32_t>("other"));
  const auto field_of = [](auto read) -> std::string {
    try {
      read();
      return "nothing";
    } catch (const bad_argument& why) {
      return why.field;
    }
  };
  CHECK(field_of([&] { args.demand_text("other"); }) == "other");
  CHECK(field_of([&] { args.text("flag"); }) == "flag");
  CHECK(field_of([&] { args.number<std::uint16_t>("big"); }) == "big");
  CHECK(field_of([&] { args.number<std::uint16_t>("name"); }) == "name");
  CHECK(field_of([&] { args.flag("name"); }) == "name");
  CHECK(field_of([&] { args.texts("name"); }) == "name");
  CHECK(field_of([&] { args.choice<sender_kind>("name"); }) == "name");
  CHECK(field_of([&] { arguments(given, {"name"}); }) == "port");
}

namespace {

/// A registry in memory; its queue cannot be opened.
struct fixture {
  server_registry registry = *server_registry::open(memory::registry_storage(), vault::in_memory());
  office on{registry, []() -> result<mail_queue*> { return fail(cause::spool_failed, stage::queue, "no disk"); }};

  answer ask(std::string method, std::vector<std::string> path, json given = json::object()) {
    return perform(on, call{std::move(method), std::move(path), std::move(given)});
  }
};

}  // namespace

TEST_CASE("what is tried on another tenant stands in the log of who tried it") {
  fixture f;
  REQUIRE(f.registry.add_tenant("acme"));
  std::vector<audit_note> notes;
  f.on.note = [&](const audit_note& one) { notes.push_back(one); };
  caller bob;
  bob.tenant = "globex";
  for (const char* tenant : {"acme", "nobody"}) {
    CHECK(perform(f.on, call{"PATCH", {"tenants", tenant}, json::object(), bob}).status == 404);
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].tenant == "globex");
    CHECK(notes[0].object == tenant);
    notes.clear();
  }
  perform(f.on, call{"POST", {"queue", "actions"}, {{"action", "hold"}, {"filter", {{"tenant", "acme"}}}}, bob});
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].tenant == "globex");
}

TEST_CASE("every refusal has one shape") {
  fixture f;
  REQUIRE(f.ask("POST", {"tenants"}, {{"name", "acme"}}).status == 201);
  const auto check = [](const answer& refused, int status, const char* code, const char* field) {
    CAPTURE(refused.body.dump());
    CHECK(refused.status == status);
    REQUIRE(refused.body.size() == 1);
    const json& error = refused.body["error"];
    CHECK(error["code"] == code);
    CHECK(error["field"] == field);
    CHECK(!error["message"].get<std::string>().empty());
    CHECK(error.size() == 3);
  };
  check(f.ask("GET", {"nothing"}), 404, "not_found", "");
  CHECK(f.ask("GET", {"nothing", "here"}).body["error"]["message"] == "there is no call GET /api/v1/nothing/here");
  check(f.ask("PUT", {"tenants"}), 405, "method", "");
  check(f.ask("POST", {"tenants"}), 400, "usage", "name");
  check(f.ask("POST", {"tenants"}, {{"nam", "x"}}), 400, "usage", "nam");
  check(f.ask("POST", {"tenants"}, {{"name", "acme"}}), 409, "invalid_configuration", "name");
  check(f.ask("GET", {"tenants", "nobody", "servers"}), 404, "not_found", "tenant");
  check(f.ask("PATCH", {"tenants", "acme", "servers", "none"}, {{"port", 25}}), 404, "not_found", "server");
  check(f.ask("DELETE", {"tenants", "acme", "senders", "none"}), 404, "not_found", "sender");
  check(f.ask("PATCH", {"tenants", "acme", "logins", "none"}), 404, "not_found", "login");
  check(f.ask("POST", {"tenants", "acme", "servers"}, {{"name", "one"}, {"host", "h"}, {"security", "none"}}), 409,
        "invalid_configuration", "security");
  check(f.ask("GET", {"queue"}), 503, "spool_failed", "");
  check(f.ask("GET", {"queue", "xyz"}), 400, "usage", "mail");
  check(f.ask("POST", {"tenants", "acme", "test"}), 409, "no_server", "host");
}

TEST_CASE("servers, senders and logins, and no secret in any answer") {
  fixture f;
  std::string said;
  const auto done = [&](const answer& given) {
    said += dump(given.body);
    CAPTURE(given.body.dump());
    CHECK(given.ok());
    return given.body;
  };
  done(f.ask("POST", {"tenants"}, {{"name", "acme"}}));
  const json server = done(f.ask(
      "POST", {"tenants", "acme", "servers"},
      {{"name", "one"}, {"host", "mail.example.com"}, {"security", "tls"}, {"user", "u"}, {"password", "hush-1"}}));
  CHECK(server["port"] == 465);
  CHECK(server["has_password"] == true);
  CHECK(server["default"] == false);

  // The port follows the security until it is set; an edit without a password keeps it.
  CHECK(done(f.ask("PATCH", {"tenants", "acme", "servers", "one"}, {{"security", "starttls"}}))["port"] == 587);
  const json changed = done(f.ask("PATCH", {"tenants", "acme", "servers", "one"}, {{"port", 2525}, {"default", true}}));
  CHECK(changed["port"] == 2525);
  CHECK(changed["host"] == "mail.example.com");
  CHECK(changed["default"] == true);
  CHECK(f.registry.definition("acme", "one")->account.password.reveal() == "hush-1");

  done(f.ask("POST", {"tenants", "acme", "senders"},
             {{"kind", "user"},
              {"name", "Ada"},
              {"address", "ada@ACME.test"},
              {"server", "one"},
              {"user", "ada"},
              {"password", "hush-2"}}));
  CHECK(f.registry.definition("acme", "one", "ada@acme.test")->account.password.reveal() == "hush-2");
  done(f.ask("PATCH", {"tenants", "acme", "senders", "ada@acme.test"}, {{"name", "Ada L."}}));
  CHECK(f.registry.definition("acme", "one", "ada@acme.test")->account.user == "ada");
  const json used = done(f.ask("GET", {"tenants", "acme", "servers", "one", "used-by"}));
  CHECK(used["users"]["by_override"] == 1);
  CHECK(used["members"][0]["address"] == "ada@acme.test");
  const json way = done(f.ask("GET", {"tenants", "acme", "route"}, {{"address", "ada@acme.test"}}));
  CHECK(way["reason"] == "override");
  CHECK(way["ways"][0]["account_of"] == "ada@acme.test");
  CHECK(way["ways"][0]["health"].is_null());  // no relay runs
  CHECK(done(f.ask("PATCH", {"tenants", "acme", "senders", "ada@acme.test"}, {{"server", ""}}))["override"] == false);
  CHECK(f.ask("PATCH", {"tenants", "acme", "senders", "ada@acme.test"}, {{"user", "x"}}).status == 400);

  done(f.ask("POST", {"tenants", "acme", "logins"},
             {{"name", "app"}, {"password", "hush-3"}, {"senders", {"ada@acme.test"}}}));
  done(f.ask("PATCH", {"tenants", "acme", "logins", "app"}, {{"senders", {"ada@acme.test", "b@acme.test"}}}));
  CHECK(f.registry.verify_login("app", secret("hush-3")).has_value());
  done(f.ask("GET", {"tenants", "acme", "servers"}));
  done(f.ask("GET", {"tenants", "acme", "senders"}));
  done(f.ask("GET", {"tenants", "acme", "logins"}));
  done(f.ask("POST", {"key", "rotate"}));
  CHECK(f.registry.definition("acme", "one")->account.password.reveal() == "hush-1");
  CHECK(said.find("hush") == std::string::npos);
  CHECK(said.find("SCRAM") == std::string::npos);
}

TEST_CASE("an edit of a row that was changed in between is told, not undone") {
  const memory::registry_storage storage;
  const vault keys = vault::in_memory();
  auto other = *server_registry::open(storage, keys);
  REQUIRE(other.add_tenant("acme"));
  const server mail_server{.host = "mail.example.com", .account = {"u", "p"}};
  REQUIRE(other.add_server("acme", {.name = "one", .settings = mail_server}));
  REQUIRE(other.add_sender("acme", {.name = "Ada", .address = "ada@acme.test"}));
  REQUIRE(other.add_login("acme", {.name = "app", .senders = {"ada@acme.test"}}, secret("p")));
  fixture f;
  f.registry = *server_registry::open(storage, keys);  // reads all of it now, and hears of no change after

  server_record moved = *other.snapshot("acme")->find_server("one");
  moved.settings.host = "moved.example.com";
  REQUIRE(other.set_server("acme", moved));
  sender_record renamed = *other.snapshot("acme")->find_sender("ada@acme.test");
  renamed.name = "Countess";
  login_record narrowed = *other.snapshot("acme")->find_login("app");
  narrowed.senders = {"only@acme.test"};

  CHECK(f.ask("PATCH", {"tenants", "acme", "servers", "one"}, {{"port", 2525}}).status == 409);
  CHECK(f.registry.snapshot("acme")->find_server("one")->settings.host == "moved.example.com");
  REQUIRE(other.set_sender("acme", renamed));
  CHECK(f.ask("PATCH", {"tenants", "acme", "senders", "ada@acme.test"}, {{"kind", "channel"}}).status == 409);
  CHECK(f.registry.snapshot("acme")->find_sender("ada@acme.test")->name == "Countess");
  REQUIRE(other.set_login("acme", narrowed));
  CHECK(f.ask("PATCH", {"tenants", "acme", "logins", "app"}, {{"password", "new"}}).status == 409);
  CHECK(f.registry.snapshot("acme")->find_login("app")->senders == std::vector<std::string>{"only@acme.test"});

  // Read again, it can be done.
  CHECK(f.ask("PATCH", {"tenants", "acme", "servers", "one"}, {{"port", 2525}}).ok());
  CHECK(f.ask("PATCH", {"tenants", "acme", "senders", "ada@acme.test"}, {{"kind", "channel"}}).ok());
  CHECK(f.ask("PATCH", {"tenants", "acme", "logins", "app"}, {{"password", "new"}}).ok());
}

namespace {

/// A queue of its own, whose edits a test can watch.
struct with_queue {
  with_queue() {
    REQUIRE(registry.add_tenant("acme"));
    const server mail_server{.host = "mail.example.com", .account = {"u", "p"}};
    REQUIRE(registry.add_server("acme", {.name = "one", .settings = mail_server}));
  }
  ~with_queue() { loop.stop(); }

  mail_id put(const std::string& pin) {
    return *asio::co_spawn(loop.context, store(spool, submitter("acme", "ada@acme.test", {}, pin)), asio::use_future)
                .get();
  }
  static asio::awaitable<result<mail_id>> store(sqlite::spool& into, submitter from) {
    std::vector<recipient> to;
    to.emplace_back(*address::parse("charles@example.org"));
    envelope where(*address::parse("ada@acme.test"), std::move(to));
    auto writer = co_await into.begin(std::move(from), std::move(where));
    if (!writer) co_return fail(std::move(writer.error()));
    auto id = co_await writer->commit();
    co_return id;
  }
  std::string pin_of(mail_id id) { return (**queue.find(id)).from.pin; }
  answer remove() { return perform(on, call{"DELETE", {"tenants", "acme", "servers", "one"}, {{"move_users", true}}}); }

  const temporary_folder folder{};
  thread_of_its_own loop{};
  server_registry registry = *server_registry::open(memory::registry_storage(), vault::in_memory());
  sqlite::spool spool = *sqlite::spool::open(folder.path() / "spool.db");
  std::function<void()> at_edit = [] {};
  spool_queue queue{loop.context.get_executor(), spool, [this](mail_id id, mail_edit how) {
                      at_edit();
                      return spool.edit(id, std::move(how));
                    }};
  office on{registry, [this]() -> result<mail_queue*> { return &queue; }};
};

}  // namespace

TEST_CASE("what a list of the queue looks at can be bounded") {
  with_queue f;
  std::vector<mail_id> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(f.put(i == 1 ? "one" : ""));
  CHECK(*f.queue.skip(mail_id(), 1) == ids[0]);
  CHECK(*f.queue.skip(ids[0], 2) == ids[2]);
  CHECK(*f.queue.skip(ids[0], 4) == ids[4]);
  CHECK(*f.queue.skip(ids[0], 5) == std::nullopt);
  mail_filter filter;
  filter.until = ids[2];
  CHECK(f.queue.list(filter, ids[0], 10)->size() == 2);
  filter.pin = "one";
  CHECK(f.queue.list(filter, mail_id(), 10)->size() == 1);
  CHECK(f.queue.list(filter, ids[1], 10)->empty());
  CHECK(f.queue.edit({ids[0], ids[1], mail_id{1}}, mail_edit::hold()) == 2);
  const auto counts = *f.queue.counts_by_tenant(mail_id(), 10);
  REQUIRE(counts.by_tenant.size() == 1);
  CHECK(counts.by_tenant.at("acme").waiting == 3);
  CHECK(counts.by_tenant.at("acme").held == 2);
  CHECK(!counts.next);
  const auto first = *f.queue.counts_by_tenant(mail_id(), 2), rest = *f.queue.counts_by_tenant(ids[1], 3);
  CHECK(first.by_tenant.at("acme").held == 2);
  CHECK(first.next == ids[1]);
  CHECK(rest.by_tenant.at("acme").waiting == 3);
}

TEST_CASE("mail waits for its own account, and goes when that is tried again") {
  with_queue f;
  sender_record own;
  own.name = "Ada";
  own.address = "ada@acme.test";
  own.override = server_override{.server = "one", .account = {"ada", "p"}};
  REQUIRE(f.registry.add_sender("acme", own));
  const mail_id mail = f.put("");
  const auto held = [&](const char* user, const char* sender) {
    const json why = to_json(failure(cause::credentials_rejected, stage::auth));
    const json one{{"tenant", "acme"}, {"server", "one"},         {"user", user},
                   {"sender", sender}, {"remaining_ms", 3600000}, {"failure", why}};
    f.on.state = [one] { return json{{"held_servers", json::array({one})}}; };
    return perform(f.on, call{"GET", {"queue", to_string(mail)}}).body;
  };
  // That of the server itself, and another sender's rest, are none of its business.
  for (const auto& [user, sender] : {std::pair("u", ""), std::pair("", "bob@acme.test")})
    CHECK(held(user, sender)["recipients"][0]["failure"].is_null());
  const std::string due = held("u", "")["next_attempt"];
  for (const auto& [user, sender] : {std::pair("ada", ""), std::pair("", "ada@acme.test")}) {
    const json waits = held(user, sender);
    CHECK(waits["recipients"][0]["failure"]["cause"] == "credentials_rejected");
    CHECK(waits["next_attempt"].get<std::string>() > due);
    const json given{{"cause", "credentials_rejected"}};
    CHECK(perform(f.on, call{"GET", {"queue"}, given}).body["mails"].size() == 1);
  }
}

TEST_CASE("who makes a call decides what there is") {
  with_queue f;
  const mail_id mail = f.put("");
  REQUIRE(f.registry.add_tenant("globex"));
  std::vector<audit_note> notes;
  f.on.note = [&](const audit_note& one) { notes.push_back(one); };
  caller by{"bob", "127.0.0.1", "globex"};
  const auto ask = [&](std::string method, std::vector<std::string> path, json given = json::object()) {
    return perform(f.on, call{std::move(method), std::move(path), std::move(given), by});
  };
  CHECK(ask("GET", {"tenants"}).body["tenants"].size() == 1);
  CHECK(ask("GET", {"tenants", "acme"}).status == 404);
  CHECK(ask("GET", {"queue"}).body["mails"].empty());
  CHECK(ask("GET", {"queue", to_string(mail)}).status == 404);
  CHECK(ask("POST", {"tenants"}, {{"name", "x"}}).status == 403);
  by.tenant = "acme";
  CHECK(ask("GET", {"queue"}).body["mails"].size() == 1);
  CHECK(ask("POST", {"queue", to_string(mail), "hold"}).body["state"] == "held");
  by.scopes = access_scopes();
  by.scopes.add(access_scope::read);
  CHECK(ask("GET", {"queue", to_string(mail)}).ok());
  CHECK(ask("POST", {"queue", to_string(mail), "release"}).status == 403);
  CHECK(ask("POST", {"queue", to_string(mail), "content"}).status == 403);
  REQUIRE(notes.size() == 4);
  CHECK(notes[1].action == "mail.hold");
  CHECK(notes[1].who == "bob");
  CHECK(notes[1].tenant == "acme");
  CHECK(notes[1].ok);
  CHECK(!notes[2].ok);
}

TEST_CASE("a server is removed when no mail is pinned to it any more") {
  with_queue f;
  const mail_id pinned = f.put("one");
  bool was_there = false;
  f.at_edit = [&] { was_there = f.registry.snapshot("acme")->find_server("one") != nullptr; };
  SECTION("mail is unpinned while the server is still there") {
    const answer removed = f.remove();
    CHECK(removed.body.dump() == R"({"removed":"one","unpinned_mails":1})");
    CHECK(was_there);
    CHECK(f.pin_of(pinned).empty());
  }
  SECTION("mail that is pinned at the last moment is unpinned afterwards") {
    std::optional<mail_id> late;
    const auto listening = f.registry.subscribe([&](const auto&) { late = f.put("one"); });
    const answer removed = f.remove();
    CHECK(removed.body.dump() == R"({"removed":"one","unpinned_mails":2})");
    REQUIRE(late);
    CHECK(f.pin_of(*late).empty());
  }
  SECTION("a removal that is refused unpins nothing") {
    REQUIRE(f.registry.set_default_server("acme", "one"));
    CHECK(f.remove().status == 409);
    CHECK(f.pin_of(pinned) == "one");
  }
}

namespace {

std::vector<call> calls_of(std::vector<std::string> words) {
  CLI::App app;
  shell commands(app);
  words.insert(words.end(), {"--data", "d"});
  std::vector<std::string> backwards(words.rbegin(), words.rend());
  app.parse(backwards);
  return commands.chosen().calls();
}

}  // namespace

TEST_CASE("commands become calls") {
  const auto server = calls_of(
      {"server", "add", "acme", "--name", "one", "--host", "h", "--port", "25", "--security", "tls", "--default"});
  REQUIRE(server.size() == 1);
  CHECK(target_of(server[0]) == "/api/v1/tenants/acme/servers");
  CHECK(server[0].method == "POST");
  CHECK(server[0].arguments ==
        json{{"name", "one"}, {"host", "h"}, {"port", 25}, {"security", "tls"}, {"default", true}});

  const auto shared =
      calls_of({"server", "set", "acme", "--name", "one", "--rank", "7", "--weight", "3", "--fallback", "two,three",
                "--mails-per-second", "5", "--recipients-per-second", "6", "--quirks", "no_chunking"});
  CHECK(shared.at(0).arguments == json{{"mails_per_second", 5},
                                       {"recipients_per_second", 6},
                                       {"quirks", {"no_chunking"}},
                                       {"fallbacks", {"two", "three"}},
                                       {"rank", 7},
                                       {"weight", 3}});
  CHECK(calls_of({"server", "set", "acme", "--name", "one", "--fallbacks", ""}).at(0).arguments["fallbacks"].empty());
  CHECK_THROWS_AS(calls_of({"server", "set", "acme", "--name", "one", "--weight", "0"}), CLI::ParseError);

  const auto set = calls_of({"server", "set", "acme", "--name", "a/b", "--user", "x"});
  CHECK(target_of(set.at(0)) == "/api/v1/tenants/acme/servers/a%2Fb");
  CHECK(target_of(calls_of({"server", "test", "acme"}).at(0)) == "/api/v1/tenants/acme/test");
  CHECK(target_of(calls_of({"server", "test", "acme", "one"}).at(0)) == "/api/v1/tenants/acme/servers/one/test");
  CHECK(calls_of({"sender", "set", "acme", "--address", "a@b.c", "--server", ""}).at(0).arguments ==
        json{{"server", ""}});
  CHECK(target_of(calls_of({"route", "explain", "acme", "a@b.c"}).at(0)) ==
        "/api/v1/tenants/acme/route?address=a%40b.c");

  const auto matching = calls_of({"queue", "move", "--cause", "spam", "--from-server", "two", "--server", "one"});
  REQUIRE(matching.size() == 1);
  CHECK(target_of(matching[0]) == "/api/v1/queue/actions");
  CHECK(matching[0].arguments ==
        json{{"server", "one"}, {"action", "move"}, {"filter", {{"server", "two"}, {"cause", "spam"}}}});
  CHECK(calls_of({"queue", "hold", "--all"}).at(0).arguments["filter"].empty());
  CHECK_THROWS_AS(calls_of({"queue", "hold"}), usage_error);
  CHECK_THROWS_AS(calls_of({"queue", "hold", "1a", "--state", "held"}), usage_error);
  CHECK(target_of(calls_of({"queue", "list", "--older-than", "5m"}).at(0)) == "/api/v1/queue?older_than=5m");

  const auto mails = calls_of({"queue", "move", "1a", "2b", "--server", "one"});
  REQUIRE(mails.size() == 2);
  CHECK(target_of(mails[1]) == "/api/v1/queue/2b/move");
  CHECK(mails[1].arguments == json{{"server", "one"}});

  CHECK_THROWS_AS(calls_of({"server", "add", "acme", "--name", "one", "--host", "h", "--security", "maybe"}),
                  CLI::ParseError);
  CHECK_THROWS_AS(calls_of({"server", "add", "acme", "--name", "one"}), CLI::ParseError);
}

TEST_CASE("a data folder has one owner") {
  const temporary_folder here;
  const data_folder folder(here.path() / "deep" / "data");
  {
    auto first = folder_lock::try_take(folder);
    REQUIRE(first);
    REQUIRE(*first);
    const auto second = folder_lock::try_take(folder);
    REQUIRE(second);
    CHECK(!*second);
    CHECK(folder_lock::owner(folder) == ::getpid());
    CHECK(in_use(folder).detail.find(std::to_string(::getpid())) != std::string::npos);
  }
  const auto again = folder_lock::try_take(folder);
  REQUIRE(again);
  CHECK(*again);

  std::ofstream(here.path() / "file") << "a file";
  const auto broken = folder_lock::try_take(data_folder(here.path() / "file"));
  REQUIRE(!broken);
  CHECK(broken.error().detail.find((here.path() / "file").native()) != std::string::npos);
}
