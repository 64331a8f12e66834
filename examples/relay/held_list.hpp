// The servers that get no mail at this moment, the senders whose mail alone waits, and which mail that concerns.
#pragma once

#include <postrider/delivery/routing.hpp>

#include "relay/office.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace postrider::examples {

/// As of one moment; nobody where no relay runs.
class held_list {
  using key = std::tuple<std::string, std::string, std::string, std::string>;  // tenant, server, sender, user

 public:
  struct entry {
    std::string tenant{};
    std::string server{};
    std::string user{};    ///< of the account
    std::string sender{};  ///< empty: nobody uses that account
    json failure{};
    spool_time until{};  ///< when it is tried again
  };

  explicit held_list(const office& on) {
    if (!on.state) return;
    const json state = on.state();
    const spool_time now = spool_now();
    const auto held = state.find("held_servers");
    if (held == state.end()) return;
    for (const json& one : *held) {
      const auto text = [&one](const char* name) { return one[name].get<std::string>(); };
      entry made{text("tenant"), text("server"),
                 text("user"),   text("sender"),
                 one["failure"], now + std::chrono::milliseconds(one["remaining_ms"].get<std::int64_t>())};
      key at(made.tenant, made.server, made.sender, made.user);
      all_.emplace(std::move(at), std::move(made));
    }
  }

  /// What keeps mail of `from` from `server`, where it has the account of `user`, or any that is nameless here; null if
  /// nothing does.
  const entry* why(const submitter& from, const std::string& server, const std::optional<std::string>& user) const {
    if (!from.sender.empty())
      if (const entry* own = find(key(from.tenant, server, from.sender, ""))) return own;
    return user ? find(key(from.tenant, server, "", *user)) : of_server(from.tenant, server);
  }

  /// What keeps mail from the server itself, or from an account on it; null if it may be used.
  const entry* of_server(const std::string& tenant, const std::string& server) const {
    const auto first = all_.lower_bound(key(tenant, server, "", ""));
    const bool is = first != all_.end() && first->second.tenant == tenant && first->second.server == server &&
                    first->second.sender.empty();
    return is ? &first->second : nullptr;
  }

  /// How many senders may not use `server`.
  std::size_t resting(const std::string& tenant, const std::string& server) const {
    std::size_t count = 0;
    for (auto at = all_.lower_bound(key(tenant, server, "", "")); at != all_.end(); ++at) {
      if (at->second.tenant != tenant || at->second.server != server) break;
      if (!at->second.sender.empty()) ++count;
    }
    return count;
  }

  template <class Use>
  void each(Use use) const {
    for (const auto& [at, one] : all_) use(one);
  }

 private:
  const entry* find(const key& at) const {
    const auto found = all_.find(at);
    return found != all_.end() ? &found->second : nullptr;
  }

  std::map<key, entry> all_;
};

/// Where mail goes at this moment, and what keeps it.
struct present_way {
  std::string server{};                         ///< empty: nowhere
  const held_list::entry* waits_for = nullptr;  ///< null: for nothing
};

inline present_way way_of(const office& on, const submitter& from, const held_list& held) {
  const auto tenant = on.registry.snapshot(from.tenant);
  const auto way = find_route(*tenant, from);
  if (!way) return {};
  const server_record& server = *tenant->find_server(way->server);
  std::optional<std::string> user;
  if (!way->account_of.empty()) user = tenant->find_sender(way->account_of)->override->account.user;
  else if (!server.internal) user = server.settings.account.user;  // the internal server's is the process's
  return {way->server, held.why(from, way->server, user)};
}

}  // namespace postrider::examples
