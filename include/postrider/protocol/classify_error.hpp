// What is no refusal becomes a failure, too: a system error, or bytes that are no reply.
#pragma once

#include <postrider/core/failure.hpp>
#include <postrider/core/server.hpp>
#include <postrider/protocol/reply_phrases.hpp>

#include <string>
#include <string_view>
#include <system_error>

namespace postrider::protocol {
namespace detail {

inline cause cause_of(stage where, const std::error_code& error) {
  // Asio's categories by name, so that this floor stays free of Asio.
  const std::string_view category = error.category().name();
  if (category == "asio.netdb") {
    if (error.value() == 1) return cause::name_not_found;                  // HOST_NOT_FOUND
    return error.value() == 4 ? cause::no_address : cause::lookup_failed;  // NO_DATA; TRY_AGAIN, NO_RECOVERY
  }
  if (category == "asio.addrinfo") return cause::lookup_failed;
  if (category == "asio.misc" || category == "asio.ssl.stream")
    return cause::connection_closed;  // end of file, truncation
  if (category == "asio.ssl") return cause::tls_handshake;
  // Asio's own system category does not say what its values are equivalent to.
  const std::error_code said =
      category == "asio.system" ? std::error_code(error.value(), std::system_category()) : error;
  const auto is = [&](std::errc e) { return said == e; };
  if (is(std::errc::operation_canceled)) return cause::cancelled;
  if (is(std::errc::too_many_files_open) || is(std::errc::too_many_files_open_in_system) ||
      is(std::errc::no_buffer_space) || is(std::errc::not_enough_memory))
    return cause::limited_here;
  if (where == stage::resolve) return cause::lookup_failed;
  if (is(std::errc::connection_refused)) return cause::connection_refused;
  if (is(std::errc::timed_out)) return where == stage::connect ? cause::connect_timeout : cause::reply_timeout;
  if (is(std::errc::permission_denied) || is(std::errc::operation_not_permitted)) return cause::port_blocked;
  if (is(std::errc::host_unreachable) || is(std::errc::network_unreachable) || is(std::errc::network_down) ||
      is(std::errc::address_family_not_supported) || is(std::errc::address_not_available))
    return cause::unreachable;
  return where == stage::connect ? cause::unreachable : cause::connection_reset;
}

/// Printable ASCII of the first bytes, the rest escaped.
inline std::string first_bytes(std::string_view seen) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (char c : seen.substr(0, 40)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\') {
      text += c;
    } else {
      text += "\\x";
      text += digits[byte >> 4];
      text += digits[byte & 15];
    }
  }
  return text;
}

/// Who answers like this, or nothing.
inline std::string_view other_protocol(std::string_view seen) {
  const std::string lower = readable(seen.substr(0, 64));
  const std::string_view text = lower;
  if (text.starts_with("http/") || text.starts_with("<!doctype") || text.starts_with("<html") ||
      text.starts_with("400 bad"))
    return "a web server (HTTP) answered";
  if (text.starts_with("ssh-")) return "an SSH server answered";
  if (text.starts_with("+ok") || text.starts_with("-err")) return "a POP3 server answered";
  if (text.starts_with("* ok") || text.starts_with("* bye") || text.starts_with("* preauth"))
    return "an IMAP server answered";
  return {};
}

}  // namespace detail

/// Why a system call on the connection failed at `where`. After the content the outcome is *unknown*.
inline failure classify(stage where, const std::error_code& error) {
  failure why(detail::cause_of(where, error), where, error.message());
  if (where == stage::final) why.outcome = outcome::unknown;
  return why;
}

/// Why what arrived at `where` is no SMTP reply: `seen` are its first bytes, none if the peer closed without a word.
inline failure classify_not_smtp(stage where, std::string_view seen, security with) {
  const bool tls_record =
      seen.size() >= 2 && seen[0] >= 0x14 && seen[0] <= 0x17 && seen[1] == 3;  // RFC 8446 section 5.1
  failure why(where == stage::greeting ? cause::not_smtp : cause::protocol_error, where);
  if (tls_record && with != security::tls && where <= stage::starttls) {
    why = failure(cause::implicit_tls_expected, where, "the server sent a TLS record");
  } else if (const auto who = detail::other_protocol(seen); !who.empty()) {
    why = failure(cause::not_smtp, where, std::string(who) + ": " + detail::first_bytes(seen));
  } else if (seen.empty()) {
    why = failure(cause::connection_closed, where, "the server closed the connection without a word");
  } else {
    why.detail = "the server sent: " + detail::first_bytes(seen);
  }
  if (where == stage::final) why.outcome = outcome::unknown;
  return why;
}

/// Why nothing came at `where` in time. A server that waits for TLS to begin says nothing either: at the port for that,
/// silence instead of a greeting is what it means (RFC 8314 section 3.3).
inline failure classify_silence(stage where, const server& asked) {
  const bool tls_port = asked.effective_port() == 465 && asked.security != security::tls;
  failure why(where == stage::greeting && tls_port ? cause::implicit_tls_expected : cause::reply_timeout, where);
  if (where == stage::final) why.outcome = outcome::unknown;
  return why;
}

}  // namespace postrider::protocol
