// Which server a mail takes when servers are in trouble, share the load, or ask for patience.
#include "delivery/pipeline_house.hpp"

namespace pipeline_servers_tests {

using namespace house;

namespace {

/// Servers "first" (the default, with these fallbacks), "second" and "third", each with an account of its own.
template <class Running>
void add_servers(Running& r, const std::vector<std::string>& fallbacks, std::uint32_t rank = 0,
                 std::uint32_t weight = 1) {
  for (const char* name : {"third", "second", "first"}) {
    server_record one{.name = name, .settings = at(name, std::string(name) + "'s account")};
    const bool first = one.name == "first";
    if (first) one.fallbacks = fallbacks;
    if (first) one.weight = weight;
    one.rank = rank;
    expect(r.registry.add_server("acme", std::move(one), first));
  }
}

failure refused_connection() {
  return failure(cause::connection_refused, stage::connect);
}

std::size_t delivered(const servers& script, const std::string& host, const std::string& text) {
  std::size_t count = 0;
  for (const auto& one : script.to(host)) count += one.content.starts_with("Subject: " + text) ? 1U : 0U;
  return count;
}

std::vector<std::string> used_now(const running<>& r, const std::string& sender = "ada@example.com") {
  std::vector<std::string> names;
  for (const auto& one : expect(r.line->ways(submitter("acme", sender))))
    if (one.used_now) names.push_back(one.way.server);
  return names;
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("while a server cannot be reached its mail takes the first fallback that can, as the fallback's account") {
  running<> r;
  add_servers(r, {"second", "third"});
  r.script.answers["first"] = always(refused_connection());
  CHECK(used_now(r) == names{"first"});
  for (int i = 0; i < 30; ++i) r.submit(letter("m" + std::to_string(i)));
  REQUIRE(r.until([&] { return r.acknowledged.size() == 30 && r.empty(); }));
  CHECK(r.script.to("second").size() == 30);
  CHECK(r.script.to("second")[0].user == "second's account");
  CHECK(r.script.to("third").empty());
  CHECK(used_now(r) == names{"second"});
  const auto words = explain_route(*r.registry.snapshot("acme"), submitter("acme", "ada@example.com"),
                                   expect(r.line->ways(submitter("acme", "ada@example.com"))));
  CHECK(words.find("\"second\", then \"third\"") != std::string::npos);
  CHECK(words.find("\"first\" is in trouble (connection_refused)") != std::string::npos);
  CHECK(words.ends_with("Now mail takes \"second\"."));

  r.script.answers["second"] = always(failure(cause::connect_timeout, stage::connect));
  for (int i = 0; i < 30; ++i) r.submit(letter("late" + std::to_string(i)));
  REQUIRE(r.until([&] { return r.acknowledged.size() == 60 && r.empty(); }));
  CHECK(r.script.to("third").size() == 30);
  CHECK(used_now(r) == names{"third"});
  CHECK(r.heard.all->failed.empty());
}

TEST_CASE("mail returns to its server as soon as the server is back, and stays there") {
  running<> r;
  add_servers(r, {"second"});
  r.script.answers["first"] = always(refused_connection());
  r.submit(letter("a"));
  REQUIRE(r.until([&] { return r.script.to("second").size() == 1 && r.empty(); }));
  r.script.answers.clear();
  REQUIRE(r.until([&] {
    if (r.heard.all->released.empty() && r.line->in_flight() == 0 && r.line->waiting() == 0) r.submit(letter("probe"));
    return r.heard.all->released == names{"first"};
  }));
  REQUIRE(r.until([&] { return r.empty(); }));
  CHECK(used_now(r) == names{"first"});
  const auto before = r.script.to("second").size();
  for (int i = 0; i < 20; ++i) r.submit(letter("home"));
  REQUIRE(r.until([&] { return delivered(r.script, "first", "home") == 20 && r.empty(); }));
  CHECK(r.script.to("second").size() == before);
}

TEST_CASE(
    "mail that waits for its server alone goes there when it is back, though the fallback fell silent meanwhile") {
  running<> r;
  add_servers(r, {"second"});
  r.script.answers["first"] = r.script.answers["second"] = always(refused_connection());
  for (int i = 0; i < 20; ++i) r.submit(letter("m"));
  REQUIRE(r.until([&] { return r.heard.all->held.size() == 2 && r.acknowledged.size() == 20; }));
  CHECK(used_now(r).empty());
  CHECK(r.line->held().size() == 2);
  r.script.answers.erase("first");
  REQUIRE(r.until([&] { return r.empty(); }));
  CHECK(r.heard.all->failed.empty());
  for (const auto& one : r.list()) CHECK(one.recipients[0].attempts == 0);
}

TEST_CASE("what a server refuses for good is not asked of its fallback") {
  running<> r;
  add_servers(r, {"second"});
  r.script.answers["first"] = always(failure(cause::mailbox_unknown, stage::rcpt));
  r.submit(letter("no"));
  REQUIRE(r.until([&] { return r.heard.all->failed.size() == 1 && r.empty(); }));
  CHECK(r.script.to("first").size() == 1);
  CHECK(r.script.to("second").empty());
}

TEST_CASE("mail of a suspended account takes the fallback, a pinned mail waits") {
  auto options = quick_options();
  options.account_pauses = {1h, 1h};
  running<> r(memory::spool(), quick(), options);
  add_servers(r, {"second"});
  r.script.answers["first"] = always(failure(cause::credentials_rejected, stage::auth));
  r.submit(letter("free"));
  REQUIRE(r.until([&] { return r.script.to("second").size() == 1; }));
  r.submit(letter("pinned"), "ada@example.com", "first");
  REQUIRE(r.until([&] { return r.acknowledged.size() == 2 && r.line->waiting() == 1; }));
  CHECK(r.until([&] { return r.counts().waiting == 1; }));
  CHECK(r.script.to("second").size() == 1);
  CHECK(r.heard.all->suspended == names{"first/"});
}

TEST_CASE("a sender's own account is used on its server, and never on a fallback") {
  running<> r;
  add_servers(r, {"second"}, 1);  // of one rank: they share the mail of everyone else
  r.add_sender("own@example.com", server_override{.server = "first", .account = {"own", secret("secret")}});
  for (int i = 0; i < 10; ++i) r.submit(letter("own", {"charles@example.org"}, "own@example.com"), "own@example.com");
  REQUIRE(r.until([&] { return r.script.log.size() == 10 && r.empty(); }));
  for (const auto& one : r.script.log) CHECK((one.host == "first" && one.user == "own"));
  r.script.answers["first"] = always(refused_connection());
  r.submit(letter("own", {"charles@example.org"}, "own@example.com"), "own@example.com");
  REQUIRE(r.until([&] { return r.script.to("second").size() == 1 && r.empty(); }));
  CHECK(r.script.to("second")[0].user == "second's account");
}

TEST_CASE("an unknown mail is not given to a fallback for the first hour, whatever becomes of others") {
  auto options = quick_options();
  options.unknown_stays = 1h;
  running<> r(memory::spool(), quick(1h), options);
  add_servers(r, {"second"});
  r.script.answers["first"] = always(lost_after_the_dot());
  r.submit(letter("perhaps"));
  REQUIRE(r.until([&] { return r.heard.all->deferred == 1; }));
  r.script.answers["first"] = always(refused_connection());
  for (int i = 0; i < 10; ++i) r.submit(letter("surely"));
  REQUIRE(r.until([&] { return delivered(r.script, "second", "surely") == 10 && r.counts().waiting == 1; }));
  const auto tried = delivered(r.script, "first", "perhaps");
  REQUIRE(r.until([&] { return delivered(r.script, "first", "perhaps") >= tried + 3; }));  // as probes
  CHECK(delivered(r.script, "second", "perhaps") == 0);
  CHECK(r.list().at(0).recipients[0].attempts == 1);
  r.script.answers.erase("first");
  REQUIRE(r.until([&] { return r.empty(); }));
  CHECK(delivered(r.script, "second", "perhaps") == 0);
}

TEST_CASE("once its hour is over an unknown mail takes the fallback too") {
  auto options = quick_options();
  options.unknown_stays = 150ms;
  running<> r(memory::spool(), quick(1h), options);
  add_servers(r, {"second"});
  r.script.answers["first"] = always(lost_after_the_dot());
  r.submit(letter("perhaps"));
  REQUIRE(r.until([&] { return r.heard.all->deferred == 1; }));
  const auto lost_at = r.script.log[0].at;
  r.script.answers["first"] = always(refused_connection());
  REQUIRE(r.until([&] { return r.empty(); }));
  REQUIRE(r.script.to("second").size() == 1);
  CHECK(r.script.to("second")[0].at - lost_at >= options.unknown_stays);
}

TEST_CASE("servers of one rank share the mail by weight") {
  running<> r;
  add_servers(r, {"second"}, 7, 3);
  CHECK(used_now(r) == names{"first", "second"});
  for (std::size_t i = 1; i <= 80; ++i) {
    r.submit(letter("m"));
    REQUIRE(r.until([&] { return r.script.log.size() == i && r.line->in_flight() == 0; }));
  }
  CHECK(r.script.to("first").size() >= 57);
  CHECK(r.script.to("first").size() <= 63);
  CHECK(r.script.to("third").empty());
}

TEST_CASE("of servers that share the mail, one that is slow gets less, and one in trouble nothing") {
  running<> r;
  add_servers(r, {"second"}, 7);
  r.script.delays["second"] = 1h;
  for (int i = 0; i < 100; ++i) r.submit(letter("m"));
  REQUIRE(r.until([&] { return r.script.log.size() == 100 && r.line->in_flight() <= 16; }));
  CHECK(r.script.to("second").size() <= 16);  // what it takes at once
  CHECK(r.script.to("first").size() >= 84);

  r.script.delays.clear();
  r.script.answers["second"] = always(refused_connection());
  const auto before = r.script.to("first").size();
  for (int i = 0; i < 60; ++i) r.submit(letter("more"));
  REQUIRE(r.until([&] { return delivered(r.script, "first", "more") >= 50; }));
  CHECK(r.script.to("first").size() >= before + 50);
}

TEST_CASE("a server that asks for patience is slowed down, no attempt is counted, and no fallback is used") {
  auto options = quick_options();
  options.server_pauses = {10ms, 40ms};
  running<> r(memory::spool(), quick(), options);
  add_servers(r, {"second"});
  int asked = 0;
  failure too_fast(cause::provider_rate, stage::mail);
  too_fast.code = 451;
  r.script.answers["first"] = [&](const mail& what) { return ++asked <= 40 ? refuse(what, too_fast) : accept(what); };
  for (int i = 0; i < 50; ++i) r.submit(letter("m" + std::to_string(i)));
  REQUIRE(r.until([&] { return asked >= 20; }));
  for (const auto& one : r.list()) CHECK(one.recipients[0].attempts == 0);
  REQUIRE(r.until([&] { return r.acknowledged.size() == 50 && r.empty(); }));
  CHECK(asked == 90);
  CHECK(r.script.to("second").empty());
  CHECK(r.heard.all->held == names{"first"});
  CHECK(r.heard.all->deferred == 0);
  CHECK(r.heard.all->failed.empty());
}

TEST_CASE("a quota that is used up suspends the account for long") {
  auto options = quick_options();
  options.account_pauses = {1h, 1h};
  running<> r(memory::spool(), quick(), options);
  r.add_server("first", true);
  r.script.answers["first"] = always(failure(cause::provider_quota, stage::mail));
  for (int i = 0; i < 40; ++i) r.submit(letter("m"));
  REQUIRE(r.until([&] { return r.line->waiting() == 40; }));
  CHECK(r.heard.all->suspended == names{"first/"});
  CHECK(r.script.log.size() <= 16);
  CHECK(r.list()[0].recipients[0].attempts == 0);
}

TEST_CASE("ten thousand mails behind a dead server cost a write for each probe, and none for each mail") {
  static_assert(sizeof(detail::parked_mail) <= 32);
  struct counting_retry {
    std::size_t* asked;
    decision operator()(const attempt&, decision) const noexcept {
      ++*asked;
      return decision::retry_after(1h);
    }
  };
  struct counting_spool : memory::spool {
    std::shared_ptr<std::size_t> settled = std::make_shared<std::size_t>(0);
    asio::awaitable<result<void>> settle(std::span<const settlement> all) {
      *settled += all.size();
      return memory::spool::settle(all);
    }
  };
  constexpr std::size_t many = 10'000;
  const counting_spool spool;
  auto options = quick_options();
  options.records_per_server = 10;
  std::size_t asked = 0;
  running<counting_spool, counting_retry> r(spool, counting_retry{&asked}, options);
  r.add_server("first", true);
  r.script.answers["first"] = always(refused_connection());
  const auto small = letter("m");
  for (std::size_t i = 0; i < many; ++i) r.submit(small, "user" + std::to_string(i % 50) + "@example.com");
  REQUIRE(
      r.until([&] { return r.acknowledged.size() == many && r.line->waiting() + r.line->in_flight() >= many - 1; }));
  REQUIRE(r.until([&] { return asked >= many; }));  // each was examined once
  const auto tried = r.script.log.size();
  REQUIRE(r.until([&] { return r.script.log.size() >= tried + 5; }));
  REQUIRE(r.until([&] { return r.line->in_flight() == 0 && r.line->waiting() == many; }));
  CHECK(asked < 2 * many);  // and is not again, whatever the number of probes
  CHECK(*spool.settled <= r.script.log.size());
  CHECK(r.script.log.size() < 1'000);  // a probe every 20 ms or more
  CHECK(r.heard.all->held == names{"first"});
  CHECK(r.line->held().size() == 1);
  r.script.answers.clear();
  REQUIRE(r.until([&] { return r.script.log.size() >= many && r.line->waiting() + r.line->in_flight() == 0; }));
  REQUIRE(r.until([&] { return r.empty(); }));
  CHECK(r.script.log.size() <= *spool.settled);
}

TEST_CASE("tenants that share a server are served in turn, however much one of them has") {
  running<> r;
  expect(r.registry.add_tenant("globex"));
  for (const char* tenant : {"acme", "globex"})
    expect(r.registry.add_server(tenant, server_record{.name = "shared", .settings = at("shared")}, true));
  r.script.answers["shared"] = always(refused_connection());
  for (int i = 0; i < 1'000; ++i) r.submit(letter("acme"));
  for (int i = 0; i < 20; ++i)
    asio::co_spawn(r.context, r.line->submit(submitter("globex", "bo@example.net"), letter("globex")), asio::detached);
  REQUIRE(r.until([&] { return r.line->waiting() == 1'020; }));
  r.script.answers.clear();
  r.script.log.clear();
  REQUIRE(r.until([&] { return r.script.log.size() >= 1'020 && r.empty(); }));
  CHECK(r.script.pools == 1);
  std::size_t position = 0, last = 0;
  for (const auto& one : r.script.log) {
    ++position;
    if (one.content.starts_with("Subject: globex")) last = position;
  }
  CHECK(last <= 42);  // every second one
}

}  // namespace pipeline_servers_tests
