// Verifies the passwords of logins, and remembers those that were right: a client may log in for every mail.
#pragma once

#include <postrider/core/secret.hpp>
#include <postrider/registry/login_verifier.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace postrider {

/// A wrong password costs the iterations of its verifier each time; one that was right costs a digest from then on.
/// What is remembered lies in memory only, as digests under a key that the process makes for itself, and belongs to one
/// verifier, so that a changed password is forgotten. Thread-safe.
class password_verifier {
 public:
  password_verifier() {
    if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) std::terminate();
  }
  password_verifier(const password_verifier&) = delete;
  password_verifier& operator=(const password_verifier&) = delete;
  ~password_verifier() { OPENSSL_cleanse(key_.data(), key_.size()); }

  /// Whether `password` is the one of `verifier` (`login_verifier::str`). An empty verifier stands for a login that
  /// does not exist: the answer is no, and takes as long as for a wrong password.
  bool verify(std::string_view verifier, const secret& password) {
    const auto parsed = login_verifier::parse(verifier);
    if (!parsed) {
      static_cast<void>(nobody_.verify(password));
      return false;
    }
    const digest made = digest_of(verifier, password);
    if (remembers(verifier, made)) return true;
    if (!parsed->verify(password)) return false;
    const std::scoped_lock lock(mutex_);
    if (known_.size() >= most_remembered) known_.clear();
    known_.insert_or_assign(std::string(verifier), made);
    return true;
  }

 private:
  using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;
  static constexpr std::size_t most_remembered = 10'000;

  bool remembers(std::string_view verifier, const digest& made) const {
    const std::scoped_lock lock(mutex_);
    const auto found = known_.find(verifier);
    return found != known_.end() && CRYPTO_memcmp(found->second.data(), made.data(), made.size()) == 0;
  }

  /// The verifier has no line breaks, so that the text is unambiguous.
  digest digest_of(std::string_view verifier, const secret& password) const {
    std::string text(verifier);
    (text += '\n') += password.reveal();
    digest made{};
    HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), made.data(), nullptr);
    OPENSSL_cleanse(text.data(), text.size());
    return made;
  }

  const login_verifier nobody_ = login_verifier::make("nobody");
  std::array<unsigned char, 32> key_{};
  mutable std::mutex mutex_;
  std::map<std::string, digest, std::less<>> known_;
};

}  // namespace postrider
