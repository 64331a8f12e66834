// A prepared statement of SQLite: parameters in, rows out, results instead of codes.
#pragma once

#include <postrider/core/result.hpp>

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace postrider::sqlite {

/// Bytes for a BLOB column; plain strings become TEXT.
struct blob {
  std::string_view bytes;
};

namespace detail {

/// The file of `database`, for errors.
inline std::string path_of(sqlite3* database) {
  const char* file = database != nullptr ? sqlite3_db_filename(database, "main") : nullptr;
  return file != nullptr && *file != '\0' ? file : "database in memory";
}

/// `database` failed with `code`: what SQLite says, and about which file. `invalid_configuration` if the file cannot
/// be used as it is, `spool_failed` if using it failed.
inline failure error_of(sqlite3* database, int code, std::string_view path = {}) {
  std::string detail = path.empty() ? path_of(database) : std::string(path);
  detail += ": ";
  detail += database != nullptr && sqlite3_errcode(database) == code ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  const int primary = code & 0xff;
  const bool unusable = primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY || primary == SQLITE_NOTADB ||
                        primary == SQLITE_PERM || primary == SQLITE_AUTH;
  failure why(unusable ? cause::invalid_configuration : cause::spool_failed, stage::queue, std::move(detail));
  if (primary == SQLITE_CORRUPT) why.field = field::message;
  return why;
}

}  // namespace detail

/// A file holds what was never written to it.
inline failure damaged_file(std::string what) {
  failure why(cause::spool_failed, stage::queue, std::move(what));
  why.field = field::message;
  return why;
}

/// Whether an operation failed because of what the file holds, not because of the disk or the machine: it will not get
/// any better.
inline bool is_damage(const failure& why) noexcept {
  return why.cause == cause::spool_failed && why.field == field::message;
}

/// A prepared statement: parameters in, rows out. Must not outlive what its database is used for by one thread.
class statement {
 public:
  statement() = default;
  explicit statement(sqlite3_stmt* handle) : handle_(handle) {}

  /// Sets the parameters from the first one on; an earlier run is reset. Integers, enumerations and bool become
  /// INTEGER, text TEXT, `blob` BLOB, nullopt and nullptr NULL. Bytes are copied.
  template <class... Values>
  statement& bind(const Values&... values) {
    return bind_with(SQLITE_TRANSIENT, values...);
  }

  /// Sets one parameter, the first being 1, and leaves the others.
  template <class Value>
  statement& bind_at(int index, const Value& value) {
    bind_one(index, SQLITE_TRANSIENT, value);
    return *this;
  }

  /// Advances to the next row; false after the last one.
  result<bool> step() {
    const int code = bound_ == SQLITE_OK ? sqlite3_step(handle_.get()) : bound_;
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
      reset();
      return false;
    }
    failure why = detail::error_of(sqlite3_db_handle(handle_.get()), code);
    reset();
    bound_ = SQLITE_OK;
    return fail(std::move(why));
  }

  /// Binds without copying, runs to the end and forgets the parameters.
  template <class... Values>
  result<void> run(const Values&... values) {
    return each([](const statement&) {}, values...);
  }

  /// Binds without copying and calls `on_row(const statement&)` for every row.
  template <class OnRow, class... Values>
  result<void> each(OnRow&& on_row, const Values&... values) {
    bind_with(SQLITE_STATIC, values...);
    while (true) {
      auto row = step();
      if (!row || !*row) {
        sqlite3_clear_bindings(handle_.get());
        if (!row) return fail(std::move(row.error()));
        return {};
      }
      on_row(static_cast<const statement&>(*this));
    }
  }

  /// Ends the run; the parameters stay.
  void reset() noexcept { sqlite3_reset(handle_.get()); }

  bool is_null(int column) const noexcept { return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL; }
  std::int64_t integer(int column) const noexcept { return sqlite3_column_int64(handle_.get(), column); }
  /// The bytes of TEXT or BLOB, valid until the next step.
  std::string_view view(int column) const noexcept {
    const void* bytes = sqlite3_column_blob(handle_.get(), column);
    if (bytes == nullptr) return {};
    return {static_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
  }
  std::string text(int column) const { return std::string(view(column)); }

  /// The file that it works on, for errors.
  std::string path() const { return detail::path_of(sqlite3_db_handle(handle_.get())); }

 private:
  struct finalizer {
    void operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }
  };

  template <class... Values>
  statement& bind_with([[maybe_unused]] sqlite3_destructor_type lifetime, const Values&... values) {
    reset();
    bound_ = SQLITE_OK;
    [[maybe_unused]] int index = 0;
    (bind_one(++index, lifetime, values), ...);
    return *this;
  }

  template <class Value>
  void bind_one(int index, sqlite3_destructor_type lifetime, const Value& value) {
    int code = SQLITE_OK;
    if constexpr (std::is_same_v<Value, std::nullptr_t> || std::is_same_v<Value, std::nullopt_t>) {
      code = sqlite3_bind_null(handle_.get(), index);
    } else if constexpr (std::is_same_v<Value, blob>) {
      const char* bytes = value.bytes.data() != nullptr ? value.bytes.data() : "";
      code = sqlite3_bind_blob64(handle_.get(), index, bytes, value.bytes.size(), lifetime);
    } else if constexpr (std::is_enum_v<Value> || std::is_integral_v<Value>) {
      code = sqlite3_bind_int64(handle_.get(), index, static_cast<sqlite3_int64>(value));
    } else {
      const std::string_view text(value);
      const char* bytes = text.data() != nullptr ? text.data() : "";
      code = sqlite3_bind_text64(handle_.get(), index, bytes, text.size(), lifetime, SQLITE_UTF8);
    }
    if (bound_ == SQLITE_OK) bound_ = code;
  }

  template <class Value>
  void bind_one(int index, sqlite3_destructor_type lifetime, const std::optional<Value>& value) {
    if (value) return bind_one(index, lifetime, *value);
    bind_one(index, lifetime, nullptr);
  }

  std::unique_ptr<sqlite3_stmt, finalizer> handle_;
  int bound_ = SQLITE_OK;
};

}  // namespace postrider::sqlite
