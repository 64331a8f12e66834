// The registry in a SQLite file: one table for each kind of row, in columns that can be inspected.
#pragma once

#include <postrider/registry/storage.hpp>
#include <postrider/storage/sqlite_database.hpp>
#include <postrider/storage/sqlite_registry_tables.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::sqlite {

/// A `postrider::registry_storage`. Several processes may share the file; each commit is on disk when it returns.
class registry_storage {
 public:
  /// Creates the file if it is missing. Errors name the path.
  static result<registry_storage> open(const std::filesystem::path& path) {
    auto opened = database::open(path, detail::registry_schema);
    if (!opened) return fail(std::move(opened.error()));
    auto on = std::make_unique<database>(std::move(*opened));
    auto servers = detail::table<server_record>::prepare(*on, "server", "name");
    if (!servers) return fail(std::move(servers.error()));
    auto senders = detail::table<sender_record>::prepare(*on, "sender", "address");
    if (!senders) return fail(std::move(senders.error()));
    auto logins = detail::table<login_record>::prepare(*on, "login", "name");
    if (!logins) return fail(std::move(logins.error()));
    return registry_storage(std::move(on), std::move(*servers), std::move(*senders), std::move(*logins));
  }

  result<std::vector<std::string>> tenants() {
    std::vector<std::string> names;
    return query("SELECT name FROM tenant ORDER BY name", [&](const statement& row) { names.push_back(row.text(0)); })
        .map([&] { return std::move(names); });
  }

  result<tenant_snapshot> load(std::string_view tenant) {
    auto reading = transaction::begin_reading(*on_);
    if (!reading) return fail(std::move(reading.error()));
    tenant_snapshot loaded;
    loaded.tenant = tenant;
    auto row = query(
        "SELECT version, default_server, notify_address, revision FROM tenant WHERE name = ?1",
        [&](const statement& found) {
          loaded.version = static_cast<std::uint64_t>(found.integer(0));
          loaded.default_server = found.text(1);
          loaded.notify_address = found.text(2);
          loaded.revision = static_cast<std::uint64_t>(found.integer(3));
        },
        tenant);
    if (!row) return fail(std::move(row.error()));
    auto servers = servers_.load(tenant);
    if (!servers) return fail(std::move(servers.error()));
    auto senders = senders_.load(tenant);
    if (!senders) return fail(std::move(senders.error()));
    auto logins = logins_.load(tenant);
    if (!logins) return fail(std::move(logins.error()));
    loaded.servers = std::move(*servers);
    loaded.senders = std::move(*senders);
    loaded.logins = std::move(*logins);
    seen_[loaded.tenant] = loaded.version;
    return loaded;
  }

  result<commit_outcome> commit(std::string_view tenant, std::uint64_t expected_version, const change_set& changes) {
    auto writing = transaction::begin(*on_);
    if (!writing) return fail(std::move(writing.error()));
    std::uint64_t version = 0;
    auto found = query(
        "SELECT version FROM tenant WHERE name = ?1",
        [&](const statement& row) { version = static_cast<std::uint64_t>(row.integer(0)); }, tenant);
    if (!found) return fail(std::move(found.error()));
    if (version != expected_version) return commit_outcome::version_conflict;
    auto done =
        changes.version == 0 ? query("DELETE FROM tenant WHERE name = ?1", ignore, tenant) : write(tenant, changes);
    if (!done) return fail(std::move(done.error()));
    if (auto kept = writing->commit(); !kept) return fail(std::move(kept.error()));
    seen_[std::string(tenant)] = changes.version;
    return commit_outcome::committed;
  }

  result<std::vector<std::string>> changes() {
    std::map<std::string, std::uint64_t, std::less<>> now;
    auto read = query("SELECT name, version FROM tenant", [&](const statement& row) {
      now.emplace(row.text(0), static_cast<std::uint64_t>(row.integer(1)));
    });
    if (!read) return fail(std::move(read.error()));
    std::vector<std::string> changed;
    for (const auto& [name, version] : seen_)
      if (!now.contains(name)) now.emplace(name, 0);
    for (const auto& [name, version] : now)
      if (std::exchange(seen_[name], version) != version) changed.push_back(name);
    return changed;
  }

 private:
  registry_storage(std::unique_ptr<database> on, detail::table<server_record> servers,
                   detail::table<sender_record> senders, detail::table<login_record> logins)
      : on_(std::move(on)), servers_(std::move(servers)), senders_(std::move(senders)), logins_(std::move(logins)) {}

  static void ignore(const statement&) {}

  template <class OnRow, class... Values>
  result<void> query(std::string_view sql, OnRow&& on_row, const Values&... values) {
    auto prepared = on_->prepare(sql);
    if (!prepared) return fail(std::move(prepared.error()));
    return prepared->each(on_row, values...);
  }

  result<void> write(std::string_view tenant, const change_set& changes) {
    auto version = query("INSERT INTO tenant VALUES (?1, ?2, '', '', 0) ON CONFLICT DO UPDATE SET version = ?2", ignore,
                         tenant, changes.version);
    if (!version) return version;
    if (const auto& row = changes.tenant) {
      auto own = query("UPDATE tenant SET default_server = ?2, notify_address = ?3, revision = ?4 WHERE name = ?1",
                       ignore, tenant, row->default_server, row->notify_address, row->revision);
      if (!own) return own;
    }
    if (auto done = servers_.write(tenant, changes.servers); !done) return done;
    if (auto done = senders_.write(tenant, changes.senders); !done) return done;
    return logins_.write(tenant, changes.logins);
  }

  std::unique_ptr<database> on_;  // where it is: transactions point at it
  detail::table<server_record> servers_;
  detail::table<sender_record> senders_;
  detail::table<login_record> logins_;
  std::map<std::string, std::uint64_t, std::less<>> seen_;  ///< versions that this reader knows
};

}  // namespace postrider::sqlite
