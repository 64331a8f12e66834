// A server that is in trouble for everybody, and an account that is in trouble alone.
#include "delivery/pipeline_house.hpp"

namespace pipeline_accounts_tests {

using namespace house;

namespace {

constexpr int accounts = 40;

std::string sender_of(int account) {
  return "user" + std::to_string(account) + "@example.com";
}

/// One server, and senders with an account of their own on it.
template <class Running>
void add_accounts(Running& r) {
  r.add_server("first", true);
  for (int i = 0; i < accounts; ++i)
    r.add_sender(sender_of(i),
                 server_override{.server = "first", .account = {"user" + std::to_string(i), secret("secret")}});
}

void submit_for(running<>& r, int account, const std::string& text) {
  r.submit(letter(text, {"charles@example.org"}, sender_of(account)), sender_of(account));
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("a server that cannot be reached is one breaker, however many accounts wait for it") {
  auto options = quick_options();
  options.server_pauses = {100ms, 200ms};
  running<> r(memory::spool(), quick(), options);
  add_accounts(r);
  r.script.answers["first"] = always(failure(cause::connection_refused, stage::connect));
  submit_for(r, 0, "the first");
  REQUIRE(r.until([&] { return r.script.log.size() == 1 && r.line->in_flight() == 0; }));
  CHECK(r.heard.all->held == names{"first"});
  CHECK(expect(r.line->ways(submitter("acme", sender_of(7)))).at(0).held);  // of whom no mail came yet

  // The others need not find out for themselves.
  for (int i = 1; i < accounts; ++i) submit_for(r, i, "other");
  REQUIRE(r.until([&] { return r.acknowledged.size() == accounts && r.script.log.size() >= 5; }));
  REQUIRE(r.until([&] { return r.line->in_flight() == 0; }));
  for (std::size_t i = 1; i < r.script.log.size(); ++i) {
    CAPTURE(i);  // one probe for all of them, after each pause
    CHECK(r.script.log[i].at - r.script.log[i - 1].at >= 99ms);
  }
  CHECK(r.script.pools <= accounts);
  CHECK(r.heard.all->held == names{"first"});
  CHECK(r.line->held().size() == accounts);  // each account's mail waits, and says why
  const auto way = expect(r.line->ways(submitter("acme", sender_of(7)))).at(0);
  CHECK(way.state == breaker::state::open);
  CHECK_FALSE(way.suspended);
  CHECK(way.trouble->cause == cause::connection_refused);

  r.script.answers.clear();
  REQUIRE(r.until([&] { return r.empty(); }));
  CHECK(r.heard.all->released == names{"first"});
  CHECK(r.line->held().empty());
  CHECK(r.heard.all->failed.empty());
}

TEST_CASE("credentials that are rejected concern their account alone") {
  auto options = quick_options();
  options.account_pauses = {1h, 1h};
  running<> r(memory::spool(), quick(), options);
  add_accounts(r);
  r.script.answers["first"] = [&](const mail& what) {
    const bool wrong = what.envelope().reverse_path->str() == sender_of(0);
    return wrong ? refuse(what, failure(cause::credentials_rejected, stage::auth)) : accept(what);
  };
  for (int i = 0; i < accounts; ++i) submit_for(r, i, "m");
  REQUIRE(r.until([&] { return r.acknowledged.size() == accounts && r.counts().waiting == 1; }));
  CHECK(r.heard.all->suspended == names{"first/"});
  CHECK(r.heard.all->held.empty());
  const auto way = expect(r.line->ways(submitter("acme", sender_of(0)))).at(0);
  CHECK(way.suspended);
  CHECK(way.held);
  CHECK_FALSE(expect(r.line->ways(submitter("acme", sender_of(1)))).at(0).held);
}

TEST_CASE("whoever gets as far as the login proves that the server can be reached") {
  auto options = quick_options();
  options.account_pauses = {1h, 1h};
  running<> r(memory::spool(), quick(), options);
  add_accounts(r);
  r.script.answers["first"] = always(failure(cause::connect_timeout, stage::connect));
  for (int i = 0; i < accounts; ++i) submit_for(r, i, "m");
  REQUIRE(r.until([&] { return r.acknowledged.size() == accounts && r.line->waiting() == accounts; }));
  // The probe is an account's that is refused: it waits, and all the others go.
  std::string refused;
  r.script.answers["first"] = [&](const mail& what) {
    const std::string sender(what.envelope().reverse_path->str());
    if (refused.empty()) refused = sender;
    const bool wrong = sender == refused;
    return wrong ? refuse(what, failure(cause::credentials_rejected, stage::auth)) : accept(what);
  };
  REQUIRE(r.until([&] { return r.counts().waiting == 1 && r.line->in_flight() == 0; }));
  CHECK(r.heard.all->released == names{"first"});
  CHECK(r.heard.all->suspended == names{"first/"});
  CHECK(r.line->held().size() == 1);
}

TEST_CASE("an account that fails at its login does not leave the probe of its server undecided") {
  auto options = quick_options();
  options.account_pauses = {10ms, 10ms};
  running<> r(memory::spool(), quick(), options);
  r.add_server("first", true);
  r.script.answers["first"] = always(failure(cause::credentials_rejected, stage::auth));
  r.submit(letter("m"));
  REQUIRE(r.until([&] { return r.heard.all->suspended.size() == 1; }));
  // The account's probe does not get that far.
  r.script.answers["first"] = always(failure(cause::connection_refused, stage::connect));
  REQUIRE(r.until([&] { return r.heard.all->held.size() == 1; }));
  r.script.answers.clear();
  REQUIRE(r.until([&] { return r.empty(); }));
  CHECK(r.line->held().empty());
}

}  // namespace pipeline_accounts_tests
