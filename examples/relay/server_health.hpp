// How a server has been lately.
#pragma once

#include "relay/clock.hpp"
#include "relay/held_list.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace postrider::examples {

/// {state, last_success, last_failure, breaker, resting_senders}; null where no relay runs.
inline json health_of(const office& on, const std::string& tenant, const std::string& server, const held_list& held) {
  if (on.live == nullptr) return nullptr;
  const auto known = on.live->numbers.find(tenant, server);
  const held_list::entry* const breaker = held.of_server(tenant, server);
  const bool failing =
      known && known->last_failure_at && (!known->last_success || *known->last_success < *known->last_failure_at);
  const std::string state = breaker != nullptr
                                ? (breaker->failure["action"] == "suspend_account" ? "suspended" : "held")
                            : !known  ? "unknown"
                            : failing ? "failing"
                                      : "ok";
  json shown{{"state", state}, {"last_success", nullptr}, {"last_failure", nullptr}, {"breaker", nullptr}};
  if (known && known->last_success) shown["last_success"] = text_of(*known->last_success);
  if (known && known->last_failure && known->last_failure_at)
    shown["last_failure"] = {{"at", text_of(*known->last_failure_at)}, {"failure", to_json(*known->last_failure)}};
  if (breaker != nullptr)
    shown["breaker"] = {{"remaining_ms", std::max<std::int64_t>((breaker->until - spool_now()).count(), 0)},
                        {"failure", breaker->failure}};
  shown["resting_senders"] = held.resting(tenant, server);
  return shown;
}

/// Of a server that is gone: another one of its name begins anew.
inline void forget_health(office& on, const std::string& tenant, const std::string& server) {
  if (on.live != nullptr) on.live->numbers.forget(tenant, server);
  if (!on.people) return;
  if (const auto people = on.people()) static_cast<void>((*people)->forget_health(tenant, server));
}

}  // namespace postrider::examples
