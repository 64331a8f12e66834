// What MAIL and RCPT say: who sends, who receives, and which notifications they want (RFC 5321, RFC 3461).
#pragma once

#include <postrider/core/vocabulary.hpp>
#include <postrider/mail/address.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postrider {

/// When a recipient's fate is to be notified (NOTIFY, RFC 3461 section 4.1): `unset`, `never`, or any of the others
/// joined by |.
enum class notify : std::uint8_t { unset = 0, never = 1, success = 2, failure = 4, delay = 8 };

constexpr notify operator|(notify a, notify b) noexcept {
  return static_cast<notify>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool has(notify set, notify flag) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(flag)) != 0;
}

/// Whether the sender is to be told of each fate. Who asks for nothing is told of failure and delay.
constexpr bool notifies_failure(notify wanted) noexcept {
  return wanted == notify::unset || has(wanted, notify::failure);
}
constexpr bool notifies_delay(notify wanted) noexcept {
  return wanted == notify::unset || has(wanted, notify::delay);
}
constexpr bool notifies_success(notify wanted) noexcept {
  return has(wanted, notify::success);
}

/// How much of the mail a notification returns (RET, RFC 3461 section 4.3).
enum class ret : std::uint8_t { none, full, headers };
template <>
inline constexpr std::array<std::string_view, 3> spellings<ret>{"none", "full", "headers"};

/// One RCPT command.
class recipient {
 public:
  explicit recipient(address forward_path) : forward_path(std::move(forward_path)) {}

  address forward_path;
  postrider::notify notify = postrider::notify::unset;
  std::string orcpt;  ///< "rfc822;ada@example.com", not in xtext; empty: none

  friend bool operator==(const recipient&, const recipient&) = default;
};

/// One MAIL command and its RCPT commands.
class envelope {
 public:
  /// No reverse-path is the null reverse-path "<>" of notifications.
  envelope(std::optional<address> reverse_path, std::vector<recipient> recipients)
      : reverse_path(std::move(reverse_path)), recipients(std::move(recipients)) {}

  /// Whether only a server with SMTPUTF8 can take all of it.
  bool needs_smtputf8() const noexcept {
    return (reverse_path && reverse_path->needs_smtputf8()) ||
           std::any_of(recipients.begin(), recipients.end(),
                       [](const recipient& r) { return r.forward_path.needs_smtputf8(); });
  }

  std::optional<address> reverse_path;
  std::vector<recipient> recipients;
  std::string envid;  ///< not in xtext; empty: none
  postrider::ret ret = postrider::ret::none;

  friend bool operator==(const envelope&, const envelope&) = default;
};

}  // namespace postrider
