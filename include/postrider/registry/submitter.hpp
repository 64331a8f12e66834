// On whose behalf a mail is sent: what routing knows of a mail besides its envelope.
#pragma once

#include <string>
#include <utility>

namespace postrider {

/// Stored with a mail instead of a server: the route is computed from the registry as it is when a connection takes
/// the mail. A class with constructors, so that g++ 12 can pass it through awaiting expressions.
class submitter {
 public:
  submitter() = default;
  explicit submitter(std::string tenant, std::string sender = {}, std::string login = {}, std::string pin = {})
      : tenant(std::move(tenant)), sender(std::move(sender)), login(std::move(login)), pin(std::move(pin)) {}

  std::string tenant;
  std::string sender;  ///< the address that routing looks up; empty for the null reverse-path
  std::string login;   ///< who handed the mail in; empty for a trusted address
  std::string pin;     ///< the server that this mail must take; empty: as the registry says

  friend bool operator==(const submitter&, const submitter&) = default;
};

}  // namespace postrider
