// A mail as the spool knows it: who gave it, whom it is for, and how far each recipient has come.
#pragma once

#include <postrider/core/mail_id.hpp>
#include <postrider/core/receipt.hpp>
#include <postrider/core/vocabulary.hpp>
#include <postrider/mail/content.hpp>
#include <postrider/mail/envelope.hpp>
#include <postrider/registry/submitter.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postrider {

/// Time as a spool stores it: milliseconds of the system's clock.
using spool_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Now, in the spool's resolution.
inline spool_time spool_now() noexcept {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

/// How far a recipient has come. `removed`: an operator no longer wants it delivered.
enum class recipient_state : std::uint8_t { pending, held, accepted, failed, removed };
template <>
inline constexpr std::array<std::string_view, 5> spellings<recipient_state>{"pending", "held", "accepted", "failed",
                                                                            "removed"};

/// One recipient of a mail in the spool.
class spooled_recipient {
 public:
  explicit spooled_recipient(postrider::recipient who, spool_time due = {}) : who(std::move(who)), next_attempt(due) {}

  postrider::recipient who;
  recipient_state state = recipient_state::pending;
  std::uint32_t attempts = 0;                 ///< those that counted
  spool_time next_attempt;                    ///< meaningful while pending or held
  std::chrono::milliseconds last_delay{0};    ///< what was decided after the last attempt
  std::optional<postrider::failure> failure;  ///< the last one, until accepted
  bool possible_duplicate = false;            ///< an attempt ended unknown
  bool notified = false;                      ///< a notification is durable: that it is late, or, once failed, of that
};

/// The record of a mail. Its content is a handle: bytes are read from the spool when asked for.
class spooled_mail {
 public:
  /// A new mail: every recipient is due at once.
  spooled_mail(mail_id id, postrider::submitter from, const postrider::envelope& envelope, postrider::content content,
               spool_time created)
      : id(id),
        from(std::move(from)),
        reverse_path(envelope.reverse_path),
        envid(envelope.envid),
        ret(envelope.ret),
        content(std::move(content)),
        created(created) {
    recipients.reserve(envelope.recipients.size());
    for (const auto& who : envelope.recipients) recipients.emplace_back(who, created);
  }

  mail_id id;
  postrider::submitter from;  ///< tenant, sender, login, and the pin if an operator moved the mail
  std::optional<address> reverse_path;
  std::string envid;
  postrider::ret ret;
  postrider::content content;
  spool_time created;
  std::uint32_t attempts = 0;                 ///< records in its history
  std::vector<spooled_recipient> recipients;  ///< in the order of the envelope; its positions are what changes name

  /// True if a recipient is in `state`.
  bool any(recipient_state state) const noexcept {
    return std::any_of(recipients.begin(), recipients.end(), [&](const auto& r) { return r.state == state; });
  }

  /// When the first pending recipient is due; nothing if none is pending.
  std::optional<spool_time> next_attempt() const noexcept {
    std::optional<spool_time> first;
    for (const auto& r : recipients)
      if (r.state == recipient_state::pending && (!first || r.next_attempt < *first)) first = r.next_attempt;
    return first;
  }

  /// True if nobody needs the record any more: every recipient was accepted, removed, or failed and that was said
  /// (or was not to be said). What failed from the null reverse-path is never finished by itself.
  bool finished() const noexcept {
    return std::all_of(recipients.begin(), recipients.end(), [&](const auto& r) {
      switch (r.state) {
        case recipient_state::accepted:
        case recipient_state::removed: return true;
        case recipient_state::failed: return r.notified || (reverse_path && !notifies_failure(r.who.notify));
        case recipient_state::pending:
        case recipient_state::held: break;
      }
      return false;
    });
  }

  /// An envelope for the recipients at `positions`.
  template <class Positions>
  postrider::envelope envelope_for(const Positions& positions) const {
    std::vector<recipient> chosen;
    chosen.reserve(std::size(positions));
    for (auto position : positions) chosen.push_back(recipients[position].who);
    postrider::envelope part(reverse_path, std::move(chosen));
    part.envid = envid;
    part.ret = ret;
    return part;
  }
};

/// One entry of a mail's history: what a server said, or why it could not be asked.
class attempt_record {
 public:
  attempt_record(spool_time at, postrider::receipt receipt) : at(at), receipt(std::move(receipt)) {}

  spool_time at;
  postrider::receipt receipt;  ///< names the recipients that were tried, each with outcome and failure
};

}  // namespace postrider
