// Message-IDs: one for each mail, for ever (RFC 5322 section 3.6.4).
#pragma once

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace postrider {

/// 32 hexadecimal digits that nobody can guess. Throws std::runtime_error if the system has no randomness to give.
inline std::string random_token() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error("no random bytes to be had");
  std::string token;
  for (const unsigned char byte : bytes) token.append({digits[byte >> 4], digits[byte & 15]});
  return token;
}

/// "<...@domain>"; `domain` is the sender's, or the host's name.
inline std::string make_message_id(std::string_view domain) {
  return ('<' + random_token() + '@').append(domain) + '>';
}

/// Something in angle brackets, visible ASCII, with one @: short enough never to be folded.
constexpr bool is_message_id(std::string_view id) noexcept {
  return id.size() >= 5 && id.size() <= 400 && id.front() == '<' && id.back() == '>' &&
         std::count(id.begin(), id.end(), '@') == 1 && id[1] != '@' && id[id.size() - 2] != '@' &&
         std::count(id.begin(), id.end(), '<') == 1 && std::count(id.begin(), id.end(), '>') == 1 &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

}  // namespace postrider
