#include <postrider/delivery/notification.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace postrider;

namespace {

address parsed(const std::string& text) {
  return *address::parse(text);
}

spooled_mail some_mail(std::optional<address> reverse_path, std::vector<notify> wishes) {
  std::vector<recipient> to;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    to.emplace_back(parsed("r" + std::to_string(i) + "@example.org"));
    to.back().notify = wishes[i];
  }
  const envelope what(std::move(reverse_path), std::move(to));
  return spooled_mail(mail_id{7}, submitter("acme", "ada@example.com", "app", "backup"), what,
                      content("Subject: engine\r\n\r\nthe body\r\n"), spool_now());
}

settlement all_failed(const spooled_mail& mail) {
  settlement change(mail.id);
  for (std::size_t i = 0; i < mail.recipients.size(); ++i)
    change.recipients.push_back(recipient_change::failed(i, failure(cause::mailbox_unknown, stage::rcpt), false));
  return change;
}

const notification_options here("relay.example.com");

std::string text_of(const follow_up& what) {
  return std::string(what.mail.content().bytes().value());
}

}  // namespace

TEST_CASE("One notification for all recipients that became final, through the internal server") {
  const auto mail =
      some_mail(parsed("ada@example.com"), {notify::unset, notify::never, notify::failure, notify::delay});
  auto change = all_failed(mail);
  change.recipients[0] = recipient_change::accepted(0);
  const auto told = notify_sender(change, mail, here);
  REQUIRE(told);
  CHECK(told->value() == parsed("ada@example.com"));
  REQUIRE(change.follow_ups.size() == 1);
  const auto& made = change.follow_ups[0];
  CHECK(made.from == submitter("acme"));
  CHECK(!made.mail.envelope().reverse_path);
  REQUIRE(made.mail.envelope().recipients.size() == 1);
  CHECK(made.mail.envelope().recipients[0].forward_path == parsed("ada@example.com"));
  CHECK(text_of(made).find("Auto-Submitted: auto-replied\r\n") != std::string::npos);
  CHECK(text_of(made).find("r2@example.org") != std::string::npos);
  CHECK(text_of(made).find("r0@example.org") == std::string::npos);
  CHECK(text_of(made).find("r1@example.org") == std::string::npos);
  CHECK(!change.recipients[0].notified);
  CHECK(!change.recipients[1].notified);
  CHECK(change.recipients[2].notified);
  CHECK(!change.recipients[3].notified);  // wants to hear of delays only (RFC 3461 section 4.1)

  auto after = mail;
  apply(after, change);
  CHECK(after.finished());
}

TEST_CASE("The null reverse-path is never notified, and the mail stays listed") {
  const auto mail = some_mail(std::nullopt, {notify::unset});
  auto change = all_failed(mail);
  const auto told = notify_sender(change, mail, here);
  REQUIRE(told);
  CHECK(!*told);
  CHECK(change.follow_ups.empty());
  auto after = mail;
  apply(after, change);
  CHECK(!after.finished());
}

TEST_CASE("NOTIFY=NEVER is respected, and the mail is finished") {
  const auto mail = some_mail(parsed("ada@example.com"), {notify::never});
  auto change = all_failed(mail);
  CHECK(!notify_sender(change, mail, here).value());
  CHECK(change.follow_ups.empty());
  auto after = mail;
  apply(after, change);
  CHECK(after.finished());
}

TEST_CASE("Who is told what: each wish against each fate") {
  struct row {
    notify wish;
    bool failed, late, relayed;
  };
  for (const row& r : {row{notify::unset, true, true, false}, row{notify::never, false, false, false},
                       row{notify::failure, true, false, false}, row{notify::delay, false, true, false},
                       row{notify::success, false, false, true},
                       row{notify::success | notify::failure | notify::delay, true, true, true}}) {
    CAPTURE(static_cast<int>(r.wish));
    const auto mail = some_mail(parsed("ada@example.com"), {r.wish});
    const failure why(cause::greylisted, stage::rcpt);
    const auto told = [&](const recipient_change& one, std::chrono::milliseconds age) {
      settlement change(mail.id);
      change.recipients = {one};
      const bool any = notify_sender(change, mail, here, mail.created + age).value().has_value();
      CHECK(change.follow_ups.size() == (any ? 1 : 0));
      CHECK(change.recipients[0].notified == any);
      return any;
    };
    CHECK(told(recipient_change::failed(0, why, false), {}) == r.failed);
    CHECK(told(recipient_change::deferred(0, why, {}, {}), here.delay_warning) == r.late);
    CHECK_FALSE(told(recipient_change::deferred(0, why, {}, {}), here.delay_warning - std::chrono::milliseconds(1)));
    CHECK(told(recipient_change::accepted(0), {}) == r.relayed);
    CHECK_FALSE(told(recipient_change::accepted(0, true), {}));  // the next server does it
    CHECK(awaits_delay_warning(mail) == r.late);
  }
}

TEST_CASE("A mail is late once, and only its headers go back") {
  auto mail = some_mail(parsed("ada@example.com"), {notify::unset});
  mail.ret = ret::full;
  settlement change(mail.id);
  change.recipients = {recipient_change::deferred(0, failure(cause::greylisted, stage::rcpt), {}, {})};
  REQUIRE(notify_sender(change, mail, here, mail.created + here.delay_warning).value());
  CHECK(text_of(change.follow_ups.at(0)).find("the body") == std::string::npos);
  CHECK(text_of(change.follow_ups.at(0)).find("Subject: engine") != std::string::npos);
  apply(mail, change);
  CHECK_FALSE(awaits_delay_warning(mail));
  change.follow_ups.clear();
  CHECK_FALSE(notify_sender(change, mail, here, mail.created + 2 * here.delay_warning).value());
}

TEST_CASE("Nothing failed, nothing said") {
  const auto mail = some_mail(parsed("ada@example.com"), {notify::unset});
  settlement change(mail.id);
  change.recipients.push_back(recipient_change::deferred(0, failure(cause::greylisted, stage::rcpt), {}, {}));
  CHECK(!notify_sender(change, mail, here).value());
  CHECK(change.follow_ups.empty());
}

TEST_CASE("A host without a usable name is an error, and the settlement is as it was") {
  const auto mail = some_mail(parsed("ada@example.com"), {notify::unset});
  auto change = all_failed(mail);
  const auto told = notify_sender(change, mail, notification_options("bad name\r\n"));
  REQUIRE(!told);
  CHECK(change.follow_ups.empty());
  CHECK(!change.recipients[0].notified);
}

TEST_CASE("A content that cannot be read does not keep the sender in the dark") {
  class lost final : public content_source {
    result<std::size_t> read(std::uint64_t, std::span<char>) const override { return fail(cause::source_failed); }
  };
  auto mail = some_mail(parsed("ada@example.com"), {notify::unset});
  content_traits traits;
  traits.size = 100;
  mail.content = content(std::make_shared<lost>(), traits);
  auto change = all_failed(mail);
  CHECK(notify_sender(change, mail, here).value());
  CHECK(text_of(change.follow_ups.at(0)).find("r0@example.org") != std::string::npos);
}

TEST_CASE("The whole mail goes back if it is asked for and not too large") {
  for (const auto& [wish, most, body] : {std::tuple(ret::none, 1000u, false), std::tuple(ret::headers, 1000u, false),
                                         std::tuple(ret::full, 1000u, true), std::tuple(ret::full, 10u, false)}) {
    auto mail = some_mail(parsed("ada@example.com"), {notify::unset});
    mail.ret = wish;
    auto change = all_failed(mail);
    notification_options options = here;
    options.most_returned = most;
    CHECK(notify_sender(change, mail, options).value());
    const std::string text = text_of(change.follow_ups.at(0));
    CHECK(text.find("Subject: engine") != std::string::npos);
    CHECK((text.find("the body") != std::string::npos) == body);
  }
}
