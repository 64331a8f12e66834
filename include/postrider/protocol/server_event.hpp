// What a server's dialogue asks of whoever runs it.
#pragma once

#include <cstdint>

namespace postrider::protocol {

/// What a dialogue waits for. Those marked (?) are questions: `next` repeats them until `accept` or `refuse`.
enum class server_event : std::uint8_t {
  need_bytes,       ///< write `output`, then feed what the client sends
  find_login,       ///< (?) whose keys? answered by `challenge_login`, also for a name that is nobody's
  verify_login,     ///< (?) `login()` says who wants to log in
  check_sender,     ///< (?) may `sender()` send from here?
  check_recipient,  ///< (?) is `recipient()` taken?
  begin_mail,       ///< (?) `mail()` is complete; accepted by `accept_content`
  content,          ///< (?) `take_piece()` is the next piece of the content
  finish_mail,      ///< (?) the content is complete: is it safe? accepting says 250
  discard_mail,     ///< the mail that began will not be finished
  start_tls,        ///< write `output`, shake hands, call `tls_started`
  close             ///< write `output`, close the connection
};

/// What a session offers besides what every session offers.
struct server_offers {
  bool starttls = false;
  bool auth = false;       ///< shown and taken only once the session is encrypted
  bool scram = false;      ///< SCRAM-SHA-256 too
  bool encrypted = false;  ///< TLS came before the greeting
};

}  // namespace postrider::protocol
