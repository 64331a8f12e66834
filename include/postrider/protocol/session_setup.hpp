// From the greeting to the first mail: EHLO or HELO, TLS, authentication; which comes when, and what ends it.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/protocol/auth_exchange.hpp>
#include <postrider/protocol/capabilities.hpp>
#include <postrider/protocol/classify.hpp>
#include <postrider/protocol/ehlo_name.hpp>
#include <postrider/protocol/reply.hpp>
#include <postrider/protocol/spoken.hpp>
#include <postrider/protocol/step.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::protocol {

/// What a session does next before it can take mail.
struct setup_move {
  enum class kind : std::uint8_t { listen, say, handshake, done, fail };

  kind what;
  confidential_line line{};       ///< to say
  step awaited = step::greeting;  ///< the reply that is due then
  failure why{};
};

/// In lock step: each move is made before the next reply is taken. Everything is decided by the server's definition and
/// what it said last; what was learnt before TLS is forgotten (RFC 3207 section 4.2).
class session_setup {
 public:
  session_setup(const server& definition, std::string ehlo_name) : ehlo_name_(std::move(ehlo_name)) {
    if (!definition.ehlo_name.empty()) ehlo_name_ = definition.ehlo_name;
  }

  const capabilities& offered() const noexcept { return offered_; }
  bool encrypted() const noexcept { return encrypted_; }
  bool authenticated() const noexcept { return authenticated_; }
  /// Something of the password may be on its way, and may come back.
  bool has_spoken_of_password() const noexcept { return exchange_ || authenticated_; }

  setup_move begin(const server& definition) const {
    if (!valid_ehlo_name(ehlo_name_))
      return failed(failure(cause::invalid_configuration, stage::ehlo, "not a name for EHLO: " + ehlo_name_));
    if (definition.security == security::tls) return {.what = setup_move::kind::handshake};
    return {.what = setup_move::kind::listen};
  }

  setup_move tls_established(const server& definition) {
    encrypted_ = true;
    offered_ = capabilities();
    if (definition.security == security::tls) return {.what = setup_move::kind::listen};
    return ehlo(definition);
  }

  /// `r` is the reply that `now` waited for.
  setup_move take(step now, const reply& r, const server& definition, const spoken& told) {
    switch (now) {
      case step::greeting: return on_greeting(r, definition, told);
      case step::ehlo: return on_ehlo(r, definition, told);
      case step::helo: return on_helo(r, definition, told);
      case step::starttls: return on_starttls(r, told);
      default: return on_auth(r, told);
    }
  }

 private:
  static setup_move say(std::string line, step awaited) {
    setup_move next{.what = setup_move::kind::say, .awaited = awaited};
    next.line.open = std::move(line);
    return next;
  }
  static setup_move say(confidential_line line) {
    setup_move next{.what = setup_move::kind::say, .awaited = step::auth};
    next.line = std::move(line);
    return next;
  }
  static setup_move failed(failure why) {
    setup_move next{.what = setup_move::kind::fail};
    next.why = std::move(why);
    return next;
  }
  setup_move refused(stage where, const reply& r) const {
    return failed(classify(where, r, reply_context{.encrypted = encrypted_, .authenticated = authenticated_}));
  }

  setup_move on_greeting(const reply& r, const server& definition, const spoken& told) const {
    if (r.code != 220) return refused(stage::greeting, r);
    told.passed(stage::greeting, r);
    return ehlo(definition);
  }

  setup_move ehlo(const server& definition) const {
    return definition.quirks.helo_only ? helo() : say("EHLO " + ehlo_name_, step::ehlo);
  }
  setup_move helo() const { return say("HELO " + ehlo_name_, step::helo); }

  setup_move on_ehlo(const reply& r, const server& definition, const spoken& told) {
    if (r.code == 250) {
      offered_ = capabilities::parse(r);
      offered_.restrict(definition.quirks);
      told.passed(stage::ehlo, offered_.summary());
      return secure(definition);
    }
    if (r.transient()) return refused(stage::ehlo, r);
    // A server without EHLO has no STARTTLS: with TLS required the session ends before anything is given away.
    if (lacks_tls(definition))
      return failed(failure(cause::starttls_not_offered, stage::starttls, "the server refused EHLO: " + r.text()));
    return helo();
  }

  setup_move on_helo(const reply& r, const server& definition, const spoken& told) {
    if (r.code != 250) return refused(stage::ehlo, r);
    told.passed(stage::ehlo, "HELO only");
    return secure(definition);
  }

  bool lacks_tls(const server& definition) const noexcept {
    return definition.security == security::starttls && !encrypted_;
  }

  setup_move secure(const server& definition) {
    if (!lacks_tls(definition)) return authenticate(definition);
    if (offered_.starttls) return say("STARTTLS", step::starttls);
    return failed(failure(cause::starttls_not_offered, stage::starttls, "offered: " + offered_.summary()));
  }

  setup_move on_starttls(const reply& r, const spoken& told) const {
    if (r.code != 220) return refused(stage::starttls, r);
    told.passed(stage::starttls, r);
    return {.what = setup_move::kind::handshake};
  }

  setup_move authenticate(const server& definition) {
    if (definition.account.empty() || definition.auth == auth_method::none) return {.what = setup_move::kind::done};
    auto exchange = auth_exchange::begin(offered_, definition, encrypted_);
    if (!exchange) return failed(std::move(exchange.error()));
    exchange_.emplace(std::move(*exchange));
    return say(exchange_->opening());
  }

  setup_move on_auth(const reply& r, const spoken& told) {
    if (r.code == 334) return say(exchange_->answer(r));
    if (auto why = exchange_->conclude(r.code, refused(stage::auth, r).why)) return failed(std::move(*why));
    authenticated_ = true;
    told.passed(stage::auth, exchange_->mechanism_name());
    exchange_.reset();
    return {.what = setup_move::kind::done};
  }

  std::string ehlo_name_;
  capabilities offered_;
  std::optional<auth_exchange> exchange_;
  bool encrypted_ = false;
  bool authenticated_ = false;
};

}  // namespace postrider::protocol
