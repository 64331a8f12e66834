// The name that a spool gives to a mail.
#pragma once

#include <charconv>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace postrider {

/// Never zero for a mail that exists; grows with time within one spool.
struct mail_id {
  std::uint64_t value = 0;

  constexpr explicit operator bool() const noexcept { return value != 0; }
  friend constexpr auto operator<=>(mail_id, mail_id) = default;

  /// The id that `to_string` wrote, or nothing.
  static std::optional<mail_id> parse(std::string_view text) noexcept {
    mail_id id;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id.value, 16);
    if (error != std::errc{} || end != text.data() + text.size() || !id) return std::nullopt;
    return id;
  }
};

/// Hexadecimal, lower case.
inline std::string to_string(mail_id id) {
  char text[16];
  const auto [end, error] = std::to_chars(text, text + sizeof text, id.value, 16);
  return {text, end};
}

}  // namespace postrider

template <>
struct std::hash<postrider::mail_id> {
  std::size_t operator()(postrider::mail_id id) const noexcept { return std::hash<std::uint64_t>{}(id.value); }
};
