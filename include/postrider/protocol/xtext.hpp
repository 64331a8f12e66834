// xtext: how ENVID and ORCPT are spelled in commands (RFC 3461 section 4).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postrider::protocol {

namespace detail {

/// What stands for itself: printable, and neither "+", which begins a code, nor "=".
constexpr bool is_xchar(char c) noexcept {
  return c > ' ' && c < '\x7f' && c != '+' && c != '=';
}

constexpr std::string_view xtext_digits = "0123456789ABCDEF";

}  // namespace detail

/// Appends `text`, with "+" and two digits for each character that does not stand for itself.
inline void append_xtext(std::string& to, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (detail::is_xchar(c)) to += c;
    else to.append({'+', detail::xtext_digits[byte >> 4], detail::xtext_digits[byte & 15]});
  }
}

/// What `text` stands for; nothing if it is not xtext, or stands for what is not printable US-ASCII, which neither an
/// ENVID nor an ORCPT may be (RFC 3461 sections 4.2 and 4.4).
inline std::optional<std::string> decode_xtext(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  while (!text.empty()) {
    char c = text.front();
    std::size_t used = 1;
    if (c == '+') {
      if (text.size() < 3) return std::nullopt;
      const std::size_t high = detail::xtext_digits.find(text[1]);
      const std::size_t low = detail::xtext_digits.find(text[2]);
      if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
      c = static_cast<char>(high << 4 | low);
      used = 3;
    } else if (!detail::is_xchar(c)) {
      return std::nullopt;
    }
    if (c < ' ' || c > '~') return std::nullopt;
    decoded += c;
    text.remove_prefix(used);
  }
  return decoded;
}

}  // namespace postrider::protocol
