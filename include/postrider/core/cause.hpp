// Why mail does not go out: outcome, stage, scope, action, field and cause, and what each cause means by default.
#pragma once

#include <postrider/core/vocabulary.hpp>

#include <cstdint>

namespace postrider {

/// What became of a mail for one recipient. `unknown`: the content may have been delivered, no final reply was read.
enum class outcome : std::uint8_t { accepted, transient, permanent, unknown };
template <>
inline constexpr std::array<std::string_view, 4> spellings<outcome>{"accepted", "transient", "permanent", "unknown"};

/// How far the delivery had come.
enum class stage : std::uint8_t {
  queue,
  resolve,
  connect,
  greeting,
  ehlo,
  starttls,
  tls,
  auth,
  mail,
  rcpt,
  data,
  final,
  quit
};
template <>
inline constexpr std::array<std::string_view, 13> spellings<stage>{"queue",    "resolve", "connect", "greeting", "ehlo",
                                                                   "starttls", "tls",     "auth",    "mail",     "rcpt",
                                                                   "data",     "final",   "quit"};

/// What the trouble is about: who else would meet it too.
enum class scope : std::uint8_t { recipient, message, account, server, local };
template <>
inline constexpr std::array<std::string_view, 5> spellings<scope>{"recipient", "message", "account", "server", "local"};

/// What is to be done about it. `ask_operator` is spelled "operator".
enum class action : std::uint8_t { retry, next_server, hold_server, suspend_account, bounce, ask_operator };
template <>
inline constexpr std::array<std::string_view, 6> spellings<action>{"retry",           "next_server", "hold_server",
                                                                   "suspend_account", "bounce",      "operator"};

/// The setting to look at.
enum class field : std::uint8_t { host, port, security, auth_method, user, password, sender, recipient, message, none };
template <>
inline constexpr std::array<std::string_view, 10> spellings<field>{
    "host", "port", "security", "auth_method", "user", "password", "sender", "recipient", "message", "none"};

// clang-format off
enum class cause : std::uint8_t {
  // local
  no_server, invalid_configuration, credential_unavailable, spool_failed, source_failed, shutting_down, cancelled,
  limited_here, breaker_open, account_suspended, expired, mail_loop,
  // network
  name_not_found, lookup_failed, null_mx, no_address, connection_refused, connect_timeout, unreachable, port_blocked,
  connection_reset, connection_closed, reply_timeout,
  // protocol and TLS
  not_smtp, implicit_tls_expected, starttls_expected, greeting_refused, ehlo_refused, starttls_not_offered,
  starttls_refused, injected_reply, tls_version, tls_handshake, certificate_untrusted, certificate_expired,
  certificate_name, policy_dane, policy_mta_sts, protocol_error, server_closing, too_many_recipients, message_too_big,
  eight_bit_unsupported, smtputf8_unsupported, extension_unsupported,
  // account
  mechanism_unavailable, mechanism_too_weak, encryption_required, authentication_required, credentials_rejected,
  app_password_required, oauth_required, token_expired, account_disabled, sender_not_allowed, provider_rate,
  provider_quota, relay_denied,
  // recipient and message
  mailbox_unknown, mailbox_disabled, mailbox_full, domain_invalid, moved, recipient_refused, spam, virus, attachment,
  authentication_policy, blocklisted, greylisted, unclassified_transient, unclassified_permanent
};
// clang-format on

/// What a cause means where nothing more is known.
struct cause_traits {
  cause value;
  std::string_view name;
  outcome result;
  postrider::scope scope;
  postrider::action action;
  postrider::field field;
};

namespace detail {

inline constexpr auto cause_table = [] {
  using enum cause;
  constexpr auto transient = outcome::transient;
  constexpr auto permanent = outcome::permanent;
  constexpr auto recipient = scope::recipient;
  constexpr auto message = scope::message;
  constexpr auto account = scope::account;
  constexpr auto server = scope::server;
  constexpr auto local = scope::local;
  using enum action;
  using f = field;
  // clang-format off
  return std::to_array<cause_traits>({
      {no_server, "no_server", permanent, local, ask_operator, f::host},
      {invalid_configuration, "invalid_configuration", permanent, local, ask_operator, f::none},
      {credential_unavailable, "credential_unavailable", transient, local, ask_operator, f::password},
      {spool_failed, "spool_failed", transient, local, ask_operator, f::none},
      {source_failed, "source_failed", transient, local, retry, f::message},
      {shutting_down, "shutting_down", transient, local, retry, f::none},
      {cancelled, "cancelled", transient, local, retry, f::none},
      {limited_here, "limited_here", transient, local, retry, f::none},
      {breaker_open, "breaker_open", transient, server, hold_server, f::none},
      {account_suspended, "account_suspended", transient, account, suspend_account, f::password},
      {expired, "expired", permanent, local, bounce, f::none},
      {mail_loop, "mail_loop", permanent, message, bounce, f::message},

      {name_not_found, "name_not_found", transient, server, hold_server, f::host},
      {lookup_failed, "lookup_failed", transient, server, hold_server, f::host},
      {null_mx, "null_mx", permanent, recipient, bounce, f::recipient},
      {no_address, "no_address", transient, server, hold_server, f::host},
      {connection_refused, "connection_refused", transient, server, next_server, f::port},
      {connect_timeout, "connect_timeout", transient, server, next_server, f::port},
      {unreachable, "unreachable", transient, server, next_server, f::host},
      {port_blocked, "port_blocked", transient, server, next_server, f::port},
      {connection_reset, "connection_reset", transient, server, next_server, f::none},
      {connection_closed, "connection_closed", transient, server, next_server, f::none},
      {reply_timeout, "reply_timeout", transient, server, next_server, f::none},

      {not_smtp, "not_smtp", transient, server, hold_server, f::port},
      {implicit_tls_expected, "implicit_tls_expected", transient, server, hold_server, f::security},
      {starttls_expected, "starttls_expected", transient, server, hold_server, f::security},
      {greeting_refused, "greeting_refused", transient, server, next_server, f::host},
      {ehlo_refused, "ehlo_refused", transient, server, hold_server, f::host},
      {starttls_not_offered, "starttls_not_offered", transient, server, hold_server, f::security},
      {starttls_refused, "starttls_refused", transient, server, next_server, f::security},
      {injected_reply, "injected_reply", transient, server, hold_server, f::security},
      {tls_version, "tls_version", transient, server, hold_server, f::security},
      {tls_handshake, "tls_handshake", transient, server, hold_server, f::security},
      {certificate_untrusted, "certificate_untrusted", transient, server, hold_server, f::host},
      {certificate_expired, "certificate_expired", transient, server, hold_server, f::host},
      {certificate_name, "certificate_name", transient, server, hold_server, f::host},
      {policy_dane, "policy_dane", transient, server, hold_server, f::host},
      {policy_mta_sts, "policy_mta_sts", transient, server, hold_server, f::host},
      {protocol_error, "protocol_error", transient, server, retry, f::host},
      {server_closing, "server_closing", transient, server, next_server, f::none},
      {too_many_recipients, "too_many_recipients", transient, recipient, retry, f::none},
      {message_too_big, "message_too_big", permanent, message, bounce, f::message},
      {eight_bit_unsupported, "eight_bit_unsupported", permanent, message, bounce, f::message},
      {smtputf8_unsupported, "smtputf8_unsupported", permanent, message, bounce, f::recipient},
      {extension_unsupported, "extension_unsupported", permanent, message, bounce, f::message},

      {mechanism_unavailable, "mechanism_unavailable", transient, account, suspend_account, f::auth_method},
      {mechanism_too_weak, "mechanism_too_weak", transient, account, suspend_account, f::auth_method},
      {encryption_required, "encryption_required", transient, account, suspend_account, f::security},
      {authentication_required, "authentication_required", transient, account, suspend_account, f::user},
      {credentials_rejected, "credentials_rejected", transient, account, suspend_account, f::password},
      {app_password_required, "app_password_required", transient, account, suspend_account, f::password},
      {oauth_required, "oauth_required", transient, account, suspend_account, f::auth_method},
      {token_expired, "token_expired", transient, account, suspend_account, f::password},
      {account_disabled, "account_disabled", transient, account, suspend_account, f::user},
      {sender_not_allowed, "sender_not_allowed", transient, account, suspend_account, f::sender},
      {provider_rate, "provider_rate", transient, account, hold_server, f::none},
      {provider_quota, "provider_quota", transient, account, suspend_account, f::none},
      {relay_denied, "relay_denied", transient, account, suspend_account, f::user},

      {mailbox_unknown, "mailbox_unknown", permanent, recipient, bounce, f::recipient},
      {mailbox_disabled, "mailbox_disabled", permanent, recipient, bounce, f::recipient},
      {mailbox_full, "mailbox_full", transient, recipient, retry, f::recipient},
      {domain_invalid, "domain_invalid", permanent, recipient, bounce, f::recipient},
      {moved, "moved", permanent, recipient, bounce, f::recipient},
      {recipient_refused, "recipient_refused", permanent, recipient, bounce, f::recipient},
      {spam, "spam", permanent, message, bounce, f::message},
      {virus, "virus", permanent, message, bounce, f::message},
      {attachment, "attachment", permanent, message, bounce, f::message},
      {authentication_policy, "authentication_policy", permanent, message, bounce, f::sender},
      {blocklisted, "blocklisted", permanent, message, bounce, f::none},
      {greylisted, "greylisted", transient, recipient, retry, f::none},
      {unclassified_transient, "unclassified_transient", transient, message, retry, f::none},
      {unclassified_permanent, "unclassified_permanent", permanent, message, bounce, f::none},
  });
  // clang-format on
}();

}  // namespace detail

template <>
inline constexpr auto spellings<cause> = [] {
  std::array<std::string_view, detail::cause_table.size()> names{};
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = detail::cause_table[i].name;
  return names;
}();

/// Scope, action, field and outcome of `value` where no evidence says otherwise.
constexpr const cause_traits& traits_of(cause value) noexcept {
  return detail::cause_table[static_cast<std::size_t>(value)];
}

static_assert(
    [] {
      for (std::size_t i = 0; i < detail::cause_table.size(); ++i)
        if (static_cast<std::size_t>(detail::cause_table[i].value) != i) return false;
      return true;
    }(),
    "the table follows the order of the enumeration");

}  // namespace postrider
