// Where the passwords of a tenant are, and how they are sealed on their way in and opened on their way out.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/core/secret.hpp>
#include <postrider/registry/change.hpp>
#include <postrider/registry/model.hpp>
#include <postrider/registry/validation.hpp>
#include <postrider/registry/vault.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace postrider {

/// The passwords of one tenant. A sealed one is bound to its row, a sender's also to the server it was given for.
class tenant_passwords {
 public:
  tenant_passwords(const vault& keys, std::string_view tenant) : keys_(keys), tenant_(tenant) {}

  /// Moves every password in clear from `account.password` into its sealed form; an empty one seals to nothing, which
  /// the rules take as "keep the old one".
  result<void> seal_all(change& what) const {
    if (auto* add = std::get_if<add_server>(&what)) return seal_in(add->server);
    if (auto* set = std::get_if<set_server>(&what)) return seal_in(set->server);
    if (auto* add = std::get_if<add_sender>(&what)) return seal_in(add->sender);
    if (auto* set = std::get_if<set_sender>(&what)) return seal_in(set->sender);
    return {};
  }

  result<secret> open(const server_record& server) const { return unseal(server.password, row_of(server)); }
  result<secret> open(const sender_record& sender) const { return unseal(sender.override->password, row_of(sender)); }

  /// Every secret of `tenant` that another key than the newest one sealed, sealed with that one.
  result<reseal> seal_again(const tenant_snapshot& tenant) const {
    reseal again;
    for (const server_record& server : tenant.servers) {
      if (server.password.empty() || keys_.is_current(server.password)) continue;
      auto password = open(server);
      if (!password) return fail(std::move(password.error()));
      again.servers.push_back(server);
      again.servers.back().password = seal(*password, row_of(server));
    }
    for (const sender_record& sender : tenant.senders) {
      if (!sender.override || sender.override->password.empty() || keys_.is_current(sender.override->password))
        continue;
      auto password = open(sender);
      if (!password) return fail(std::move(password.error()));
      again.senders.push_back(sender);
      again.senders.back().override->password = seal(*password, row_of(sender));
    }
    return again;
  }

 private:
  static std::string row_of(const server_record& server) { return "server " + server.name; }
  static std::string row_of(const sender_record& sender) {
    return "sender " + sender.address + " on server " + sender.override->server;
  }

  result<void> seal_in(server_record& server) const {
    return seal_in(server.settings.account, server.password, row_of(server));
  }
  result<void> seal_in(sender_record& sender) const {
    if (!sender.override) return {};
    auto address = detail::sender_address(sender.address);
    if (!address) return fail(std::move(address.error()));
    sender.address = std::move(*address);
    return seal_in(sender.override->account, sender.override->password, row_of(sender));
  }
  result<void> seal_in(account& from, sealed_secret& into, const std::string& row) const {
    into = {};
    if (from.password.empty()) return {};
    if (auto ok = detail::check_password(printable(row), from.password); !ok) return ok;
    into = seal(from.password, row);
    from.password = {};
    return {};
  }

  sealed_secret seal(const secret& password, const std::string& row) const {
    return keys_.seal(password, {.tenant = tenant_, .row = row, .field = "password"});
  }
  result<secret> unseal(const sealed_secret& sealed, const std::string& row) const {
    if (sealed.empty()) return secret();
    return keys_.unseal(sealed, {.tenant = tenant_, .row = row, .field = "password"});
  }

  const vault& keys_;
  std::string tenant_;
};

/// Calls `visit(const sealed_secret&)` for every secret of `tenant`.
template <class Visit>
void for_each_secret(const tenant_snapshot& tenant, Visit&& visit) {
  for (const server_record& server : tenant.servers)
    if (!server.password.empty()) visit(server.password);
  for (const sender_record& sender : tenant.senders)
    if (sender.override && !sender.override->password.empty()) visit(sender.override->password);
}

}  // namespace postrider
