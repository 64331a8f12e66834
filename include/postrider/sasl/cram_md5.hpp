// SASL CRAM-MD5 (RFC 2195): the password keys a digest of the server's challenge and is not sent itself.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/sasl/mechanism.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <optional>
#include <string>
#include <string_view>

namespace postrider::sasl {

class cram_md5 {
 public:
  explicit cram_md5(const account& who) : account_(who) {}

  std::string_view name() const noexcept { return "CRAM-MD5"; }
  bool reveals_password() const noexcept { return false; }
  std::optional<secret> initial_response() const { return std::nullopt; }

  /// An empty challenge is refused: the answer to it could be used again.
  result<secret> respond(std::string_view challenge) {
    if (answered_)
      return fail(cause::protocol_error, stage::auth, "the server asks on after everything was said in CRAM-MD5");
    if (challenge.empty()) return fail(cause::protocol_error, stage::auth, "the server's CRAM-MD5 challenge is empty");
    const std::string_view key = account_.password.reveal();
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (!HMAC(EVP_md5(), key.data(), static_cast<int>(key.size()),
              reinterpret_cast<const unsigned char*>(challenge.data()), challenge.size(), digest, &size))
      return fail(cause::mechanism_unavailable, stage::auth, "OpenSSL does not allow MD5 here, which CRAM-MD5 needs");
    constexpr std::string_view digits = "0123456789abcdef";
    std::string answer = account_.user + ' ';
    for (unsigned int i = 0; i < size; ++i) answer.append({digits[digest[i] >> 4], digits[digest[i] & 15]});
    answered_ = true;
    return secret(std::move(answer));
  }

  bool succeeded() const noexcept { return answered_; }

 private:
  account account_;
  bool answered_ = false;
};

}  // namespace postrider::sasl
