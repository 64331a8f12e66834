// What MAIL and RCPT say of notifications (RFC 3461 section 4): RET, ENVID, NOTIFY, ORCPT, read and written.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/mail/ascii.hpp>
#include <postrider/mail/envelope.hpp>
#include <postrider/protocol/xtext.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::protocol {

inline constexpr std::size_t longest_envid = 100;  ///< in xtext, RFC 3461 section 4.4
inline constexpr std::size_t longest_orcpt = 500;  ///< in xtext with its type, RFC 3461 section 4.2

/// The value of RET.
inline std::optional<ret> parse_ret(std::string_view value) noexcept {
  if (equal_ignoring_case(value, "FULL")) return ret::full;
  if (equal_ignoring_case(value, "HDRS")) return ret::headers;
  return std::nullopt;
}

/// The value of ENVID, decoded.
inline std::optional<std::string> parse_envid(std::string_view value) {
  if (value.empty() || value.size() > longest_envid) return std::nullopt;
  return decode_xtext(value);
}

/// The value of NOTIFY: NEVER, which stands alone, or a list.
inline std::optional<notify> parse_notify(std::string_view value) noexcept {
  if (equal_ignoring_case(value, "NEVER")) return notify::never;
  notify wanted = notify::unset;
  for (;;) {
    const std::size_t comma = value.find(',');
    const std::string_view word = value.substr(0, comma);
    if (equal_ignoring_case(word, "SUCCESS")) wanted = wanted | notify::success;
    else if (equal_ignoring_case(word, "FAILURE")) wanted = wanted | notify::failure;
    else if (equal_ignoring_case(word, "DELAY")) wanted = wanted | notify::delay;
    else return std::nullopt;
    if (comma == value.npos) return wanted;
    value.remove_prefix(comma + 1);
  }
}

namespace detail {

/// "rfc822": an atom (RFC 3461 section 4.2, RFC 5322 section 3.2.3).
inline bool is_address_type(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < '\x7f' && std::string_view("()<>[]:;@\\,.\"+=").find(c) == std::string_view::npos;
  });
}

/// What a mail brought along is its own trouble, not that of everybody who uses the server.
inline tl::unexpected<failure> unsayable(stage where, field look_at, std::string detail) {
  failure why(cause::invalid_configuration, where, std::move(detail));
  why.field = look_at;
  return fail(std::move(why));
}

}  // namespace detail

/// The value of ORCPT, "rfc822;ada+2Bx@example.com", its address decoded.
inline std::optional<std::string> parse_orcpt(std::string_view value) {
  const std::size_t semicolon = value.find(';');
  if (semicolon == value.npos || value.size() > longest_orcpt) return std::nullopt;
  const auto address = decode_xtext(value.substr(semicolon + 1));
  if (!address || address->empty() || !detail::is_address_type(value.substr(0, semicolon))) return std::nullopt;
  return std::string(value.substr(0, semicolon + 1)).append(*address);
}

/// Appends RET and ENVID, where there are any. An ENVID that cannot be said is a failure of cause
/// `invalid_configuration`.
inline result<void> append_notification_parameters(std::string& command, const envelope& of) {
  if (of.ret != ret::none) command += of.ret == ret::full ? " RET=FULL" : " RET=HDRS";
  if (of.envid.empty()) return {};
  std::string value;
  append_xtext(value, of.envid);
  if (!parse_envid(value))
    return detail::unsayable(stage::mail, field::message,
                             "an ENVID is printable ASCII, and at most 100 characters in xtext");
  command.append(" ENVID=").append(value);
  return {};
}

/// Appends NOTIFY and ORCPT, where there are any; an ORCPT that cannot be said is a failure as above.
inline result<void> append_notification_parameters(std::string& command, const recipient& of) {
  if (of.notify != notify::unset) {
    std::string wanted;
    const auto add = [&](notify flag, std::string_view word) {
      if (has(of.notify, flag)) (wanted += wanted.empty() ? "" : ",") += word;
    };
    add(notify::success, "SUCCESS");
    add(notify::failure, "FAILURE");
    add(notify::delay, "DELAY");
    command.append(" NOTIFY=").append(has(of.notify, notify::never) ? "NEVER" : wanted);
  }
  if (of.orcpt.empty()) return {};
  const std::size_t type_end = std::min(of.orcpt.find(';'), of.orcpt.size() - 1) + 1;
  std::string value = of.orcpt.substr(0, type_end);
  append_xtext(value, std::string_view(of.orcpt).substr(type_end));
  if (!parse_orcpt(value))
    return detail::unsayable(stage::rcpt, field::recipient,
                             "an ORCPT is TYPE;ADDRESS in printable ASCII, and at most 500 characters in xtext");
  command.append(" ORCPT=").append(value);
  return {};
}

}  // namespace postrider::protocol
