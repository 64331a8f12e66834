// Notifications about the fate of a mail (RFC 3464, in a multipart/report of RFC 6522).
#pragma once

#include <postrider/core/enhanced_status.hpp>
#include <postrider/core/vocabulary.hpp>
#include <postrider/mail/date.hpp>
#include <postrider/mail/header_field.hpp>
#include <postrider/mail/header_fields.hpp>
#include <postrider/mail/mail.hpp>
#include <postrider/mail/mailbox.hpp>
#include <postrider/mail/message_id.hpp>
#include <postrider/mail/mime_part.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider {

/// What became of a mail for a recipient, in the words of RFC 3464 section 2.3.3.
enum class delivery_action : std::uint8_t { failed, delayed, delivered, relayed, expanded };
template <>
inline constexpr std::array<std::string_view, 5> spellings<delivery_action>{"failed", "delayed", "delivered", "relayed",
                                                                            "expanded"};

/// One recipient in a notification. Text from servers may hold anything: it is made safe where it is written.
class recipient_status {
 public:
  recipient_status(address final_recipient, delivery_action action, enhanced_status status)
      : final_recipient(std::move(final_recipient)), action(action), status(status) {}

  address final_recipient;
  delivery_action action;
  enhanced_status status;          ///< none: 5.0.0, 4.0.0 or 2.0.0, as the action says
  std::string original_recipient;  ///< ORCPT of the envelope, "rfc822;ada@example.com"; empty: none
  std::string diagnostic;          ///< the server's reply, code first; empty: no server spoke
  std::string remote_mta;          ///< host name of the server that refused; empty: none did
  std::optional<std::chrono::system_clock::time_point> last_attempt;
  std::optional<std::chrono::system_clock::time_point> will_retry_until;  ///< for `delayed`
};

/// A notification to the sender of a mail. It goes out from the null reverse-path and says that it is automatic.
class delivery_status {
 public:
  /// `reporting_mta` is the name of the host that speaks; `to` the reverse-path of the mail it speaks of.
  delivery_status(std::string reporting_mta, address to) : reporting_mta(std::move(reporting_mta)), to(std::move(to)) {}

  std::string reporting_mta;
  address to;
  std::vector<recipient_status> recipients;
  std::string subject = "Undelivered mail";
  std::string explanation;  ///< for people: UTF-8, any line ends
  std::string envid;        ///< ENVID of the envelope; empty: none
  std::optional<std::chrono::system_clock::time_point> arrival;
  /// The mail itself, canonical, or its beginning; what of it goes back says `returned`: `full` falls back to
  /// `headers` for a mail with lines that no server has to take.
  std::string original;
  ret returned = ret::headers;
  std::optional<std::chrono::system_clock::time_point> date;  ///< now, if it is not said
  std::string message_id;                                     ///< with its brackets; chosen if it is not said

  /// Fails if there is no recipient to speak of, or if a name or text of this side is not fit for a header field.
  result<mail> build() const;

 private:
  using time_point = std::chrono::system_clock::time_point;

  static tl::unexpected<failure> refused(std::string why) {
    return fail(cause::invalid_configuration, stage::queue, "notification: " + std::move(why));
  }
  static void add_date(std::string& fields, std::string_view name, const std::optional<time_point>& when) {
    if (when) fields.append(name).append(": ").append(internet_date(*when)).append("\r\n");
  }
  static std::string typed_address(const address& of);
  static std::string fields_of(const recipient_status& about);
  std::string report() const;
};

inline result<mail> delivery_status::build() const {
  if (recipients.empty()) return refused("no recipient to speak of");
  const bool named =
      is_ascii(reporting_mta) && (detail::is_domain_name(reporting_mta) || detail::is_address_literal(reporting_mta));
  if (!named) return refused("reporting MTA \"" + printable(reporting_mta) + "\" is not the name of a host");
  if (has_control(subject) || !is_utf8(subject))
    return refused("subject \"" + printable(subject) + "\" has a control character");
  if (!is_utf8(explanation)) return refused("the explanation is not UTF-8");
  if (!message_id.empty() && !is_message_id(message_id)) return refused("Message-ID \"" + printable(message_id) + '"');
  auto daemon = address::parse("mailer-daemon@" + reporting_mta, field::sender);
  if (!daemon) return fail(std::move(daemon.error()));

  const std::array from{mailbox("Mail Delivery System", std::move(*daemon))};
  const std::array addressee{mailbox(to)};
  std::string bytes = "Date: " + internet_date(date.value_or(std::chrono::system_clock::now())) + "\r\n";
  bytes += address_field("From", from);
  bytes += address_field("To", addressee);
  bytes += unstructured_field("Subject", subject);
  bytes += "Message-ID: " + (message_id.empty() ? make_message_id(reporting_mta) : message_id) + "\r\n";
  const std::string_view original_section = header_section(original);
  const auto about = find_field(original_section, "Message-ID");
  if (about && is_message_id(*about)) bytes += "In-Reply-To: " + *about + "\r\nReferences: " + *about + "\r\n";
  bytes += "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n";

  const std::string words = canonical(explanation);
  const std::string fields = report();
  std::vector<mime_part> parts{mime_part::text("text/plain; charset=utf-8", words),
                               mime_part::verbatim("message/delivery-status", fields)};
  const content_traits traits = content_traits::of(original);
  const bool fit = traits.longest_line <= longest_mail_line && !traits.has_bare_cr_or_lf;
  if (returned == ret::full && fit) parts.push_back(mime_part::verbatim("message/rfc822", original));
  else if (returned != ret::none)
    parts.push_back(mime_part::text("text/rfc822-headers; charset=utf-8", original_section));
  mime_part::multipart("multipart/report; report-type=delivery-status", std::move(parts)).write(bytes);

  std::vector<recipient> sender{recipient(to)};
  return mail(postrider::envelope(std::nullopt, std::move(sender)), postrider::content(std::move(bytes)));
}

/// "rfc822; ada@example.com"; what is not ASCII as RFC 6533 writes it for readers that know only ASCII.
inline std::string delivery_status::typed_address(const address& of) {
  if (!of.needs_smtputf8()) return "rfc822; " + of.str();
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text = "utf-8; ";
  for (std::string_view left = of.str(); !left.empty();) {
    const std::size_t length = utf8_length(left);
    if (length == 1 && left.front() != '\\' && left.front() != '+' && left.front() != '=' && left.front() != ' ') {
      text += left.front();
    } else {
      auto code = static_cast<unsigned>(static_cast<unsigned char>(left[0]));
      if (length > 1) code &= 0x7Fu >> length;
      for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (static_cast<unsigned char>(left[i]) & 0x3Fu);
      std::string number;
      for (; code != 0 || number.size() < 2; code >>= 4) number.insert(number.begin(), digits[code & 15]);
      text += "\\x{" + number + '}';
    }
    left.remove_prefix(length);
  }
  return text;
}

inline std::string delivery_status::fields_of(const recipient_status& about) {
  const auto safe = [](std::string_view text) { return printable(text, 2000); };
  std::string fields = "\r\n";
  if (!about.original_recipient.empty())
    fields += unstructured_field("Original-Recipient", safe(about.original_recipient));
  fields += "Final-Recipient: " + typed_address(about.final_recipient) + "\r\n";
  fields.append("Action: ").append(to_string(about.action)).append("\r\n");
  const bool failed = about.action == delivery_action::failed;
  const std::uint16_t category = failed ? 5 : about.action == delivery_action::delayed ? 4 : 2;
  fields += "Status: " + to_string(about.status ? about.status : enhanced_status{category, 0, 0}) + "\r\n";
  if (!about.remote_mta.empty()) fields += unstructured_field("Remote-MTA", "dns; " + safe(about.remote_mta));
  if (!about.diagnostic.empty()) fields += unstructured_field("Diagnostic-Code", "smtp; " + safe(about.diagnostic));
  add_date(fields, "Last-Attempt-Date", about.last_attempt);
  add_date(fields, "Will-Retry-Until", about.will_retry_until);
  return fields;
}

/// The fields about the mail, then a group for each recipient.
inline std::string delivery_status::report() const {
  std::string fields;
  if (!envid.empty()) fields += unstructured_field("Original-Envelope-Id", printable(envid, 100));
  fields += "Reporting-MTA: dns; " + reporting_mta + "\r\n";
  add_date(fields, "Arrival-Date", arrival);
  for (const auto& about : recipients) fields += fields_of(about);
  return fields;
}

}  // namespace postrider
