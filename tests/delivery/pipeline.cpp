#include "delivery/pipeline_house.hpp"

namespace pipeline_tests {

using namespace house;

TEST_CASE("a mail is durable, delivered through the default server, and gone") {
  running<> r;
  r.add_server("first", true);
  r.submit(letter("hello", {"charles@example.org", "grace@example.net"}));
  REQUIRE(r.until([&] { return r.script.log.size() == 1 && r.empty(); }));
  CHECK(r.script.log[0].host == "first");
  CHECK(r.script.log[0].user == "relay");
  CHECK(r.script.log[0].content == "Subject: hello\r\n\r\nhello\r\n");
  CHECK(r.script.log[0].recipients == std::vector<std::string>{"charles@example.org", "grace@example.net"});
  REQUIRE(r.acknowledged.size() == 1);
  CHECK(r.heard.all->accepted == r.acknowledged);
  CHECK(r.heard.all->attempts == std::vector<std::string>{"first"});
}

TEST_CASE("mail that comes in piece by piece is one mail") {
  running<> r;
  auto writer = expect(r.get(r.line->begin(submitter("acme", "ada@example.com"), letter("x").envelope())));
  expect(r.get(writer.append("Subject: x\r\n")));
  expect(r.get(writer.append("\r\nbody\r\n")));
  CHECK(r.script.log.empty());
  expect(r.get(writer.commit()));
  REQUIRE(r.until([&] { return r.script.log.size() == 1 && r.empty(); }));
  CHECK(r.script.log[0].host == "internal");
  CHECK(r.script.log[0].content == "Subject: x\r\n\r\nbody\r\n");
}

TEST_CASE("many mails of many senders all arrive, each once") {
  running<> r;
  r.add_server("first", true);
  for (int i = 0; i < 500; ++i) r.submit(letter(std::to_string(i)), "user" + std::to_string(i % 7) + "@example.com");
  REQUIRE(r.until([&] { return r.script.log.size() >= 500 && r.empty(); }));
  std::set<std::string> seen;
  for (const auto& one : r.script.log) seen.insert(one.content);
  CHECK(seen.size() == 500);
  CHECK(r.script.log.size() == 500);
  CHECK(r.script.pools == 1);
}

TEST_CASE("overrides go through their server, with an account of their own if they have one") {
  running<> r;
  r.add_server("first", true);
  r.add_server("second");
  r.add_sender("plain@example.com");
  r.add_sender("other@example.com", server_override{.server = "second"});
  r.add_sender("own@example.com", server_override{.server = "second", .account = {"own", secret("secret")}});
  for (const char* who : {"plain@example.com", "other@example.com", "own@example.com"}) r.submit(letter(who), who);
  REQUIRE(r.until([&] { return r.script.log.size() == 3 && r.empty(); }));
  std::set<std::string> ways;
  for (const auto& one : r.script.log) ways.insert(one.content.substr(9, 5) + ' ' + one.host + ' ' + one.user);
  CHECK(ways == std::set<std::string>{"other second relay", "own@e second own", "plain first relay"});
}

TEST_CASE("a changed default moves mail that waits, and mail that flows") {
  running<> r;
  r.add_server("first", true);
  r.add_server("second");
  r.add_sender("fixed@example.com", server_override{.server = "first"});
  r.script.answers["first"] = always(failure(cause::connection_refused, stage::connect));
  for (int i = 0; i < 30; ++i) r.submit(letter("waiting"));
  r.submit(letter("fixed"), "fixed@example.com");
  REQUIRE(r.until([&] { return r.script.to("first").size() >= 3; }));
  expect(r.registry.set_default_server("acme", "second"));
  const auto before = r.script.to("first").size();
  REQUIRE(r.until([&] { return r.script.to("second").size() == 30; }));
  for (const auto& one : r.script.to("second")) CHECK(one.content.starts_with("Subject: waiting"));
  const auto late = r.script.to("first");
  for (std::size_t i = before + 8; i < late.size(); ++i) CHECK(late[i].content.starts_with("Subject: fixed"));

  r.script.answers.erase("first");
  REQUIRE(r.until([&] { return r.empty(); }));
  for (int i = 0; i < 50; ++i) {
    if (i == 25) expect(r.registry.set_default_server("acme", "first"));
    const auto sent = r.script.log.size();
    r.submit(letter("flow " + std::to_string(i)));
    REQUIRE(r.until([&] { return r.script.log.size() > sent; }));
  }
  REQUIRE(r.until([&] { return r.empty(); }));
  for (const auto& one : r.script.log) {
    if (!one.content.starts_with("Subject: flow")) continue;
    CHECK(one.host == (std::stoi(one.content.substr(14)) < 25 ? "second" : "first"));
  }
}

TEST_CASE("a pinned mail takes its server, whatever the default") {
  running<> r;
  r.add_server("first", true);
  r.add_server("second");
  r.submit(letter("pinned"), "ada@example.com", "second");
  REQUIRE(r.until([&] { return r.empty() && !r.script.log.empty(); }));
  CHECK(r.script.log[0].host == "second");
}

TEST_CASE("a changed definition gets connections of its own, and the old ones are closed") {
  running<> r;
  r.add_server("first", true);
  r.submit(letter("before"));
  REQUIRE(r.until([&] { return r.script.log.size() == 1 && r.empty(); }));
  server_record moved{.name = "first", .settings = at("elsewhere")};
  expect(r.registry.set_server("acme", std::move(moved)));
  r.submit(letter("after"));
  REQUIRE(r.until([&] { return r.script.to("elsewhere").size() == 1 && r.empty(); }));
  CHECK(r.until([&] { return r.script.closed == 1; }));
  // What does not concern the definition does not concern the connections.
  r.add_sender("new@example.com");
  r.submit(letter("again"));
  REQUIRE(r.until([&] { return r.script.to("elsewhere").size() == 2 && r.empty(); }));
  CHECK(r.script.pools == 2);
  CHECK(r.script.closed == 1);
}

TEST_CASE("no mail is taken for a tenant that does not exist") {
  running<> r;
  std::optional<result<mail_id>> answer;
  const auto keep = [&](const std::exception_ptr& error, result<mail_id> id) {
    if (!error) answer = std::move(id);
  };
  asio::co_spawn(r.context, r.line->submit(submitter("nobody", "ada@example.com"), letter("for nobody")), keep);
  REQUIRE(r.until([&] { return answer.has_value(); }));
  REQUIRE_FALSE(*answer);
  CHECK(answer->error().cause == cause::no_server);
  CHECK(answer->error().detail == "tenant \"nobody\" does not exist");
  CHECK(r.counts().waiting == 0);

  using writer_type = decltype(r)::line_type::writer;
  bool begun = true;
  asio::co_spawn(r.context, r.line->begin(submitter("nobody", "ada@example.com"), letter("for nobody").envelope()),
                 [&](const std::exception_ptr&, const result<writer_type>& writer) { begun = writer.has_value(); });
  CHECK(r.until([&] { return !begun; }));
}

TEST_CASE("mail of a tenant that was removed waits until it is there again") {
  running<> r;
  expect(r.registry.add_tenant("later"));
  asio::co_spawn(r.context, r.line->submit(submitter("later", "ada@example.com"), letter("early")), asio::detached);
  expect(r.registry.remove_tenant("later"));
  r.pass(50ms);
  CHECK(r.script.log.empty());
  CHECK(r.counts().waiting == 1);
  expect(r.registry.add_tenant("later"));
  REQUIRE(r.until([&] { return r.script.log.size() == 1 && r.empty(); }));
  CHECK(r.script.log[0].host == "internal");
}

TEST_CASE("one server dead, one that answers 4xx, one healthy: the healthy one notices nothing") {
  auto options = quick_options();
  options.server_pauses = {1h, 1h};
  running<> r(memory::spool(), retry_schedule{.first = 50ms, .longest = 100ms, .give_up = 1h, .spread = 0}, options);
  for (const char* name : {"dead", "busy", "well"}) {
    r.add_server(name);
    r.add_sender(std::string(name) + "@example.com", server_override{.server = name});
  }
  r.script.answers["dead"] = always(failure(cause::connect_timeout, stage::connect));
  r.script.delays["dead"] = 30ms;
  r.script.answers["busy"] = always(failure(cause::greylisted, stage::rcpt));
  for (int i = 0; i < 400; ++i) r.submit(letter("dead"), "dead@example.com");
  for (int i = 0; i < 20; ++i) r.submit(letter("busy"), "busy@example.com");
  for (int i = 0; i < 20; ++i) r.submit(letter("well"), "well@example.com");
  REQUIRE(r.until([&] { return r.script.to("well").size() == 20; }));
  REQUIRE(r.until([&] { return !r.heard.all->held.empty() && r.script.to("busy").size() >= 60; }));
  CHECK(r.script.to("dead").size() <= 16);  // as many as go at once before the first comes back
  CHECK(r.heard.all->held == std::vector<std::string>{"dead"});
  REQUIRE(r.line->held().size() == 1);
  CHECK(r.line->held()[0].server == "dead");
  CHECK(r.line->held()[0].why.cause == cause::connect_timeout);

  r.script.answers.clear();
  CHECK(expect(r.get(r.line->edit(r.acknowledged[0], mail_edit::retry()))));  // has the server tried now
  REQUIRE(r.until([&] { return r.empty(); }));
  CHECK(r.heard.all->released == std::vector<std::string>{"dead"});
  CHECK(r.heard.all->failed.empty());
  CHECK(r.line->held().empty());
  CHECK(r.script.to("dead").size() >= 400);
}

TEST_CASE("trouble of the server is no attempt of the mail") {
  running<> r;
  r.add_server("first", true);
  r.script.answers["first"] = always(failure(cause::connection_refused, stage::connect));
  r.submit(letter("patient"));
  REQUIRE(r.until([&] { return r.script.log.size() >= 4; }));
  const auto all = r.list();
  REQUIRE(all.size() == 1);
  CHECK(all[0].recipients[0].attempts == 0);
  REQUIRE(all[0].recipients[0].failure);
  CHECK(all[0].recipients[0].failure->cause == cause::connection_refused);
}

TEST_CASE("a rejected account never bounces: it is suspended and its mail waits until it is mended") {
  auto options = quick_options();
  options.account_pauses = {1h, 1h};
  running<> r(memory::spool(), quick(), options);
  r.add_server("first", true);
  failure rejected(cause::credentials_rejected, stage::auth);
  rejected.outcome = outcome::permanent;
  rejected.code = 535;
  r.script.answers["first"] = always(rejected);
  for (int i = 0; i < 5; ++i) r.submit(letter("waits"));
  REQUIRE(r.until([&] { return !r.heard.all->suspended.empty(); }));
  r.pass(50ms);
  CHECK(r.heard.all->suspended == std::vector<std::string>{"first/"});
  CHECK(r.counts().waiting == 5);
  CHECK(r.heard.all->failed.empty());
  r.script.answers.clear();
  auto mended = at("first");
  mended.account.password = secret("another one");
  expect(r.registry.set_server("acme", server_record{.name = "first", .settings = mended}));
  REQUIRE(r.until([&] { return r.empty(); }));
}

TEST_CASE("a sender that its server does not let send holds up nobody else") {
  auto options = quick_options();
  options.account_pauses = {1h, 1h};
  running<> r(memory::spool(), quick(), options);
  r.add_server("first", true);
  r.script.answers["first"] = [](const mail& what) {
    if (what.envelope().reverse_path->str().starts_with("eve"))
      return refuse(what, failure(cause::sender_not_allowed, stage::mail));
    return accept(what);
  };
  r.submit(letter("no", {"charles@example.org"}, "eve@example.com"), "eve@example.com");
  REQUIRE(r.until([&] { return r.heard.all->suspended.size() == 1; }));
  CHECK(r.heard.all->suspended[0] == "first/eve@example.com");
  for (int i = 0; i < 10; ++i) r.submit(letter("yes"));
  r.submit(letter("no", {"charles@example.org"}, "eve@example.com"), "eve@example.com");
  REQUIRE(r.until([&] { return r.counts().waiting == 2; }));
  CHECK(r.script.log.size() == 11);
  const auto held = r.line->held();
  REQUIRE(held.size() == 1);  // the sender, not the server
  CHECK(held[0].sender == "eve@example.com");
}

TEST_CASE("recipients are tried again by the strategy, each for itself") {
  running<> r;
  r.add_server("first", true);
  int asked = 0;
  r.script.answers["first"] = [&](const mail& what) {
    receipt all = accept(what);
    ++asked;
    for (auto& one : all.recipients)
      if (one.address.starts_with("slow") && asked < 4)
        one = recipient_outcome(one.address, failure(cause::greylisted, stage::rcpt));
    return all;
  };
  r.submit(letter("two", {"charles@example.org", "slow@example.org"}));
  REQUIRE(r.until([&] { return asked == 4 && r.empty(); }));
  CHECK(r.script.log[0].recipients.size() == 2);
  for (std::size_t i = 1; i < 4; ++i) CHECK(r.script.log[i].recipients == std::vector<std::string>{"slow@example.org"});
  CHECK(r.script.log[1].at - r.script.log[0].at >= 20ms);
  CHECK(r.script.log[2].at - r.script.log[1].at >= 40ms);
  CHECK(r.heard.all->deferred == 3);
}

TEST_CASE("who was given up is notified about once, all of a settlement together, through the internal server") {
  running<> r;
  r.add_server("first", true);
  r.script.answers["first"] = [](const mail& what) {
    receipt all = accept(what);
    for (auto& one : all.recipients)
      if (one.address.starts_with("no"))
        one = recipient_outcome(one.address, failure(cause::mailbox_unknown, stage::rcpt));
    return all;
  };
  r.submit(letter("three", {"nobody@example.org", "charles@example.org", "noone@example.org"}));
  REQUIRE(r.until([&] { return r.script.log.size() == 2 && r.empty(); }));
  CHECK(r.script.log[1].host == "internal");
  CHECK(r.script.log[1].recipients == std::vector<std::string>{"ada@example.com"});
  const auto& text = r.script.log[1].content;
  CHECK(text.find("nobody@example.org") != std::string::npos);
  CHECK(text.find("noone@example.org") != std::string::npos);
  CHECK(text.find("multipart/report") != std::string::npos);
  CHECK(r.heard.all->failed == std::vector<std::string>{"nobody@example.org noone@example.org "});
  CHECK(r.heard.all->notified == std::vector<std::string>{"ada@example.com"});
}

TEST_CASE("a mail from nobody that fails is not notified, and stays listed") {
  running<> r;
  r.script.answers["internal"] = always(failure(cause::mailbox_unknown, stage::rcpt));
  r.submit(letter("lost", {"nobody@example.org"}, ""), "");
  REQUIRE(r.until([&] { return r.counts().failed == 1; }));
  r.pass(30ms);
  CHECK(r.script.log.size() == 1);
  CHECK(r.heard.all->notified.empty());
}

TEST_CASE("NOTIFY=NEVER is obeyed") {
  running<> r;
  r.script.answers["internal"] = always(failure(cause::mailbox_unknown, stage::rcpt));
  envelope to = letter("x").envelope();
  to.recipients[0].notify = notify::never;
  r.submit(mail(std::move(to), letter("x").content()));
  REQUIRE(r.until([&] { return r.script.log.size() == 1 && r.empty(); }));
  CHECK(r.heard.all->failed.size() == 1);
  CHECK(r.heard.all->notified.empty());
}

TEST_CASE("age expires behind a dead server too") {
  running<> r(memory::spool(), quick(300ms));
  r.add_server("first", true);
  r.script.answers["first"] = always(failure(cause::connection_refused, stage::connect));
  for (int i = 0; i < 20; ++i) r.submit(letter("old"));
  REQUIRE(r.until([&] { return r.heard.all->notified.size() == 20 && r.empty(); }));
  CHECK(r.script.to("internal").size() == 20);
  CHECK(r.script.to("internal")[0].content.find("charles@example.org") != std::string::npos);
}

TEST_CASE("an unknown mail goes to the same server again, after a pause, marked as a possible duplicate") {
  running<> r;
  r.add_server("first", true);
  int asked = 0;
  r.script.answers["first"] = [&](const mail& what) {
    return ++asked == 1 ? refuse(what, lost_after_the_dot()) : accept(what);
  };
  r.submit(letter("perhaps"));
  REQUIRE(r.until([&] { return asked == 1; }));
  REQUIRE(r.until([&] { return r.heard.all->deferred == 1; }));
  REQUIRE(r.list().size() == 1);
  CHECK(r.list()[0].recipients[0].possible_duplicate);
  REQUIRE(r.until([&] { return asked == 2 && r.empty(); }));
  CHECK(r.script.log[0].content == r.script.log[1].content);
  CHECK(r.script.log[1].at - r.script.log[0].at >= quick_options().unknown_pause);
  CHECK(r.script.log[1].host == "first");
  CHECK(r.heard.all->duplicates == 1);
}

TEST_CASE("a strategy can rather lose than repeat") {
  const auto strategy = quick() | give_up_when_unknown{};
  running<memory::spool, std::remove_const_t<decltype(strategy)>> r(memory::spool(), strategy);
  r.add_server("first", true);
  r.script.answers["first"] = always(lost_after_the_dot());
  r.submit(letter("once"));
  REQUIRE(r.until([&] { return r.heard.all->notified.size() == 1 && r.empty(); }));
  CHECK(r.script.to("first").size() == 1);
}

TEST_CASE(
    "a mail with more recipients than the server takes goes in parts, and each part is settled as it is answered") {
  running<> r;
  auto small = at("small");
  small.limits.recipients_per_mail = 2;
  expect(r.registry.add_server("acme", server_record{.name = "small", .settings = small}, true));
  r.submit(letter("five", {"a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org"}));
  REQUIRE(r.until([&] { return r.empty() && r.script.log.size() >= 3; }));
  REQUIRE(r.script.log.size() == 3);
  CHECK(r.script.log[0].recipients.size() == 2);
  CHECK(r.script.log[2].recipients == std::vector<std::string>{"e@example.org"});
  CHECK(r.heard.all->attempts.size() == 1);
}

TEST_CASE("stop lets those on their way finish, and takes up nothing more") {
  running<> r;
  r.add_server("slow", true);
  r.script.delays["slow"] = 500ms;
  for (int i = 0; i < 40; ++i) r.submit(letter("m" + std::to_string(i)));
  REQUIRE(r.until([&] { return r.line->in_flight() > 0; }));
  const auto under_way = r.line->in_flight();
  r.stop();
  CHECK(r.script.log.size() == under_way);
  CHECK(r.counts().waiting == 40 - under_way);
  r.pass(50ms);
  CHECK(r.script.log.size() == under_way);
}

TEST_CASE("after the end of patience what is on its way is left in the spool") {
  running<> r;
  r.add_server("stuck", true);
  r.script.delays["stuck"] = 1h;
  for (int i = 0; i < 5; ++i) r.submit(letter("stuck"));
  REQUIRE(r.until([&] { return r.line->in_flight() == 5; }));
  r.stop(20ms);
  CHECK(r.line->in_flight() == 0);
  CHECK(r.counts().waiting == 5);

  r.script.delays.clear();
  r.start(quick(), quick_options());
  REQUIRE(r.until([&] { return r.empty(); }));
}

TEST_CASE("a pipeline that is destroyed at once leaves everything in the spool, to the next one") {
  running<> r;
  r.add_server("stuck", true);
  r.script.delays["stuck"] = 1h;
  for (int i = 0; i < 300; ++i) r.submit(letter("stuck"));
  REQUIRE(r.until([&] { return r.line->in_flight() > 0 && r.acknowledged.size() == 300; }));
  r.line.reset();
  r.script.delays.clear();
  r.script.log.clear();
  r.start(quick(), quick_options());
  REQUIRE(r.until([&] { return r.empty(); }));
  CHECK(r.script.log.size() == 300);
}

TEST_CASE("what an operator changes in a waiting mail counts at once") {
  auto options = quick_options();
  options.server_pauses = {1h, 1h};
  running<> r(memory::spool(), quick(), options);
  r.add_server("first", true);
  r.add_server("second");
  r.script.answers["first"] = always(failure(cause::connection_refused, stage::connect));
  for (int i = 0; i < 3; ++i) r.submit(letter("m"));
  REQUIRE(r.until([&] { return r.heard.all->held.size() == 1 && r.line->waiting() == 3; }));
  CHECK(expect(r.get(r.line->edit(r.acknowledged[0], mail_edit::pin("second")))));
  REQUIRE(r.until([&] { return r.script.to("second").size() == 1; }));
  CHECK(expect(r.get(r.line->edit(r.acknowledged[1], mail_edit::remove()))));
  REQUIRE(r.until([&] { return r.counts().waiting == 1 && r.line->waiting() == 1; }));
  r.script.answers.clear();
  CHECK(expect(r.get(r.line->edit(r.acknowledged[2], mail_edit::retry()))));
  REQUIRE(r.until([&] { return r.empty(); }));
  CHECK_FALSE(expect(r.get(r.line->edit(mail_id{999}, mail_edit::retry()))));
}

TEST_CASE("records of waiting mail do not fill the memory: beyond a few, the id is enough") {
  auto options = quick_options();
  options.records_per_server = 3;
  running<> r(memory::spool(), quick(), options);
  r.add_server("first", true);
  r.script.answers["first"] = always(failure(cause::connection_refused, stage::connect));
  for (int i = 0; i < 100; ++i) r.submit(letter(std::to_string(i)));
  REQUIRE(r.until([&] { return r.line->waiting() >= 99; }));
  r.script.answers.clear();
  REQUIRE(r.until([&] { return r.empty(); }));
}

}  // namespace pipeline_tests
