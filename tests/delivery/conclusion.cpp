#include <postrider/delivery/conclusion.hpp>

#include <catch2/catch.hpp>

#include <initializer_list>
#include <string>

namespace conclusion_tests {

using namespace postrider;
using namespace std::chrono_literals;

namespace {

const spool_time start{1'000'000s};
const auto strategy = fixed_delays{60s, 300s} | give_up_after{24h};

spooled_mail mail_to(std::initializer_list<const char*> addresses) {
  std::vector<recipient> recipients;
  for (const char* one : addresses) recipients.emplace_back(*address::parse(one));
  return {mail_id{7}, submitter("acme", "ada@example.com"),
          envelope(*address::parse("ada@example.com"), std::move(recipients)), content("Subject: x\r\n\r\n"), start};
}

receipt answers(std::initializer_list<recipient_outcome> all) {
  receipt answer;
  answer.recipients = all;
  return answer;
}

failure unknown() {
  failure why(cause::reply_timeout, stage::final);
  why.outcome = outcome::unknown;
  return why;
}

const std::vector<std::size_t> first{0}, both{0, 1}, three{0, 1, 2};

}  // namespace

TEST_CASE("accepted recipients need nothing more") {
  const auto c =
      conclude(mail_to({"a@x.org", "b@x.org"}), both,
               answers({{"a@x.org", outcome::accepted}, {"b@x.org", outcome::accepted}}), strategy, {.now = start});
  REQUIRE(c.change.recipients.size() == 2);
  CHECK(c.change.recipients[1].state == recipient_state::accepted);
  CHECK(c.change.recipients[1].position == 1);
  CHECK(c.answered);
  CHECK_FALSE(c.against_key);
  CHECK(c.given_up.empty());
}

TEST_CASE("a mail is finished once every recipient that it has is accepted") {
  const auto mail = mail_to({"a@x.org", "b@x.org"});
  const recipient_outcome a{"a@x.org", outcome::accepted}, b{"b@x.org", outcome::accepted};
  const recipient_outcome refused{"b@x.org", failure(cause::mailbox_unknown, stage::rcpt)};
  const auto finishes = [&](std::span<const std::size_t> tried, std::initializer_list<recipient_outcome> all) {
    return conclude(mail, tried, answers(all), strategy, {.now = start}).change.finishes;
  };
  CHECK(finishes(both, {a, b}));
  CHECK_FALSE(finishes(first, {a}));
  CHECK_FALSE(finishes(both, {a}));
  CHECK_FALSE(finishes(both, {a, refused}));
}

TEST_CASE("each recipient has its own fate") {
  auto mail = mail_to({"a@x.org", "b@x.org", "c@x.org"});
  mail.recipients[2].attempts = 1;
  const auto c = conclude(mail, three,
                          answers({{"a@x.org", failure(cause::mailbox_unknown)},
                                   {"b@x.org", failure(cause::greylisted)},
                                   {"c@x.org", failure(cause::mailbox_full)}}),
                          strategy, {.now = start + 1s});
  REQUIRE(c.change.recipients.size() == 3);
  CHECK(c.change.recipients[0].state == recipient_state::failed);
  CHECK(c.given_up == std::vector<std::size_t>{0});
  CHECK(c.change.recipients[1].next_attempt == start + 61s);
  CHECK(c.change.recipients[1].counted);
  CHECK(c.change.recipients[2].next_attempt == start + 301s);
  CHECK(c.deferred == 2);
  CHECK(c.retry_after == 60s);
  CHECK(c.answered);
}

TEST_CASE("trouble of the server counts no attempt and leaves the mail due") {
  for (const auto why :
       {cause::connection_refused, cause::certificate_expired, cause::credentials_rejected, cause::provider_quota}) {
    const auto c =
        conclude(mail_to({"a@x.org"}), first, answers({{"a@x.org", failure(why)}}), strategy, {.now = start + 1s});
    REQUIRE(c.change.recipients.size() == 1);
    CHECK_FALSE(c.change.recipients[0].counted);
    CHECK(c.change.recipients[0].state == recipient_state::pending);
    CHECK(c.change.recipients[0].next_attempt == start);
    REQUIRE(c.against_key);
    CHECK(c.against_key->cause == why);
    CHECK_FALSE(c.answered);
    CHECK(c.deferred == 0);
  }
}

TEST_CASE("age expires all the same") {
  const auto late = conclude(mail_to({"a@x.org"}), first, answers({{"a@x.org", failure(cause::connection_refused)}}),
                             strategy, {.now = start + 24h});
  CHECK(late.given_up == first);
  REQUIRE(late.against_key);

  const failure why(cause::connection_refused, stage::connect);
  const auto nobody = [](const spooled_recipient&) { return false; };
  CHECK(conclude_untried(mail_to({"a@x.org"}), first, why, strategy, {.now = start + 24h - 1ms}, nobody)
            .change.recipients.empty());
  const auto untried =
      conclude_untried(mail_to({"a@x.org", "b@x.org"}), both, why, strategy, {.now = start + 24h}, nobody);
  CHECK(untried.given_up == both);
  CHECK(untried.change.recipients[0].failure->cause == cause::connection_refused);
}

TEST_CASE("who is late without a try goes on waiting, and is in the settlement") {
  const failure why(cause::connection_refused, stage::connect);
  const auto is_b = [](const spooled_recipient& r) { return r.who.forward_path.str() == "b@x.org"; };
  const auto late =
      conclude_untried(mail_to({"a@x.org", "b@x.org"}), both, why, strategy, {.now = start + 24h - 1ms}, is_b);
  REQUIRE(late.change.recipients.size() == 1);
  CHECK(late.change.recipients[0].position == 1);
  CHECK(late.change.recipients[0].state == recipient_state::pending);
  CHECK_FALSE(late.change.recipients[0].counted);
  CHECK(late.change.recipients[0].next_attempt == start);
  CHECK(late.given_up.empty());
}

TEST_CASE("a mail that was perhaps delivered is bound to that server for a while, by the last such attempt") {
  auto mail = mail_to({"a@x.org", "b@x.org"});
  CHECK(bound_to(mail, start + 1min, 1h).first.empty());
  auto& b = mail.recipients[1];
  b.possible_duplicate = true;
  b.failure = failure(cause::connection_closed, stage::final);
  b.failure->server = "mx.example.org:25";
  b.last_delay = 15min;
  b.next_attempt = start + 20min;                         // it was tried at five past
  CHECK(bound_to(mail, start + 1min, 1h).first.empty());  // not due
  CHECK(bound_to(mail, start + 20min, 1h).first == "mx.example.org:25");
  CHECK(bound_to(mail, start + 20min, 1h).second == start + 65min);
  CHECK(bound_to(mail, start + 65min - 1ms, 1h).first == "mx.example.org:25");
  CHECK(bound_to(mail, start + 65min, 1h).first.empty());
  b.failure->server.clear();
  CHECK_FALSE(bound_to(mail, start + 20min, 1h).first.empty());  // to nobody knows whom, but not to anybody
  b.state = recipient_state::accepted;
  CHECK(bound_to(mail, start + 20min, 1h).first.empty());
}

TEST_CASE("unknown waits at least its own pause, is marked, and speaks against the server") {
  const auto c = conclude(mail_to({"a@x.org"}), first, answers({{"a@x.org", unknown()}}), strategy,
                          {.now = start, .unknown_pause = 900s});
  REQUIRE(c.change.recipients.size() == 1);
  CHECK(c.change.recipients[0].possible_duplicate);
  CHECK(c.change.recipients[0].next_attempt == start + 900s);
  CHECK(c.against_key);
  CHECK(conclude(mail_to({"a@x.org"}), first, answers({{"a@x.org", unknown()}}), strategy | give_up_when_unknown{},
                 {.now = start})
            .given_up == first);
}

TEST_CASE("a sender that may not send speaks against itself alone") {
  const auto c = conclude(mail_to({"a@x.org"}), first, answers({{"a@x.org", failure(cause::sender_not_allowed)}}),
                          strategy, {.now = start});
  CHECK(c.against_sender);
  CHECK_FALSE(c.against_key);
  CHECK_FALSE(c.change.recipients.at(0).counted);
}

TEST_CASE("an interrupted attempt, or an answer that lacks recipients, changes nothing") {
  CHECK(conclude(mail_to({"a@x.org"}), first, answers({{"a@x.org", failure(cause::shutting_down)}}), strategy,
                 {.now = start})
            .change.recipients.empty());
  const auto c = conclude(mail_to({"a@x.org", "b@x.org"}), both, answers({{"a@x.org", outcome::accepted}}), strategy,
                          {.now = start});
  CHECK(c.change.recipients.size() == 1);
}

TEST_CASE("only recipients that are pending and due are tried") {
  auto mail = mail_to({"a@x.org", "b@x.org", "c@x.org", "d@x.org"});
  mail.recipients[0].state = recipient_state::accepted;
  mail.recipients[1].next_attempt = start + 10s;
  mail.recipients[2].state = recipient_state::held;
  CHECK(due_positions(mail, start) == std::vector<std::size_t>{3});
  CHECK(due_positions(mail, start + 10s) == std::vector<std::size_t>{1, 3});
}

}  // namespace conclusion_tests
