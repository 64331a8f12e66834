// SASL PLAIN (RFC 4616): user and password in one message.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/sasl/mechanism.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace postrider::sasl {

class plain {
 public:
  explicit plain(const account& who) : account_(who) {}

  std::string_view name() const noexcept { return "PLAIN"; }
  bool reveals_password() const noexcept { return true; }

  /// Nothing if the account cannot be said in PLAIN; `respond` then tells why.
  std::optional<secret> initial_response() {
    auto said = message();
    if (!said) return std::nullopt;
    return std::move(*said);
  }

  result<secret> respond(std::string_view) { return message(); }
  bool succeeded() const noexcept { return said_; }

  /// NUL separates the parts of the message, so that neither user nor password may hold one.
  static result<void> accepts(const account& who) {
    const bool in_user = who.user.find('\0') != std::string::npos;
    if (!in_user && who.password.reveal().find('\0') == std::string_view::npos) return {};
    failure refused(cause::invalid_configuration, stage::auth);
    refused.field = in_user ? field::user : field::password;
    refused.detail =
        in_user ? "PLAIN cannot say a user with a NUL character" : "PLAIN cannot say a password with a NUL character";
    return fail(std::move(refused));
  }

 private:
  result<secret> message() {
    if (said_) return fail(cause::protocol_error, stage::auth, "the server asks on after everything was said in PLAIN");
    if (auto fits = accepts(account_); !fits) return fail(std::move(fits.error()));
    said_ = true;
    const std::string_view password = account_.password.reveal();
    std::string text;
    text.reserve(account_.user.size() + password.size() + 2);  // one allocation: nothing is left in outgrown ones
    text.append(1, '\0').append(account_.user).append(1, '\0').append(password);
    return secret(std::move(text));
  }

  account account_;
  bool said_ = false;
};

}  // namespace postrider::sasl
