#include <postrider/delivery/settlement.hpp>

#include "delivery/spooled.hpp"

#include <catch2/catch.hpp>

namespace settlement_tests {

using namespace postrider;
using namespace postrider::test;
using namespace std::chrono_literals;
using enum postrider::recipient_state;

namespace {

failure busy() {
  return failure(cause::mailbox_full, stage::rcpt, "busy");
}
failure unknown() {
  failure why(cause::connection_closed, stage::final, "lost after the final dot");
  why.outcome = outcome::unknown;
  return why;
}

std::vector<recipient_state> states(const spooled_mail& mail) {
  std::vector<recipient_state> all;
  for (const auto& r : mail.recipients) all.push_back(r.state);
  return all;
}

constexpr recipient_state all_states[] = {pending, held, accepted, failed, removed};

}  // namespace

TEST_CASE("a change says what it changes, and no more", "[delivery][settlement]") {
  const auto good = recipient_change::accepted(3);
  CHECK(good.position == 3);
  CHECK(good.state == accepted);
  CHECK_FALSE(good.failure);
  CHECK(good.counted);
  CHECK_FALSE(good.possible_duplicate);
  CHECK_FALSE(good.notified);

  const auto later = recipient_change::deferred(1, busy(), day + 5min, 5min);
  CHECK(later.state == pending);
  CHECK(later.failure->detail == "busy");
  CHECK(later.next_attempt == day + 5min);
  CHECK(later.delay == 5min);
  CHECK(later.counted);
  CHECK_FALSE(later.possible_duplicate);
  CHECK_FALSE(recipient_change::deferred(1, busy(), day, 0ms, false).counted);
  CHECK(recipient_change::deferred(1, unknown(), day, 0ms).possible_duplicate);

  CHECK(recipient_change::failed(2, busy(), true).notified);
  CHECK_FALSE(recipient_change::failed(2, busy(), false).notified);
  CHECK(recipient_change::failed(2, busy(), false).state == failed);
  CHECK(recipient_change::failed(2, unknown(), false).possible_duplicate);
}

TEST_CASE("a settlement changes the recipients that it names", "[delivery][settlement]") {
  spooled_mail mail = mail_in({pending, pending, pending, pending});
  settlement change(mail.id);
  CHECK(change.release);
  change.recipients = {recipient_change::failed(3, busy(), true), recipient_change::accepted(0),
                       recipient_change::deferred(1, busy(), day + 1h, 1h)};
  change.attempt.emplace(day, receipt());
  apply(mail, change);

  CHECK(states(mail) == std::vector{accepted, pending, pending, failed});
  CHECK(mail.attempts == 1);
  CHECK(mail.recipients[0].attempts == 1);
  CHECK_FALSE(mail.recipients[0].failure);
  CHECK(mail.recipients[1].attempts == 1);
  CHECK(mail.recipients[1].next_attempt == day + 1h);
  CHECK(mail.recipients[1].last_delay == 1h);
  CHECK(mail.recipients[1].failure->detail == "busy");
  CHECK(mail.recipients[2].attempts == 0);
  CHECK(mail.recipients[2].next_attempt == day);
  CHECK(mail.recipients[3].notified);
}

TEST_CASE("that a late mail was notified says nothing of its failure", "[delivery][settlement]") {
  spooled_mail mail = mail_in({pending});
  settlement change(mail.id);
  change.recipients = {recipient_change::deferred(0, busy(), day + 1h, 1h)};
  change.recipients[0].notified = true;
  apply(mail, change);
  CHECK(mail.recipients[0].notified);
  change.recipients[0].notified = false;
  apply(mail, change);
  CHECK(mail.recipients[0].notified);  // it stays so while it waits
  change.recipients = {recipient_change::failed(0, busy(), false)};
  apply(mail, change);
  CHECK_FALSE(mail.recipients[0].notified);
  CHECK_FALSE(mail.finished());
}

TEST_CASE("only what is recorded counts as an attempt", "[delivery][settlement]") {
  spooled_mail mail = mail_in({pending});
  settlement change(mail.id);
  change.recipients = {recipient_change::deferred(0, busy(), day + 1h, 1h, false)};
  apply(mail, change);
  CHECK(mail.attempts == 0);  // no record
  CHECK(mail.recipients[0].attempts == 0);
  CHECK(mail.recipients[0].last_delay == 1h);
  change.recipients[0].counted = true;
  change.attempt.emplace(day, receipt());
  apply(mail, change);
  apply(mail, change);
  CHECK(mail.attempts == 2);
  CHECK(mail.recipients[0].attempts == 2);
}

TEST_CASE("a settlement makes of each state what it should", "[delivery][settlement]") {
  const auto after = [](recipient_state before, const recipient_change& change) {
    spooled_mail mail = mail_in({before});
    settlement all(mail.id);
    all.recipients = {change};
    apply(mail, all);
    const auto& now = mail.recipients[0];
    const bool touched = now.attempts != 0;
    CHECK(touched == (before == pending || before == held));
    return now.state;
  };
  for (const auto before : all_states) {
    CAPTURE(to_string(before));
    const bool open = before == pending || before == held;
    CHECK(after(before, recipient_change::accepted(0)) == (open ? accepted : before));
    CHECK(after(before, recipient_change::failed(0, busy(), false)) == (open ? failed : before));
    // A hold outlives the attempt that was under way.
    CHECK(after(before, recipient_change::deferred(0, busy(), day, 0ms)) == before);
  }
}

TEST_CASE("a recipient that may have the mail already is marked for good", "[delivery][settlement]") {
  spooled_mail mail = mail_in({pending});
  settlement first(mail.id), second(mail.id);
  first.recipients = {recipient_change::deferred(0, unknown(), day, 0ms)};
  second.recipients = {recipient_change::accepted(0)};
  apply(mail, first);
  CHECK(mail.recipients[0].possible_duplicate);
  apply(mail, second);
  CHECK(mail.recipients[0].possible_duplicate);
  CHECK_FALSE(mail.recipients[0].failure);
}

TEST_CASE("positions that the mail does not have are passed over", "[delivery][settlement]") {
  spooled_mail mail = mail_in({pending, pending});
  settlement change(mail.id);
  change.recipients = {recipient_change::accepted(2), recipient_change::accepted(static_cast<std::size_t>(-1)),
                       recipient_change::accepted(1)};
  apply(mail, change);
  CHECK(states(mail) == std::vector{pending, accepted});
}

TEST_CASE("an operator's edit makes of each state what it should", "[delivery][settlement]") {
  struct row {
    mail_edit edit;
    std::vector<recipient_state> after;  // of pending, held, accepted, failed, removed
  };
  for (const row& r : {row{mail_edit::hold(), {held, held, accepted, failed, removed}},
                       row{mail_edit::unhold(), {pending, pending, accepted, failed, removed}},
                       row{mail_edit::retry(), {pending, pending, accepted, pending, removed}},
                       row{mail_edit::remove(), {removed, removed, accepted, removed, removed}},
                       row{mail_edit::pin("backup"), {pending, held, accepted, failed, removed}},
                       row{mail_edit::unpin(), {pending, held, accepted, failed, removed}}}) {
    CAPTURE(static_cast<int>(r.edit.what));
    spooled_mail mail = mail_in({pending, held, accepted, failed, removed});
    apply(mail, r.edit, day + 1h);
    CHECK(states(mail) == r.after);
    const bool retries = r.edit.what == mail_edit::verb::retry;
    for (const std::size_t i : {0u, 1u, 3u}) CHECK(mail.recipients[i].next_attempt == (retries ? day + 1h : day));
    for (const std::size_t i : {2u, 4u}) CHECK(mail.recipients[i].next_attempt == day);
    CHECK(mail.attempts == 0);
  }
}

TEST_CASE("only who had failed begins anew", "[delivery][settlement]") {
  spooled_mail mail = mail_in({pending, held, failed});
  for (auto& r : mail.recipients) r.attempts = 5;
  apply(mail, mail_edit::retry(), day);
  CHECK(mail.recipients[0].attempts == 5);
  CHECK(mail.recipients[1].attempts == 5);
  CHECK(mail.recipients[2].attempts == 0);
}

TEST_CASE("a pin is replaced and taken away, and other edits leave it", "[delivery][settlement]") {
  spooled_mail mail = mail_in({pending});
  apply(mail, mail_edit::pin("one"), day);
  CHECK(mail.from.pin == "one");
  apply(mail, mail_edit::pin("two"), day);
  for (const auto& edit : {mail_edit::hold(), mail_edit::unhold(), mail_edit::retry()}) apply(mail, edit, day);
  CHECK(mail.from.pin == "two");
  apply(mail, mail_edit::unpin(), day);
  CHECK(mail.from.pin.empty());
  CHECK(mail.from == submitter("acme", "ada@example.com"));
}

}  // namespace settlement_tests
