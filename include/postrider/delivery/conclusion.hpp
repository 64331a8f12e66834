// What follows from an attempt: for each recipient, for its mail in the spool, for the server and for the sender.
#pragma once

#include <postrider/delivery/disposition.hpp>
#include <postrider/delivery/retry.hpp>
#include <postrider/delivery/settlement.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace postrider {

/// What an attempt means. `change` is empty of recipients if the attempt counts as if it had never been made.
class conclusion {
 public:
  explicit conclusion(mail_id mail) : change(mail) {}

  settlement change;
  std::vector<std::size_t> given_up;                ///< positions that became failed, in order
  std::optional<failure> against_key;               ///< the server, or the account on it, gets no mail for a while
  std::optional<failure> against_sender;            ///< this sender does not
  disposition key_disposition = disposition::done;  ///< meaningful with `against_key`
  bool answered = false;                            ///< the server judged the mail itself: it works

  std::size_t deferred = 0;                  ///< recipients that wait for an attempt of their own
  std::chrono::milliseconds retry_after{0};  ///< until the first of them
};

/// When it happens, and chance: what a conclusion depends on besides the attempt.
struct moment {
  spool_time now{};
  std::chrono::milliseconds unknown_pause{0};  ///< at least so long before an unknown outcome is repeated
  double random = 0.5;
};

namespace detail {

inline attempt attempt_of(const spooled_mail& mail, const spooled_recipient& recipient, const failure& why,
                          bool counted, const moment& at) noexcept {
  return {.outcome = counted ? why.outcome : outcome::transient,
          .failure = &why,
          .number = counted ? recipient.attempts + 1 : std::max(recipient.attempts, 1U),
          .age = std::max(at.now - mail.created, std::chrono::milliseconds(0)),
          .previous_delay = recipient.last_delay,
          .random = at.random};
}

template <retry_strategy Retry>
void conclude_one(conclusion& all, const spooled_mail& mail, std::size_t position, const failure& why,
                  const Retry& retry, const moment& at) {
  const spooled_recipient& recipient = mail.recipients[position];
  const disposition what = dispose(why);
  const bool counted = what == disposition::retry || what == disposition::repeat || what == disposition::bounce;
  decision next = decision::give_up();
  if (what != disposition::bounce) next = decide(retry, attempt_of(mail, recipient, why, counted, at));
  // A server that breaks off in the middle of a mail is in trouble too, whatever becomes of the mail.
  const bool broke_off = what == disposition::repeat && why.scope == scope::server;
  if (why.scope == scope::recipient || why.scope == scope::message) all.answered |= what != disposition::repeat;
  if (concerns_key(what) || broke_off) {
    if (!all.against_key) {
      all.against_key = why;
      all.key_disposition = what;
    }
  } else if (what == disposition::hold_sender && !all.against_sender) {
    all.against_sender = why;
  }

  if (next.gives_up()) {
    all.change.recipients.push_back(recipient_change::failed(position, why, false));
    all.given_up.push_back(position);
  } else if (counted) {
    const auto delay = what == disposition::repeat ? std::max(next.delay(), at.unknown_pause) : next.delay();
    all.change.recipients.push_back(recipient_change::deferred(position, why, at.now + delay, delay));
    all.retry_after = all.deferred == 0 ? delay : std::min(all.retry_after, delay);
    ++all.deferred;
  } else if (what != disposition::put_back) {
    // Due as before, with the reason on record: the pipeline keeps it back as long as the key or the sender is held.
    all.change.recipients.push_back(
        recipient_change::deferred(position, why, recipient.next_attempt, recipient.last_delay, false));
  }
}

}  // namespace detail

/// `answer` names the recipients at the positions `tried` of `mail`, in that order.
template <retry_strategy Retry>
conclusion conclude(const spooled_mail& mail, std::span<const std::size_t> tried, const receipt& answer,
                    const Retry& retry, const moment& at) {
  conclusion all(mail.id);
  all.change.recipients.reserve(tried.size());
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < tried.size(); ++i) {
    if (i < answer.recipients.size()) {
      const recipient_outcome& one = answer.recipients[i];
      if (one.outcome == outcome::accepted) {
        all.change.recipients.push_back(recipient_change::accepted(tried[i], answer.dsn_relayed));
        all.answered = true;
        ++accepted;
        continue;
      }
      if (one.failure) {
        detail::conclude_one(all, mail, tried[i], *one.failure, retry, at);
        continue;
      }
    }
    detail::conclude_one(all, mail, tried[i], failure(cause::cancelled), retry, at);
  }
  all.change.finishes = tried.size() == mail.recipients.size() && accepted == tried.size();
  return all;
}

/// What became of those at `waiting`, who could not be tried because of `why`: whoever is too old is given up, and
/// whose sender is to be told that he is late (`late`, a predicate of recipients) goes on waiting.
template <retry_strategy Retry, std::predicate<const spooled_recipient&> Late>
conclusion conclude_untried(const spooled_mail& mail, std::span<const std::size_t> waiting, const failure& why,
                            const Retry& retry, const moment& at, Late late) {
  conclusion all(mail.id);
  for (const std::size_t position : waiting) {
    const spooled_recipient& recipient = mail.recipients[position];
    const auto next = decide(retry, detail::attempt_of(mail, recipient, why, false, at));
    if (next.gives_up()) {
      all.change.recipients.push_back(recipient_change::failed(position, why, false));
      all.given_up.push_back(position);
    } else if (late(recipient)) {
      all.change.recipients.push_back(
          recipient_change::deferred(position, why, recipient.next_attempt, recipient.last_delay, false));
    }
  }
  return all;
}

/// The server that alone may have `mail` for a while, and until when: one that was perhaps given it already, and has
/// not said so. Nobody, if the last such attempt was more than `pause` ago.
inline std::pair<std::string, spool_time> bound_to(const spooled_mail& mail, spool_time now,
                                                   std::chrono::milliseconds pause) {
  for (const auto& one : mail.recipients) {
    if (one.state != recipient_state::pending || one.next_attempt > now) continue;
    if (!one.possible_duplicate || !one.failure) continue;
    const spool_time until = one.next_attempt - one.last_delay + pause;
    // A server without a name is the first choice: nobody else has this one.
    if (until > now) return {one.failure->server.empty() ? "?" : one.failure->server, until};
  }
  return {};
}

/// The positions of the recipients of `mail` that are due at `now`.
inline std::vector<std::size_t> due_positions(const spooled_mail& mail, spool_time now) {
  std::vector<std::size_t> positions;
  positions.reserve(mail.recipients.size());
  for (std::size_t i = 0; i < mail.recipients.size(); ++i) {
    const auto& recipient = mail.recipients[i];
    if (recipient.state == recipient_state::pending && recipient.next_attempt <= now) positions.push_back(i);
  }
  return positions;
}

}  // namespace postrider
