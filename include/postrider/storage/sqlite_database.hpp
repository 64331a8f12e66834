// SQLite with results instead of codes: a database, and a transaction that is undone unless it is kept. What the
// storages of <postrider/storage/sqlite.hpp> stand on.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/storage/sqlite_deadline.hpp>
#include <postrider/storage/sqlite_statement.hpp>

#include <sqlite3.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace postrider::sqlite {

/// What a database file holds. The version of a file is the number of migrations that were applied to it.
struct schema {
  std::string_view name;                         ///< for errors: "registry", "spool"
  std::int32_t application_id;                   ///< marks the file as ours, whatever its name
  std::span<const std::string_view> migrations;  ///< SQL scripts; never change one that was released, append another
};

/// How to open a database.
struct open_options {
  bool sync_every_commit = true;  ///< a commit survives power loss; otherwise only the crash of the process
  /// So long, at most, pages are read once on opening, so that corruption is found before it spreads; 0: not at all.
  /// What is not read by then is checked when it is used.
  std::chrono::milliseconds check_for{2'000};
  bool foreign_keys = true;  ///< SQLite looks after them, which costs more than the rows themselves
  std::chrono::milliseconds busy_timeout{5'000};
};

/// An open database. It and its statements are used by one thread at a time.
class database {
 public:
  /// Opens `path` (":memory:" for none), creating it readable by its owner only, and brings it to the newest version
  /// of `schema`. Errors name the path: not writable, no database, another program's, of a newer version, corrupt.
  static result<database> open(const std::filesystem::path& path, const schema& schema, open_options options = {}) {
    if (path != ":memory:" && !create_private(path))
      return unusable(path,
                      "cannot be opened for writing: " + std::error_code(errno, std::generic_category()).message());
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    database opened(handle);
    if (code != SQLITE_OK) return fail(detail::error_of(handle, code, path.native()));
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, static_cast<int>(options.busy_timeout.count()));
    return opened.prepare_file(path, schema, options).map([&] { return std::move(opened); });
  }

  /// Opens a file of which something is damaged for reading what is not. Fails if it says of itself that it is not one
  /// of `schema`, or too little of it can be read to say so.
  static result<database> open_damaged(const std::filesystem::path& path, const schema& schema) {
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
    database opened(handle);
    if (code != SQLITE_OK) return fail(detail::error_of(handle, code, path.native()));
    sqlite3_extended_result_codes(handle, 1);
    // Lets SQLite read a file that is shorter than it says.
    if (auto lenient = opened.execute("PRAGMA writable_schema=ON"); !lenient) return fail(std::move(lenient.error()));
    const auto id = opened.single("PRAGMA application_id");
    const auto tables = opened.single("SELECT count(*) FROM sqlite_schema");
    if (!id) return fail(id.error());
    if (!tables) return fail(tables.error());
    if (*id != std::to_string(schema.application_id)) return unusable(path, "is no " + std::string(schema.name));
    return opened;
  }

  /// Runs a script of SQL without parameters.
  result<void> execute(const std::string& sql) {
    const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return fail(detail::error_of(handle_.get(), code));
    return {};
  }

  /// Prepares `sql` once for many runs.
  result<statement> prepare(std::string_view sql) {
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (code != SQLITE_OK) return fail(detail::error_of(handle_.get(), code));
    return statement(prepared);
  }

  /// The id that the last INSERT gave, and how many rows the last INSERT, UPDATE or DELETE changed.
  std::int64_t last_insert_id() const noexcept { return sqlite3_last_insert_rowid(handle_.get()); }
  std::int64_t changed_rows() const noexcept { return sqlite3_changes(handle_.get()); }
  bool in_transaction() const noexcept { return sqlite3_get_autocommit(handle_.get()) == 0; }

 private:
  struct closer {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
  };

  explicit database(sqlite3* handle) : handle_(handle) {}

  /// True if the file was made or may be written. An existing one is not opened: closing it would end the locks that
  /// this process may hold on it.
  static bool create_private(const std::filesystem::path& path) noexcept {
    const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (made >= 0) return ::close(made) == 0;
    return errno == EEXIST && ::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0;
  }

  static tl::unexpected<failure> unusable(const std::filesystem::path& path, std::string_view why) {
    return fail(cause::invalid_configuration, stage::queue, path.native() + ": " + std::string(why));
  }

  result<std::string> single(const std::string& sql) {
    auto query = prepare(sql);
    if (!query) return fail(std::move(query.error()));
    std::string value;
    return query
        ->each([&](const statement& row) {
          if (value.empty()) value = row.text(0);
        })
        .map([&] { return std::move(value); });
  }

  result<void> prepare_file(const std::filesystem::path& path, const schema& schema, open_options options);
  result<void> check_pages(const std::filesystem::path& path, std::chrono::milliseconds limit);

  std::unique_ptr<sqlite3, closer> handle_;
};

/// Holds the write lock from `begin` until `commit`; destroyed before that, everything since `begin` is undone. The
/// database must stay where it is meanwhile.
class transaction {
 public:
  static result<transaction> begin(database& on) {
    return on.execute("BEGIN IMMEDIATE").map([&] { return transaction(on); });
  }
  /// Holds no write lock: what is read until its end is as of one moment.
  static result<transaction> begin_reading(database& on) {
    return on.execute("BEGIN").map([&] { return transaction(on); });
  }
  transaction(transaction&& other) noexcept : on_(std::exchange(other.on_, nullptr)) {}
  transaction& operator=(transaction&&) = delete;
  ~transaction() {
    if (on_ != nullptr && on_->in_transaction()) static_cast<void>(on_->execute("ROLLBACK"));
  }

  /// After an error nothing was committed, and the destructor undoes the rest.
  result<void> commit() {
    auto done = on_->execute("COMMIT");
    if (done) on_ = nullptr;
    return done;
  }

 private:
  explicit transaction(database& on) : on_(&on) {}
  database* on_;
};

inline result<void> database::check_pages(const std::filesystem::path& path, std::chrono::milliseconds limit) {
  const deadline until(handle_.get(), limit);
  const auto check = single("PRAGMA quick_check(1)");
  if (until.passed()) return {};  // it takes pages that it did not come to for unused ones
  if (!check) return fail(check.error());
  if (*check == "ok") return {};
  return fail(damaged_file(path.native() + ": is corrupt: " + *check));
}

inline result<void> database::prepare_file(const std::filesystem::path& path, const schema& schema,
                                           open_options options) {
  if (sqlite3_db_readonly(handle_.get(), "main") == 1) return unusable(path, "is read-only");
  auto mode =
      execute(std::string("PRAGMA journal_mode=WAL; PRAGMA foreign_keys=") + (options.foreign_keys ? "ON" : "OFF") +
              "; PRAGMA synchronous=" + (options.sync_every_commit ? "FULL" : "NORMAL"));
  if (!mode) return mode;

  auto id = single("PRAGMA application_id");
  auto version = single("PRAGMA user_version");
  auto tables = single("SELECT count(*) FROM sqlite_schema");
  if (!id) return fail(std::move(id.error()));
  if (!version) return fail(std::move(version.error()));
  if (!tables) return fail(std::move(tables.error()));
  const bool fresh = *id == "0" && *version == "0" && *tables == "0";
  if (!fresh && *id != std::to_string(schema.application_id))
    return unusable(path, "is a database of something else, not a " + std::string(schema.name));
  const auto have = static_cast<std::size_t>(std::strtoul(version->c_str(), nullptr, 10));
  if (have > schema.migrations.size())
    return unusable(path, "was written by a newer version of this program (its schema is " + *version +
                              ", the newest known here " + std::to_string(schema.migrations.size()) + ")");
  if (options.check_for.count() > 0 && !fresh)
    if (auto whole = check_pages(path, options.check_for); !whole) return whole;
  if (have == schema.migrations.size()) return {};

  auto migration = transaction::begin(*this);
  if (!migration) return fail(std::move(migration.error()));
  for (std::string_view script : schema.migrations.subspan(have))
    if (auto done = execute(std::string(script)); !done) return done;
  if (auto done = execute("PRAGMA application_id=" + std::to_string(schema.application_id) +
                          "; PRAGMA user_version=" + std::to_string(schema.migrations.size()));
      !done)
    return done;
  return migration->commit();
}

}  // namespace postrider::sqlite
