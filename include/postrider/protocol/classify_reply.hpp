// A refusal becomes a failure: the codes, the words, and where they were said.
#pragma once

#include <postrider/core/failure.hpp>
#include <postrider/protocol/content_phrases.hpp>
#include <postrider/protocol/reply.hpp>
#include <postrider/protocol/reply_codes.hpp>
#include <postrider/protocol/reply_phrases.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace postrider::protocol {

/// What was known of the session when the reply came.
struct reply_context {
  bool encrypted = false;
  bool authenticated = false;
};
static_assert(std::is_trivially_destructible_v<reply_context>,
              "g++ 12: temporaries of it are safe in awaiting expressions");

namespace detail {

/// A finding: a cause, and where the evidence says more than the cause by itself.
struct finding {
  postrider::cause cause;
  std::optional<postrider::scope> scope{};
  std::optional<postrider::action> action{};
  std::optional<postrider::field> field{};
};

/// A limit that protects one recipient rather than bounding one sender.
inline bool about_recipient(std::string_view text) {
  return says(text, "user you are trying to contact") || says(text, "recipient thread limit") ||
         says(text, "is receiving mail") || says(text, "recipient*rate limit");
}

inline std::optional<finding> find_limit(std::string_view text, at where) {
  if (where == at::rcpt || where == at::content)
    if (about_recipient(text)) return finding{cause::provider_rate, scope::recipient, action::retry, field::recipient};
  if (const auto* p = find_phrase(limit_phrases, text)) return finding{p->cause};
  return std::nullopt;
}

/// The sender's own address is wrong whoever sends it: that is no trouble of the account.
inline std::optional<finding> find_bad_sender(std::string_view text, at where) {
  const bool domain = says(text, "sender*domain not found") || says(text, "sender*domain*does not exist") ||
                      says(text, "sender*does not resolve") || says(text, "domain of sender") ||
                      says(text, "sender domain") || (where == at::mail && says(text, "domain*not"));
  if (domain) return finding{cause::domain_invalid, scope::message, action::bounce, field::sender};
  return std::nullopt;
}

template <std::size_t N>
std::optional<finding> find_in(const std::array<phrase, N>& table, std::string_view text,
                               std::optional<cause> second_best = {}) {
  if (const auto* p = find_phrase(table, text, second_best)) return finding{p->cause};
  return std::nullopt;
}

/// Before MAIL: nobody's mail was named yet.
inline std::optional<finding> find_session_words(std::string_view text, at where, bool transient) {
  if (where == at::ehlo && says(text, "user and pass")) return finding{cause::not_smtp};  // FTP
  if (transient)
    if (auto found = find_in(greylist_phrases, text)) return found;
  if (auto found = find_limit(text, where)) return found;
  if (auto found = find_in(content_phrases, text); found && found->cause == cause::blocklisted) return found;
  return std::nullopt;
}

/// From MAIL on.
inline std::optional<finding> find_transaction_words(std::string_view text, at where, const reply& said,
                                                     reply_context context) {
  if (said.transient())
    if (auto found = find_in(greylist_phrases, text)) return found;
  if (auto found = find_bad_sender(text, where)) return found;
  const bool about_mailbox = said.enhanced.subject == 2 || (where == at::rcpt && !says(text, "sender"));
  if (!about_mailbox)
    if (auto found = find_in(suspension_phrases, text)) return found;
  // To somebody who is logged in, "log in" is the lesser half of "not with this sender" and "not to that recipient";
  // and of a content, "not authenticated" is said by those who check SPF and DKIM.
  const auto weak = context.authenticated ? std::optional(cause::authentication_required) : std::nullopt;
  const auto sender = find_in(sender_phrases, text, weak);
  const bool content_decides = where == at::content && sender && sender->cause == cause::authentication_required;
  if (content_decides)
    if (auto found = find_in(content_phrases, text)) return found;
  if (sender) return sender;
  if (auto found = find_limit(text, where)) return found;
  if (said.transient())
    if (auto found = find_in(come_back_phrases, text)) return found;
  if (where != at::mail)
    if (auto found = find_in(recipient_phrases, text)) return found;
  return find_in(content_phrases, text);
}

inline std::optional<finding> find_words(std::string_view text, at where, const reply& said, reply_context context) {
  if (where == at::session || where == at::ehlo) return find_session_words(text, where, said.transient());
  if (where != at::auth) return find_transaction_words(text, where, said, context);
  if (auto found = find_in(auth_phrases, text)) return found;
  return find_limit(text, where);
}

inline std::optional<finding> find_code(const auto& table, const reply& said, at where) {
  for (const code_rule& rule : table) {
    const bool same = rule.code == 0
                          ? rule.enhanced.subject == said.enhanced.subject &&
                                rule.enhanced.detail == said.enhanced.detail &&
                                (rule.enhanced.category == 0 || rule.enhanced.category == said.enhanced.category) &&
                                static_cast<bool>(said.enhanced)
                          : rule.code == said.code;
    if (same && (rule.stages & static_cast<unsigned>(where)) != 0)
      return finding{rule.cause, rule.scope, rule.action, rule.field};
  }
  return std::nullopt;
}

/// Where nothing is recognised: the class of the reply and the stage decide.
inline finding unrecognised(const reply& said, stage where) {
  switch (where) {
    case stage::greeting: return {cause::greeting_refused};
    case stage::ehlo: return {cause::ehlo_refused};
    case stage::starttls: return {cause::starttls_refused};
    case stage::auth:
      if (said.transient()) return {cause::unclassified_transient, scope::account, action::hold_server};
      return {cause::credentials_rejected};
    case stage::rcpt:
      if (said.transient()) return {cause::unclassified_transient, scope::recipient};
      return {cause::recipient_refused};
    case stage::mail:
      if (said.transient()) return {cause::unclassified_transient, std::nullopt, std::nullopt, field::sender};
      return {cause::unclassified_permanent, std::nullopt, std::nullopt, field::sender};
    default: break;
  }
  return {said.transient() ? cause::unclassified_transient : cause::unclassified_permanent};
}

inline finding judge(const reply& said, stage where, reply_context context, const std::string& text) {
  const at group = stage_group(where);
  if (group == at::session || group == at::ehlo) {
    if (auto found = find_words(text, group, said, context)) return *found;
    if (said.code == 421) return {cause::server_closing};
    return unrecognised(said, where);
  }
  if (said.code == 552 && where == stage::rcpt && (!said.enhanced || said.enhanced == enhanced_status{5, 5, 3})) {
    const auto words = find_words(text, group, said, context);  // RFC 5321 section 4.5.3.1.10
    if (words && (words->cause == cause::mailbox_full || words->cause == cause::message_too_big)) return *words;
    return {cause::too_many_recipients};
  }
  if (auto found = find_code(firm_codes, said, group)) return *found;
  if (auto found = find_words(text, group, said, context)) return *found;
  if (said.code == 421) return {cause::server_closing};
  if (said.code == 530 && !context.encrypted && says(text, "tls")) return {cause::encryption_required};
  if (said.code == 503 && group == at::auth && !context.encrypted) return {cause::encryption_required};
  if (auto found = find_code(broad_codes, said, group)) return *found;
  if (group == at::content)
    if (const auto* p = find_phrase(vague_recipient_phrases, text)) return {p->cause};
  if (auto found = find_code(plain_codes, said, group)) return *found;
  return unrecognised(said, where);
}

/// Scope recipient and message keep the class of the reply; account and server are never permanent.
inline void settle(failure& why, const reply& said) {
  if (why.scope == scope::account || why.scope == scope::server) {
    why.outcome = outcome::transient;
    if (why.action == action::bounce) why.action = action::next_server;
  } else if (why.cause == cause::too_many_recipients) {
    why.outcome = outcome::transient;  // fewer at once will do, whatever the code
  } else {
    const bool over_now =
        said.code == 552 && why.stage == stage::rcpt && why.cause == cause::mailbox_full && !said.enhanced;
    const bool retry_later = said.transient() || over_now;
    why.outcome = retry_later ? outcome::transient : outcome::permanent;
    if (retry_later && why.action == action::bounce) why.action = action::retry;
    if (!retry_later && why.action == action::retry) why.action = action::bounce;
  }
}

}  // namespace detail

/// Why `said`, a reply that refuses what was asked at `where`, refuses it. A reply that is neither 4xx nor 5xx there is
/// a `protocol_error`, and *unknown* after the content.
inline failure classify(stage where, const reply& said, reply_context context) {
  failure why(cause::protocol_error, where);
  if (said.transient() || said.permanent()) {
    const detail::finding found = detail::judge(said, where, context, detail::readable(said.text()));
    why = failure(found.cause, where);
    if (found.scope) why.scope = *found.scope;
    if (found.action) why.action = *found.action;
    if (found.field) why.field = *found.field;
    if (found.cause == cause::sender_not_allowed && !context.authenticated) {
      why.scope = scope::message;  // nobody is logged in: it is about this sender, and no account can be mended
      why.action = action::bounce;
    }
    if (where == stage::greeting || where == stage::ehlo || where == stage::starttls) {
      why.scope = scope::server;  // nobody's mail was named yet
      if (found.cause == cause::greylisted) why.action = action::retry;
      if (found.cause == cause::provider_quota) why.action = action::hold_server;
    }
    detail::settle(why, said);
  } else if (where == stage::final) {
    why.outcome = outcome::unknown;
  }
  why.code = said.code;
  why.enhanced = said.enhanced;
  why.reply = said.lines;
  return why;
}

}  // namespace postrider::protocol
