// Parameters of MIME header fields (RFC 2045 section 5.1, RFC 2231): filename="a b.txt", filename*=utf-8''%C3%A4.txt
#pragma once

#include <postrider/mail/address.hpp>
#include <postrider/mail/ascii.hpp>
#include <postrider/mail/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postrider {

namespace detail {

/// A character of a token: of a media type, or of a value that needs no quotation marks.
constexpr bool is_token_character(char c) noexcept {
  return c > ' ' && c < 0x7F && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

constexpr bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

}  // namespace detail

/// `name` and `value` (UTF-8) as pieces for `folded_field`; more than one, joined by semicolons, where the value is
/// long.
inline std::vector<std::string> mime_parameter(std::string_view name, std::string_view value) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::size_t longest_value = 50;
  const std::string start(name);
  const bool encoded_word = value.find("=?") != std::string_view::npos;  // some readers decode it in quotation marks
  if (value.size() <= longest_value && is_ascii(value) && !has_control(value) && !encoded_word)
    return {start + '=' + detail::quote(value)};

  std::vector<std::string> sections{"utf-8''"};
  while (!value.empty()) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(value));
    std::string character;
    for (const char c : value.substr(0, length)) {
      const auto byte = static_cast<unsigned char>(c);
      if (detail::is_token_character(c) && c != '*' && c != '\'' && c != '%') character += c;
      else (character += '%').append({digits[byte >> 4], digits[byte & 15]});
    }
    if (sections.back().size() + character.size() > longest_value) sections.emplace_back();
    sections.back() += character;
    value.remove_prefix(length);
  }
  if (sections.size() == 1) return {start + "*=" + sections.front()};
  for (std::size_t i = 0; i < sections.size(); ++i) {
    sections[i].insert(0, start + '*' + std::to_string(i) + "*=");
    if (i + 1 < sections.size()) sections[i] += ';';
  }
  return sections;
}

}  // namespace postrider
