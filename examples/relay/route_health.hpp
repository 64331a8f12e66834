// The ways of a mail as an answer, and how each of them fares at this moment.
#pragma once

#include <postrider/delivery/routing.hpp>

#include "relay/office.hpp"

#include <span>
#include <string>

namespace postrider::examples {

/// {used_now, breaker, suspended, throttled, in_flight, next_probe_ms, failure}; next_probe_ms is null while nothing is
/// held back, or while a probe is on its way.
inline json to_json(const way_state& one) {
  json shown{{"used_now", one.used_now},   {"breaker", to_string(one.state)}, {"suspended", one.suspended},
             {"throttled", one.throttled}, {"in_flight", one.in_flight},      {"next_probe_ms", nullptr},
             {"failure", nullptr}};
  if (!one.trouble) return shown;
  if (one.state != breaker::state::half_open) shown["next_probe_ms"] = one.remaining.count();
  shown["failure"] = to_json(*one.trouble);
  return shown;
}

/// [{server, reason, level, weight, account_of, endpoint, health}], best first; health is null where no relay runs.
inline json ways_json(const tenant_snapshot& tenant, std::span<const way_state> ways, bool live) {
  json all = json::array();
  for (const way_state& one : ways) {
    const server_record* const server = tenant.find_server(one.way.server);
    const bool known = server != nullptr && !server->internal;
    all.push_back({{"server", one.way.server},
                   {"reason", to_string(one.way.why)},
                   {"level", one.way.level},
                   {"weight", one.way.weight},
                   {"account_of", one.way.account_of},
                   {"endpoint", known ? server->settings.endpoint() : std::string()},
                   {"health", live ? to_json(one) : json(nullptr)}});
  }
  return all;
}

/// As the relay knows them; where none runs, as the registry has them.
inline result<std::vector<way_state>> ways_of(const office& on, const tenant_snapshot& tenant, const submitter& from) {
  if (on.ways) return on.ways(from);
  auto known = find_ways(tenant, from);
  if (!known) return fail(std::move(known.error()));
  std::vector<way_state> all;
  for (route& one : *known) all.emplace_back(std::move(one));
  return all;
}

/// Why no mail of `from` goes, whatever its servers do: {failure, next_probe_ms}, or null.
inline json sender_held(const office& on, const submitter& from) {
  if (on.state)
    for (const json& one : on.state().value("held_servers", json::array()))
      if (one["tenant"] == from.tenant && one["sender"] == from.sender && !from.sender.empty())
        return {{"failure", one["failure"]}, {"next_probe_ms", one["remaining_ms"]}};
  return nullptr;
}

}  // namespace postrider::examples
