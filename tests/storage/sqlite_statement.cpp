#include <postrider/storage/sqlite_database.hpp>
#include <postrider/storage/sqlite_statement.hpp>

#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <vector>

namespace sqlite_statement_tests {

using namespace postrider;
using sqlite::blob;
using sqlite::database;
using sqlite::statement;

namespace {

constexpr std::string_view scripts[] = {"CREATE TABLE t(a INTEGER UNIQUE, b TEXT, c BLOB) STRICT"};
constexpr sqlite::schema numbers{"numbers", 0x77, scripts};

database in_memory() {
  return database::open(":memory:", numbers).value();
}

/// The type that SQLite gives to `value`, and the value in its own words.
template <class Value>
std::string kept_as(const Value& value) {
  auto db = in_memory();
  auto query = db.prepare("SELECT typeof(?1) || ' ' || quote(?1)").value();
  std::string said;
  CHECK(query.each([&](const statement& row) { said = row.text(0); }, value));
  return said;
}

std::vector<std::int64_t> all(statement& query) {
  std::vector<std::int64_t> rows;
  CHECK(query.each([&](const statement& row) { rows.push_back(row.integer(0)); }));
  return rows;
}

}  // namespace

TEST_CASE("each kind of value has its type in SQLite", "[storage][statement]") {
  using limits = std::numeric_limits<std::int64_t>;
  CHECK(kept_as(0) == "integer 0");
  CHECK(kept_as(true) == "integer 1");
  CHECK(kept_as(limits::max()) == "integer 9223372036854775807");
  CHECK(kept_as(limits::min()) == "integer -9223372036854775808");
  CHECK(kept_as(std::uint32_t{4'294'967'295}) == "integer 4294967295");
  CHECK(kept_as(stage::resolve) == "integer 1");
  CHECK(kept_as("it's") == "text 'it''s'");
  CHECK(kept_as(std::string()) == "text ''");
  CHECK(kept_as(std::string_view()) == "text ''");
  CHECK(kept_as(blob{"\x01\xff"}) == "blob X'01FF'");
  CHECK(kept_as(blob{}) == "blob X''");
  CHECK(kept_as(nullptr) == "null NULL");
  CHECK(kept_as(std::nullopt) == "null NULL");
  CHECK(kept_as(std::optional<int>()) == "null NULL");
  CHECK(kept_as(std::optional<int>(0)) == "integer 0");
  CHECK(kept_as(std::optional<std::string>("")) == "text ''");
  CHECK(kept_as(std::optional<blob>(blob{"a"})) == "blob X'61'");
}

TEST_CASE("bind copies, and what it does not name stays", "[storage][statement]") {
  auto db = in_memory();
  auto query = db.prepare("SELECT ?1 || ',' || ?2 || ',' || ?3").value();
  std::string first = "a string that is too long for a small buffer";
  const std::string before = first;
  query.bind(first, 2, "c");
  first.assign(first.size(), '!');
  REQUIRE(query.step().value());
  CHECK(query.text(0) == before + ",2,c");
  query.bind("x");
  REQUIRE(query.step().value());
  CHECK(query.text(0) == "x,2,c");
  query.reset();
  query.bind_at(3, 7).bind_at(2, "y");
  REQUIRE(query.step().value());
  CHECK(query.text(0) == "x,y,7");
}

TEST_CASE("run and each forget their parameters", "[storage][statement]") {
  auto db = in_memory();
  auto query = db.prepare("SELECT ?1 IS NULL").value();
  CHECK(query.run(1));
  CHECK(all(query) == std::vector<std::int64_t>{1});
  auto strict = db.prepare("INSERT INTO t(a) VALUES (?1)").value();
  CHECK_FALSE(strict.run("no number"));
  CHECK(strict.run());  // NULL, not what failed
  CHECK(db.changed_rows() == 1);
}

TEST_CASE("rows come in order, and after the last one from the beginning", "[storage][statement]") {
  auto db = in_memory();
  auto query = db.prepare("VALUES (1), (2)").value();
  for (int round = 0; round < 2; ++round) {
    REQUIRE(query.step().value());
    CHECK(query.integer(0) == 1);
    REQUIRE(query.step().value());
    CHECK(query.integer(0) == 2);
    CHECK_FALSE(query.step().value());
  }
  REQUIRE(query.step().value());
  query.reset();
  CHECK(all(query) == std::vector<std::int64_t>{1, 2});  // a run that was broken off leaves nothing behind
  REQUIRE(query.step().value());
  CHECK(all(query) == std::vector<std::int64_t>{1, 2});
  auto none = db.prepare("SELECT a FROM t").value();
  CHECK(all(none).empty());
  CHECK_FALSE(none.step().value());
}

TEST_CASE("a column gives what it can", "[storage][statement]") {
  auto db = in_memory();
  auto row = db.prepare("SELECT NULL, '', x'', x'00', 'a' || char(0) || 'b', '12x', 2.9").value();
  REQUIRE(row.step().value());
  CHECK(row.is_null(0));
  CHECK_FALSE(row.is_null(1));
  CHECK_FALSE(row.is_null(2));
  for (const int empty : {0, 1, 2}) CHECK(row.view(empty).empty());
  CHECK(row.integer(0) == 0);
  CHECK(row.view(3) == std::string_view("\0", 1));
  CHECK(row.text(4) == std::string("a\0b", 3));
  CHECK(row.integer(5) == 12);
  CHECK(row.integer(6) == 2);
  CHECK(row.is_null(99));  // no such column
  CHECK(row.view(99).empty());
  row.reset();
}

TEST_CASE("a value that does not fit its statement fails at the step, and is forgotten", "[storage][statement]") {
  auto db = in_memory();
  auto query = db.prepare("SELECT ?1").value();
  const auto too_many = query.bind(1, 2).step();
  REQUIRE_FALSE(too_many);
  CHECK(too_many.error().cause == cause::spool_failed);
  CHECK(too_many.error().detail == "database in memory: column index out of range");
  for (const int index : {0, -1, 2}) CHECK_FALSE(query.bind_at(index, 1).step());
  REQUIRE(query.bind(5).step().value());
  CHECK(query.integer(0) == 5);
  query.reset();
}

TEST_CASE("a statement that failed can be run again", "[storage][statement]") {
  auto db = in_memory();
  auto put = db.prepare("INSERT INTO t(a) VALUES (?1)").value();
  CHECK(put.run(1));
  const auto twice = put.run(1);
  REQUIRE_FALSE(twice);
  CHECK(twice.error().detail == "database in memory: UNIQUE constraint failed: t.a");
  CHECK(put.run(2));
  auto get = db.prepare("SELECT a FROM t ORDER BY a").value();
  CHECK(all(get) == std::vector<std::int64_t>{1, 2});
}

TEST_CASE("an empty statement fails and holds nothing", "[storage][statement]") {
  statement none;
  CHECK_FALSE(none.step());
  CHECK(none.is_null(0));
  CHECK(none.integer(0) == 0);
  CHECK(none.text(0).empty());
  CHECK(none.path() == "database in memory");
  auto db = in_memory();
  none = db.prepare("SELECT 4").value();
  CHECK(all(none) == std::vector<std::int64_t>{4});
}

TEST_CASE("errors name the file and tell what is unusable from what failed", "[storage][statement]") {
  const postrider::test::temporary_folder folder;
  const auto path = folder / "numbers.db";
  auto db = database::open(path, numbers).value();
  auto put = db.prepare("INSERT INTO t(a) VALUES (?1)").value();
  CHECK(put.path() == path.native());
  const auto wrong = put.run("text");
  REQUIRE_FALSE(wrong);
  CHECK_THAT(wrong.error().detail, Catch::StartsWith(path.native() + ": cannot store TEXT value"));

  struct row {
    int code;
    cause why;
  };
  for (const row& r :
       {row{SQLITE_CANTOPEN, cause::invalid_configuration}, row{SQLITE_READONLY, cause::invalid_configuration},
        row{SQLITE_READONLY_DIRECTORY, cause::invalid_configuration}, row{SQLITE_NOTADB, cause::invalid_configuration},
        row{SQLITE_PERM, cause::invalid_configuration}, row{SQLITE_AUTH, cause::invalid_configuration},
        row{SQLITE_FULL, cause::spool_failed}, row{SQLITE_BUSY, cause::spool_failed},
        row{SQLITE_IOERR_FSYNC, cause::spool_failed}, row{SQLITE_CORRUPT, cause::spool_failed}}) {
    const failure why = sqlite::detail::error_of(nullptr, r.code, "/some/file");
    CHECK(why.cause == r.why);
    CHECK(why.stage == stage::queue);
    CHECK(why.detail == std::string("/some/file: ") + sqlite3_errstr(r.code));
  }
  CHECK_THAT(sqlite::detail::error_of(nullptr, SQLITE_FULL).detail, Catch::StartsWith("database in memory: "));
}

}  // namespace sqlite_statement_tests
