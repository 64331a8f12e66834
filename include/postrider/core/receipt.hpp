// What became of a mail, for each recipient.
#pragma once

#include <postrider/core/failure.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postrider {

/// One recipient's outcome; `failure` is set unless it is `accepted`.
class recipient_outcome {
 public:
  recipient_outcome(std::string address, postrider::outcome outcome) : address(std::move(address)), outcome(outcome) {}
  recipient_outcome(std::string address, postrider::failure why)
      : address(std::move(address)), outcome(why.outcome), failure(std::move(why)) {}

  std::string address;
  postrider::outcome outcome;
  std::optional<postrider::failure> failure;
};

/// The answer to a send: every recipient of the mail is in it once, in the mail's order.
class receipt {
 public:
  receipt() = default;

  /// True if every recipient was accepted.
  bool ok() const noexcept {
    return !recipients.empty() && std::all_of(recipients.begin(), recipients.end(),
                                              [](const auto& r) { return r.outcome == outcome::accepted; });
  }

  /// The first failure, in the order of recipients; null if there is none.
  const postrider::failure* first_failure() const noexcept {
    for (const auto& r : recipients)
      if (r.failure) return &*r.failure;
    return nullptr;
  }

  std::string mail_id;  ///< from `send` the Message-ID, from a pipeline the spool's id; a pool leaves it empty
  std::string server;   ///< host:port
  std::chrono::milliseconds elapsed{0};
  std::vector<recipient_outcome> recipients;
  std::vector<std::string> final_reply;  ///< the server's words about the accepted content, for the log
  bool dsn_relayed = false;  ///< the server was told which notifications are wanted (RFC 3461), and sends them
};

}  // namespace postrider
