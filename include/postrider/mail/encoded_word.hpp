// Encoded words (RFC 2047): text outside ASCII in header fields.
#pragma once

#include <postrider/core/base64.hpp>
#include <postrider/mail/ascii.hpp>
#include <postrider/mail/quoted_printable.hpp>
#include <postrider/mail/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider {

namespace detail {

/// What may stand in a Q word as it is, in any place of any field (RFC 2047 section 5 rule 3).
constexpr bool plain_in_q(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!*+-/").find(c) != std::string_view::npos;
}

constexpr std::size_t q_width(char c) noexcept {
  return plain_in_q(c) || c == ' ' ? 1 : 3;
}

inline std::string encode_q(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string q;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == ' ') q += '_';
    else if (plain_in_q(c)) q += c;
    else (q += '=').append({digits[byte >> 4], digits[byte & 15]});
  }
  return q;
}

inline std::optional<std::string> decode_q(std::string_view q) {
  std::string text;
  for (std::size_t i = 0; i < q.size(); ++i) {
    if (q[i] != '=') {
      text += q[i] == '_' ? ' ' : q[i];
      continue;
    }
    const int high = i + 2 < q.size() ? quoted_printable::detail::hex_value(q[i + 1]) : -1;
    const int low = i + 2 < q.size() ? quoted_printable::detail::hex_value(q[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    text += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return text;
}

/// The text of the encoded word that `text` starts with, and its length; nothing if it starts with none, or with one
/// of a character set that is not known here.
inline std::optional<std::pair<std::string, std::size_t>> decode_word(std::string_view text) {
  constexpr std::size_t longest_seen = 1000;  // the standard allows 75; without an end, reading would take time squared
  if (!text.starts_with("=?")) return std::nullopt;
  text = text.substr(0, longest_seen);
  const std::size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end + 3 > text.size() || text[charset_end + 2] != '?')
    return std::nullopt;
  const std::size_t end = text.find("?=", charset_end + 3);
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view charset = text.substr(2, charset_end - 2);
  charset = charset.substr(0, charset.find('*'));  // *language (RFC 2231 section 5) is dropped
  const std::string_view payload = text.substr(charset_end + 3, end - charset_end - 3);
  if (charset.find_first_of(" \t\r\n") != charset.npos || payload.find_first_of(" \t\r\n?") != payload.npos)
    return std::nullopt;
  const char encoding = ascii_lower(text[charset_end + 1]);
  auto bytes = encoding == 'q' ? decode_q(payload) : encoding == 'b' ? base64::decode(payload) : std::nullopt;
  if (!bytes) return std::nullopt;
  if (equal_ignoring_case(charset, "iso-8859-1")) {
    std::string utf8;
    for (const char c : *bytes) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80) utf8 += c;
      else utf8.append({static_cast<char>(0xC0 | (byte >> 6)), static_cast<char>(0x80 | (byte & 0x3F))});
    }
    bytes = std::move(utf8);
  } else if (!equal_ignoring_case(charset, "utf-8") && !equal_ignoring_case(charset, "us-ascii")) {
    return std::nullopt;
  }
  return std::pair(std::move(*bytes), end + 2);
}

}  // namespace detail

/// `text` (UTF-8) as words of at most 75 characters, the first of at most `first_room`; no character is divided. What
/// is joined again by white space stands for `text` exactly.
inline std::vector<std::string> encode_words(std::string_view text, std::size_t first_room = 75) {
  constexpr std::size_t longest_word = 75;
  constexpr std::size_t frame = 12;          // =?utf-8?q? and ?=
  constexpr std::size_t smallest_room = 28;  // a character of four bytes fits, whatever is asked for
  const auto readable = std::count_if(text.begin(), text.end(), [](char c) { return detail::q_width(c) == 1; });
  const bool q = static_cast<std::size_t>(readable) * 2 > text.size();  // else B, which is shorter

  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t room = std::clamp(words.empty() ? first_room : longest_word, smallest_room, longest_word) - frame;
    std::size_t taken = 0;
    std::size_t width = 0;
    while (taken < text.size()) {
      const std::size_t length = std::max<std::size_t>(1, utf8_length(text.substr(taken)));
      std::size_t wider = (taken + length + 2) / 3 * 4;
      if (q) {
        wider = width;
        for (const char c : text.substr(taken, length)) wider += detail::q_width(c);
      }
      if (wider > room) break;
      width = wider;
      taken += length;
    }
    const std::string_view part = text.substr(0, taken);
    words.push_back(q ? "=?utf-8?q?" + detail::encode_q(part) + "?=" : "=?utf-8?b?" + base64::encode(part) + "?=");
    text.remove_prefix(taken);
  }
  return words;
}

/// `text` with its encoded words (UTF-8, US-ASCII, ISO-8859-1) as the text that they stand for; words of other
/// character sets and broken ones stay as they are.
inline std::string decode_words(std::string_view text) {
  std::string decoded;
  std::string blank;  // white space seen after an encoded word: dropped if another one follows
  bool after_word = false;
  while (!text.empty()) {
    if (auto word = detail::decode_word(text)) {
      if (!after_word) decoded += blank;
      blank.clear();
      decoded += word->first;
      text.remove_prefix(word->second);
      after_word = true;
      continue;
    }
    const char c = text.front();
    text.remove_prefix(1);
    if (c == ' ' || c == '\t') {
      blank += c;
      continue;
    }
    decoded += blank;
    blank.clear();
    decoded += c;
    after_word = false;
  }
  return decoded + blank;
}

}  // namespace postrider
