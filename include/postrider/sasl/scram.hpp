// SCRAM-SHA-256 (RFC 5802, RFC 7677): what both sides compute, and how their messages are written.
#pragma once

#include <postrider/core/base64.hpp>
#include <postrider/core/secret.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::sasl {

/// What a server keeps of a password: enough to verify it, nothing to be it with (RFC 5802 section 3).
struct scram_keys {
  std::uint32_t iterations = 0;
  std::string salt{};
  std::string stored_key{};
  std::string server_key{};

  friend bool operator==(const scram_keys&, const scram_keys&) = default;
};

namespace detail {

inline const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

inline std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
       reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

inline std::string sha256(std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(bytes_of(text), text.size(), reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

/// Hi() of RFC 5802 section 2.2.
inline secret salted_password(const secret& password, std::string_view salt, std::uint32_t iterations) {
  const std::string_view clear = password.reveal();
  std::string salted(SHA256_DIGEST_LENGTH, '\0');
  PKCS5_PBKDF2_HMAC(clear.data() != nullptr ? clear.data() : "", static_cast<int>(clear.size()), bytes_of(salt),
                    static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(), SHA256_DIGEST_LENGTH,
                    reinterpret_cast<unsigned char*>(salted.data()));
  return secret(std::move(salted));
}

inline secret client_key_of(const secret& salted) {
  return secret(hmac_sha256(salted.reveal(), "Client Key"));
}
inline std::string server_key_of(const secret& salted) {
  return hmac_sha256(salted.reveal(), "Server Key");
}

/// Bytes of equal number.
inline std::string exclusive_or(std::string_view a, std::string_view b) {
  std::string both(a);
  std::transform(a.begin(), a.end(), b.begin(), both.begin(), [](char x, char y) { return static_cast<char>(x ^ y); });
  return both;
}

inline bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// 24 printable characters that nobody can guess.
inline std::string make_nonce() {
  std::string bytes(18, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) != 1) std::terminate();
  return base64::encode(bytes);
}

/// Takes "`name`=value" and the comma behind it off the front of `rest`; nothing if something else is there.
inline std::optional<std::string_view> take_attribute(std::string_view& rest, char name) noexcept {
  if (rest.size() < 2 || rest[0] != name || rest[1] != '=') return std::nullopt;
  const std::string_view value = rest.substr(2, rest.find(',') == rest.npos ? rest.npos : rest.find(',') - 2);
  rest.remove_prefix(std::min(rest.size(), value.size() + 3));
  return value;
}

/// Printable ASCII but the comma, and at least one of it.
inline bool is_nonce(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~' && c != ','; });
}

/// A name as it stands in a message: "," is "=2C" and "=" is "=3D".
inline std::string encode_name(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == ',') text += "=2C";
    else if (c == '=') text += "=3D";
    else text += c;
  }
  return text;
}

/// Nothing if `text` is no name.
inline std::optional<std::string> decode_name(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    const bool coded = text.front() == '=';
    const std::string_view code = text.substr(0, 3);
    if (coded && code != "=2C" && code != "=3D") return std::nullopt;
    name += !coded ? text.front() : code == "=2C" ? ',' : '=';
    text.remove_prefix(coded ? 3 : 1);
  }
  return name.empty() ? std::nullopt : std::optional(std::move(name));
}

}  // namespace detail

/// The keys of `password`. It is taken byte for byte, which is what SASLprep (RFC 4013) makes of printable ASCII.
inline scram_keys derive_scram_keys(const secret& password, std::string salt, std::uint32_t iterations) {
  const secret salted = detail::salted_password(password, salt, iterations);
  scram_keys keys;
  keys.iterations = iterations;
  keys.stored_key = detail::sha256(detail::client_key_of(salted).reveal());
  keys.server_key = detail::server_key_of(salted);
  keys.salt = std::move(salt);
  return keys;
}

}  // namespace postrider::sasl
