// Which mails of the queue an operator means, and a page of them at a cost that does not depend on how many there are.
#pragma once

#include "relay/access.hpp"
#include "relay/arguments.hpp"
#include "relay/durations.hpp"
#include "relay/held_list.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::examples {

inline constexpr std::array<std::string_view, 8> queue_filter_arguments{"tenant", "sender", "recipient", "server",
                                                                        "pin",    "state",  "cause",     "older_than"};

/// What the arguments of a call ask for, within what the caller sees. Throws bad_argument.
class queue_search {
 public:
  struct found_page {
    std::vector<spooled_mail> mails;
    std::optional<mail_id> next;  ///< where the next page begins; nothing: this was the last one
  };

  queue_search(const office& on, const arguments& args, const caller& by, const held_list& held)
      : on_(on), held_(held) {
    stored_.tenant = args.text("tenant").value_or("");
    if (stored_.tenant.empty()) stored_.tenant = by.tenant;
    nothing_ = !by.sees(stored_.tenant);
    stored_.sender = args.text("sender").value_or("");
    stored_.recipient = args.text("recipient").value_or("");
    stored_.pin = args.text("pin").value_or("");
    const std::string server = args.text("server").value_or("");
    (server.find(':') != std::string::npos ? stored_.server : route_) = server;
    if (args.text("state") == "waiting") stored_.state = recipient_state::pending;
    else stored_.state = args.choice<recipient_state>("state");
    cause_ = args.choice<cause>("cause");
    if (const auto age = args.text("older_than")) {
      const auto parsed = parse_duration(*age);
      if (!parsed) throw bad_argument("older_than", "older_than is no time span such as 30s, 5m, 4h or 5d");
      stored_.created_before = spool_now() - *parsed;
    }
  }

  /// At most `limit` mails behind `after`. May be short, or empty, and not be the last one.
  result<found_page> page(mail_queue& queue, mail_id after, std::size_t limit) const {
    found_page found;
    if (nothing_) return found;
    const bool by_hand = cause_ || !route_.empty();  // what needs the registry or the breakers is not asked of SQL
    const auto end = queue.skip(after, by_hand ? 1'000 : 5'000);
    if (!end) return fail(end.error());
    mail_filter filter = stored_;
    filter.until = *end;
    const std::size_t step = by_hand ? std::size_t{200} : limit;
    while (true) {
      auto some = queue.list(filter, after, step);
      if (!some) return fail(std::move(some.error()));
      const bool last = some->size() < step;
      for (spooled_mail& mail : *some) {
        after = mail.id;
        if (!by_hand || wanted(mail)) found.mails.push_back(std::move(mail));
        if (found.mails.size() == limit) {
          found.next = after;
          return found;
        }
      }
      if (last) break;
    }
    found.next = *end;
    return found;
  }

 private:
  bool wanted(const spooled_mail& mail) const {
    const auto [server, waits_for] = way_of(on_, mail.from, held_);
    if (!route_.empty() && server != route_) return false;
    if (!cause_) return true;
    mail_filter filter = stored_;
    filter.cause = cause_;
    if (matches(filter, mail)) return true;
    return waits_for != nullptr && waits_for->failure["cause"] == to_string(*cause_) &&
           std::any_of(mail.recipients.begin(), mail.recipients.end(),
                       [](const spooled_recipient& r) { return r.state == recipient_state::pending && !r.failure; });
  }

  const office& on_;
  const held_list& held_;
  mail_filter stored_;
  std::optional<cause> cause_;
  std::string route_;     ///< the name of the server that they would take now
  bool nothing_ = false;  ///< another tenant's mail is asked for
};

}  // namespace postrider::examples
