#include <postrider/storage/sqlite_database.hpp>

#include "support/temporary_folder.hpp"
#include "support/unprivileged.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <sys/stat.h>

namespace sqlite_database_tests {

using namespace postrider;
using postrider::test::temporary_folder;
using postrider::test::unprivileged;
using sqlite::database;
using sqlite::statement;
using sqlite::transaction;

namespace {

constexpr std::string_view first_scripts[] = {"CREATE TABLE t(a INTEGER, b TEXT, c BLOB) STRICT"};
constexpr std::string_view both_scripts[] = {"CREATE TABLE t(a INTEGER, b TEXT, c BLOB) STRICT",
                                             "ALTER TABLE t ADD d TEXT"};
constexpr sqlite::schema first{"registry", 0x1234, first_scripts};
constexpr sqlite::schema second{"registry", 0x1234, both_scripts};

std::string why_not(const std::filesystem::path& path, cause expected = cause::invalid_configuration) {
  const auto opened = database::open(path, first);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().cause == expected);
  CHECK_THAT(opened.error().detail, Catch::StartsWith(path.native() + ": "));
  return opened.error().detail;
}

std::int64_t rows(database& db) {
  std::int64_t count = -1;
  auto query = db.prepare("SELECT count(*) FROM t").value();
  REQUIRE(query.each([&](const statement& row) { count = row.integer(0); }));
  return count;
}

}  // namespace

TEST_CASE("values go in and come out as they are", "[storage][sqlite]") {
  auto db = database::open(":memory:", first).value();
  auto put = db.prepare("INSERT INTO t VALUES (?1, ?2, ?3)").value();
  const std::string binary("a\0b\xff", 4);
  REQUIRE(put.run(std::int64_t{-5}, std::string("text"), sqlite::blob{binary}));
  REQUIRE(put.run(stage::rcpt, std::optional<std::string>{}, nullptr));
  REQUIRE(put.run(true, "", sqlite::blob{}));
  CHECK(db.last_insert_id() == 3);
  CHECK(db.changed_rows() == 1);

  auto get = db.prepare("SELECT a, b, c FROM t WHERE a = ?1").value();
  REQUIRE(get.bind(-5).step().value());
  CHECK(get.integer(0) == -5);
  CHECK(get.text(1) == "text");
  CHECK(get.view(2) == binary);
  CHECK_FALSE(get.step().value());
  REQUIRE(get.bind(static_cast<int>(stage::rcpt)).step().value());
  CHECK(get.is_null(1));
  CHECK(get.is_null(2));
  CHECK(get.view(2).empty());
  REQUIRE(get.bind(1).step().value());
  CHECK_FALSE(get.is_null(1));
  CHECK_FALSE(get.is_null(2));
  get.reset();
}

TEST_CASE("errors say what SQLite says", "[storage][sqlite]") {
  auto db = database::open(":memory:", first).value();
  const auto no_table = db.prepare("SELECT * FROM ghosts");
  REQUIRE_FALSE(no_table);
  CHECK(no_table.error().cause == cause::spool_failed);
  CHECK(no_table.error().detail == "database in memory: no such table: ghosts");
  CHECK_FALSE(db.execute("not sql"));
  auto put = db.prepare("INSERT INTO t(a) VALUES (?1)").value();
  CHECK_FALSE(put.run("text in a strict integer column"));
  CHECK_FALSE(put.run(1, 2));  // more values than parameters
  CHECK(put.run(1));
  CHECK(rows(db) == 1);
}

TEST_CASE("a transaction is undone unless it is kept", "[storage][sqlite]") {
  auto db = database::open(":memory:", first).value();
  {
    auto change = transaction::begin(db).value();
    REQUIRE(db.execute("INSERT INTO t(a) VALUES (1)"));
    CHECK(db.in_transaction());
  }
  CHECK_FALSE(db.in_transaction());
  CHECK(rows(db) == 0);
  {
    auto change = transaction::begin(db).value();
    REQUIRE(db.execute("INSERT INTO t(a) VALUES (1)"));
    REQUIRE(change.commit());
  }
  CHECK(rows(db) == 1);
}

TEST_CASE("a database is durable, private, and brought to the newest version", "[storage][sqlite]") {
  const temporary_folder folder;
  {
    auto db = database::open(folder / "x.db", first).value();
    REQUIRE(db.execute("INSERT INTO t(a) VALUES (1)"));
    struct ::stat status {};
    REQUIRE(::stat((folder / "x.db").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    std::string mode;
    std::int64_t synchronous = 0;
    REQUIRE(db.prepare("PRAGMA journal_mode")->each([&](const statement& row) { mode = row.text(0); }));
    REQUIRE(db.prepare("PRAGMA synchronous")->each([&](const statement& row) { synchronous = row.integer(0); }));
    CHECK(mode == "wal");
    CHECK(synchronous == 2);
  }
  {
    auto db = database::open(folder / "x.db", second).value();
    CHECK(db.execute("INSERT INTO t(a, d) VALUES (2, 'new column')"));
    CHECK(rows(db) == 2);
  }
  CHECK_THAT(why_not(folder / "x.db"),
             Catch::Contains("newer version of this program (its schema is 2, the newest known here 1)"));
}

TEST_CASE("a file that cannot be used is named", "[storage][sqlite]") {
  const temporary_folder folder;
  std::ofstream(folder / "text")
      << "this is not a database, whatever its name says, and it is long enough to look at\n";
  CHECK_THAT(why_not(folder / "text"), Catch::Contains("not a database"));
  CHECK_THAT(why_not(folder.path()), Catch::Contains("unable to open"));
  CHECK_THAT(why_not(folder / "no/such/folder.db"), Catch::Contains("No such file or directory"));
  {
    static constexpr std::string_view scripts[] = {"CREATE TABLE theirs(x)"};
    REQUIRE(database::open(folder / "theirs.db", {"spool", 0x9999, scripts}));
  }
  CHECK_THAT(why_not(folder / "theirs.db"), Catch::Contains("is a database of something else, not a registry"));
}

TEST_CASE("a file or a folder that may not be written is named", "[storage][sqlite]") {
  const temporary_folder folder;
  REQUIRE(database::open(folder / "x.db", first));
  ::chmod(folder.path().c_str(), 0755);
  const unprivileged me;
  CHECK_THAT(why_not(folder / "new.db"), Catch::Contains("cannot be opened for writing: Permission denied"));
  CHECK_THAT(why_not(folder / "x.db"), Catch::Contains("cannot be opened for writing: Permission denied"));
}

TEST_CASE("a writable file in a folder that may not be written is named", "[storage][sqlite]") {
  const temporary_folder folder;
  REQUIRE(database::open(folder / "x.db", first));
  ::chmod((folder / "x.db").c_str(), 0666);
  ::chmod(folder.path().c_str(), 0555);
  {
    const unprivileged me;
    CHECK_FALSE(why_not(folder / "x.db").empty());
  }
  ::chmod(folder.path().c_str(), 0755);
}

TEST_CASE("a corrupt database is found when it is opened", "[storage][sqlite]") {
  const temporary_folder folder;
  {
    auto db = database::open(folder / "x.db", first).value();
    auto put = db.prepare("INSERT INTO t(a, b) VALUES (?1, ?2)").value();
    for (int i = 0; i < 500; ++i) REQUIRE(put.run(i, std::string(100, 'x')));
  }
  {
    std::fstream file(folder / "x.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3 * 4096);
    file << std::string(2 * 4096, '\x55');
  }
  CHECK_THAT(why_not(folder / "x.db", cause::spool_failed), Catch::Contains("corrupt") || Catch::Contains("malformed"));
}

}  // namespace sqlite_database_tests
