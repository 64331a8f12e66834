// What is kept of a login's password: enough to verify it, nothing to recover it from.
#pragma once

#include <postrider/core/base64.hpp>
#include <postrider/core/secret.hpp>
#include <postrider/sasl/scram.hpp>

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace postrider {

/// A password in the form of SCRAM-SHA-256 (RFC 5803, RFC 7677): salted, iterated, one way. It verifies a password
/// that comes in clear (PLAIN, LOGIN over TLS), and serves SCRAM as it is. Spelled
/// "SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>".
class login_verifier {
 public:
  static constexpr std::uint32_t default_iterations = 15'000;  ///< RFC 7677 section 4
  static constexpr std::size_t salt_size = 16;
  static constexpr std::uint32_t most_iterations = 10'000'000;  ///< above that, it is a mistake or an attack

  /// The verifier of `password` with a salt of its own.
  static login_verifier make(const secret& password, std::uint32_t iterations = default_iterations) {
    std::string salt(salt_size, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(salt.data()), static_cast<int>(salt.size())) != 1) std::terminate();
    return login_verifier(sasl::derive_scram_keys(password, std::move(salt), iterations));
  }

  /// One that looks like any other and that no password is known to fit: `seed` has 32 bytes that nobody can guess.
  static login_verifier nobody(std::string_view seed) {
    sasl::scram_keys keys;
    keys.iterations = default_iterations;
    keys.salt = sasl::detail::hmac_sha256(seed, "salt").substr(0, salt_size);
    keys.stored_key = sasl::detail::hmac_sha256(seed, "stored key");
    keys.server_key = sasl::detail::hmac_sha256(seed, "server key");
    return login_verifier(std::move(keys));
  }

  /// What `str` wrote, or nothing.
  static std::optional<login_verifier> parse(std::string_view text) {
    constexpr std::string_view scheme = "SCRAM-SHA-256$";
    if (!text.starts_with(scheme)) return std::nullopt;
    text.remove_prefix(scheme.size());
    login_verifier parsed;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed.keys_.iterations);
    if (error != std::errc{} || parsed.keys_.iterations == 0 || parsed.keys_.iterations > most_iterations)
      return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto next = [&](char before, std::string& value) {
      if (text.empty() || text.front() != before) return false;
      text.remove_prefix(1);
      const auto part = text.substr(0, text.find_first_of("$:"));
      text.remove_prefix(part.size());
      auto bytes = base64::decode(part);
      if (!bytes || bytes->empty()) return false;
      value = std::move(*bytes);
      return true;
    };
    if (!next(':', parsed.keys_.salt) || !next('$', parsed.keys_.stored_key) || !next(':', parsed.keys_.server_key) ||
        !text.empty())
      return std::nullopt;
    if (parsed.keys_.stored_key.size() != SHA256_DIGEST_LENGTH ||
        parsed.keys_.server_key.size() != SHA256_DIGEST_LENGTH)
      return std::nullopt;
    return parsed;
  }

  std::string str() const {
    return "SCRAM-SHA-256$" + std::to_string(keys_.iterations) + ':' + base64::encode(keys_.salt) + '$' +
           base64::encode(keys_.stored_key) + ':' + base64::encode(keys_.server_key);
  }

  /// Whether `password` is the one. Takes the same time for any wrong one.
  bool verify(const secret& password) const {
    const auto given = sasl::derive_scram_keys(password, keys_.salt, keys_.iterations);
    return sasl::detail::equal_in_constant_time(given.stored_key, keys_.stored_key);
  }

  std::uint32_t iterations() const noexcept { return keys_.iterations; }
  const sasl::scram_keys& keys() const noexcept { return keys_; }

 private:
  login_verifier() = default;
  explicit login_verifier(sasl::scram_keys keys) : keys_(std::move(keys)) {}

  sasl::scram_keys keys_;
};

}  // namespace postrider
