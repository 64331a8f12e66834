// What reply codes and enhanced codes mean at each stage: tables in the order of RFC 3463, RFC 5321 and RFC 4954.
#pragma once

#include <postrider/core/cause.hpp>
#include <postrider/core/enhanced_status.hpp>

#include <array>
#include <optional>

namespace postrider::protocol::detail {

/// The groups of stages that read a code alike. Bits, so that a rule can hold for several.
enum class at : unsigned { session = 1, ehlo = 2, auth = 4, mail = 8, rcpt = 16, content = 32 };

constexpr at stage_group(stage where) noexcept {
  switch (where) {
    case stage::ehlo: return at::ehlo;
    case stage::auth: return at::auth;
    case stage::mail: return at::mail;
    case stage::rcpt: return at::rcpt;
    case stage::data:
    case stage::final: return at::content;
    default: return at::session;
  }
}

inline constexpr unsigned at_auth = static_cast<unsigned>(at::auth);
inline constexpr unsigned at_mail = static_cast<unsigned>(at::mail);
inline constexpr unsigned at_rcpt = static_cast<unsigned>(at::rcpt);
inline constexpr unsigned at_content = static_cast<unsigned>(at::content);
inline constexpr unsigned at_recipient = at_rcpt | at_content;
inline constexpr unsigned at_transaction = at_mail | at_rcpt | at_content;
inline constexpr unsigned at_any = at_auth | at_transaction;

/// Either a reply code, or an enhanced code (category 0 stands for 4 and 5), with the stages where it holds.
struct code_rule {
  int code;
  enhanced_status enhanced;
  unsigned stages;
  postrider::cause cause;
  std::optional<postrider::scope> scope{};
  std::optional<postrider::action> action{};
  std::optional<postrider::field> field{};
};

constexpr code_rule enhanced(std::uint16_t category, std::uint16_t subject, std::uint16_t detail, unsigned stages,
                             cause why, std::optional<scope> scope = {}, std::optional<action> action = {},
                             std::optional<field> field = {}) {
  return {0, enhanced_status{category, subject, detail}, stages, why, scope, action, field};
}
constexpr code_rule plain(int code, unsigned stages, cause why, std::optional<scope> scope = {},
                          std::optional<action> action = {}, std::optional<field> field = {}) {
  return {code, {}, stages, why, scope, action, field};
}

/// Codes that mean one thing whatever the words beside them.
inline constexpr auto firm_codes = [] {
  using enum cause;
  // clang-format off
  return std::to_array<code_rule>({
      enhanced(0, 1, 1, at_recipient, mailbox_unknown),
      enhanced(0, 2, 2, at_rcpt, mailbox_full),
      enhanced(0, 2, 3, at_transaction, message_too_big),
      enhanced(0, 3, 4, at_transaction, message_too_big),
      enhanced(5, 4, 5, at_any, provider_quota),                  // Gmail: daily sending limit
      enhanced(0, 4, 14, at_transaction, mail_loop),              // Exchange: hop count exceeded
      enhanced(0, 5, 3, at_recipient, too_many_recipients),
      enhanced(0, 6, 7, at_transaction, smtputf8_unsupported),    // RFC 6531
      enhanced(0, 6, 9, at_transaction, smtputf8_unsupported),
      enhanced(5, 7, 11, at_any, encryption_required),            // RFC 4954
      enhanced(5, 7, 13, at_any, account_disabled),               // RFC 5248
      enhanced(0, 7, 20, at_transaction, authentication_policy),  // RFC 7372: DKIM
      enhanced(0, 7, 21, at_transaction, authentication_policy),
      enhanced(0, 7, 22, at_transaction, authentication_policy),
      enhanced(0, 7, 23, at_transaction, authentication_policy),  // SPF
      enhanced(0, 7, 24, at_transaction, authentication_policy),
      enhanced(0, 7, 25, at_transaction, authentication_policy),  // reverse DNS
      enhanced(0, 7, 26, at_transaction, authentication_policy),
      enhanced(0, 7, 28, at_transaction, provider_rate),          // RFC 7372 and Gmail: mail flood
      enhanced(5, 7, 57, at_transaction, authentication_required),  // Exchange: anonymous client
      enhanced(5, 7, 60, at_transaction, sender_not_allowed),       // Exchange: not allowed to send as this sender
      enhanced(5, 7, 124, at_recipient, recipient_refused),       // Exchange Online: restricted lists
      enhanced(5, 7, 133, at_recipient, recipient_refused),
      enhanced(5, 7, 509, at_transaction, authentication_policy),   // Exchange Online: DMARC
      enhanced(5, 7, 515, at_transaction, authentication_policy),
      enhanced(5, 1, 90, at_any, provider_quota),                   // Exchange Online: daily recipient limit
      enhanced(5, 7, 705, at_any, provider_quota),
      enhanced(5, 7, 750, at_transaction, sender_not_allowed),
      plain(538, at_any, encryption_required),
      plain(525, at_auth, account_disabled),
  });
  // clang-format on
}();

/// Codes that mean something where the words say nothing more precise.
inline constexpr auto broad_codes = [] {
  using enum cause;
  using enum scope;
  // clang-format off
  return std::to_array<code_rule>({
      enhanced(0, 4, 6, at_transaction, mail_loop),
      enhanced(0, 1, 6, at_recipient, moved),
      enhanced(0, 1, 2, at_recipient, domain_invalid),
      enhanced(0, 1, 3, at_rcpt, recipient_refused),
      enhanced(0, 1, 4, at_recipient, recipient_refused),
      enhanced(0, 1, 7, at_any, sender_not_allowed, message, action::bounce, field::sender),  // address syntax
      enhanced(0, 1, 8, at_any, domain_invalid, message, action::bounce, field::sender),
      enhanced(0, 1, 10, at_recipient, null_mx),                  // RFC 7505
      enhanced(0, 7, 27, at_any, domain_invalid, message, action::bounce, field::sender),  // sender has null MX
      enhanced(0, 1, 0, at_mail, sender_not_allowed),
      enhanced(0, 2, 1, at_recipient, mailbox_disabled),
      enhanced(0, 2, 2, at_content, mailbox_full),
      enhanced(0, 3, 1, at_any, unclassified_transient, server, action::next_server),  // the server's disk is full
      enhanced(4, 3, 2, at_any, unclassified_transient, server, action::next_server),
      enhanced(4, 3, 5, at_any, unclassified_transient, server, action::next_server),
      enhanced(4, 4, 5, at_any, unclassified_transient, server, action::next_server),  // busy
      enhanced(5, 4, 1, at_rcpt, mailbox_unknown),                // Exchange Online edge blocking
      enhanced(5, 4, 4, at_recipient, domain_invalid),
      enhanced(0, 6, 1, at_transaction, extension_unsupported),
      enhanced(0, 6, 3, at_transaction, eight_bit_unsupported),
      enhanced(5, 7, 0, at_mail, authentication_required),
      enhanced(4, 7, 0, at_auth, unclassified_transient, account, action::hold_server),
      enhanced(5, 7, 9, at_auth, mechanism_too_weak),
      enhanced(4, 7, 12, at_auth, mechanism_unavailable),         // RFC 4954: a transition is needed, log in with PLAIN once
      enhanced(5, 7, 139, at_auth, oauth_required),               // Exchange Online
      enhanced(5, 7, 8, at_auth, credentials_rejected),
      enhanced(5, 7, 3, at_auth, credentials_rejected),           // Exchange
      enhanced(5, 5, 4, at_auth, mechanism_unavailable),
      enhanced(5, 7, 4, at_auth, mechanism_unavailable),
      enhanced(0, 7, 64, at_transaction, relay_denied),           // Exchange Online: tenant attribution
      enhanced(5, 7, 54, at_transaction, relay_denied),           // Exchange
  });
  // clang-format on
}();

/// Reply codes alone (RFC 5321 section 4.2.3, RFC 4954 section 6).
inline constexpr auto plain_codes = [] {
  using enum cause;
  using enum scope;
  // clang-format off
  return std::to_array<code_rule>({
      plain(432, at_auth, mechanism_unavailable),
      plain(454, at_auth, unclassified_transient, account, action::hold_server),
      plain(500, at_auth, mechanism_unavailable),
      plain(501, at_auth, protocol_error, account, action::hold_server, field::auth_method),
      plain(502, at_auth, mechanism_unavailable),
      plain(503, at_auth, mechanism_unavailable),
      plain(504, at_auth, mechanism_unavailable),
      plain(530, at_auth, authentication_required),
      plain(534, at_auth, mechanism_too_weak),
      plain(535, at_auth, credentials_rejected),

      plain(530, at_transaction, authentication_required),
      plain(535, at_transaction, authentication_required),
      plain(452, at_rcpt, too_many_recipients),
      plain(452, at_mail | at_content, unclassified_transient, server, action::next_server),
      plain(550, at_mail, sender_not_allowed),
      plain(551, at_mail, sender_not_allowed),
      plain(553, at_mail, sender_not_allowed),
      plain(501, at_mail, sender_not_allowed, message, action::bounce),
      plain(552, at_mail, message_too_big),
      plain(552, at_content, message_too_big),
      plain(555, at_mail | at_rcpt, extension_unsupported),
      plain(504, at_mail | at_rcpt, extension_unsupported),
      plain(503, at_transaction, protocol_error),
      plain(500, at_transaction, protocol_error),
      plain(502, at_transaction, protocol_error),
      plain(550, at_rcpt, recipient_refused),
      plain(551, at_rcpt, moved),
      plain(553, at_rcpt, recipient_refused),
      plain(521, at_rcpt, null_mx),   // RFC 7504
      plain(556, at_rcpt, null_mx),
  });
  // clang-format on
}();

}  // namespace postrider::protocol::detail
