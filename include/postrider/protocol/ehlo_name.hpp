// The name that a client gives in EHLO (RFC 5321 section 4.1.1.1): a domain or an address literal.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace postrider::protocol {

/// True for a domain of letters, digits, hyphens and dots, or for "[...]".
constexpr bool valid_ehlo_name(std::string_view name) noexcept {
  const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  if (name.size() < 1 || name.size() > 255) return false;
  if (name.front() == '[')
    return name.size() > 2 && name.back() == ']' &&
           std::all_of(name.begin() + 1, name.end() - 1, [&](char c) { return alnum(c) || c == '.' || c == ':'; });
  return alnum(name.front()) && alnum(name.back()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return alnum(c) || c == '.' || c == '-'; });
}

/// "[192.0.2.1]" or "[IPv6:2001:db8::1]".
inline std::string address_literal(std::string_view address) {
  const bool v6 = address.find(':') != std::string_view::npos;
  return '[' + std::string(v6 ? "IPv6:" : "") + std::string(address) + ']';
}

}  // namespace postrider::protocol
