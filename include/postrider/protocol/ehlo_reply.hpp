// What a server says to EHLO (RFC 5321 section 4.1.1.1): its name and what it offers.
#pragma once

#include <postrider/protocol/login_exchange.hpp>
#include <postrider/protocol/server_event.hpp>
#include <postrider/protocol/server_settings.hpp>

#include <string>
#include <string_view>

namespace postrider::protocol {

/// Appends the reply. Limits are told as RFC 9422 spells them, those that hold.
inline void append_ehlo_reply(std::string& to, const server_settings& settings, const server_offers& offers,
                              bool encrypted) {
  to.append("250-").append(settings.host_name).append("\r\n250-PIPELINING\r\n250-SIZE");
  if (settings.message_size != 0) to.append(" ").append(std::to_string(settings.message_size));
  to += "\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-DSN\r\n250-LIMITS";
  if (settings.mails != 0) to.append(" MAILMAX=").append(std::to_string(settings.mails));
  to.append(" RCPTMAX=").append(std::to_string(settings.recipients)).append("\r\n");
  if (offers.starttls && !encrypted) to += "250-STARTTLS\r\n";
  if (offers.auth && encrypted) to.append("250-AUTH ").append(login_exchange::mechanisms(offers.scram)).append("\r\n");
  to += "250 ENHANCEDSTATUSCODES\r\n";
}

}  // namespace postrider::protocol
