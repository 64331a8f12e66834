// SASL SCRAM-SHA-256 (RFC 5802, RFC 7677), the client's side: the password is not sent, and the server proves itself.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/sasl/mechanism.hpp>
#include <postrider/sasl/scram.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace postrider::sasl {

/// Without channel binding. A server that asks for too few iterations would learn much of a weak password, and one that
/// asks for too many would keep this side busy: both are refused.
class scram_sha256 {
 public:
  static constexpr std::uint32_t least_iterations = 4096;    ///< RFC 7677 section 4
  static constexpr std::uint32_t most_iterations = 600'000;  ///< a fraction of a second of computing

  explicit scram_sha256(const account& who) : scram_sha256(who, detail::make_nonce()) {}
  /// With a nonce that is known, for tests.
  scram_sha256(const account& who, std::string nonce) : account_(who), nonce_(std::move(nonce)) {}

  std::string_view name() const noexcept { return "SCRAM-SHA-256"; }
  bool reveals_password() const noexcept { return false; }

  /// Nothing if the account cannot be said; `respond` then tells why.
  std::optional<secret> initial_response() {
    auto said = first_message();
    if (!said) return std::nullopt;
    return std::move(*said);
  }

  /// The server's messages in their order; an empty one first if no initial response was sent. Cause `protocol_error`
  /// for what no server may say, `credentials_rejected` if it says that the password is wrong.
  result<secret> respond(std::string_view challenge) {
    switch (awaiting_) {
      case awaiting::nothing: return challenge.empty() ? first_message() : refused("speaks before its turn");
      case awaiting::server_first: return prove(challenge);
      case awaiting::server_final: return judge(challenge);
      case awaiting::success: break;
    }
    return refused("asks on after everything was said");
  }

  /// The server has proved that it knows the keys of the password.
  bool succeeded() const noexcept { return awaiting_ == awaiting::success; }

  /// User and password are printable ASCII, all that SASLprep (RFC 4013) leaves as it is.
  static result<void> accepts(const account& who) {
    const auto plain = [](std::string_view text) {
      return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    };
    const bool good_user = plain(who.user);
    if (good_user && plain(who.password.reveal())) return {};
    failure why(cause::invalid_configuration, stage::auth);
    why.field = good_user ? field::password : field::user;
    why.detail = good_user ? "SCRAM-SHA-256 is done here with passwords of printable ASCII only"
                           : "SCRAM-SHA-256 is done here with user names of printable ASCII only";
    return fail(std::move(why));
  }

 private:
  enum class awaiting : std::uint8_t { nothing, server_first, server_final, success };

  static tl::unexpected<failure> refused(std::string_view what) {
    return fail(cause::protocol_error, stage::auth, "the server " + std::string(what) + " in SCRAM-SHA-256");
  }

  result<secret> first_message() {
    if (awaiting_ != awaiting::nothing) return refused("asks on after everything was said");
    if (auto fits = accepts(account_); !fits) return fail(std::move(fits.error()));
    first_bare_ = "n=" + detail::encode_name(account_.user) + ",r=" + nonce_;
    awaiting_ = awaiting::server_first;
    return secret(std::string(header) + first_bare_);
  }

  result<secret> prove(std::string_view server_first) {
    std::string_view rest = server_first;
    const auto nonce = detail::take_attribute(rest, 'r');
    const auto salt_text = nonce ? detail::take_attribute(rest, 's') : std::nullopt;
    const auto count = salt_text ? detail::take_attribute(rest, 'i') : std::nullopt;
    const auto salt = base64::decode(salt_text.value_or(""));
    if (!count || !salt || salt->empty()) return refused("sends a malformed challenge");
    if (!detail::is_nonce(*nonce) || !nonce->starts_with(nonce_) || nonce->size() == nonce_.size())
      return refused("does not use the nonce it was given");
    std::uint32_t iterations = 0;
    const auto [end, error] = std::from_chars(count->data(), count->data() + count->size(), iterations);
    if (error != std::errc{} || end != count->data() + count->size()) return refused("sends a malformed challenge");
    if (iterations < least_iterations || iterations > most_iterations)
      return refused("asks for " + std::to_string(iterations) + " iterations, not for " +
                     std::to_string(least_iterations) + " to " + std::to_string(most_iterations) + ',');

    const secret salted = detail::salted_password(account_.password, *salt, iterations);
    const secret client_key = detail::client_key_of(salted);
    const std::string without_proof = "c=" + base64::encode(header) + ",r=" + std::string(*nonce);
    const std::string said = first_bare_ + ',' + std::string(server_first) + ',' + without_proof;
    const std::string signature = detail::hmac_sha256(detail::sha256(client_key.reveal()), said);
    expected_ = detail::hmac_sha256(detail::server_key_of(salted), said);
    awaiting_ = awaiting::server_final;
    return secret(without_proof + ",p=" + base64::encode(detail::exclusive_or(client_key.reveal(), signature)));
  }

  result<secret> judge(std::string_view server_final) {
    std::string_view rest = server_final;
    if (detail::take_attribute(rest, 'e'))
      return fail(cause::credentials_rejected, stage::auth, "the server refuses the proof of the password");
    const auto signature = detail::take_attribute(rest, 'v');
    const auto given = base64::decode(signature.value_or(""));
    if (!signature || !given || !detail::equal_in_constant_time(*given, expected_))
      return refused("cannot prove that it knows the password");
    awaiting_ = awaiting::success;
    return secret(std::string());
  }

  static constexpr std::string_view header = "n,,";  // no channel binding, no other identity

  account account_;
  std::string nonce_;
  std::string first_bare_;
  std::string expected_;
  awaiting awaiting_ = awaiting::nothing;
};

}  // namespace postrider::sasl
