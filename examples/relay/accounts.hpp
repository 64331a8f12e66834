// Who may use the console, the tokens of scripts, the audit log, and how servers have been: one small database of the
// data folder.
#pragma once

#include <postrider/delivery/spooled_mail.hpp>
#include <postrider/storage/record_text.hpp>
#include <postrider/storage/sqlite_database.hpp>

#include "relay/access.hpp"
#include "relay/audit_note.hpp"
#include "relay/health_record.hpp"
#include "relay/password_hash.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::examples {

struct administrator {
  std::string name;
  std::string tenant;    ///< the only one that he sees; empty: all
  std::string verifier;  ///< empty until the one-time link was used
  spool_time created{};
  std::optional<spool_time> last_login;
};

struct api_token {
  std::string id;
  std::string name;
  std::string tenant;  ///< empty: all
  access_scopes scopes;
  spool_time created{};
  std::string created_by;
  std::optional<spool_time> expires;
  std::optional<spool_time> last_used;
};

struct audit_entry {
  std::int64_t id = 0;
  spool_time at{};
  audit_note note;
};

inline constexpr std::string_view accounts_migrations[] = {R"sql(
  CREATE TABLE administrator (
    name TEXT PRIMARY KEY, tenant TEXT NOT NULL, verifier TEXT NOT NULL, created INTEGER NOT NULL, last_login INTEGER)
    STRICT, WITHOUT ROWID;
  CREATE TABLE one_time (hash TEXT PRIMARY KEY, name TEXT NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE token (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, tenant TEXT NOT NULL, scopes TEXT NOT NULL,
    created INTEGER NOT NULL, created_by TEXT NOT NULL, expires INTEGER, last_used INTEGER) STRICT, WITHOUT ROWID;
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, address TEXT NOT NULL,
    action TEXT NOT NULL, tenant TEXT NOT NULL, object TEXT NOT NULL, ok INTEGER NOT NULL, details TEXT NOT NULL)
    STRICT;
  CREATE INDEX audit_tenant ON audit (tenant, id);
  CREATE INDEX audit_who ON audit (who, id);
)sql",
                                                           R"sql(
  CREATE INDEX audit_tenant_who ON audit (tenant, who, id);
  CREATE TABLE server_health (
    tenant TEXT NOT NULL, server TEXT NOT NULL, last_success INTEGER, last_failure_at INTEGER, last_failure TEXT,
    PRIMARY KEY (tenant, server)) STRICT, WITHOUT ROWID;
)sql"};
inline constexpr sqlite::schema accounts_schema{"console's database", 0x50524143, accounts_migrations};

/// Thread-safe. Tokens come and go in clear and are kept as hashes.
class accounts {
 public:
  static result<accounts> open(const std::filesystem::path& path) {
    auto opened = sqlite::database::open(path, accounts_schema);
    if (!opened) return fail(std::move(opened.error()));
    return accounts(std::move(*opened));
  }

  /// True until somebody who sees all tenants has a password.
  result<bool> setup_needed() {
    return exists("SELECT 1 FROM administrator WHERE tenant = '' AND verifier <> '' LIMIT 1").map([](bool one) {
      return !one;
    });
  }

  /// The administrator called `name`, if there is one.
  result<std::optional<administrator>> find(std::string_view name) {
    std::optional<administrator> found;
    return each(
               "SELECT name, tenant, verifier, created, last_login FROM administrator WHERE name = ?",
               [&](const sqlite::statement& row) { found = administrator_of(row); }, name)
        .map([&] { return std::move(found); });
  }
  result<std::vector<administrator>> administrators(std::string_view after, std::size_t limit) {
    std::vector<administrator> all;
    return each(
               "SELECT name, tenant, verifier, created, last_login FROM administrator WHERE name > ? ORDER BY name "
               "LIMIT ?",
               [&](const sqlite::statement& row) { all.push_back(administrator_of(row)); }, after, limit)
        .map([&] { return std::move(all); });
  }
  /// False if there is one of that name.
  result<bool> add(std::string_view name, std::string_view tenant) {
    return changed("INSERT OR IGNORE INTO administrator VALUES (?, ?, '', ?, NULL)", name, tenant, now());
  }
  /// With his one-time links. False if there is no such administrator, or nobody would be left who sees all tenants.
  result<bool> remove(std::string_view name) {
    auto removed = changed(
        "DELETE FROM administrator WHERE name = ?1 AND (tenant <> '' OR verifier = '' OR EXISTS (SELECT 1 FROM "
        "administrator WHERE tenant = '' AND verifier <> '' AND name <> ?1))",
        name);
    if (removed && *removed) {
      auto links = changed("DELETE FROM one_time WHERE name = ?", name);
      if (!links) return links;
    }
    return removed;
  }
  result<bool> set_password(std::string_view name, std::string_view password) {
    return changed("UPDATE administrator SET verifier = ? WHERE name = ?", password_hash::make(password), name);
  }
  result<bool> forget_password(std::string_view name) {
    return changed("UPDATE administrator SET verifier = '' WHERE name = ?", name);
  }
  result<bool> logged_in(std::string_view name) {
    return changed("UPDATE administrator SET last_login = ? WHERE name = ?", now(), name);
  }

  /// A token that lets `name` set a password once, until `expires`; earlier ones of that name end. An empty name is
  /// the first administrator's, who chooses one.
  result<std::string> one_time_token(std::string_view name, spool_time expires) {
    std::string token = random_text();
    auto old = changed("DELETE FROM one_time WHERE name = ? OR expires < ?", name, now());
    if (!old) return fail(std::move(old.error()));
    return changed("INSERT INTO one_time VALUES (?, ?, ?)", token_hash(token), name, count(expires)).map([&](bool) {
      return std::move(token);
    });
  }
  /// Whom `token` is for; nothing if it is none, was used, or is too old.
  result<std::optional<std::string>> one_time_owner(std::string_view token) {
    std::optional<std::string> owner;
    return each(
               "SELECT name FROM one_time WHERE hash = ? AND expires >= ?",
               [&](const sqlite::statement& row) { owner = row.text(0); }, token_hash(token), now())
        .map([&] { return std::move(owner); });
  }
  /// False if somebody was faster.
  result<bool> use_one_time(std::string_view token) {
    return changed("DELETE FROM one_time WHERE hash = ?", token_hash(token));
  }

  /// The token in clear, this once. Sets its id.
  result<std::string> add(api_token& made) {
    std::string token = "postrider_" + random_text();
    made.id = random_text(8);
    return changed("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", made.id, token_hash(token), made.name,
                   made.tenant, spelled(made.scopes), count(made.created), made.created_by, count(made.expires))
        .map([&](bool) { return std::move(token); });
  }
  result<std::vector<api_token>> tokens(std::string_view after, std::size_t limit) {
    std::vector<api_token> all;
    return each(
               "SELECT id, name, tenant, scopes, created, created_by, expires, last_used FROM token WHERE id > ? ORDER "
               "BY id LIMIT ?",
               [&](const sqlite::statement& row) { all.push_back(token_of(row)); }, after, limit)
        .map([&] { return std::move(all); });
  }
  result<bool> revoke(std::string_view id) { return changed("DELETE FROM token WHERE id = ?", id); }
  /// Whose `token` is, if it is valid. Its use is noted once a minute.
  result<std::optional<api_token>> redeem(std::string_view token) {
    std::optional<api_token> found;
    auto done = each(
        "SELECT id, name, tenant, scopes, created, created_by, expires, last_used FROM token WHERE hash = ?1 AND "
        "(expires IS NULL OR expires >= ?2)",
        [&](const sqlite::statement& row) { found = token_of(row); }, token_hash(token), now());
    if (!done) return fail(std::move(done.error()));
    if (found && (!found->last_used || spool_now() - *found->last_used > std::chrono::minutes(1))) {
      auto noted = changed("UPDATE token SET last_used = ? WHERE id = ?", now(), found->id);
      if (!noted) return fail(std::move(noted.error()));
    }
    return found;
  }

  /// The newest `most_notes` are kept.
  result<void> note(const audit_note& n) {
    auto done =
        changed("INSERT INTO audit (at, who, address, action, tenant, object, ok, details) VALUES (?,?,?,?,?,?,?,?)",
                now(), n.who, n.address, n.action, n.tenant, n.object, n.ok, n.details);
    if (done) done = changed("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", most_notes);
    if (!done) return fail(std::move(done.error()));
    return {};
  }
  /// The newest first; `before`: older than this one.
  result<std::vector<audit_entry>> notes(std::string_view tenant, std::string_view who,
                                         std::optional<std::int64_t> before, std::size_t limit) {
    const char* const of_all =
        "SELECT id, at, who, address, action, tenant, object, ok, details FROM audit WHERE id < ?1 ORDER BY id DESC "
        "LIMIT ?2";
    const char* const of_tenant =
        "SELECT id, at, who, address, action, tenant, object, ok, details FROM audit WHERE id < ?1 AND tenant = ?3 "
        "ORDER BY id DESC LIMIT ?2";
    const char* const of_person =
        "SELECT id, at, who, address, action, tenant, object, ok, details FROM audit WHERE id < ?1 AND who = ?3 ORDER "
        "BY id DESC LIMIT ?2";
    const char* const of_both =
        "SELECT id, at, who, address, action, tenant, object, ok, details FROM audit WHERE id < ?1 AND tenant = ?3 AND "
        "who = ?4 ORDER BY id DESC LIMIT ?2";
    std::vector<audit_entry> all;
    const auto take = [&](const sqlite::statement& row) { all.push_back(entry_of(row)); };
    const std::int64_t from = before.value_or(std::numeric_limits<std::int64_t>::max());
    auto done = tenant.empty() && who.empty() ? each(of_all, take, from, limit)
                : who.empty()                 ? each(of_tenant, take, from, limit, tenant)
                : tenant.empty()              ? each(of_person, take, from, limit, who)
                                              : each(of_both, take, from, limit, tenant, who);
    return done.map([&] { return std::move(all); });
  }

  /// How servers have been, as it was written last.
  result<std::vector<health_record>> health() {
    std::vector<health_record> all;
    return each("SELECT tenant, server, last_success, last_failure_at, last_failure FROM server_health",
                [&](const sqlite::statement& row) { all.push_back(health_of(row)); })
        .map([&] { return std::move(all); });
  }
  /// Writes all of them, or none.
  result<void> remember(const std::vector<health_record>& all) {
    const std::scoped_lock lock(store_->mutex);
    auto change = sqlite::transaction::begin(store_->database);
    if (!change) return fail(std::move(change.error()));
    auto put = store_->database.prepare("INSERT OR REPLACE INTO server_health VALUES (?, ?, ?, ?, ?)");
    if (!put) return fail(std::move(put.error()));
    for (const health_record& one : all) {
      std::optional<std::string> why;
      if (one.last_failure) why = storage::to_text(*one.last_failure);
      auto done = put->run(one.tenant, one.server, count(one.last_success), count(one.last_failure_at), why);
      if (!done) return done;
    }
    return change->commit();
  }
  result<void> forget_health(std::string_view tenant, std::string_view server) {
    auto done = changed("DELETE FROM server_health WHERE tenant = ? AND server = ?", tenant, server);
    if (!done) return fail(std::move(done.error()));
    return {};
  }

  /// Nobody comes in as of `tenant` any more, and nothing is known of its servers. All of it, or nothing.
  result<void> forget_tenant(std::string_view tenant) {
    const std::scoped_lock lock(store_->mutex);
    auto change = sqlite::transaction::begin(store_->database);
    if (!change) return fail(std::move(change.error()));
    for (const char* sql : {"DELETE FROM one_time WHERE name IN (SELECT name FROM administrator WHERE tenant = ?)",
                            "DELETE FROM administrator WHERE tenant = ?", "DELETE FROM token WHERE tenant = ?",
                            "DELETE FROM server_health WHERE tenant = ?"}) {
      auto query = store_->database.prepare(sql);
      if (!query) return fail(std::move(query.error()));
      if (auto done = query->run(tenant); !done) return done;
    }
    return change->commit();
  }

  static std::string spelled(access_scopes scopes) {
    std::string all;
    for (std::size_t i = 0; i < spellings<access_scope>.size(); ++i)
      if (scopes.has(static_cast<access_scope>(i))) (all += all.empty() ? "" : " ") += spellings<access_scope>[i];
    return all;
  }

 private:
  static constexpr std::int64_t most_notes = 100'000;

  struct store {
    explicit store(sqlite::database opened) : database(std::move(opened)) {}
    std::mutex mutex;
    sqlite::database database;
  };

  explicit accounts(sqlite::database opened) : store_(std::make_unique<store>(std::move(opened))) {}

  static std::int64_t count(spool_time at) noexcept { return at.time_since_epoch().count(); }
  static std::optional<std::int64_t> count(const std::optional<spool_time>& at) noexcept {
    if (!at) return std::nullopt;
    return count(*at);
  }
  static std::int64_t now() noexcept { return count(spool_now()); }
  static std::optional<spool_time> time_at(const sqlite::statement& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    return spool_time(std::chrono::milliseconds(row.integer(column)));
  }

  static administrator administrator_of(const sqlite::statement& row) {
    return {row.text(0), row.text(1), row.text(2), *time_at(row, 3), time_at(row, 4)};
  }
  static api_token token_of(const sqlite::statement& row) {
    api_token one{row.text(0),      row.text(1), row.text(2),     {},
                  *time_at(row, 4), row.text(5), time_at(row, 6), time_at(row, 7)};
    const std::string scopes = ' ' + row.text(3) + ' ';
    for (std::size_t i = 0; i < spellings<access_scope>.size(); ++i)
      if (scopes.find(' ' + std::string(spellings<access_scope>[i]) + ' ') != std::string::npos)
        one.scopes.add(static_cast<access_scope>(i));
    return one;
  }
  static audit_entry entry_of(const sqlite::statement& row) {
    return {row.integer(0),
            *time_at(row, 1),
            {row.text(2), row.text(3), row.text(4), row.text(5), row.text(6), row.integer(7) != 0, row.text(8)}};
  }

  static health_record health_of(const sqlite::statement& row) {
    health_record one{row.text(0), row.text(1), time_at(row, 2), time_at(row, 3), {}};
    if (!row.is_null(4)) one.last_failure = storage::failure_from_text(row.view(4));
    return one;
  }

  template <class OnRow, class... Values>
  result<void> each(std::string_view sql, OnRow on_row, const Values&... values) {
    const std::scoped_lock lock(store_->mutex);
    auto query = store_->database.prepare(sql);
    if (!query) return fail(std::move(query.error()));
    return query->each(on_row, values...);
  }
  template <class... Values>
  result<bool> changed(std::string_view sql, const Values&... values) {
    const std::scoped_lock lock(store_->mutex);
    auto query = store_->database.prepare(sql);
    if (!query) return fail(std::move(query.error()));
    return query->run(values...).map([&] { return store_->database.changed_rows() != 0; });
  }
  result<bool> exists(std::string_view sql) {
    bool found = false;
    return each(sql, [&](const sqlite::statement&) { found = true; }).map([&] { return found; });
  }

  std::unique_ptr<store> store_;
};

}  // namespace postrider::examples
