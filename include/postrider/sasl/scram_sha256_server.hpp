// SASL SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side of one exchange.
#pragma once

#include <postrider/sasl/scram.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::sasl {

/// Three steps: `begin`, `challenge`, `finish`; each only after the one before it said yes. Channel binding is not
/// offered: a client that could do it, but believes that this side cannot ("y"), is right; one that does it is refused.
class scram_sha256_server {
 public:
  scram_sha256_server() : scram_sha256_server(detail::make_nonce()) {}
  /// With a nonce that is known, for tests.
  explicit scram_sha256_server(std::string nonce) : nonce_(std::move(nonce)) {}

  /// Takes the client's first message; then `user` is whom it claims to be. False: malformed, or it asks for what is
  /// not there: channel binding, extensions, the identity of someone else.
  bool begin(std::string_view message) {
    std::string_view rest = message;
    if (!rest.starts_with("n,") && !rest.starts_with("y,")) return false;
    rest.remove_prefix(2);
    std::string identity;
    if (const auto given = detail::take_attribute(rest, 'a')) {
      auto decoded = detail::decode_name(*given);
      if (!decoded) return false;
      identity = std::move(*decoded);
    } else if (rest.starts_with(',')) {
      rest.remove_prefix(1);
    } else {
      return false;
    }
    header_ = message.substr(0, message.size() - rest.size());
    client_first_ = rest;
    const auto name = detail::take_attribute(rest, 'n');
    const auto nonce = name ? detail::take_attribute(rest, 'r') : std::nullopt;
    if (!nonce || !detail::is_nonce(*nonce)) return false;
    auto decoded = detail::decode_name(*name);
    if (!decoded || has_control(*decoded) || (!identity.empty() && identity != *decoded)) return false;
    user_ = std::move(*decoded);
    nonce_.insert(0, *nonce);
    return true;
  }

  const std::string& user() const noexcept { return user_; }

  /// The server's first message. For a user that does not exist `keys` are made up, and nothing tells them apart.
  std::string challenge(scram_keys keys) {
    keys_ = std::move(keys);
    server_first_ = "r=" + nonce_ + ",s=" + base64::encode(keys_.salt) + ",i=" + std::to_string(keys_.iterations);
    return server_first_;
  }

  /// Takes the client's last message. True: it proves that the client knows the password, and `proof` is the answer.
  bool finish(std::string_view message) {
    std::string_view rest = message;
    const auto binding = detail::take_attribute(rest, 'c');
    const auto nonce = binding ? detail::take_attribute(rest, 'r') : std::nullopt;
    const std::size_t behind = message.rfind(",p=");
    if (!nonce || *nonce != nonce_ || *binding != base64::encode(header_) || behind == message.npos) return false;
    const auto proof = base64::decode(message.substr(behind + 3));
    if (!proof || proof->size() != keys_.stored_key.size()) return false;
    const std::string said = client_first_ + ',' + server_first_ + ',' + std::string(message.substr(0, behind));
    const std::string signature = detail::hmac_sha256(keys_.stored_key, said);
    const std::string client_key = detail::exclusive_or(*proof, signature);
    if (!detail::equal_in_constant_time(detail::sha256(client_key), keys_.stored_key)) return false;
    proof_ = "v=" + base64::encode(detail::hmac_sha256(keys_.server_key, said));
    return true;
  }

  /// The server's last message.
  const std::string& proof() const noexcept { return proof_; }

 private:
  static bool has_control(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(), [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; });
  }

  scram_keys keys_;
  std::string nonce_;
  std::string header_;
  std::string user_;
  std::string client_first_;
  std::string server_first_;
  std::string proof_;
};

}  // namespace postrider::sasl
