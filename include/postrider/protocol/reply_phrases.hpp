// What servers and providers say when they refuse, and what it means: tables to read and to extend.
//
// Words are lower case and looked for anywhere in the reply's text; `*` stands for any words between two parts. In each
// table the first entry that is found decides, so what is more special stands first.
#pragma once

#include <postrider/core/cause.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace postrider::protocol::detail {

struct phrase {
  std::string_view words;
  postrider::cause cause;
};

/// True if the parts of `words` between its stars follow one another in `text`.
constexpr bool says(std::string_view text, std::string_view words) noexcept {
  while (true) {
    const std::size_t star = words.find('*');
    const std::string_view part = words.substr(0, star);
    const std::size_t at = text.find(part);
    if (at == std::string_view::npos) return false;
    if (star == std::string_view::npos) return true;
    text.remove_prefix(at + part.size());
    words.remove_prefix(star + 1);
  }
}

/// `text` in lower case, addresses replaced by "@" so that words within them mean nothing, and of bounded length.
inline std::string readable(std::string_view text) {
  constexpr std::size_t most = 4096;
  std::string lower;
  lower.reserve(std::min(text.size(), most));
  std::size_t word = 0;
  bool address = false;
  for (char c : text.substr(0, most)) {
    const bool gap = c == ' ' || c == '\t' || c == '<' || c == '>' || c == ',' || c == '"' || c == '\'';
    if (gap) {
      if (address) lower.replace(word, std::string::npos, "@");
      lower += c;
      word = lower.size();
      address = false;
    } else {
      address = address || c == '@';
      lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (address) lower.replace(word, std::string::npos, "@");
  return lower;
}

/// The first of `phrases` that lower-case `text` contains, or null. What means `second_best` counts only if no other
/// does.
constexpr const phrase* find_phrase(std::span<const phrase> phrases, std::string_view text,
                                    std::optional<cause> second_best = {}) noexcept {
  const phrase* spare = nullptr;
  for (const phrase& p : phrases) {
    if (!says(text, p.words)) continue;
    if (p.cause != second_best) return &p;
    if (spare == nullptr) spare = &p;
  }
  return spare;
}

/// How much and how fast an account may send. Every stage; a limit for one recipient is told apart by the caller.
inline constexpr auto limit_phrases = [] {
  using enum cause;
  // clang-format off
  return std::to_array<phrase>({
      // a day's or an account's allowance
      {"daily*limit exceeded", provider_quota},             // Gmail 5.4.5, Mailgun
      {"daily*quota exceeded", provider_quota},             // SES 454
      {"daily message quota", provider_quota},
      {"daily limit", provider_quota},                      // Exchange Online 5.1.90
      {"daily sending", provider_quota},
      {"sending quota", provider_quota},
      {"sending limit", provider_quota},
      {"unusual sending activity", provider_quota},         // Zoho
      {"recipient limit exceeded*hour", provider_quota},
      {"messages per day", provider_quota},
      {"per day", provider_quota},
      {"maximum credits exceeded", provider_quota},         // SendGrid
      {"not enough credits", provider_quota},
      {"monthly limit", provider_quota},
      {"plan limit", provider_quota},
      {"tenant has exceeded threshold", provider_quota},    // Exchange Online 5.7.705
      {"exceeded messaging limits", provider_quota},        // Exchange Online 5.7.233
      {"exceeded*max emails per hour", provider_quota},     // cPanel
      {"peak smtp relay limit exceeded", provider_rate},    // Google Workspace relay
      {"smtp relay limit", provider_quota},
      // a rate
      {"sending rate exceeded", provider_rate},             // SES "Maximum sending rate exceeded"
      {"throttl", provider_rate},
      {"rate limit", provider_rate},
      {"ratelimit", provider_rate},
      {"unusual rate of", provider_rate},                   // Gmail 4.7.28
      {"unexpected volume", provider_rate},                 // Yahoo TSS04
      {"excessive volume", provider_rate},                  // iCloud
      {"too many messages", provider_rate},
      {"too many mails", provider_rate},
      {"too many emails", provider_rate},
      {"max message per connection", provider_rate},        // Yahoo
      {"messages per connection", provider_rate},
      {"too many connections", provider_rate},
      {"too many concurrent", provider_rate},               // SES, Exchange Online
      {"concurrent*connections", provider_rate},
      {"simultaneous connections", provider_rate},
      {"connection limit", provider_rate},
      {"connection rate", provider_rate},
      {"submission rate", provider_rate},                   // Exchange "MessageSubmissionRateLimit"
      {"submission quota", provider_quota},
      {"too many login attempts", provider_rate},           // Gmail 454 4.7.0
      {"too many authentication", provider_rate},
      {"too frequent", provider_rate},                      // QQ, 163
      {"frequency limited", provider_rate},                 // QQ
      {"sending too fast", provider_rate},
      {"too fast", provider_rate},
      {"too much mail", provider_rate},                     // Postfix anvil
      {"too many new connections", provider_rate},
      {"exceeded the rate", provider_rate},
      {"exceeded*per hour", provider_rate},
      {"slow down", provider_rate},
      {"excessive unknown recipients", provider_rate},      // Yahoo
  });
  // clang-format on
}();

/// At AUTH: why an account is not let in.
inline constexpr auto auth_phrases = [] {
  using enum cause;
  // clang-format off
  return std::to_array<phrase>({
      {"application-specific password", app_password_required},     // Gmail 5.7.9
      {"application specific password", app_password_required},     // Zoho
      {"app password", app_password_required},
      {"app-specific password", app_password_required},             // iCloud
      {"application password", app_password_required},              // Yandex, Mail.ru
      {"invalidsecondfactor", app_password_required},               // Gmail's link
      {"authorization code", app_password_required},                // QQ, 163
      {"service.mail.qq.com", app_password_required},               // QQ in Chinese, the link remains
      {"client-specific password", app_password_required},
      {"basic authentication is disabled", oauth_required},         // Exchange Online
      {"basic auth*disabled", oauth_required},
      {"xoauth2*required", oauth_required},
      {"oauth*required", oauth_required},
      {"use oauth", oauth_required},
      {"modern authentication", oauth_required},
      {"security defaults policy", oauth_required},                 // Exchange Online 5.7.139
      {"token*expired", token_expired},
      {"expired*token", token_expired},
      {"smtpclientauthentication is disabled", account_disabled},   // Exchange Online: SMTP AUTH switched off
      {"user has no permission", account_disabled},                 // 163: SMTP service not switched on
      {"does not have access rights to this service", account_disabled},  // Yandex
      {"accept the terms", account_disabled},                       // Yandex, web.de
      {"account*disabled", account_disabled},
      {"account*suspended", account_disabled},
      {"user suspended", account_disabled},
      {"user*suspended", account_disabled},
      {"account*locked", account_disabled},
      {"account is locked", account_disabled},
      {"user is locked", account_disabled},
      {"account*blocked", account_disabled},
      {"account*inactive", account_disabled},
      {"account*deactivated", account_disabled},
      {"account*expired", account_disabled},
      {"user disabled", account_disabled},                          // Exim, Dovecot
      {"log in via your web browser", account_disabled},            // Gmail 5.7.14
      {"log in with your web browser", account_disabled},
      {"weblogin", account_disabled},
      {"smtp*not enabled", account_disabled},
      {"smtp access*disabled", account_disabled},
      {"service is not open", account_disabled},                    // QQ
      {"service not open", account_disabled},
      {"must issue a starttls", encryption_required},
      {"must issue starttls", encryption_required},
      {"starttls*first", encryption_required},
      {"starttls required", encryption_required},
      {"starttls is required", encryption_required},
      {"requires starttls", encryption_required},
      {"encryption required", encryption_required},
      {"encryption is required", encryption_required},
      {"encrypted connection", encryption_required},
      {"secure connection", encryption_required},
      {"requires tls", encryption_required},
      {"tls required", encryption_required},
      {"ssl required", encryption_required},
      {"too weak", mechanism_too_weak},
      {"when not advertised", mechanism_unavailable},               // Exim 503
      {"not offered", mechanism_unavailable},
      {"unrecognized authentication type", mechanism_unavailable},  // Exchange 504 5.7.4
      {"mechanism not supported", mechanism_unavailable},
      {"mechanism*unsupported", mechanism_unavailable},
      {"unsupported*mechanism", mechanism_unavailable},
      {"invalid authentication mechanism", mechanism_unavailable},  // Postfix 535 5.7.8
      {"auth mechanism", mechanism_unavailable},
      {"no such mechanism", mechanism_unavailable},
      {"not implemented", mechanism_unavailable},
      {"not enabled", mechanism_unavailable},
      {"unrecognized command", mechanism_unavailable},
      {"credentials were incorrect", credentials_rejected},         // Exchange Online 5.7.139 with a wrong password
      {"not accepted", credentials_rejected},
      {"badcredentials", credentials_rejected},
      {"too many bad auth attempts", credentials_rejected},         // Yahoo AUTH005
  });
  // clang-format on
}();

/// From MAIL on: an account that may not send at all. At RCPT the same words are mostly about the recipient's account.
inline constexpr auto suspension_phrases = [] {
  using enum cause;
  // clang-format off
  return std::to_array<phrase>({
      {"account*suspended", account_disabled},
      {"account*disabled by", account_disabled},
      {"user suspended", account_disabled},                         // 163
      {"bad outbound sender", account_disabled},                    // Exchange Online 5.1.8
      {"sending paused", account_disabled},                         // SES
      {"account is paused", account_disabled},
      {"sending*has been disabled", account_disabled},              // OVH, SendGrid
      {"account*not active", account_disabled},
      {"free accounts are for test purposes only", account_disabled},  // Mailgun
  });
  // clang-format on
}();

/// From MAIL on: who may send as whom through this server, and what it wants first.
inline constexpr auto sender_phrases = [] {
  using enum cause;
  // clang-format off
  return std::to_array<phrase>({
      {"must issue a starttls", encryption_required},               // Postfix, Gmail, Exchange
      {"must issue starttls", encryption_required},
      {"starttls*first", encryption_required},
      {"starttls required", encryption_required},
      {"starttls is required", encryption_required},
      {"requires starttls", encryption_required},
      {"encryption required", encryption_required},
      {"encryption needed", encryption_required},
      {"tls required", encryption_required},
      {"requires tls", encryption_required},
      {"unauthenticated senders not allowed", authentication_required},  // SendGrid
      {"unauthenticated mail*prohibited", authentication_required},
      {"relaying denied*authenticat", authentication_required},
      {"client was not authenticated", authentication_required},    // Exchange 5.7.57
      {"client not authenticated", authentication_required},
      {"not authenticated", authentication_required},
      {"authentication required", authentication_required},
      {"authentication is required", authentication_required},
      {"authenticate first", authentication_required},
      {"must authenticate", authentication_required},
      {"need to authenticate", authentication_required},
      {"please authenticate", authentication_required},
      {"requires authentication", authentication_required},
      {"requires smtp authentication", authentication_required},
      {"need auth command", authentication_required},
      {"auth first", authentication_required},                      // 163 "need EHLO and AUTH first"
      {"use smtp auth", authentication_required},
      {"smtp auth is required", authentication_required},
      {"pop before smtp", authentication_required},
      {"need to log in", authentication_required},
      {"not logged in", authentication_required},                   // Postfix, of a sender that belongs to a login
      {"not owned by*user", sender_not_allowed},                    // Postfix reject_sender_login_mismatch, Yandex
      {"sender address rejected: not logged in", sender_not_allowed},
      {"sendasdenied", sender_not_allowed},                         // Exchange 5.2.252, 5.2.2 in text
      {"not allowed to send as", sender_not_allowed},
      {"send as this sender", sender_not_allowed},                  // Exchange 5.7.60
      {"send on behalf", sender_not_allowed},
      {"email address is not verified", sender_not_allowed},        // SES 554
      {"does not match a verified sender", sender_not_allowed},     // SendGrid
      {"sender identity", sender_not_allowed},
      {"from address is not", sender_not_allowed},
      {"mail from must equal authorized user", sender_not_allowed}, // 163
      {"must be same as authorization user", sender_not_allowed},   // QQ
      {"sender address must match", sender_not_allowed},
      {"not match*authenticated", sender_not_allowed},
      {"sender address is not allowed", sender_not_allowed},        // GMX, web.de
      {"sender address not allowed", sender_not_allowed},
      {"sender is not allowed", sender_not_allowed},
      {"sender not allowed", sender_not_allowed},
      {"sender*not authorized", sender_not_allowed},
      {"not authorized to send from", sender_not_allowed},          // AWS WorkMail, Mailgun
      {"not authorised to send from", sender_not_allowed},
      {"not authorized to use*as sender", sender_not_allowed},
      {"not allowed to use*sender", sender_not_allowed},
      {"sender*not permitted", sender_not_allowed},
      {"not permitted to send as", sender_not_allowed},
      {"authenticated user is not allowed", sender_not_allowed},
      {"user not authorized", sender_not_allowed},
      {"sender verify failed", sender_not_allowed},                 // Exim
      {"sender unknown", sender_not_allowed},
      {"sender denied", sender_not_allowed},
      {"sender rejected", sender_not_allowed},
      {"sender refused", sender_not_allowed},
      {"invalid sender", sender_not_allowed},
      {"bad sender", sender_not_allowed},
      {"relay access denied", relay_denied},                        // Postfix
      {"relaying denied", relay_denied},                            // Sendmail
      {"relay denied", relay_denied},
      {"relay not permitted", relay_denied},                        // Exim
      {"relaying not permitted", relay_denied},
      {"relaying disallowed", relay_denied},                        // Zoho 553
      {"relaying not allowed", relay_denied},
      {"relay not allowed", relay_denied},
      {"relaying is not allowed", relay_denied},
      {"relaying prohibited", relay_denied},
      {"unable to relay", relay_denied},                            // Exchange
      {"not permitted to relay", relay_denied},
      {"not allowed to relay", relay_denied},
      {"mail relay denied", relay_denied},                          // Google Workspace relay
      {"invalid credentials for relay", relay_denied},              // Google Workspace relay
      {"allowed rcpthosts", relay_denied},                          // qmail
      {"no relaying", relay_denied},
      {"cannot relay", relay_denied},
      {"we do not relay", relay_denied},
      {"not an open relay", relay_denied},
  });
  // clang-format on
}();

}  // namespace postrider::protocol::detail
