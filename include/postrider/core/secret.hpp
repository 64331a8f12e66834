// Text that must not be seen: passwords, keys, tokens.
#pragma once

#include <openssl/crypto.h>

#include <string>
#include <string_view>
#include <utility>

namespace postrider {

/// Owns secret text, wipes it when done, and has no way to be printed: `reveal()` is the only access.
class secret {
 public:
  secret() = default;
  explicit secret(std::string text) : text_(std::move(text)) { wipe(text); }
  secret(const char* text)
      : text_(text) {}  // NOLINT(google-explicit-constructor): reads well in designated initialisers
  secret(const secret&) = default;
  secret(secret&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  secret& operator=(const secret& other) {
    if (this != &other) {
      wipe(text_);
      text_ = other.text_;
    }
    return *this;
  }
  secret& operator=(secret&& other) noexcept {
    if (this != &other) {
      wipe(text_);
      text_ = std::move(other.text_);
      wipe(other.text_);
    }
    return *this;
  }
  ~secret() { wipe(text_); }

  std::string_view reveal() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }

  /// Compared in constant time for equal lengths.
  friend bool operator==(const secret& a, const secret& b) noexcept {
    return a.text_.size() == b.text_.size() && CRYPTO_memcmp(a.text_.data(), b.text_.data(), a.text_.size()) == 0;
  }

 private:
  static void wipe(std::string& text) noexcept {
    text.resize(text.capacity());  // a short text that was moved away still lies behind the end
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
  }

  std::string text_;
};

}  // namespace postrider
