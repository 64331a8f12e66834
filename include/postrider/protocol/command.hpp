// How text becomes a command: the one place where bytes for a server are made, and where control characters stop.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/mail/ascii.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace postrider::protocol {

/// Completes the command that begins at `start` of `buffer` with CRLF. If it contains a control character the buffer
/// is cut back to `start` and nothing of the command remains (RFC 5321 section 4.1.2; command injection, CWE-93).
inline result<void> finish_command(std::string& buffer, std::size_t start, stage where) {
  const std::string_view command = std::string_view(buffer).substr(start);
  if (!has_control(command)) {
    buffer += "\r\n";
    return {};
  }
  const char* const found = std::find_if(command.begin(), command.end(), is_control);
  const std::string verb(command.substr(0, command.find_first_of(std::string{' ', *found})));
  failure why(cause::invalid_configuration, where,
              "control character " + std::to_string(static_cast<unsigned char>(*found)) + " in an argument of " + verb);
  buffer.resize(start);
  if (where == stage::mail) why.field = field::sender;
  if (where == stage::rcpt) why.field = field::recipient;
  return fail(std::move(why));
}

/// Appends `command` and CRLF to `buffer`, under the same rule.
inline result<void> append_command(std::string& buffer, std::string_view command, stage where) {
  const std::size_t start = buffer.size();
  buffer += command;
  return finish_command(buffer, start, where);
}

}  // namespace postrider::protocol
