// What can be asked of a tenant's registry, and what it comes to: rows put and erased.
#pragma once

#include <postrider/registry/model.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace postrider {

/// The tenant starts with the internal server, which is its default.
struct add_tenant {
  std::string notify_address{};
};
struct set_tenant {
  std::string notify_address{};
  std::uint64_t revision = 0;  ///< as in `server_record`
};
/// Its servers, senders and logins go with it.
struct remove_tenant {
  std::uint64_t revision = 0;  ///< as in `server_record`
};

struct add_server {
  server_record server{};
  bool make_default = false;
};
/// Replaces the server of that name. A password left empty keeps the old one.
struct set_server {
  server_record server{};
};
struct set_default_server {
  std::string name{};
  std::uint64_t revision = 0;  ///< the tenant's, as in `server_record`
};
struct remove_server {
  std::string name{};
  bool move_users = false;         ///< overrides that point at it become the default; otherwise they refuse the removal
  std::uint64_t pinned_mails = 0;  ///< waiting mails that must take it; the caller counts them, and moves them himself
  std::uint64_t revision = 0;      ///< as in `server_record`
};

struct add_sender {
  sender_record sender{};
};
struct set_sender {
  sender_record sender{};
};
struct remove_sender {
  std::string address{};
  std::uint64_t revision = 0;  ///< as in `server_record`
};

struct add_login {
  login_record login{};
};
struct set_login {
  login_record login{};
};
struct remove_login {
  std::string name{};
  std::uint64_t revision = 0;  ///< as in `server_record`
};

/// The same passwords under another key. Of these records only key, revision and sealed password are read.
struct reseal {
  std::vector<server_record> servers{};
  std::vector<sender_record> senders{};
};

using change =
    std::variant<add_tenant, set_tenant, remove_tenant, add_server, set_server, set_default_server, remove_server,
                 add_sender, set_sender, remove_sender, add_login, set_login, remove_login, reseal>;

/// What one table loses and gains.
template <class Record>
struct row_changes {
  std::vector<std::shared_ptr<const Record>> put{};
  std::vector<std::string> erased{};  ///< keys
};

/// The tenant's own row.
struct tenant_row {
  std::string default_server{};
  std::string notify_address{};
  std::uint64_t revision = 0;
};

/// What a storage does in one transaction. It knows no rules: those are in `evaluate` (registry/rules.hpp).
struct change_set {
  std::uint64_t version = 0;  ///< the tenant's once this is committed; 0: the tenant and all its rows are erased
  std::optional<tenant_row> tenant{};
  row_changes<server_record> servers{};
  row_changes<sender_record> senders{};
  row_changes<login_record> logins{};
};

namespace detail {

template <class Record>
persistent_map<Record> with_changes(persistent_map<Record> rows, const row_changes<Record>& changes) {
  for (const auto& key : changes.erased) rows = rows.without(key);
  for (const auto& record : changes.put) rows = rows.with(record);
  return rows;
}

}  // namespace detail

/// The tenant after `changes`. Costs what they change; the rest is shared with `before`.
inline tenant_snapshot apply(const tenant_snapshot& before, const change_set& changes) {
  tenant_snapshot after;
  after.tenant = before.tenant;
  after.version = changes.version;
  if (!after.exists()) return after;
  const tenant_row row =
      changes.tenant.value_or(tenant_row{before.default_server, before.notify_address, before.revision});
  after.default_server = row.default_server;
  after.notify_address = row.notify_address;
  after.revision = row.revision;
  after.servers = detail::with_changes(before.servers, changes.servers);
  after.senders = detail::with_changes(before.senders, changes.senders);
  after.logins = detail::with_changes(before.logins, changes.logins);
  return after;
}

}  // namespace postrider
