// What changes a mail in the spool: the outcome of an attempt, or an operator. Pure functions, used by each storage.
#pragma once

#include <postrider/delivery/spooled_mail.hpp>
#include <postrider/mail/mail.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postrider {

/// What an attempt changed for one recipient.
class recipient_change {
 public:
  /// `relayed_dsn`: the server that took it keeps the sender informed (RFC 3461), so that nobody else does.
  static recipient_change accepted(std::size_t position, bool relayed_dsn = false) {
    recipient_change change(position, recipient_state::accepted);
    change.relayed_dsn = relayed_dsn;
    return change;
  }

  /// Will be tried again at `next`. `counted`: it was the recipient's own attempt, not trouble of the server.
  static recipient_change deferred(std::size_t position, postrider::failure why, spool_time next,
                                   std::chrono::milliseconds delay, bool counted = true) {
    recipient_change change(position, recipient_state::pending);
    change.possible_duplicate = why.outcome == outcome::unknown;
    change.failure = std::move(why);
    change.next_attempt = next;
    change.delay = delay;
    change.counted = counted;
    return change;
  }

  /// Given up. `notified`: the settlement brings along a notification about it.
  static recipient_change failed(std::size_t position, postrider::failure why, bool notified) {
    recipient_change change(position, recipient_state::failed);
    change.possible_duplicate = why.outcome == outcome::unknown;
    change.failure = std::move(why);
    change.notified = notified;
    return change;
  }

  std::size_t position;  ///< in the mail's envelope
  recipient_state state;
  std::optional<postrider::failure> failure;
  spool_time next_attempt{};
  std::chrono::milliseconds delay{0};
  bool counted = true;
  bool possible_duplicate = false;
  bool notified = false;  ///< the settlement brings along a notification about its new state
  bool relayed_dsn = false;

 private:
  recipient_change(std::size_t position, recipient_state state) : position(position), state(state) {}
};

/// A mail that comes into being with a settlement: a notification.
class follow_up {
 public:
  follow_up(submitter from, postrider::mail what) : from(std::move(from)), mail(std::move(what)) {}

  submitter from;
  postrider::mail mail;
};

/// All that one attempt changes, made durable as one. A mail that is finished thereby disappears with its history.
class settlement {
 public:
  explicit settlement(mail_id mail) : mail(mail) {}

  mail_id mail;
  std::vector<recipient_change> recipients;
  std::optional<attempt_record> attempt;  ///< goes into the history
  std::vector<follow_up> follow_ups;
  bool release = true;    ///< the claim ends; false while other recipients of the mail are still on their way
  bool finishes = false;  ///< every recipient of the mail is accepted hereby: nothing of it need be read any more
};

/// What an operator does to a mail.
class mail_edit {
 public:
  enum class verb : std::uint8_t { hold, unhold, retry, remove, pin, unpin };

  /// Pending recipients are not tried any more.
  static mail_edit hold() { return mail_edit(verb::hold); }
  /// And are again, when they are due.
  static mail_edit unhold() { return mail_edit(verb::unhold); }
  /// At once; held recipients too, and failed ones, who begin anew.
  static mail_edit retry() { return mail_edit(verb::retry); }
  /// Without a notification.
  static mail_edit remove() { return mail_edit(verb::remove); }
  /// Through this server only.
  static mail_edit pin(std::string server) { return mail_edit(verb::pin, std::move(server)); }
  /// Back to what routing says.
  static mail_edit unpin() { return mail_edit(verb::unpin); }

  verb what;
  std::string server;

 private:
  explicit mail_edit(verb what, std::string server = {}) : what(what), server(std::move(server)) {}
};

/// `mail` after `change`. Who is final stays so, and a hold outlives an attempt that was under way when it was made.
inline void apply(spooled_mail& mail, const settlement& change) {
  for (const auto& one : change.recipients) {
    if (one.position >= mail.recipients.size()) continue;
    auto& recipient = mail.recipients[one.position];
    if (recipient.state != recipient_state::pending && recipient.state != recipient_state::held) continue;
    const bool stays = one.state == recipient_state::pending;
    if (one.state != recipient_state::pending || recipient.state != recipient_state::held) recipient.state = one.state;
    recipient.failure = one.failure;
    recipient.next_attempt = one.next_attempt;
    recipient.last_delay = one.delay;
    recipient.attempts += one.counted ? 1 : 0;
    recipient.possible_duplicate = recipient.possible_duplicate || one.possible_duplicate;
    recipient.notified = one.notified || (stays && recipient.notified);
  }
  if (change.attempt) ++mail.attempts;
}

/// `mail` after an operator's `edit` at `now`. A mail with all recipients removed is finished.
inline void apply(spooled_mail& mail, const mail_edit& edit, spool_time now) {
  using enum recipient_state;
  if (edit.what == mail_edit::verb::pin) mail.from.pin = edit.server;
  if (edit.what == mail_edit::verb::unpin) mail.from.pin.clear();
  for (auto& recipient : mail.recipients) {
    auto& state = recipient.state;
    switch (edit.what) {
      case mail_edit::verb::hold:
        if (state == pending) state = held;
        break;
      case mail_edit::verb::unhold:
        if (state == held) state = pending;
        break;
      case mail_edit::verb::retry:
        if (state == failed) recipient.attempts = 0;
        if (state == pending || state == held || state == failed) {
          state = pending;
          recipient.next_attempt = now;
        }
        break;
      case mail_edit::verb::remove:
        if (state != accepted) state = removed;
        break;
      case mail_edit::verb::pin:
      case mail_edit::verb::unpin: break;
    }
  }
}

}  // namespace postrider
