// What a server says of itself and how much it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace postrider::protocol {

struct server_settings {
  std::string host_name = "localhost";      ///< in the greeting, in the reply to EHLO, in Received
  std::string software = "postrider";       ///< in the greeting
  std::uint64_t message_size = 50'000'000;  ///< bytes of content; zero means no limit
  std::size_t recipients = 1000;            ///< for each mail; RFC 5321 section 4.5.3.1.8 asks for 100
  std::size_t received_headers = 100;       ///< more than these are a loop (RFC 5321 section 6.3)
  std::size_t mails = 10'000;               ///< MAIL commands in a session, then it is closed; zero means no limit
  std::size_t commands = 5'000;   ///< without a mail that is taken, then the session is closed; zero: no limit
  std::size_t bad_commands = 20;  ///< then the session is closed
  std::size_t failed_logins = 3;  ///< then the session is closed
  std::size_t piece = 64 * 1024;  ///< content is handed over in pieces of about this size
};

}  // namespace postrider::protocol
