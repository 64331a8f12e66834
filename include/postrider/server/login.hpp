// Who hands mail in, and what they may call themselves.
#pragma once

#include <postrider/core/config.hpp>
#include <postrider/core/result.hpp>
#include <postrider/core/secret.hpp>
#include <postrider/mail/address.hpp>
#include <postrider/registry/model.hpp>
#include <postrider/sasl/scram.hpp>

#include <asio/awaitable.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider {

/// A client that is known: by a password, or because its address is trusted. A class with constructors, so that g++ 12
/// can pass it through awaiting expressions.
class login {
 public:
  /// Nobody: no sender at all.
  login() = default;
  /// Proved by a password, and what it may do from now on.
  login(std::string tenant, login_record record) : tenant_(std::move(tenant)), name_(record.name) {
    permits_ = [kept = std::move(record)](std::string_view sender) { return kept.permits(sender); };
  }
  /// Proved by a password. `permits` is asked for each mail, so that what changes meanwhile counts at once.
  login(std::string tenant, std::string name, std::function<bool(std::string_view sender)> permits)
      : tenant_(std::move(tenant)), name_(std::move(name)), permits_(std::move(permits)) {}
  /// The same; `stands` is asked before that: whether what was proved still counts.
  login(std::string tenant, std::string name, std::function<bool(std::string_view sender)> permits,
        std::function<bool()> stands)
      : login(std::move(tenant), std::move(name), std::move(permits)) {
    stands_ = std::move(stands);
  }
  /// A client at a trusted address, of `tenant`: any sender, the null reverse-path included.
  static login trusted(std::string tenant) {
    login anyone;
    anyone.tenant_ = std::move(tenant);
    anyone.any_sender_ = true;
    return anyone;
  }

  const std::string& tenant() const noexcept { return tenant_; }
  /// Empty for a trusted address.
  const std::string& name() const noexcept { return name_; }

  /// False once its password was changed, or it was removed: whoever is logged in has to log in again.
  bool stands() const { return !stands_ || stands_(); }

  bool may_send_as(const std::optional<address>& sender) const {
    return any_sender_ || (sender && permits_ && permits_(sender->str()));
  }

 private:
  std::string tenant_;
  std::string name_;
  std::function<bool(std::string_view sender)> permits_;
  std::function<bool()> stands_;
  bool any_sender_ = false;
};

/// Tells whose name and password these are. A failure of cause `credentials_rejected` is 535 to the client, every
/// other one 454. Parameters come by value, because the work may be done on another thread.
using password_check = std::function<asio::awaitable<result<login>>(std::string name, secret password)>;

/// Whom a client claims to be, and the keys that it has to prove with SCRAM-SHA-256 before it is believed.
class claimed_login {
 public:
  claimed_login(login who, sasl::scram_keys keys) : who(std::move(who)), keys(std::move(keys)) {}

  login who;
  sasl::scram_keys keys;
};

/// Finds a login by its name. For a name that is nobody's it gives keys that nobody can prove, the same ones each time,
/// so that a client cannot tell which logins there are. Any failure is 454 to the client.
using login_lookup = std::function<asio::awaitable<result<claimed_login>>(std::string name)>;

}  // namespace postrider
