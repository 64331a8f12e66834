// Enhanced mail system status codes (RFC 3463): "5.7.8".
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postrider {

/// class.subject.detail; all zero means that the server gave none.
struct enhanced_status {
  std::uint16_t category = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  constexpr explicit operator bool() const noexcept { return category != 0; }
  friend constexpr auto operator<=>(const enhanced_status&, const enhanced_status&) = default;

  /// The code at the start of `text`, followed by a space or the end (RFC 2034 section 4); nothing if there is none.
  static constexpr std::optional<enhanced_status> parse(std::string_view text) noexcept {
    std::uint16_t parts[3] = {0, 0, 0};
    std::size_t at = 0;
    for (int part = 0; part < 3; ++part) {
      const std::size_t first = at;
      while (at < text.size() && at - first < 3 && text[at] >= '0' && text[at] <= '9')
        parts[part] = static_cast<std::uint16_t>(parts[part] * 10 + (text[at++] - '0'));
      if (at == first) return std::nullopt;
      if (part < 2 && (at == text.size() || text[at++] != '.')) return std::nullopt;
    }
    if (parts[0] != 2 && parts[0] != 4 && parts[0] != 5) return std::nullopt;
    if (at < text.size() && text[at] != ' ') return std::nullopt;
    return enhanced_status{parts[0], parts[1], parts[2]};
  }
};

/// "5.7.8", or an empty string for none.
inline std::string to_string(enhanced_status status) {
  if (!status) return {};
  return std::to_string(status.category) + '.' + std::to_string(status.subject) + '.' + std::to_string(status.detail);
}

}  // namespace postrider
