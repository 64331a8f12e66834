#include <postrider/delivery/mail_filter.hpp>

#include "delivery/spooled.hpp"

#include <catch2/catch.hpp>

#include <functional>

namespace mail_filter_tests {

using namespace postrider;
using namespace postrider::test;
using namespace std::chrono_literals;
using enum postrider::recipient_state;

namespace {

/// r0 is pending and was told "no" by a:25, r1 was accepted, r2 failed at b:587.
spooled_mail sample() {
  spooled_mail mail = mail_in({pending, accepted, failed});
  mail.from = submitter("acme", "ada@example.com", "desk", "backup");
  mail.recipients[0].failure.emplace(cause::mailbox_full, stage::rcpt);
  mail.recipients[0].failure->server = "a:25";
  mail.recipients[2].failure.emplace(cause::connection_closed, stage::data);
  mail.recipients[2].failure->server = "b:587";
  return mail;
}

}  // namespace

TEST_CASE("a filter matches what has all that it asks for", "[delivery][mail_filter]") {
  struct row {
    const char* what;
    std::function<void(mail_filter&)> ask;
    bool matches;
  };
  const spooled_mail mail = sample();
  for (const row& r : std::initializer_list<row>{
           {"everything", [](mail_filter&) {}, true},
           {"tenant", [](mail_filter& f) { f.tenant = "acme"; }, true},
           {"a part of the tenant", [](mail_filter& f) { f.tenant = "acm"; }, false},
           {"tenant in capitals", [](mail_filter& f) { f.tenant = "Acme"; }, false},
           {"sender", [](mail_filter& f) { f.sender = "ada@example.com"; }, true},
           {"a part of the sender", [](mail_filter& f) { f.sender = "ada@"; }, false},
           {"pin", [](mail_filter& f) { f.pin = "backup"; }, true},
           {"other pin", [](mail_filter& f) { f.pin = "main"; }, false},
           {"login as pin", [](mail_filter& f) { f.pin = "desk"; }, false},
           {"created later than the limit", [](mail_filter& f) { f.created_before = day - 1ms; }, false},
           {"created at the limit", [](mail_filter& f) { f.created_before = day; }, false},
           {"created before it", [](mail_filter& f) { f.created_before = day + 1ms; }, true},
           {"state", [](mail_filter& f) { f.state = failed; }, true},
           {"the first state", [](mail_filter& f) { f.state = pending; }, true},
           {"a state nobody is in", [](mail_filter& f) { f.state = held; }, false},
           {"cause", [](mail_filter& f) { f.cause = cause::connection_closed; }, true},
           {"a cause nobody has", [](mail_filter& f) { f.cause = cause::no_address; }, false},
           {"server", [](mail_filter& f) { f.server = "b:587"; }, true},
           {"a part of the server", [](mail_filter& f) { f.server = "b"; }, false},
           {"recipient", [](mail_filter& f) { f.recipient = "r1@example.org"; }, true},
           {"a part of the recipient", [](mail_filter& f) { f.recipient = "2@ex"; }, true},
           {"another recipient", [](mail_filter& f) { f.recipient = "r3"; }, false},
           {"state and cause of one",
            [](mail_filter& f) {
              f.state = failed;
              f.cause = cause::connection_closed;
            },
            true},
           {"state and cause of two",
            [](mail_filter& f) {
              f.state = pending;
              f.cause = cause::connection_closed;
            },
            false},
           {"recipient and server of two",
            [](mail_filter& f) {
              f.recipient = "r0";
              f.server = "b:587";
            },
            false},
           {"cause and server of two",
            [](mail_filter& f) {
              f.cause = cause::connection_closed;
              f.server = "a:25";
            },
            false},
           {"who was accepted has no cause",
            [](mail_filter& f) {
              f.state = accepted;
              f.cause = cause::connection_closed;
            },
            false},
           {"everything at once",
            [](mail_filter& f) {
              f.state = failed;
              f.cause = cause::connection_closed;
              f.tenant = "acme";
              f.sender = "ada@example.com";
              f.recipient = "r2@";
              f.server = "b:587";
              f.pin = "backup";
              f.created_before = day + 1h;
            },
            true},
           {"everything but the tenant",
            [](mail_filter& f) {
              f.state = failed;
              f.tenant = "other";
            },
            false},
       }) {
    CAPTURE(r.what);
    mail_filter filter;
    r.ask(filter);
    CHECK(matches(filter, mail) == r.matches);
  }
}

TEST_CASE("a mail without recipients matches what asks for no recipient", "[delivery][mail_filter]") {
  const spooled_mail mail = mail_in({});
  mail_filter filter;
  filter.tenant = "acme";
  CHECK(matches(filter, mail));
  filter.recipient = "r";
  CHECK_FALSE(matches(filter, mail));
}

TEST_CASE("a mail counts once, by whoever needs it most", "[delivery][mail_filter]") {
  struct row {
    std::initializer_list<recipient_state> states;
    spool_counts counted;
  };
  for (const row& r : std::initializer_list<row>{
           {{pending}, {1, 0, 0}},
           {{failed, held, pending}, {1, 0, 0}},
           {{held}, {0, 1, 0}},
           {{failed, held, accepted}, {0, 1, 0}},
           {{failed, accepted}, {0, 0, 1}},
       }) {
    spool_counts counts;
    counts.add(mail_in(r.states));
    CHECK(counts == r.counted);
  }
  spool_counts all;
  for (const auto state : {pending, held, failed, pending}) all.add(mail_in({state}));
  CHECK(all == spool_counts{2, 1, 1});
}

}  // namespace mail_filter_tests
