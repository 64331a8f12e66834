// Which servers a mail may take, as whom, and why: a pure function of what the registry knows at that moment.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/core/vocabulary.hpp>
#include <postrider/delivery/breaker.hpp>
#include <postrider/registry/model.hpp>
#include <postrider/registry/submitter.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace postrider {

/// Why a mail takes its server. `internal`: the system's own mail, a notification. `fallback`: those before it are in
/// trouble. `peer`: it shares the load of the server that is named in the first place.
enum class route_reason : std::uint8_t { by_default, by_override, by_pin, internal, fallback, peer };
template <>
inline constexpr std::array<std::string_view, 6> spellings<route_reason>{"default",  "override", "pin",
                                                                         "internal", "fallback", "peer"};

/// The way of a mail.
struct route {
  std::string server{};  ///< its name in the registry
  route_reason why = route_reason::by_default;
  std::string account_of{};  ///< the sender whose own account is used; empty: the server's
  std::uint32_t level = 0;   ///< 0 is the first choice; a level is used while all of those before it are in trouble
  std::uint32_t weight = 1;  ///< share of the mail on its level

  friend bool operator==(const route&, const route&) = default;
};

/// The way that a mail of `from` takes in `tenant`. A pin decides first, then the sender's override, then the default.
/// A sender's own account is used on the server that it was given for, and on no other.
inline result<route> find_route(const tenant_snapshot& tenant, const submitter& from) {
  if (!tenant.exists()) return fail(cause::no_server, stage::queue, "there is no tenant \"" + from.tenant + '"');
  const sender_record* sender = from.sender.empty() ? nullptr : tenant.find_sender(from.sender);
  const server_override* choice = sender != nullptr && sender->override ? &*sender->override : nullptr;

  route way;
  if (!from.pin.empty()) {
    way.server = from.pin;
    way.why = from.sender.empty() && from.pin == internal_server_name ? route_reason::internal : route_reason::by_pin;
  } else if (choice != nullptr) {
    way.server = choice->server;
    way.why = route_reason::by_override;
  } else {
    way.server = tenant.default_server;
  }
  if (tenant.find_server(way.server) == nullptr)
    return fail(cause::no_server, stage::queue,
                "tenant \"" + from.tenant + "\" has no server \"" + way.server + "\" (" +
                    std::string(to_string(way.why)) + ')');
  if (choice != nullptr && choice->server == way.server && !choice->account.empty()) way.account_of = sender->address;
  return way;
}

/// All ways that a mail of `from` may take, best first: that of `find_route`, then the fallbacks of its server, each on
/// a level of its own. Servers that have one rank, other than 0, are on one level and share the load by weight. A
/// pinned mail has no fallbacks, and those of a fallback do not count. A sender's own account is used on the server
/// that it was given for only, so that its mail is not shared; on a fallback, the fallback's account is used.
inline result<std::vector<route>> find_ways(const tenant_snapshot& tenant, const submitter& from) {
  auto first = find_route(tenant, from);
  if (!first) return fail(std::move(first.error()));
  const server_record& primary = *tenant.find_server(first->server);
  first->weight = primary.weight;
  const bool pinned = first->why == route_reason::by_pin;
  std::map<std::uint32_t, std::uint32_t> levels;  // by rank
  if (primary.rank != 0 && first->account_of.empty()) levels.emplace(primary.rank, 0);
  std::vector<route> ways;
  ways.push_back(std::move(*first));
  if (pinned) return ways;
  std::uint32_t next = 1;
  for (const std::string& name : primary.fallbacks) {
    const server_record* const server = tenant.find_server(name);
    if (server == nullptr || name == primary.name) continue;
    const auto known = levels.find(server->rank);
    route way;
    way.server = name;
    way.level = known != levels.end() ? known->second : next++;
    way.why = way.level == 0 ? route_reason::peer : route_reason::fallback;
    way.weight = server->weight;
    if (server->rank != 0) levels.emplace(server->rank, way.level);
    ways.push_back(std::move(way));
  }
  std::stable_sort(ways.begin(), ways.end(), [](const route& a, const route& b) { return a.level < b.level; });
  return ways;
}

/// How one of the ways fares at the moment, as a pipeline knows it.
class way_state {
 public:
  explicit way_state(route way) : way(std::move(way)) {}

  route way;
  bool used_now = false;                          ///< mail takes it; of several on one level, all do
  bool held = false;                              ///< the server gets none, but for a probe now and then
  breaker::state state = breaker::state::closed;  ///< half open: a probe is on its way
  bool suspended = false;                         ///< held because of the account or its settings: someone has to look
  bool throttled = false;                         ///< it asked for patience and gets mail slowly
  std::optional<failure> trouble;                 ///< why it gets none, or less
  std::chrono::milliseconds remaining{0};         ///< until it is tried again
  std::size_t in_flight = 0;
};

/// The same in words, for somebody who asks why.
inline std::string explain_route(const tenant_snapshot& tenant, const submitter& from) {
  const auto way = find_route(tenant, from);
  if (!way) return "No way to go: " + way.error().detail + '.';

  const std::string who = from.sender.empty() ? std::string("Mail from <>") : "Mail from " + from.sender;
  std::string text = who + " takes the server \"" + way->server + '"';
  const server_record& server = *tenant.find_server(way->server);
  if (!server.internal) text += " (" + server.settings.endpoint() + ')';
  text += ' ';
  switch (way->why) {
    case route_reason::by_pin: text += "because it is pinned to it"; break;
    case route_reason::internal: text += "because notifications take the tenant's internal server"; break;
    case route_reason::by_override: text += "because the sender overrides the default"; break;
    case route_reason::fallback:
    case route_reason::peer:  // never the first choice
    case route_reason::by_default:
      text += "because it is the default of tenant \"" + tenant.tenant + '"';
      if (tenant.find_sender(from.sender) == nullptr) text += " and the address is no registered sender";
      else text += " and the sender does not override it";
      break;
  }
  if (!way->account_of.empty()) text += ", with the account of " + way->account_of;
  else if (!server.internal && !server.settings.account.empty()) text += ", with the server's account";
  text += '.';
  const auto ways = find_ways(tenant, from);
  std::string peers, fallbacks;
  for (const route& other : *ways) {
    if (other.why == route_reason::peer)
      peers += (peers.empty() ? "\"" : ", \"") + other.server + "\" (" + std::to_string(other.weight) + ')';
    if (other.why == route_reason::fallback) fallbacks += (fallbacks.empty() ? "\"" : ", then \"") + other.server + '"';
  }
  if (!peers.empty())
    text += " It shares the load by weight (" + std::to_string(server.weight) + ") with " + peers + '.';
  if (!fallbacks.empty())
    text += " While it is in trouble, mail takes " + fallbacks + ", with the account of that server.";
  return text;
}

namespace detail {

inline std::string explain_trouble(const way_state& one) {
  const std::string server = "server \"" + one.way.server + '"';
  const std::string why = " (" + std::string(to_string(one.trouble->cause)) + ')';
  const std::string seconds = std::to_string(std::chrono::ceil<std::chrono::seconds>(one.remaining).count()) + " s.";
  if (one.throttled)
    return " The " + server + " asked for patience" + why + " and gets mail slowly, the next in " + seconds;
  const std::string what = one.suspended ? " The account on the " + server + " is suspended" + why
                                         : " The " + server + " is in trouble" + why;
  if (one.state == breaker::state::half_open) return what + "; one mail is on its way to see whether it still is.";
  return what + " and is tried again in " + seconds;
}

}  // namespace detail

/// And how its servers fare: what is chosen now, if one of them is in trouble, and what is on its way.
inline std::string explain_route(const tenant_snapshot& tenant, const submitter& from, std::span<const way_state> now) {
  std::string text = explain_route(tenant, from);
  std::string chosen;
  for (const way_state& one : now) {
    if (one.used_now) chosen += (chosen.empty() ? "\"" : " or \"") + one.way.server + '"';
    if (one.trouble) text += detail::explain_trouble(one);
  }
  if (std::any_of(now.begin(), now.end(), [](const auto& one) { return one.trouble.has_value(); }))
    text += chosen.empty() ? " Now mail waits." : " Now mail takes " + chosen + '.';
  for (const way_state& one : now)
    if (one.in_flight != 0)
      text += ' ' + std::to_string(one.in_flight) + (one.in_flight == 1 ? " mail is" : " mails are") +
              " on the way to \"" + one.way.server + "\".";
  return text;
}

}  // namespace postrider
