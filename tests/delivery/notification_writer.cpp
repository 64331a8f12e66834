// Prints a notification, for a reader that is not ours: of failures, or, asked with "late", of a delay and a relayed
// mail.
#include <postrider/delivery/notification.hpp>

#include <iostream>
#include <string>
#include <vector>

namespace pr = postrider;

int main(int count, char**) {
  const bool late = count > 1;
  std::vector<pr::recipient> to;
  to.emplace_back(*pr::address::parse("nobody@example.org"));
  to.back().orcpt = "rfc822;nobody+original@example.org";
  to.emplace_back(*pr::address::parse("slow@example.org"));
  to.emplace_back(*pr::address::parse("\"odd one\"@example.org"));
  to.emplace_back(*pr::address::parse("fine@example.org"));
  pr::envelope envelope(*pr::address::parse("ada@example.com"), std::move(to));
  envelope.envid = "order-17";
  envelope.ret = pr::ret::full;
  envelope.recipients[3].notify = pr::notify::success;
  envelope.recipients[3].orcpt = "rfc822;finest@example.net";
  const pr::spooled_mail mail(pr::mail_id{1}, pr::submitter("acme", "ada@example.com"), envelope,
                              pr::content("From: ada@example.com\r\nSubject: =?utf-8?q?The_engine?=\r\nMessage-ID: "
                                          "<17@example.com>\r\n\r\nthe body\r\n"),
                              pr::spool_time(std::chrono::seconds(1'700'000'000)));

  pr::failure unknown_user(pr::cause::mailbox_unknown, pr::stage::rcpt);
  unknown_user.code = 550;
  unknown_user.enhanced = {5, 1, 1};
  unknown_user.reply = {"no such user here", "really\x01 not \xff"};
  unknown_user.server = "mx.example.org:25";
  pr::failure lost(pr::cause::connection_closed, pr::stage::final);
  lost.outcome = pr::outcome::unknown;
  lost.server = "mx.example.org:25";
  pr::failure grey(pr::cause::greylisted, pr::stage::rcpt);
  grey.code = 451;
  grey.enhanced = {4, 7, 1};
  grey.reply = {"come back later"};
  grey.server = "[2001:db8::1]:587";

  pr::settlement change(mail.id);
  if (late) {
    change.recipients.push_back(pr::recipient_change::accepted(3));
    change.recipients.push_back(pr::recipient_change::deferred(2, grey, {}, {}));
  } else {
    change.recipients.push_back(pr::recipient_change::failed(0, unknown_user, false));
    change.recipients.push_back(pr::recipient_change::failed(1, lost, false));
    change.recipients.push_back(pr::recipient_change::failed(2, grey, false));
    change.recipients.push_back(pr::recipient_change::accepted(3, true));
  }
  pr::notification_options options("relay.example.com");
  options.patience = std::chrono::hours(120);
  const auto told = pr::notify_sender(change, mail, options);
  if (!told || !*told) return 1;
  std::cout << change.follow_ups.at(0).mail.content().bytes().value();
}
