// What mail asks of characters: case without a locale, control characters, bytes outside ASCII.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace postrider {

constexpr char ascii_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Equal if the letters A to Z are taken as a to z; every other byte as it is.
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

/// 0x00 to 0x1F and 0x7F: never part of an address, a command or a header.
constexpr bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

namespace detail {

/// Whether `mark` sets the high bit of any byte of `text`, eight bytes at a time; never that of a blank, which fills up
/// a short word. The last word overlaps the one before.
template <class Mark>
bool any_byte(std::string_view text, Mark mark) noexcept {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  constexpr std::uint64_t blanks = 0x2020202020202020;
  std::uint64_t word = blanks;
  if (text.size() < sizeof word) {
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(&word));
    return (mark(word) & high_bits) != 0;
  }
  std::uint64_t seen = 0;
  const char* const last = text.data() + text.size() - sizeof word;
  for (const char* at = text.data(); at < last; at += sizeof word) {
    std::memcpy(&word, at, sizeof word);
    seen |= mark(word);
  }
  std::memcpy(&word, last, sizeof word);
  return ((seen | mark(word)) & high_bits) != 0;
}

}  // namespace detail

/// No byte above 0x7F.
inline bool is_ascii(std::string_view text) noexcept {
  return !detail::any_byte(text, [](std::uint64_t word) { return word; });
}

/// Whether a control character is in `text`.
inline bool has_control(std::string_view text) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  return detail::any_byte(text, [](std::uint64_t word) {
    const std::uint64_t deleted = word ^ 0x7F * ones;  // zero where a byte is 0x7F
    return ((word - 0x20 * ones) & ~word) | ((deleted - ones) & ~deleted);
  });
}

}  // namespace postrider
