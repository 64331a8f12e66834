// How a part's bytes are written so that every server can take them (RFC 2045 section 6).
#pragma once

#include <postrider/core/vocabulary.hpp>
#include <postrider/mail/content_traits.hpp>
#include <postrider/mail/quoted_printable.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postrider {

enum class transfer_encoding : std::uint8_t { seven_bit, eight_bit, quoted_printable, base64 };
template <>
inline constexpr std::array<std::string_view, 4> spellings<transfer_encoding>{"7bit", "8bit", "quoted-printable",
                                                                              "base64"};

/// Longest line without its CRLF (RFC 5322 section 2.1.1).
inline constexpr std::size_t longest_mail_line = 998;

/// What is best for canonical text: as it is if that is safe, else the shorter of quoted-printable and base64.
inline transfer_encoding best_encoding(std::string_view text) {
  const auto odd = [](char c) { return (is_control(c) && c != '\t' && c != '\r' && c != '\n') || c < 0; };
  const auto odd_characters = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), odd));
  const content_traits traits = content_traits::of(text);
  if (odd_characters == 0 && traits.longest_line <= longest_mail_line && !traits.has_bare_cr_or_lf)
    return transfer_encoding::seven_bit;
  return odd_characters * 6 > text.size() ? transfer_encoding::base64 : transfer_encoding::quoted_printable;
}

/// Adds base64 in lines of 76 characters, each with its CRLF, to the end of `out`.
inline void append_base64_lines(std::string& out, std::string_view bytes) {
  constexpr std::size_t bytes_in_line = 57;
  const std::size_t lines = (bytes.size() + bytes_in_line - 1) / bytes_in_line;
  std::size_t at = out.size();
  out.resize(at + 4 * ((bytes.size() + 2) / 3) + 2 * lines + 1);  // EVP_EncodeBlock ends with a NUL
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), bytes_in_line);
    at += static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + at),
                                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                                   static_cast<int>(count)));
    out[at++] = '\r';
    out[at++] = '\n';
    bytes.remove_prefix(count);
  }
  out.resize(at);
}

}  // namespace postrider
