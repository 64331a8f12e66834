// The server's side of a SASL exchange (RFC 4422): a name, and a password or the proof of one.
#pragma once

#include <postrider/core/secret.hpp>
#include <postrider/mail/ascii.hpp>
#include <postrider/sasl/scram_sha256_server.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postrider::protocol {

/// PLAIN (RFC 4616), LOGIN, or SCRAM-SHA-256 (RFC 7677). Takes the client's responses decoded and says what to ask
/// next.
class login_exchange {
 public:
  enum class step : std::uint8_t {
    challenge,  ///< ask the client with `challenge()`
    complete,   ///< `user()` is there, and `password()` unless it is `proved()`
    look_up,    ///< `challenge_with` the keys of `user()`
    refused     ///< the response is malformed, or asks for an identity of someone else
  };

  /// What is offered, strongest first.
  static constexpr std::string_view mechanisms(bool scram) noexcept {
    constexpr std::string_view all = "SCRAM-SHA-256 PLAIN LOGIN";
    return scram ? all : all.substr(all.find(' ') + 1);
  }

  /// An exchange of `mechanism` (any case), or nothing if it is not offered.
  static std::optional<login_exchange> begin(std::string_view mechanism, bool scram = false) {
    if (scram && equal_ignoring_case(mechanism, "SCRAM-SHA-256")) {
      login_exchange exchange(awaiting::scram_first, "");
      exchange.scram_.emplace();
      return exchange;
    }
    if (equal_ignoring_case(mechanism, "PLAIN")) return login_exchange(awaiting::plain, "");
    if (equal_ignoring_case(mechanism, "LOGIN")) return login_exchange(awaiting::user, "Username:");
    return std::nullopt;
  }

  /// What the client is asked next, not in base64.
  std::string_view challenge() const noexcept { return challenge_; }

  /// After `look_up`.
  void challenge_with(sasl::scram_keys keys) {
    challenge_ = scram_->challenge(std::move(keys));
    awaiting_ = awaiting::scram_final;
  }

  step respond(const secret& response) {
    switch (awaiting_) {
      case awaiting::plain: return take_plain(response.reveal());
      case awaiting::user:
        user_ = response.reveal();
        challenge_ = "Password:";
        awaiting_ = awaiting::password;
        return user_.empty() || has_control(user_) ? step::refused : step::challenge;
      case awaiting::password: return take_password(response.reveal());
      case awaiting::scram_first:
        if (!scram_->begin(response.reveal())) return step::refused;
        user_ = scram_->user();
        return step::look_up;
      case awaiting::scram_final:
        if (!scram_->finish(response.reveal())) return step::refused;
        challenge_ = scram_->proof();
        awaiting_ = awaiting::scram_end;
        return step::challenge;
      case awaiting::scram_end: return response.empty() ? step::complete : step::refused;
    }
    return step::refused;
  }

  const std::string& user() const noexcept { return user_; }
  const secret& password() const noexcept { return password_; }
  /// The client has proved that it knows the password, and did not say it.
  bool proved() const noexcept { return scram_.has_value(); }

 private:
  enum class awaiting : std::uint8_t { plain, user, password, scram_first, scram_final, scram_end };

  login_exchange(awaiting first, std::string_view challenge) : challenge_(challenge), awaiting_(first) {}

  // [authorization identity] NUL name NUL password
  step take_plain(std::string_view response) {
    const auto first = response.find('\0');
    const auto second = first == response.npos ? first : response.find('\0', first + 1);
    if (second == response.npos) return step::refused;
    const auto identity = response.substr(0, first);
    user_ = response.substr(first + 1, second - first - 1);
    if (user_.empty() || has_control(user_) || (!identity.empty() && identity != user_)) return step::refused;
    return take_password(response.substr(second + 1));
  }

  step take_password(std::string_view password) {
    if (password.empty() || has_control(password)) return step::refused;
    password_ = secret(std::string(password));
    return step::complete;
  }

  std::string user_;
  secret password_;
  std::optional<sasl::scram_sha256_server> scram_;
  std::string challenge_;
  awaiting awaiting_;
};

}  // namespace postrider::protocol
