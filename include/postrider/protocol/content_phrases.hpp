// What receiving servers say about recipients, content and reputation. See reply_phrases.hpp for how to read a table.
#pragma once

#include <postrider/protocol/reply_phrases.hpp>

namespace postrider::protocol::detail {

/// "Come back later", said to everybody for the first time. Only in 4xx replies.
inline constexpr auto greylist_phrases = [] {
  using enum cause;
  // clang-format off
  return std::to_array<phrase>({
      {"greylist", greylisted},   // Postgrey, OVH, Exchange Online's guidance
      {"graylist", greylisted},
      {"grey list", greylisted},
      {"gray list", greylisted},
      {"grey-list", greylisted},
      {"postgrey", greylisted},
      {"not yet authorized to deliver", greylisted},  // sqlgrey
      {"first time*try again", greylisted},
  });
  // clang-format on
}();

/// The same without the word. Looked for after limits, which are put in like words.
inline constexpr auto come_back_phrases = [] {
  using enum cause;
  // clang-format off
  return std::to_array<phrase>({
      {"try again in*seconds", greylisted},
      {"try again in*minutes", greylisted},
      {"retry in*seconds", greylisted},
      {"retry in*minutes", greylisted},
      {"temporarily deferred*try again", greylisted},
  });
  // clang-format on
}();

/// About one recipient: at RCPT, and at the end of the content where servers look late.
inline constexpr auto recipient_phrases = [] {
  using enum cause;
  // clang-format off
  return std::to_array<phrase>({
      {"too many recipients", too_many_recipients},
      {"too many rcpt", too_many_recipients},
      {"too many addressees", too_many_recipients},
      {"recipients limit", too_many_recipients},
      {"recipient limit", too_many_recipients},
      {"number of recipients", too_many_recipients},
      {"separate transaction", too_many_recipients},          // Gmail
      {"one recipient at a time", too_many_recipients},
      {"over quota", mailbox_full},                           // Gmail, Dovecot
      {"overquota", mailbox_full},
      {"out of storage", mailbox_full},                       // Gmail
      {"quota exceeded", mailbox_full},                       // Dovecot "Quota exceeded (mailbox for user is full)"
      {"exceed*quota", mailbox_full},
      {"mailbox full", mailbox_full},
      {"mailbox is full", mailbox_full},
      {"mailbox for user is full", mailbox_full},
      {"storage full", mailbox_full},
      {"quotaexceeded", mailbox_full},                        // Exchange "STOREDRV.Deliver; mailbox full"
      {"not enough storage space", mailbox_full},
      {"exceeded storage allocation", mailbox_full},
      {"exceeded its storage", mailbox_full},
      {"account is full", mailbox_full},
      {"inbox is full", mailbox_full},
      {"null mx", null_mx},
      {"account*disabled", mailbox_disabled},                 // Gmail 5.2.1
      {"mailbox disabled", mailbox_disabled},
      {"mailbox is disabled", mailbox_disabled},
      {"account*inactive", mailbox_disabled},                 // Gmail 5.2.1, Yandex
      {"inactive", mailbox_disabled},                         // iCloud "inactive email address"
      {"account*suspended", mailbox_disabled},
      {"mailbox*suspended", mailbox_disabled},
      {"account*blocked", mailbox_disabled},
      {"mailbox*frozen", mailbox_disabled},
      {"account*closed", mailbox_disabled},
      {"not active", mailbox_disabled},
      {"no longer active", mailbox_disabled},
      {"discontinued", mailbox_disabled},
      {"no longer accept", mailbox_disabled},
      {"user not local", moved},                              // RFC 5321 551
      {"has moved", moved},
      {"forwarding address", moved},
      {"domain not found", domain_invalid},                   // Postfix "Recipient address rejected: Domain not found"
      {"unrouteable", domain_invalid},                        // Exim "Unrouteable address"
      {"unroutable", domain_invalid},
      {"no route to domain", domain_invalid},
      {"host unknown", domain_invalid},                       // Sendmail
      {"host or domain name not found", domain_invalid},
      {"no such domain", domain_invalid},
      {"unknown domain", domain_invalid},
      {"domain does not exist", domain_invalid},
      {"domain doesn't exist", domain_invalid},
      {"nullmx", null_mx},
      {"does not accept mail", null_mx},                      // RFC 7505
      {"recipientnotfound", mailbox_unknown},                 // Exchange 5.1.10 RESOLVER.ADR
      {"user unknown", mailbox_unknown},
      {"unknown user", mailbox_unknown},
      {"unknown recipient", mailbox_unknown},
      {"recipient unknown", mailbox_unknown},
      {"unknown address", mailbox_unknown},
      {"unknown or illegal alias", mailbox_unknown},          // iCloud
      {"unknown local part", mailbox_unknown},
      {"undeliverable address", mailbox_unknown},             // Postfix verify
      {"unknown in virtual", mailbox_unknown},                // Postfix
      {"unknown in local", mailbox_unknown},
      {"unknown in relay", mailbox_unknown},
      {"no such user", mailbox_unknown},
      {"no such mailbox", mailbox_unknown},
      {"no such recipient", mailbox_unknown},
      {"no such address", mailbox_unknown},
      {"no such person", mailbox_unknown},
      {"no mailbox", mailbox_unknown},                        // qmail
      {"mailbox not found", mailbox_unknown},
      {"mailbox does not exist", mailbox_unknown},
      {"user not found", mailbox_unknown},                    // 163
      {"user doesn't have", mailbox_unknown},                 // Yahoo "dd This user doesn't have a yahoo.com account"
      {"account*does not exist", mailbox_unknown},            // Gmail 5.1.1
      {"user*does not exist", mailbox_unknown},
      {"recipient*does not exist", mailbox_unknown},
      {"mailbox*does not exist", mailbox_unknown},
      {"address*does not exist", mailbox_unknown},
      {"user doesn't exist", mailbox_unknown},
      {"doesn't exist", mailbox_unknown},
      {"not a known user", mailbox_unknown},
      {"not a valid mailbox", mailbox_unknown},
      {"invalid recipient", mailbox_unknown},
      {"invalid mailbox", mailbox_unknown},                   // Mail.ru
      {"recipient not found", mailbox_unknown},
      {"recipient address*not found", mailbox_unknown},
  });
  // clang-format on
}();

/// About what was sent and by whom, as the receiving side's filters say it.
inline constexpr auto content_phrases = [] {
  using enum cause;
  // clang-format off
  return std::to_array<phrase>({
      {"size limit", message_too_big},
      {"message size exceeds", message_too_big},              // Postfix, Exchange
      {"message size*too large", message_too_big},
      {"message exceed", message_too_big},
      {"exceeds*size", message_too_big},
      {"exceeded*size", message_too_big},                     // Gmail "exceeded Google's message size limits"
      {"message too large", message_too_big},
      {"message too big", message_too_big},
      {"message is too large", message_too_big},
      {"message file too big", message_too_big},              // Yahoo
      {"message length exceeds", message_too_big},            // SES
      {"exceeds fixed maximum", message_too_big},             // Postfix
      {"exceeds maximum", message_too_big},
      {"too many hops", mail_loop},
      {"hop count", mail_loop},                               // Exchange 5.4.14
      {"mail loop", mail_loop},
      {"message loop", mail_loop},
      {"loops back to myself", mail_loop},
      {"virus", virus},
      {"malware", virus},
      {"infected", virus},
      {"attachment", attachment},
      {"illegal extension", attachment},
      {"potential security issue", attachment},               // Gmail 5.7.0: file types that it blocks
      {"executable", attachment},
      {"dmarc", authentication_policy},
      {"dkim", authentication_policy},
      {"spf", authentication_policy},
      {"unauthenticated email", authentication_policy},       // Gmail 5.7.26
      {"sender is unauthenticated", authentication_policy},   // Gmail
      {"does not pass authentication", authentication_policy},
      {"does not meet the required authentication", authentication_policy},  // Outlook.com 5.7.515
      {"authentication checks", authentication_policy},       // Yahoo 5.7.9
      {"reverse dns", authentication_policy},
      {"ptr record", authentication_policy},                  // Gmail 5.7.25
      {"reverse hostname", authentication_policy},            // Postfix
      {"reverse mapping", authentication_policy},
      {"spamhaus", blocklisted},
      {"spamcop", blocklisted},
      {"barracudacentral", blocklisted},
      {"sorbs", blocklisted},
      {"dnsbl", blocklisted},
      {" rbl", blocklisted},
      {"rbl-", blocklisted},
      {"blacklist", blocklisted},
      {"blocklist", blocklisted},
      {"block list", blocklisted},                            // Outlook.com S3150
      {"blocked using", blocklisted},                         // Postfix reject_rbl_client
      {"banned sending ip", blocklisted},                     // Exchange Online 5.7.606
      {"banned sender", blocklisted},
      {"bad reputation", blocklisted},
      {"poor reputation", blocklisted},
      {"low reputation", blocklisted},                        // Gmail 5.7.1 "very low reputation"
      {"traffic not accepted from this ip", blocklisted},     // Exchange Online 5.7.708
      {"connections will not be accepted from", blocklisted}, // Yahoo
      {"blocked- see", blocklisted},                          // Proofpoint
      {"spam", spam},
      {"unsolicited", spam},                                  // Gmail 5.7.1
      {"junk mail", spam},
      {"bulk mail", spam},
      {"message contains*content", spam},
      {"content denied", spam},                               // QQ
      {"message content rejected", spam},                     // Postfix body checks
      {"policy reasons", spam},                               // Yahoo 554 5.7.9 / 5.7.1
      {"local policy", spam},                                 // iCloud CS01
      {"policy restrictions", spam},                          // GMX 554
      {"suspicious", spam},
      {"complaints", spam},
      {"phishing", spam},
      {"high-risk", spam},
  });
  // clang-format on
}();

/// Words that name a recipient and no reason; looked for last.
inline constexpr auto vague_recipient_phrases = [] {
  using enum cause;
  // clang-format off
  return std::to_array<phrase>({
      {"mailbox unavailable", recipient_refused},  // Outlook.com, GMX
      {"recipient address rejected", recipient_refused},
      {"recipient rejected", recipient_refused},
      {"recipient refused", recipient_refused},
      {"recipient not accepted", recipient_refused},
      {"not allowed to send to this recipient", recipient_refused},
  });
  // clang-format on
}();

}  // namespace postrider::protocol::detail
