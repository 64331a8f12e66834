// What a sender is told of a mail: that it is given up, late, or relayed (RFC 3464), from the null reverse-path.
#pragma once

#include <postrider/client/explain.hpp>
#include <postrider/delivery/settlement.hpp>
#include <postrider/mail/delivery_status.hpp>
#include <postrider/mail/printable.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider {

/// How notifications are made.
class notification_options {
 public:
  explicit notification_options(std::string reporting_mta) : reporting_mta(std::move(reporting_mta)) {}

  std::string reporting_mta;                  ///< this host's name
  std::uint64_t most_returned = 1024 * 1024;  ///< a larger mail comes back as its headers, whatever RET says
  std::chrono::milliseconds delay_warning{std::chrono::hours(4)};  ///< a younger mail is not late
  std::optional<std::chrono::milliseconds> patience{};             ///< the age at which mail is given up, if known
};

namespace detail {

/// The beginning of a content, which holds its header section unless that is absurdly long, or all of it.
inline result<std::string> original_of(const content& from, std::uint64_t most) {
  std::string bytes(static_cast<std::size_t>(std::min(from.traits().size, most)), '\0');
  auto count = from.read(0, bytes);
  if (!count) return fail(std::move(count.error()));
  bytes.resize(*count);
  return bytes;
}

/// "550 5.1.1 no such user": the server's own words, empty if it said nothing.
inline std::string diagnostic_of(const failure& why) {
  if (why.code == 0) return {};
  std::string words = std::to_string(why.code);
  if (why.enhanced) words += ' ' + to_string(why.enhanced);
  for (const auto& line : why.reply) words.append(" ").append(line);
  return words;
}

/// The host of "host:port" and "[::1]:port".
inline std::string host_of(std::string_view endpoint) {
  std::string_view host = endpoint.substr(0, endpoint.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

/// The server's own code if it calls the failure permanent, else one for what made this side give up.
inline enhanced_status final_status(const failure& why) noexcept {
  if (why.enhanced.category == 5) return why.enhanced;
  if (why.outcome == outcome::permanent) return {5, why.enhanced.subject, why.enhanced.detail};
  return {5, 4, 7};  // delivery time expired
}

/// The server's own code if it calls the failure transient.
inline enhanced_status delay_status(const failure& why) noexcept {
  if (why.enhanced.category == 4) return why.enhanced;
  return {4, why.scope == scope::server ? std::uint16_t{4} : std::uint16_t{0}, 0};
}

inline recipient_status status_of(const spooled_recipient& about, const recipient_change& change, spool_time now) {
  const auto action = change.state == recipient_state::failed    ? delivery_action::failed
                      : change.state == recipient_state::pending ? delivery_action::delayed
                                                                 : delivery_action::relayed;
  enhanced_status code{2, 0, 0};
  if (action == delivery_action::failed) code = final_status(*change.failure);
  if (action == delivery_action::delayed) code = delay_status(*change.failure);
  recipient_status status(about.who.forward_path, action, code);
  status.original_recipient = about.who.orcpt;
  if (change.failure) status.diagnostic = diagnostic_of(*change.failure);
  if (!status.diagnostic.empty()) status.remote_mta = host_of(change.failure->server);
  status.last_attempt = now;
  return status;
}

/// A paragraph for people: who did not get it, why, and what can be done. A server's words may be any bytes: they are
/// made fit to stand there, because a notification that cannot be built would leave the sender in the dark.
inline std::string paragraph_about(const spooled_recipient& about, const failure& why) {
  const explanation words = explain(why);
  std::string text = '<' + about.who.forward_path.str() + ">\n    " + printable(words.sentence, 1000) + '\n';
  if (!words.next_step.empty()) text += "    " + words.next_step + '\n';
  if (why.outcome == outcome::unknown || about.possible_duplicate)
    text += "    The mail may have been delivered all the same: a server took it, but its answer was lost.\n";
  return text + '\n';
}

}  // namespace detail

/// True if the sender is to be told when `mail` fails for this recipient.
inline bool wants_notification(const spooled_mail& mail, const spooled_recipient& about) noexcept {
  return mail.reverse_path && notifies_failure(about.who.notify);
}

/// True if the sender is to be told once `mail` is late for this recipient, and was not yet.
inline bool awaits_delay_warning(const spooled_mail& mail, const spooled_recipient& about) noexcept {
  return mail.reverse_path && about.state == recipient_state::pending && !about.notified &&
         notifies_delay(about.who.notify);
}
inline bool awaits_delay_warning(const spooled_mail& mail) noexcept {
  return std::any_of(mail.recipients.begin(), mail.recipients.end(),
                     [&](const auto& one) { return awaits_delay_warning(mail, one); });
}

/// Puts one notification into `change`, about all recipients of which the sender is to be told something: that they
/// failed; that they are late, which is said once; that a server took the mail which does not itself notify. Those are
/// marked as notified. It goes through the tenant's internal server. Gives the address that is told, nothing if nobody
/// is to be told.
inline result<std::optional<address>> notify_sender(settlement& change, const spooled_mail& mail,
                                                    const notification_options& options, spool_time now = spool_now()) {
  const bool late = now - mail.created >= options.delay_warning;
  const auto concerned = [&](const recipient_change& one) {
    if (one.position >= mail.recipients.size() || !mail.reverse_path) return false;
    const spooled_recipient& about = mail.recipients[one.position];
    switch (one.state) {
      case recipient_state::failed: return one.failure && wants_notification(mail, about);
      case recipient_state::pending: return one.failure && late && awaits_delay_warning(mail, about);
      case recipient_state::accepted: return !one.relayed_dsn && notifies_success(about.who.notify);
      default: return false;
    }
  };
  if (std::none_of(change.recipients.begin(), change.recipients.end(), concerned)) return std::nullopt;

  delivery_status status(options.reporting_mta, *mail.reverse_path);
  std::string failed, delayed, relayed;
  for (const auto& one : change.recipients) {
    if (!concerned(one)) continue;
    const auto& about = mail.recipients[one.position];
    status.recipients.push_back(detail::status_of(about, one, now));
    if (one.state == recipient_state::accepted) relayed += '<' + about.who.forward_path.str() + ">\n";
    else (one.state == recipient_state::failed ? failed : delayed) += detail::paragraph_about(about, *one.failure);
    if (one.state == recipient_state::pending && options.patience)
      status.recipients.back().will_retry_until = mail.created + *options.patience;
  }
  if (!failed.empty())
    status.explanation += "Your mail could not be delivered to:\n\n" + failed + "It will not be tried again.\n\n";
  if (!delayed.empty())
    status.explanation += "Your mail has not been delivered yet to:\n\n" + delayed +
                          "It is tried again by itself. There is nothing that you have to do.\n\n";
  if (!relayed.empty())
    status.explanation += "Your mail was handed on to a server that does not confirm deliveries, for:\n\n" + relayed +
                          "\nYou may hear of it again if it fails there.\n\n";
  status.subject = !failed.empty() ? "Undelivered mail" : !delayed.empty() ? "Delayed mail" : "Relayed mail";
  status.envid = mail.envid;
  status.arrival = mail.created;

  // RET is about failures: whoever still has his mail, or knows it delivered, gets the headers (RFC 3461 section 4.3).
  const bool whole = !failed.empty() && mail.ret == ret::full && mail.content.traits().size <= options.most_returned;
  status.returned = whole ? ret::full : ret::headers;
  constexpr std::uint64_t longest_header_section = 64 * 1024;
  auto original = detail::original_of(mail.content, whole ? options.most_returned : longest_header_section);
  // Rather a notification without the mail than none.
  if (original) status.original = std::move(*original);
  else status.returned = ret::none;

  auto notification = status.build();
  if (!notification) return fail(std::move(notification.error()));
  change.follow_ups.emplace_back(submitter(mail.from.tenant), std::move(*notification));
  for (auto& one : change.recipients) one.notified = one.notified || concerned(one);
  return mail.reverse_path;
}

}  // namespace postrider
