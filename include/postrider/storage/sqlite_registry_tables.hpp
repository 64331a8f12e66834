// The registry's tables in SQLite: the schema, and how each kind of row is read and written.
#pragma once

#include <postrider/core/vocabulary.hpp>
#include <postrider/registry/change.hpp>
#include <postrider/storage/sqlite_database.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace postrider::sqlite {

namespace detail {

inline constexpr std::array<std::string_view, 2> registry_migrations{R"sql(
CREATE TABLE tenant(
  name TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, default_server TEXT NOT NULL, notify_address TEXT NOT NULL,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE server(
  tenant TEXT NOT NULL REFERENCES tenant ON DELETE CASCADE, name TEXT NOT NULL, internal INTEGER NOT NULL,
  host TEXT NOT NULL, port INTEGER NOT NULL, security TEXT NOT NULL, auth TEXT NOT NULL, user TEXT NOT NULL,
  sealed_password BLOB NOT NULL, fallbacks TEXT NOT NULL, weight INTEGER NOT NULL, rank INTEGER NOT NULL,
  notify_address TEXT NOT NULL, ca_file TEXT NOT NULL, tls_server_name TEXT NOT NULL, allow_tls_1_1 INTEGER NOT NULL,
  skip_verification INTEGER NOT NULL, password_in_clear INTEGER NOT NULL, ehlo_name TEXT NOT NULL,
  local_address TEXT NOT NULL, most_connections INTEGER NOT NULL, most_mails_per_connection INTEGER NOT NULL,
  most_mails_per_second INTEGER NOT NULL, most_recipients_per_second INTEGER NOT NULL,
  most_recipients_per_mail INTEGER NOT NULL, idle_s INTEGER NOT NULL, lifetime_s INTEGER NOT NULL,
  no_pipelining INTEGER NOT NULL, no_chunking INTEGER NOT NULL, no_eight_bit_mime INTEGER NOT NULL,
  no_size INTEGER NOT NULL, no_initial_response INTEGER NOT NULL, no_rset INTEGER NOT NULL, helo_only INTEGER NOT NULL,
  window INTEGER NOT NULL, resolve_ms INTEGER NOT NULL, connect_ms INTEGER NOT NULL, greeting_ms INTEGER NOT NULL,
  command_ms INTEGER NOT NULL, tls_ms INTEGER NOT NULL, data_ms INTEGER NOT NULL, block_ms INTEGER NOT NULL,
  final_ms INTEGER NOT NULL, quit_ms INTEGER NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY(tenant, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE sender(
  tenant TEXT NOT NULL REFERENCES tenant ON DELETE CASCADE, address TEXT NOT NULL, kind TEXT NOT NULL,
  name TEXT NOT NULL, override_server TEXT NOT NULL, override_user TEXT NOT NULL, override_sealed_password BLOB NOT NULL,
  revision INTEGER NOT NULL, PRIMARY KEY(tenant, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE login(
  tenant TEXT NOT NULL REFERENCES tenant ON DELETE CASCADE, name TEXT NOT NULL UNIQUE, verifier TEXT NOT NULL,
  senders TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY(tenant, name)
) STRICT, WITHOUT ROWID;
)sql",
                                                                     R"sql(
ALTER TABLE server ADD COLUMN overall_ms INTEGER NOT NULL DEFAULT 3600000;
)sql"};

inline constexpr schema registry_schema{"registry", 0x50527267, registry_migrations};

/// Shows `visit` every column of a server's row with the member that it holds. Reading, writing and the SQL follow it.
template <class Server, class Visit>
requires std::same_as<std::remove_const_t<Server>, server_record>
void for_each_column(Server& server, Visit&& visit) {
  auto& s = server.settings;
  visit("name", server.name), visit("internal", server.internal), visit("host", s.host), visit("port", s.port);
  visit("security", s.security), visit("auth", s.auth), visit("user", s.account.user);
  visit("sealed_password", server.password), visit("fallbacks", server.fallbacks), visit("weight", server.weight);
  visit("rank", server.rank), visit("notify_address", server.notify_address), visit("ca_file", s.tls.ca_file);
  visit("tls_server_name", s.tls.server_name), visit("allow_tls_1_1", s.tls.allow_tls_1_1);
  visit("skip_verification", s.tls.dangerously_skip_verification);
  visit("password_in_clear", s.dangerously_allow_password_in_clear), visit("ehlo_name", s.ehlo_name);
  visit("local_address", s.local_address), visit("most_connections", s.limits.connections);
  visit("most_mails_per_connection", s.limits.mails_per_connection);
  visit("most_mails_per_second", s.limits.mails_per_second);
  visit("most_recipients_per_second", s.limits.recipients_per_second);
  visit("most_recipients_per_mail", s.limits.recipients_per_mail), visit("idle_s", s.limits.idle);
  visit("lifetime_s", s.limits.lifetime), visit("no_pipelining", s.quirks.no_pipelining);
  visit("no_chunking", s.quirks.no_chunking), visit("no_eight_bit_mime", s.quirks.no_eight_bit_mime);
  visit("no_size", s.quirks.no_size), visit("no_initial_response", s.quirks.no_initial_response);
  visit("no_rset", s.quirks.no_rset), visit("helo_only", s.quirks.helo_only), visit("window", s.quirks.window);
  visit("resolve_ms", s.timeouts.resolve), visit("connect_ms", s.timeouts.connect);
  visit("greeting_ms", s.timeouts.greeting), visit("command_ms", s.timeouts.command), visit("tls_ms", s.timeouts.tls);
  visit("data_ms", s.timeouts.data), visit("block_ms", s.timeouts.block), visit("final_ms", s.timeouts.final);
  visit("quit_ms", s.timeouts.quit), visit("overall_ms", s.timeouts.overall), visit("revision", server.revision);
}

/// A sender without an override has an empty server there.
template <class Sender, class Visit>
requires std::same_as<std::remove_const_t<Sender>, sender_record>
void for_each_column(Sender& sender, Visit&& visit) {
  server_override own = sender.override.value_or(server_override{});
  visit("address", sender.address), visit("kind", sender.kind), visit("name", sender.name);
  visit("override_server", own.server), visit("override_user", own.account.user);
  visit("override_sealed_password", own.password), visit("revision", sender.revision);
  if constexpr (!std::is_const_v<Sender>)
    if (!own.server.empty()) sender.override = std::move(own);
}

template <class Login, class Visit>
requires std::same_as<std::remove_const_t<Login>, login_record>
void for_each_column(Login& login, Visit&& visit) {
  visit("name", login.name), visit("verifier", login.verifier), visit("senders", login.senders);
  visit("revision", login.revision);
}

template <class>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

/// One value as a column holds it. Lists are lines: names and addresses have no line breaks.
template <class Value>
void write_column(statement& out, int index, const Value& value) {
  if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
    std::string lines;
    for (const std::string& line : value) (lines += lines.empty() ? "" : "\n") += line;
    out.bind_at(index, lines);
  } else if constexpr (std::is_same_v<Value, sealed_secret>) {
    out.bind_at(index, blob{value.bytes});
  } else if constexpr (std::is_enum_v<Value>) {
    out.bind_at(index, to_string(value));
  } else if constexpr (is_duration<Value>) {
    out.bind_at(index, value.count());
  } else {
    out.bind_at(index, value);
  }
}

/// False if the column holds what no version of this program wrote.
template <class Value>
bool read_column(const statement& row, int index, Value& value) {
  if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
    for (std::string_view lines = row.view(index); !lines.empty();) {
      const std::string_view line = lines.substr(0, lines.find('\n'));
      value.emplace_back(line);
      lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    }
  } else if constexpr (std::is_same_v<Value, sealed_secret>) {
    value.bytes = row.text(index);
  } else if constexpr (std::is_same_v<Value, std::string>) {
    value = row.text(index);
  } else if constexpr (std::is_enum_v<Value>) {
    const auto known = from_string<Value>(row.view(index));
    if (!known) return false;
    value = *known;
  } else if constexpr (std::is_same_v<Value, bool>) {
    value = row.integer(index) != 0;
  } else if constexpr (is_duration<Value>) {
    value = Value(row.integer(index));
  } else {
    if (!std::in_range<Value>(row.integer(index))) return false;
    value = static_cast<Value>(row.integer(index));
  }
  return true;
}

/// The three statements of one table.
template <class Record>
class table {
 public:
  static result<table> prepare(database& on, std::string_view name, std::string_view key) {
    const Record sample{};
    std::string columns;
    std::string marks = "?1";
    std::string updates;
    int count = 1;
    for_each_column(sample, [&](std::string_view column, const auto&) {
      const std::string_view comma = count == 1 ? "" : ", ";
      const std::string mark = '?' + std::to_string(++count);
      (columns += comma) += column;
      (updates += comma).append(column).append(" = ").append(mark);
      marks += ", " + mark;
    });
    const std::string from = std::string(name) + " WHERE tenant = ?1";
    auto select = on.prepare("SELECT " + columns + " FROM " + from + " ORDER BY " + std::string(key));
    if (!select) return fail(std::move(select.error()));
    auto put = on.prepare("INSERT INTO " + std::string(name) + "(tenant, " + columns + ") VALUES (" + marks +
                          ") ON CONFLICT(tenant, " + std::string(key) + ") DO UPDATE SET " + updates);
    if (!put) return fail(std::move(put.error()));
    auto erase = on.prepare("DELETE FROM " + from + " AND " + std::string(key) + " = ?2");
    if (!erase) return fail(std::move(erase.error()));
    return table(std::move(*select), std::move(*put), std::move(*erase));
  }

  result<persistent_map<Record>> load(std::string_view tenant) {
    persistent_map<Record> rows;
    std::string broken;
    auto done = select_.each(
        [&](const statement& row) {
          Record record;
          int index = 0;
          for_each_column(record, [&](std::string_view column, auto& value) {
            if (!read_column(row, index++, value)) broken = column;
          });
          rows = rows.with(std::make_shared<const Record>(std::move(record)));
        },
        tenant);
    if (!done) return fail(std::move(done.error()));
    if (!broken.empty())
      return fail(cause::spool_failed, stage::queue,
                  select_.path() + ": is corrupt: a row of tenant " + std::string(tenant) +
                      " has an unknown value in its column " + broken);
    return rows;
  }

  result<void> write(std::string_view tenant, const row_changes<Record>& changes) {
    for (const std::string& key : changes.erased)
      if (auto done = erase_.run(tenant, key); !done) return done;
    for (const auto& record : changes.put) {
      put_.bind(tenant);
      int index = 1;
      for_each_column(*record, [&](std::string_view, const auto& value) { write_column(put_, ++index, value); });
      if (auto done = put_.step(); !done) return fail(std::move(done.error()));
    }
    return {};
  }

 private:
  table(statement select, statement put, statement erase)
      : select_(std::move(select)), put_(std::move(put)), erase_(std::move(erase)) {}
  statement select_, put_, erase_;
};

}  // namespace detail

}  // namespace postrider::sqlite
