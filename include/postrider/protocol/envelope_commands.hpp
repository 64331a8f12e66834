// What MAIL and RCPT may say to a server (RFC 5321 sections 4.1.1.2 and 4.1.1.3, RFC 3461), and what they are told
// otherwise.
#pragma once

#include <postrider/mail/address.hpp>
#include <postrider/mail/envelope.hpp>
#include <postrider/protocol/command_parser.hpp>
#include <postrider/protocol/notification_parameters.hpp>

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::protocol {

/// A reply that says no; `blame`: a proper client would not have asked.
struct command_refusal {
  std::string_view code;
  std::string words;
  bool blame = false;
};

template <class T>
using command_result = tl::expected<T, command_refusal>;

/// What was offered to the client, as far as it changes what MAIL may say.
struct mail_rules {
  bool extended = false;  ///< after EHLO: SIZE, BODY, RET, ENVID
  bool auth = false;      ///< AUTH was offered, so AUTH= is permitted; it is not believed (RFC 4954 section 5)
  std::uint64_t message_size = 0;
};

struct mail_from {
  std::optional<address> sender;  ///< nothing: the null reverse-path
  std::uint64_t size = 0;         ///< as declared; zero if it was not
  postrider::ret ret = postrider::ret::none;
  std::string envid{};  ///< decoded; empty: none
};

namespace detail {

inline tl::unexpected<command_refusal> refuse_command(std::string_view code, std::string words, bool blame = true) {
  return tl::make_unexpected(command_refusal{code, std::move(words), blame});
}

inline command_result<address> parse_path_address(std::string_view path, std::string_view code) {
  auto parsed = address::parse(path);
  if (!parsed) return refuse_command(code, "Bad " + parsed.error().detail, false);
  if (parsed->needs_smtputf8()) return refuse_command("553 5.6.7", "SMTPUTF8 is not offered", false);
  return std::move(*parsed);
}

}  // namespace detail

/// The argument of MAIL.
inline command_result<mail_from> parse_mail_from(std::string_view argument, mail_rules rules) {
  using detail::refuse_command;
  const auto from = parse_path(argument, "FROM:");
  if (!from) return refuse_command("501 5.5.4", "The syntax is MAIL FROM:<address>");
  mail_from parsed;
  std::string_view parameters = from->parameters;
  while (const auto given = next_parameter(parameters)) {
    if (rules.extended && given->is("SIZE")) {
      const auto number = parse_number(given->value);
      if (!number) return refuse_command("501 5.5.4", "SIZE needs a number");
      parsed.size = *number;
    } else if (rules.extended && given->is("BODY")) {
      if (!equal_ignoring_case(given->value, "7BIT") && !equal_ignoring_case(given->value, "8BITMIME"))
        return refuse_command("501 5.5.4", "BODY is 7BIT or 8BITMIME");
    } else if (rules.extended && given->is("RET")) {
      const auto wanted = parse_ret(given->value);
      if (!wanted || parsed.ret != ret::none) return refuse_command("501 5.5.4", "RET is FULL or HDRS, once");
      parsed.ret = *wanted;
    } else if (rules.extended && given->is("ENVID")) {
      auto id = parse_envid(given->value);
      if (!id || !parsed.envid.empty())
        return refuse_command("501 5.5.4", "ENVID is xtext of printable characters, once");
      parsed.envid = std::move(*id);
    } else if (!rules.auth || !given->is("AUTH") || !given->has_value) {
      return refuse_command("555 5.5.4", "Parameter not offered");
    }
  }
  if (!parameters.empty()) return refuse_command("501 5.5.4", "Malformed parameter");
  if (rules.message_size != 0 && parsed.size > rules.message_size)
    return refuse_command("552 5.3.4", "The mail is too big", false);
  if (from->path.empty()) return parsed;
  auto sender = detail::parse_path_address(from->path, "501 5.1.7");
  if (!sender) return tl::make_unexpected(std::move(sender.error()));
  parsed.sender = std::move(*sender);
  return parsed;
}

/// The argument of RCPT; `extended`: after EHLO, with NOTIFY and ORCPT. Nobody is blamed: one list with bad addresses
/// is no reason to end a session. "Postmaster" without a domain is that of `host_name` (RFC 5321 section 4.5.1).
inline command_result<recipient> parse_rcpt_to(std::string_view argument, const std::string& host_name, bool extended) {
  using detail::refuse_command;
  const auto to = parse_path(argument, "TO:");
  if (!to || to->path.empty()) return refuse_command("501 5.5.4", "The syntax is RCPT TO:<address>", false);
  std::string_view parameters = to->parameters;
  notify wanted = notify::unset;
  std::string original;
  while (const auto given = next_parameter(parameters)) {
    if (extended && given->is("NOTIFY")) {
      const auto list = parse_notify(given->value);
      if (!list || wanted != notify::unset)
        return refuse_command("501 5.5.4", "NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY, once", false);
      wanted = *list;
    } else if (extended && given->is("ORCPT")) {
      auto address = parse_orcpt(given->value);
      if (!address || !original.empty())
        return refuse_command("501 5.5.4", "ORCPT is TYPE;ADDRESS, in xtext of printable characters, once", false);
      original = std::move(*address);
    } else {
      return refuse_command("555 5.5.4", "Parameter not offered", false);
    }
  }
  if (!parameters.empty()) return refuse_command("501 5.5.4", "Malformed parameter", false);
  const bool ours = equal_ignoring_case(to->path, "postmaster");
  auto path = detail::parse_path_address(ours ? "postmaster@" + host_name : std::string(to->path), "501 5.1.3");
  if (!path) return tl::make_unexpected(std::move(path.error()));
  recipient parsed(std::move(*path));
  parsed.notify = wanted;
  parsed.orcpt = std::move(original);
  return parsed;
}

}  // namespace postrider::protocol
