// Where a connection gets its mails from.
#pragma once

#include <postrider/mail/mail.hpp>
#include <postrider/protocol/transaction.hpp>

#include <cstdint>
#include <optional>

namespace postrider::client {

struct queued_mail {
  std::uint64_t ticket;  ///< comes back with the outcome
  postrider::mail mail;
};

/// Connections pull: a mail stays where it is until a connection has room for it. Called on the connection's thread.
class mail_source {
 public:
  mail_source() = default;
  mail_source(const mail_source&) = delete;
  mail_source& operator=(const mail_source&) = delete;
  virtual ~mail_source() = default;

  /// The next mail, or nothing for now: the connection asks again when it is woken or has settled one.
  virtual std::optional<queued_mail> pull() = 0;

  /// What became of a mail that was pulled.
  virtual void settled(protocol::settled_mail&& done) = 0;
};

}  // namespace postrider::client
