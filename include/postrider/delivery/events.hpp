// What the pipeline tells about itself while it works: one value for each thing that happened.
#pragma once

#include <postrider/core/mail_id.hpp>
#include <postrider/core/receipt.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace postrider::events {

// Views and pointers live as long as the call that brings them.

/// A mail is durable: its sender may be told so.
struct accepted {
  mail_id id;
  std::string_view tenant;
  std::string_view sender;  ///< the address that routing uses
  std::size_t recipients;
  std::uint64_t size;
};

/// A server answered, or failed to: one attempt for one mail, whatever came of it.
struct attempt_finished {
  mail_id id;
  std::string_view tenant;
  std::string_view sender;
  std::string_view server;  ///< the name in the registry
  std::string_view user;    ///< the account's user, empty without authentication
  std::uint32_t number;     ///< of counted attempts, this one included
  bool possible_duplicate;  ///< an earlier attempt ended unknown
  const postrider::receipt& receipt;
};

/// Some recipients wait for another attempt.
struct deferred {
  mail_id id;
  std::string_view tenant;
  std::size_t recipients;
  std::chrono::milliseconds retry_after;
  const failure& why;
};

/// Some recipients will not be tried again.
struct failed {
  mail_id id;
  std::string_view tenant;
  std::span<const recipient_outcome> recipients;
};

/// A failure notification was made durable in the settlement that made its recipients final.
struct notified {
  mail_id about;
  std::string_view tenant;
  std::string_view to;
  std::size_t recipients;
};

/// A server, or an account on it, gets no mail for a while; its mail waits.
struct server_held {
  std::string_view tenant;
  std::string_view server;
  std::string_view user;
  std::chrono::milliseconds pause;
  const failure& why;
};

/// It took mail again, or its definition changed.
struct server_released {
  std::string_view tenant;
  std::string_view server;
  std::string_view user;
};

/// A server does not let this account, or this sender under it, send: someone has to look.
struct account_suspended {
  std::string_view tenant;
  std::string_view server;
  std::string_view user;
  std::string_view sender;  ///< set if only this sender is refused
  std::chrono::milliseconds pause;
  const failure& why;
};

/// The spool failed: nothing is lost, the operation is repeated after a pause.
struct spool_trouble {
  std::string_view operation;
  const failure& why;
};

}  // namespace postrider::events

namespace postrider {

/// Listens to a pipeline, on the pipeline's thread: `on(event)` for each event, returning soon. Derive from
/// `no_observer` and say `using no_observer::on;` to hear some events only.
template <class O>
concept observer = requires(O& o, const events::accepted& accepted, const events::attempt_finished& attempt,
                            const events::deferred& deferred, const events::failed& failed,
                            const events::notified& notified, const events::server_held& held,
                            const events::server_released& released, const events::account_suspended& suspended,
                            const events::spool_trouble& trouble) {
  o.on(accepted);
  o.on(attempt);
  o.on(deferred);
  o.on(failed);
  o.on(notified);
  o.on(held);
  o.on(released);
  o.on(suspended);
  o.on(trouble);
};

/// Hears nothing.
struct no_observer {
  void on(const auto&) const noexcept {}
};

static_assert(observer<no_observer>);

}  // namespace postrider
