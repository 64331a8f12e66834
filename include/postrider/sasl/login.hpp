// SASL LOGIN: the user, then the password, each asked for; obsolete, and still all that some servers know.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/sasl/mechanism.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace postrider::sasl {

/// The words of the two challenges differ from server to server and are not looked at: their order never does.
class login {
 public:
  explicit login(const account& who) : account_(who) {}

  std::string_view name() const noexcept { return "LOGIN"; }
  bool reveals_password() const noexcept { return true; }
  std::optional<secret> initial_response() const { return std::nullopt; }

  result<secret> respond(std::string_view) {
    switch (++asked_) {
      case 1: return secret(account_.user);
      case 2: return account_.password;
      default: return fail(cause::protocol_error, stage::auth, "the server asks on after everything was said in LOGIN");
    }
  }

  bool succeeded() const noexcept { return asked_ == 2; }

 private:
  account account_;
  int asked_ = 0;
};

}  // namespace postrider::sasl
