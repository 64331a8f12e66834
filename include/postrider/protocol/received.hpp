// The Received field that a server puts before the content it takes (RFC 5321 section 4.4).
#pragma once

#include <postrider/mail/ascii.hpp>
#include <postrider/mail/date.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace postrider::protocol {

/// What a server knows of how a mail came to it. Only `helo` and `recipient` are the client's words.
struct arrival {
  std::string_view helo;          ///< as the client calls itself
  std::string_view peer_address;  ///< 192.0.2.1 or 2001:db8::1
  std::string_view host_name;
  bool extended = false;  ///< EHLO rather than HELO
  bool encrypted = false;
  bool authenticated = false;
  std::string_view tls;        ///< version and cipher
  std::string_view id;         ///< of this server, for its log
  std::string_view recipient;  ///< the only recipient; empty if there are several
  std::chrono::system_clock::time_point at;
};

/// SMTP, ESMTP, ESMTPS, ESMTPA or ESMTPSA (RFC 3848).
constexpr std::string_view with_protocol(const arrival& a) noexcept {
  if (!a.extended) return "SMTP";
  if (a.encrypted) return a.authenticated ? "ESMTPSA" : "ESMTPS";
  return a.authenticated ? "ESMTPA" : "ESMTP";
}

/// The field, folded and with its CRLF. What a client calls itself cannot end a line, a comment or a clause: every
/// character that is part of no domain and no address literal becomes a question mark.
inline std::string received_field(const arrival& a) {
  std::string text = "Received: from ";
  text.reserve(320 + a.helo.size());
  for (const char c : a.helo) {
    const bool harmless = (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
                          std::string_view("-._:[]").find(c) != std::string_view::npos;
    text += harmless ? c : '?';
  }
  text += a.peer_address.find(':') == std::string_view::npos ? " ([" : " ([IPv6:";
  text += a.peer_address;
  text += "])\r\n\tby ";
  text += a.host_name;
  text += " (postrider) with ";
  text += with_protocol(a);
  if (!a.tls.empty()) ((text += "\r\n\t(") += a.tls) += ')';
  (text += "\r\n\tid ") += a.id;
  if (!a.recipient.empty()) ((text += "\r\n\tfor <") += a.recipient) += '>';

  return text.append(";\r\n\t").append(internet_date(a.at)).append("\r\n");
}

}  // namespace postrider::protocol
