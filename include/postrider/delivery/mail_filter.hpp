// What operators ask a spool for: some mails, or how many there are.
#pragma once

#include <postrider/delivery/spooled_mail.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace postrider {

/// Which mails an operator asks for. What is empty matches everything. What concerns a recipient (state, cause, server,
/// address) has to hold for one and the same recipient; cause and server are those of its last failure.
class mail_filter {
 public:
  mail_filter() {}  // not an aggregate, so that g++ 12 can pass it through awaiting expressions

  std::optional<recipient_state> state;
  std::optional<postrider::cause> cause;
  std::string tenant;
  std::string sender;     ///< the address that routing uses
  std::string recipient;  ///< a part of an address
  std::string server;     ///< of a failure: host:port
  std::string pin;        ///< the server's name in the registry
  std::optional<spool_time> created_before;
  std::optional<mail_id> until;  ///< not what came after this mail
};

/// True if `filter` asks for `mail`.
inline bool matches(const mail_filter& filter, const spooled_mail& mail) {
  const auto same = [](const std::string& wanted, const std::string& is) { return wanted.empty() || wanted == is; };
  if (!same(filter.tenant, mail.from.tenant) || !same(filter.sender, mail.from.sender) ||
      !same(filter.pin, mail.from.pin))
    return false;
  if (filter.created_before && mail.created >= *filter.created_before) return false;
  if (filter.until && mail.id > *filter.until) return false;
  if (!filter.state && !filter.cause && filter.recipient.empty() && filter.server.empty()) return true;
  return std::any_of(mail.recipients.begin(), mail.recipients.end(), [&](const spooled_recipient& r) {
    return (!filter.state || *filter.state == r.state) &&
           (!filter.cause || (r.failure && r.failure->cause == *filter.cause)) &&
           (filter.server.empty() || (r.failure && r.failure->server == filter.server)) &&
           r.who.forward_path.str().find(filter.recipient) != std::string::npos;
  });
}

/// How many mails there are. A mail counts once: as waiting if anyone is pending, else as held, else as failed.
struct spool_counts {
  std::uint64_t waiting = 0;
  std::uint64_t held = 0;
  std::uint64_t failed = 0;

  /// Counts `mail`.
  void add(const spooled_mail& mail) noexcept {
    ++(mail.any(recipient_state::pending) ? waiting : mail.any(recipient_state::held) ? held : failed);
  }
  spool_counts& operator+=(const spool_counts& more) noexcept {
    waiting += more.waiting;
    held += more.held;
    failed += more.failed;
    return *this;
  }
  friend bool operator==(const spool_counts&, const spool_counts&) = default;
};

/// The same of each tenant, for some of the mails.
struct counts_of_some {
  std::map<std::string, spool_counts> by_tenant{};
  std::optional<mail_id> next{};  ///< the last of them; nothing: there are no more
};

}  // namespace postrider
