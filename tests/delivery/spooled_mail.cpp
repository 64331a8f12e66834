#include <postrider/delivery/spooled_mail.hpp>

#include "delivery/spooled.hpp"

#include <catch2/catch.hpp>

#include <array>

namespace spooled_mail_tests {

using namespace postrider;
using namespace postrider::test;
using namespace std::chrono_literals;

TEST_CASE("a new mail has its envelope, and everybody is due at once", "[delivery][spooled_mail]") {
  envelope to(at("ada@example.com"), {recipient(at("b@example.com")), recipient(at("a@example.com"))});
  to.envid = "QQ314159";
  to.ret = ret::headers;
  to.recipients[1].notify = notify::delay | notify::failure;
  to.recipients[1].orcpt = "rfc822;x@example.com";
  const spooled_mail mail(mail_id{7}, submitter("acme", "ada@example.com", "login", "pin"), to, content("x\r\n"), day);
  CHECK(mail.id == mail_id{7});
  CHECK(mail.from == submitter("acme", "ada@example.com", "login", "pin"));
  CHECK(mail.created == day);
  CHECK(mail.attempts == 0);
  CHECK(mail.content.bytes() == "x\r\n");
  REQUIRE(mail.recipients.size() == 2);
  CHECK(mail.recipients[0].who == to.recipients[0]);  // in the order of the envelope
  CHECK(mail.recipients[1].who == to.recipients[1]);
  for (const auto& r : mail.recipients) {
    CHECK(r.state == recipient_state::pending);
    CHECK(r.attempts == 0);
    CHECK(r.next_attempt == day);
    CHECK_FALSE(r.failure);
    CHECK_FALSE(r.possible_duplicate);
    CHECK_FALSE(r.notified);
  }
  CHECK(mail.envelope_for(std::array<std::size_t, 2>{0, 1}) == to);
}

TEST_CASE("an envelope for some recipients is in the order that was asked for", "[delivery][spooled_mail]") {
  const spooled_mail mail = mail_in({recipient_state::pending, recipient_state::held, recipient_state::failed});
  const envelope part = mail.envelope_for(std::array<std::size_t, 2>{2, 0});
  CHECK(part.reverse_path == mail.reverse_path);
  REQUIRE(part.recipients.size() == 2);
  CHECK(part.recipients[0] == mail.recipients[2].who);
  CHECK(part.recipients[1] == mail.recipients[0].who);
  CHECK(mail.envelope_for(std::array<std::size_t, 0>{}).recipients.empty());
}

TEST_CASE("the first pending recipient says when a mail is due", "[delivery][spooled_mail]") {
  using enum recipient_state;
  spooled_mail mail = mail_in({held, pending, pending, pending, accepted});
  mail.recipients[0].next_attempt = day - 10h;
  mail.recipients[1].next_attempt = day + 2h;
  mail.recipients[2].next_attempt = day + 1h;
  mail.recipients[3].next_attempt = day + 3h;
  mail.recipients[4].next_attempt = day - 10h;
  CHECK(mail.next_attempt() == day + 1h);
  mail.recipients[2].state = failed;
  CHECK(mail.next_attempt() == day + 2h);
  CHECK_FALSE(mail_in({held, accepted, failed, removed}).next_attempt());
  CHECK_FALSE(mail_in({}).next_attempt());
}

TEST_CASE("any looks for exactly one state", "[delivery][spooled_mail]") {
  using enum recipient_state;
  for (const auto state : {pending, held, accepted, failed, removed})
    for (const auto asked : {pending, held, accepted, failed, removed}) {
      CHECK(mail_in({state}).any(asked) == (state == asked));
      CHECK_FALSE(mail_in({}).any(asked));
    }
  CHECK(mail_in({accepted, accepted, held}).any(held));
}

TEST_CASE("a mail is finished when nobody needs it any more", "[delivery][spooled_mail]") {
  using enum recipient_state;
  struct row {
    recipient_state state;
    bool notified;
    enum notify notify;
    bool null_reverse_path;
    bool finished;
  };
  for (const row& r : std::initializer_list<row>{
           {accepted, false, notify::unset, false, true},
           {removed, false, notify::unset, false, true},
           {pending, false, notify::unset, false, false},
           {held, false, notify::unset, false, false},
           {pending, true, notify::never, false, false},
           {held, true, notify::never, false, false},
           {failed, false, notify::unset, false, false},
           {failed, true, notify::unset, false, true},
           {failed, false, notify::never, false, true},
           {failed, false, notify::failure, false, false},
           {failed, false, notify::success | notify::delay, false, true},  // whoever asks for these wants no other
           {failed, false, notify::success | notify::failure, false, false},
           {accepted, false, notify::unset, true, true},
           {failed, false, notify::unset, true, false},
           {failed, false, notify::never, true, false},
           {failed, true, notify::unset, true, true},
       }) {
    CAPTURE(to_string(r.state), r.notified, static_cast<int>(r.notify), r.null_reverse_path);
    spooled_mail mail = mail_in({r.state});
    mail.recipients[0].notified = r.notified;
    mail.recipients[0].who.notify = r.notify;
    if (r.null_reverse_path) mail.reverse_path.reset();
    CHECK(mail.finished() == r.finished);
  }
  CHECK(mail_in({accepted, removed, accepted}).finished());
  CHECK_FALSE(mail_in({accepted, held, accepted}).finished());
  CHECK(mail_in({}).finished());
}

TEST_CASE("the states have their spellings", "[delivery][spooled_mail]") {
  CHECK(to_string(recipient_state::pending) == "pending");
  CHECK(to_string(recipient_state::removed) == "removed");
  CHECK(from_string<recipient_state>("held") == recipient_state::held);
  CHECK_FALSE(from_string<recipient_state>("Held"));
}

TEST_CASE("a spool's time has no part of a millisecond", "[delivery][spooled_mail]") {
  STATIC_REQUIRE(std::is_same_v<spool_time::period, std::milli>);
  const spool_time before = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  CHECK(spool_now() >= before);
}

}  // namespace spooled_mail_tests
