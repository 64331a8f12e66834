// What is kept of an administrator's password and of what stands in for one: nothing that leads back to it.
#pragma once

#include <postrider/core/base64.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

namespace postrider::examples {

/// `bytes` random bytes as hexadecimal digits. Throws if the system has no randomness.
inline std::string random_text(std::size_t bytes = 32) {
  std::string raw(bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(raw.size())) != 1)
    throw std::runtime_error("there is no randomness");
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : raw) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

/// For tokens, which are random and long: SHA-256, base64.
inline std::string token_hash(std::string_view token) {
  std::array<unsigned char, 32> hash{};
  unsigned size = 0;
  if (EVP_Digest(token.data(), token.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("SHA-256 failed");
  return base64::encode({reinterpret_cast<const char*>(hash.data()), size});
}

inline bool same_secret(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// scrypt (RFC 7914), "scrypt$N$r$p$SALT$HASH" with salt and hash in base64.
class password_hash {
 public:
  static std::string make(std::string_view password) { return spell(cost, block, parallel, random_text(16), password); }

  /// Takes as long for what is no hash as for a wrong password.
  static bool verify(std::string_view stored, std::string_view password) {
    static const std::string nobody = make(random_text());
    const bool known = stored.starts_with("scrypt$");
    std::string_view rest = known ? stored : std::string_view(nobody);
    const auto next = [&rest] {
      const std::string_view part = rest.substr(0, rest.find('$'));
      rest.remove_prefix(std::min(part.size() + 1, rest.size()));
      return part;
    };
    const auto number = [&next] {
      std::uint64_t value = 0;
      const std::string_view digits = next();
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
      return value;
    };
    next();
    const std::uint64_t n = number(), r = number(), p = number();
    const std::string salt(next());
    return same_secret(spell(n, r, p, salt, password), known ? stored : std::string_view(nobody)) && known;
  }

 private:
  static constexpr std::uint64_t cost = 1 << 15, block = 8, parallel = 1;

  static std::string spell(std::uint64_t n, std::uint64_t r, std::uint64_t p, const std::string& salt,
                           std::string_view password) {
    // One at a time: each takes 32 MiB.
    static std::mutex one_at_a_time;
    const std::scoped_lock lock(one_at_a_time);
    std::array<unsigned char, 32> key{};
    if (EVP_PBE_scrypt(password.data(), password.size(), reinterpret_cast<const unsigned char*>(salt.data()),
                       salt.size(), n, r, p, 64 * 1024 * 1024, key.data(), key.size()) != 1)
      throw std::runtime_error("scrypt failed");
    return "scrypt$" + std::to_string(n) + '$' + std::to_string(r) + '$' + std::to_string(p) + '$' + salt + '$' +
           base64::encode({reinterpret_cast<const char*>(key.data()), key.size()});
  }
};

}  // namespace postrider::examples
