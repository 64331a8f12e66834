// Which notifications a sender gets while a mail is on its way: late, relayed, given up (RFC 3461).
#include "delivery/pipeline_house.hpp"

namespace pipeline_notifications_tests {

using namespace house;

namespace {

mail wishing(const std::string& text, std::vector<notify> wishes, const std::string& from = "ada@example.com") {
  std::vector<std::string> to;
  for (std::size_t i = 0; i < wishes.size(); ++i) to.push_back("r" + std::to_string(i) + "@example.org");
  envelope what = letter(text, to, from).envelope();
  for (std::size_t i = 0; i < wishes.size(); ++i) what.recipients[i].notify = wishes[i];
  what.envid = "order-17";
  return mail(std::move(what), letter(text).content());
}

bool says(const sending& notification, const std::string& text) {
  return notification.content.find(text) != std::string::npos;
}

pipeline_options warning_after(std::chrono::milliseconds age) {
  auto options = quick_options();
  options.delay_warning = age;
  return options;
}

}  // namespace

TEST_CASE("who asks for it is told that a server without DSN has the mail; a server with DSN tells him itself") {
  running<> r;
  r.add_server("first", true);
  r.submit(wishing("a", {notify::success | notify::failure, notify::unset, notify::never}));
  REQUIRE(r.until([&] { return r.script.log.size() == 2 && r.empty(); }));
  const auto& told = r.script.log[1];
  CHECK(told.host == "internal");
  CHECK(told.recipients == std::vector<std::string>{"ada@example.com"});
  CHECK(says(told, "Action: relayed\r\nStatus: 2."));
  CHECK(says(told, "Original-Envelope-Id: order-17\r\n"));
  CHECK(says(told, "r0@example.org"));
  CHECK_FALSE(says(told, "r1@example.org"));
  CHECK_FALSE(says(told, "r2@example.org"));

  r.script.takes_over_notifications = true;
  r.submit(wishing("b", {notify::success}));
  REQUIRE(r.until([&] { return r.script.log.size() == 3 && r.empty(); }));
  r.pass(20ms);
  CHECK(r.script.log.size() == 3);
}

TEST_CASE("a late mail is told of once, in time, whatever keeps it: a server in trouble, or a recipient") {
  for (const bool dead : {true, false}) {
    CAPTURE(dead);
    running<> r(memory::spool(), quick(1h), warning_after(120ms));
    r.add_server("first", true);
    failure why(dead ? cause::connection_refused : cause::greylisted, dead ? stage::connect : stage::rcpt);
    r.script.answers["first"] = always(why);
    r.submit(wishing("a", {notify::unset, notify::delay, notify::failure, notify::never}));
    REQUIRE(r.until([&] { return r.script.to("internal").size() == 1; }));
    const auto told = r.script.to("internal")[0];
    CHECK(told.at - r.list().at(0).created >= 120ms);
    CHECK(says(told, "Action: delayed\r\nStatus: 4."));
    CHECK(says(told, "Will-Retry-Until: "));
    CHECK(says(told, "Subject: Delayed mail\r\n"));
    CHECK(says(told, "r0@example.org"));
    CHECK(says(told, "r1@example.org"));
    CHECK_FALSE(says(told, "r2@example.org"));
    CHECK_FALSE(says(told, "r3@example.org"));
    const auto tried = r.script.to("first").size();
    REQUIRE(r.until([&] { return r.script.to("first").size() >= tried + 5; }));
    CHECK(r.script.to("internal").size() == 1);
    r.script.answers.clear();
    REQUIRE(r.until([&] { return r.empty(); }));
    CHECK(r.script.to("internal").size() == 1);
  }
}

TEST_CASE("everybody whose mail waits behind a dead server is told, once, and then told that it failed") {
  bool impatient = false;
  running<memory::spool, until_told> r(memory::spool(), until_told{&impatient}, warning_after(100ms));
  r.add_server("first", true);
  r.script.answers["first"] = always(failure(cause::connection_refused, stage::connect));
  for (int i = 0; i < 100; ++i) r.submit(wishing("m", {notify::unset}));
  r.submit(letter("from nobody", {"charles@example.org"}, ""), "");
  REQUIRE(r.until([&] { return r.script.to("internal").size() == 100; }));
  impatient = true;
  REQUIRE(r.until([&] { return r.heard.all->notified.size() == 100 && r.counts().waiting == 0; }));
  std::size_t delayed = 0, failed = 0;
  for (const auto& one : r.script.to("internal")) {
    delayed += says(one, "Action: delayed") ? 1U : 0U;
    failed += says(one, "Action: failed") ? 1U : 0U;
  }
  CHECK(delayed == 100);
  CHECK(failed == 100);
  CHECK(r.counts().failed == 1);
}

TEST_CASE("a failure is told only to who wants to know, and the mail is gone either way") {
  running<> r;
  r.add_server("first", true);
  r.script.answers["first"] = always(failure(cause::mailbox_unknown, stage::rcpt));
  r.submit(wishing("a", {notify::success, notify::delay, notify::never}));
  REQUIRE(r.until([&] { return r.script.to("first").size() == 1 && r.empty(); }));
  r.pass(20ms);
  CHECK(r.script.to("internal").empty());
  r.submit(wishing("b", {notify::success, notify::failure | notify::delay}));
  REQUIRE(r.until([&] { return r.script.to("internal").size() == 1 && r.empty(); }));
  CHECK(says(r.script.to("internal")[0], "r1@example.org"));
  CHECK_FALSE(says(r.script.to("internal")[0], "r0@example.org"));
}

}  // namespace pipeline_notifications_tests
