// Quoted-printable (RFC 2045 section 6.7): text that stays readable, in lines of at most 76 ASCII characters.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postrider::quoted_printable {

namespace detail {

constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace detail

/// CRLF stays a line end; every other CR and LF is a byte like others and comes back as it was.
inline std::string encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::size_t longest_line = 76;
  std::string lines;
  lines.reserve(text.size() + text.size() / 8);
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\r\n")) {
      lines += "\r\n";
      column = 0;
      ++i;
      continue;
    }
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool last_in_line = i + 1 == text.size() || text.substr(i + 1).starts_with("\r\n");
    const bool blank = byte == ' ' || byte == '\t';
    const bool as_it_is = blank ? !last_in_line : byte > ' ' && byte < 0x7F && byte != '=';
    const std::size_t width = as_it_is ? 1 : 3;
    if (column + width > longest_line - (last_in_line ? 0 : 1)) {
      lines += "=\r\n";
      column = 0;
    }
    if (as_it_is) lines += text[i];
    else (lines += '=').append({digits[byte >> 4], digits[byte & 15]});
    column += width;
  }
  return lines;
}

/// The bytes of `lines`; nothing if a = is followed neither by two hexadecimal digits nor by the end of a line.
/// White space before a line end was added on the way and is dropped (rule 3).
inline std::optional<std::string> decode(std::string_view lines) {
  std::string bytes;
  bytes.reserve(lines.size());
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    std::string_view line = lines.substr(0, end);
    const bool ended = end != std::string_view::npos;
    const bool crlf = ended && line.ends_with('\r');
    if (crlf) line.remove_suffix(1);
    lines.remove_prefix(ended ? end + 1 : lines.size());
    while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);

    const bool soft = line.ends_with('=');
    if (soft) line.remove_suffix(1);
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] != '=') {
        bytes += line[i];
        continue;
      }
      if (i + 2 >= line.size()) return std::nullopt;
      const int high = detail::hex_value(line[i + 1]);
      const int low = detail::hex_value(line[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      bytes += static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (ended && !soft) bytes += crlf ? "\r\n" : "\n";
  }
  return bytes;
}

}  // namespace postrider::quoted_printable
