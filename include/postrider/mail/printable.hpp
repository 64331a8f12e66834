// Untrusted text made fit to stand in an error message or a log line.
#pragma once

#include <postrider/mail/ascii.hpp>
#include <postrider/mail/utf8.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace postrider {

/// `text` with control characters (those of U+0080 to U+009F too), backslashes and broken UTF-8 escaped (\r, \n, \t,
/// \\, \x00); what is longer than `most` bytes ends in "...".
inline std::string printable(std::string_view text, std::size_t most = 120) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string shown;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (shown.size() + (length > 1 ? length : 1) > most) return shown + "...";
    const char c = text.front();
    const auto byte = static_cast<unsigned char>(c);
    const bool second_control = length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    if (c == '\r') shown += "\\r";
    else if (c == '\n') shown += "\\n";
    else if (c == '\t') shown += "\\t";
    else if (c == '\\') shown += "\\\\";
    else if (length == 0 || is_control(c) || second_control)
      (shown += "\\x").append({digits[byte >> 4], digits[byte & 15]});
    else shown += text.substr(0, length);
    text.remove_prefix(length == 0 || second_control ? 1 : length);
  }
  return shown;
}

}  // namespace postrider
