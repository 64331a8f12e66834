// Where mail goes: one pool, one queue and one breaker for each account on a server, and a breaker that all accounts on
// the server share.
#pragma once

#include <postrider/delivery/breaker.hpp>
#include <postrider/delivery/delivery_pool.hpp>
#include <postrider/delivery/disposition.hpp>
#include <postrider/delivery/lane.hpp>
#include <postrider/delivery/placed_pool.hpp>
#include <postrider/delivery/routing.hpp>
#include <postrider/delivery/throttle.hpp>
#include <postrider/registry/registry.hpp>

#include <asio/any_io_executor.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace postrider::detail {

/// One key of the pipeline: a server's definition, account included.
template <delivery_pool Pool>
class destination {
 public:
  destination(const asio::any_io_executor& executor, const asio::any_io_executor& connections_on, server made_of,
              std::shared_ptr<breaker> reached, std::size_t most, std::string tenant, std::string name)
      : definition(std::move(made_of)),
        pool(executor, connections_on, definition),
        reached(std::move(reached)),
        tenant(std::move(tenant)),
        name(std::move(name)) {
    // Two for each place in a dialogue: one on the wire, one at hand when it is answered.
    const std::size_t places =
        std::size_t{definition.limits.connections} * std::max<std::size_t>(definition.quirks.window, 1);
    window = places == 0 ? most : std::min(2 * places, most);
  }

  bool has_room() const noexcept { return in_flight < window; }
  /// Is neither the server in trouble nor the account on it?
  bool closed() const noexcept { return reached->closed() && trusted.closed(); }
  /// May a mail go there at `now`, if there is room?
  bool admits(breaker::time_point now) const noexcept {
    return reached->admits(now) && trusted.admits(now) && pace.admits(now);
  }
  /// Is a mail on its way whose fate decides about the others?
  bool is_tested() const noexcept {
    return reached->now_in() == breaker::state::half_open || trusted.now_in() == breaker::state::half_open;
  }
  /// What opened a breaker, the server's if it is both; null if they are closed.
  const failure* why() const noexcept { return reached->closed() ? trusted.why() : reached->why(); }
  /// When both admit the next probe; meaningful unless closed.
  breaker::time_point open_until() const noexcept {
    if (reached->closed()) return trusted.open_until();
    return trusted.closed() ? reached->open_until() : std::max(reached->open_until(), trusted.open_until());
  }
  void expedite(breaker::time_point now) noexcept {
    reached->expedite(now);
    trusted.expedite(now);
  }
  /// No way leads here any more, and nobody is here.
  bool deserted() const noexcept { return known_as == 0 && in_flight == 0 && waiting.empty(); }

  const server definition;
  placed_pool<Pool> pool;
  const std::shared_ptr<breaker> reached;  ///< shared by all accounts on the server: can anybody reach it?
  breaker trusted;                         ///< does it work with this account?
  throttle pace;
  turns waiting;
  std::size_t window;
  std::size_t in_flight = 0;
  std::size_t records = 0;   ///< of waiting mails, in memory
  std::size_t known_as = 0;  ///< how many ways of tenants lead here
  double share = 0;          ///< of the mails that could have gone elsewhere too, by weight
  bool queued_for_service = false;
  std::string tenant;  ///< of the first way that led here
  std::string name;    ///< in the registry, likewise
};

/// Fills in that nobody can reach the server, of which no account's mail need have been there.
inline void describe(way_state& one, const breaker& reached, breaker::time_point now) {
  if (reached.closed()) return;
  one.held = true;
  one.state = reached.now_in();
  one.trouble = *reached.why();
  one.remaining =
      std::max(std::chrono::ceil<std::chrono::milliseconds>(reached.open_until() - now), std::chrono::milliseconds(0));
}

/// Fills in how `to` fares at `now`.
template <delivery_pool Pool>
void describe(way_state& one, const destination<Pool>& to, breaker::time_point now) {
  one.held = !to.closed();
  const failure* const why = one.held ? to.why() : to.pace.why();
  one.in_flight = to.in_flight;
  if (why == nullptr) return;
  one.trouble = *why;
  const auto until = one.held ? to.open_until() : to.pace.next();
  one.remaining = std::max(std::chrono::ceil<std::chrono::milliseconds>(until - now), std::chrono::milliseconds(0));
  if (one.held) one.state = to.is_tested() ? breaker::state::half_open : breaker::state::open;
  one.suspended = one.held && dispose(*why) == disposition::suspend_account;
  one.throttled = !one.held;
}

/// All destinations: found by tenant, server and account; shared by those whose definitions are equal.
template <delivery_pool Pool>
class destinations {
 public:
  using pointer = std::shared_ptr<destination<Pool>>;

  /// `connections_on`: executors that pools are spread over; empty: all live on `executor`.
  destinations(asio::any_io_executor executor, std::vector<asio::any_io_executor> connections_on,
               const server_registry& registry, std::size_t most_in_flight)
      : executor_(std::move(executor)),
        connections_on_(std::move(connections_on)),
        registry_(registry),
        most_(most_in_flight) {}

  /// Where `way` leads, according to the registry that `as_of` was taken from.
  result<pointer> at(const std::shared_ptr<const tenant_snapshot>& as_of, const std::string& tenant, const route& way) {
    name_.assign(tenant).append(1, '\0').append(way.server).append(1, '\0').append(way.account_of);
    const auto known = ways_.find(name_);
    if (known != ways_.end() && known->second.as_of == as_of) return known->second.leads_to;
    auto definition = registry_.definition(tenant, way.server, way.account_of);
    if (!definition) {
      if (known != ways_.end()) forget(known);
      return fail(std::move(definition.error()));
    }
    if (known != ways_.end() && known->second.leads_to->definition == *definition) {
      known->second.as_of = as_of;
      return known->second.leads_to;
    }
    if (known != ways_.end()) forget(known);
    pointer found = find_or_make(std::move(*definition), tenant, way.server);
    ++found->known_as;
    ways_.emplace(name_, known_way{as_of, found});
    return found;
  }

  /// Where `way` leads, if any mail took it already; null otherwise.
  pointer find(const std::string& tenant, const route& way) const {
    const auto known = ways_.find(tenant + '\0' + way.server + '\0' + way.account_of);
    return known == ways_.end() ? nullptr : known->second.leads_to;
  }

  /// The breaker of the server that `way` leads to, if any account's mail took it already; null otherwise.
  std::shared_ptr<const breaker> find_reached(const std::string& tenant, const route& way) const {
    const auto definition = registry_.definition(tenant, way.server, way.account_of);
    if (!definition) return nullptr;
    const auto known = reached_.find(way_to(*definition));
    return known == reached_.end() ? nullptr : known->second.lock();
  }

  /// The tenant changed: every way of it is looked at again.
  void revise(const std::shared_ptr<const tenant_snapshot>& now, const std::string& tenant) {
    const std::string first = tenant + '\0';
    for (auto way = ways_.lower_bound(first); way != ways_.end() && way->first.starts_with(first);) {
      const std::size_t end_of_server = way->first.find('\0', first.size());
      const std::string server_name = way->first.substr(first.size(), end_of_server - first.size());
      const std::string account_of = way->first.substr(end_of_server + 1);
      const auto definition = registry_.definition(tenant, server_name, account_of);
      const auto examined = way++;
      if (definition && examined->second.leads_to->definition == *definition) examined->second.as_of = now;
      else forget(examined);
    }
  }

  /// Takes out those that no way leads to any more and that are empty; they are the caller's to close.
  std::vector<pointer> take_deserted() {
    std::erase_if(reached_, [](const auto& one) { return one.second.expired(); });
    std::vector<pointer> deserted;
    for (auto at = all_.begin(); at != all_.end();) {
      if (at->second->deserted()) {
        deserted.push_back(std::move(at->second));
        at = all_.erase(at);
      } else {
        ++at;
      }
    }
    return deserted;
  }

  template <class F>
  void for_each(F&& visit) const {
    for (const auto& [name, one] : all_) visit(one);
  }

 private:
  struct known_way {
    std::shared_ptr<const tenant_snapshot> as_of;
    pointer leads_to;
  };

  void forget(typename std::map<std::string, known_way>::iterator way) {
    --way->second.leads_to->known_as;
    ways_.erase(way);
  }

  pointer find_or_make(server definition, const std::string& tenant, const std::string& name) {
    std::string identity = definition.endpoint() + '\0' + definition.account.user;
    const auto [begin, end] = all_.equal_range(identity);
    for (auto at = begin; at != end; ++at)
      if (at->second->definition == definition) return at->second;
    auto reached = reached_as(definition);
    auto made = std::make_shared<destination<Pool>>(executor_, place_of(identity), std::move(definition),
                                                    std::move(reached), most_, tenant, name);
    all_.emplace(std::move(identity), made);
    return made;
  }

  const asio::any_io_executor& place_of(const std::string& identity) const {
    if (connections_on_.empty()) return executor_;
    return connections_on_[std::hash<std::string>()(identity) % connections_on_.size()];
  }

  /// All that matters for a session up to the login.
  static std::string way_to(const server& definition) {
    std::string way = definition.endpoint();
    for (const std::string& part : {std::string(to_string(definition.security)), definition.tls.ca_file,
                                    definition.tls.server_name, definition.local_address, definition.ehlo_name})
      way.append(1, '\0').append(part);
    way += definition.tls.allow_tls_1_1 ? '1' : '2';
    way += definition.tls.dangerously_skip_verification ? 's' : 'v';
    way += definition.quirks.helo_only ? 'h' : 'e';
    return way;
  }
  std::shared_ptr<breaker> reached_as(const server& definition) {
    auto& known = reached_[way_to(definition)];
    auto one = known.lock();
    if (!one) known = one = std::make_shared<breaker>();
    return one;
  }

  asio::any_io_executor executor_;
  std::vector<asio::any_io_executor> connections_on_;
  const server_registry& registry_;
  std::size_t most_;
  std::unordered_multimap<std::string, pointer> all_;
  std::unordered_map<std::string, std::weak_ptr<breaker>> reached_;
  std::map<std::string, known_way> ways_;
  std::string name_;  ///< kept for its memory
};

}  // namespace postrider::detail
