// Who has to wait because of a failure: the recipient, the sender, or everybody who uses that server.
#pragma once

#include <postrider/core/failure.hpp>

#include <cstdint>

namespace postrider {

/// What the pipeline does about one recipient's outcome.
enum class disposition : std::uint8_t {
  done,             ///< accepted
  bounce,           ///< final: a notification is owed
  retry,            ///< the recipient's own attempt, counted; the retry strategy says when
  repeat,           ///< unknown: the same bytes to the same server, after a longer pause
  slow_down,        ///< the server gets mail more slowly, after a pause; no attempt is counted
  hold_server,      ///< nobody's mail goes to the server for a while; no attempt is counted
  suspend_account,  ///< likewise, for longer: someone has to look at the account or the definition
  hold_sender,      ///< likewise, but only for this sender's mail
  put_back          ///< nothing happened: as if it had never been tried
};

/// From the failure of one recipient. Trouble of a server or an account never bounces a mail, whatever its reply code.
inline disposition dispose(const failure& why) noexcept {
  if (why.outcome == outcome::accepted) return disposition::done;
  if (why.outcome == outcome::unknown) return disposition::repeat;
  switch (why.scope) {
    case scope::server: return disposition::hold_server;
    case scope::account:
      if (why.cause == cause::sender_not_allowed) return disposition::hold_sender;
      if (why.cause == cause::provider_rate) return disposition::slow_down;
      return why.action == action::suspend_account ? disposition::suspend_account : disposition::hold_server;
    case scope::local:
      if (why.cause == cause::shutting_down || why.cause == cause::cancelled) return disposition::put_back;
      if (why.action != action::ask_operator) break;
      // What the mail itself brought along (an address that cannot be said) must not stop everybody else's.
      if (why.field == field::sender || why.field == field::recipient || why.field == field::message) break;
      return disposition::suspend_account;
    case scope::recipient:
    case scope::message: break;
  }
  return why.outcome == outcome::permanent ? disposition::bounce : disposition::retry;
}

/// True for what concerns more than this mail: the key waits, and the mail in it.
constexpr bool concerns_key(disposition d) noexcept {
  return d == disposition::slow_down || d == disposition::hold_server || d == disposition::suspend_account;
}

}  // namespace postrider
