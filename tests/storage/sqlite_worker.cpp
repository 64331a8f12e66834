#include <postrider/storage/sqlite_worker.hpp>

#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <latch>
#include <optional>

namespace sqlite_worker_tests {

using namespace postrider;
using sqlite::database;
using sqlite::statement;
using sqlite::work_kind;

namespace {

constexpr std::string_view scripts[] = {
    "CREATE TABLE t(a INTEGER UNIQUE, b INTEGER REFERENCES t(a) DEFERRABLE INITIALLY DEFERRED) STRICT"};
constexpr sqlite::schema numbers{"numbers", 0x78, scripts};

constexpr sqlite::open_options unsynced{.sync_every_commit = false};

class tables {
 public:
  explicit tables(database connection) : connection_(std::move(connection)) {}
  database& connection() noexcept { return connection_; }

 private:
  database connection_;
};

using worker = sqlite::worker<tables>;

/// What became of a job.
struct fate {
  int runs = 0;
  int finishes = 0;
  std::optional<result<void>> how{};
};

class job final : public sqlite::job<tables> {
 public:
  job(fate& mine, std::function<result<void>(tables&)> what) : mine_(mine), what_(std::move(what)) {}
  result<void> run(tables& in) override {
    ++mine_.runs;
    return what_(in);
  }
  void finish(result<void> how) noexcept override {
    ++mine_.finishes;
    mine_.how = std::move(how);
  }

 private:
  fate& mine_;
  std::function<result<void>(tables&)> what_;
};

struct house {
  explicit house(work_kind kind) { working.emplace(tables(database::open(file, numbers, unsynced).value()), kind); }

  void add(fate& mine, std::function<result<void>(tables&)> what) {
    working->add(std::make_unique<job>(mine, std::move(what)));
  }
  void add(fate& mine, const std::string& sql) {
    add(mine, [sql](tables& in) { return in.connection().execute(sql); });
  }
  /// Holds the worker until `go`, so that all that is added meanwhile is one batch.
  void hold(fate& mine) {
    auto begun = std::make_shared<std::latch>(1);
    add(mine, [this, begun](tables&) {
      begun->count_down();
      go.wait();
      return result<void>();
    });
    begun->wait();
  }
  std::string rows() {
    std::string all;
    auto query = reading.prepare("SELECT a FROM t ORDER BY rowid").value();
    const auto done = query.each([&](const statement& row) { all += row.text(0) + ' '; });
    return done ? all : done.error().detail;
  }

  postrider::test::temporary_folder folder{};
  std::filesystem::path file = folder / "numbers.db";
  database reading = database::open(file, numbers, unsynced).value();
  std::latch go{1};
  std::optional<worker> working{};
};

}  // namespace

TEST_CASE("jobs run in the order they came, each once, and are done when the worker has stopped", "[storage][worker]") {
  for (const auto kind : {work_kind::writes, work_kind::reads}) {
    std::vector<int> order;
    std::vector<fate> fates(50);
    house h(kind);
    for (int i = 0; i < 50; ++i)
      h.add(fates[static_cast<std::size_t>(i)], [&order, i](tables&) {
        order.push_back(i);
        return result<void>();
      });
    h.working->stop();
    REQUIRE(order.size() == 50);
    CHECK(std::is_sorted(order.begin(), order.end()));
    for (const fate& f : fates) {
      CHECK(f.runs == 1);
      CHECK(f.finishes == 1);
      CHECK(f.how.value());
    }
  }
}

TEST_CASE("what waits is written in one transaction", "[storage][worker]") {
  fate holding, one, two;
  house h(work_kind::writes);
  h.hold(holding);
  h.add(one, "INSERT INTO t(a) VALUES (1)");
  std::string between = "not looked";
  h.add(two, [&](tables& in) {
    between = h.rows();  // what others see while it is under way
    return in.connection().execute("INSERT INTO t(a) VALUES (2)");
  });
  h.go.count_down();
  h.working->stop();
  CHECK(between.empty());
  CHECK(h.rows() == "1 2 ");
}

TEST_CASE("one job's trouble is not everybody's", "[storage][worker]") {
  fate holding, one, bad, two;
  house h(work_kind::writes);
  h.hold(holding);
  h.add(one, "INSERT INTO t(a) VALUES (1)");
  h.add(bad, "INSERT INTO t(a) VALUES (5); INSERT INTO t(a) VALUES (1)");
  h.add(two, "INSERT INTO t(a) VALUES (2)");
  h.go.count_down();
  h.working->stop();
  CHECK(h.rows() == "1 2 ");
  CHECK(one.how.value());
  CHECK(two.how.value());
  CHECK(one.runs == 2);  // once with the others, once alone
  CHECK(two.runs == 1);
  for (const fate* f : {&holding, &one, &bad, &two}) CHECK(f->finishes == 1);
  REQUIRE_FALSE(bad.how.value());
  CHECK(bad.how->error().cause == cause::spool_failed);
  CHECK(bad.how->error().stage == stage::queue);
  CHECK(bad.how->error().detail == h.file.native() + ": UNIQUE constraint failed: t.a");
}

TEST_CASE("a commit that fails undoes its job only", "[storage][worker]") {
  fate holding, good, bad;
  house h(work_kind::writes);
  h.hold(holding);
  h.add(bad, "INSERT INTO t VALUES (1, 77)");  // refers to nothing, which the commit finds out
  h.add(good, "INSERT INTO t(a) VALUES (2)");
  h.go.count_down();
  h.working->stop();
  CHECK(h.rows() == "2 ");
  CHECK(good.how.value());
  REQUIRE_FALSE(bad.how.value());
  CHECK_THAT(bad.how->error().detail, Catch::Contains("FOREIGN KEY constraint failed"));
}

TEST_CASE("a job that fails by itself is not repeated, and undoes what it did", "[storage][worker]") {
  fate bad;
  house h(work_kind::writes);
  h.add(bad, [](tables& in) -> result<void> {
    if (auto done = in.connection().execute("INSERT INTO t(a) VALUES (1)"); !done) return done;
    return fail(cause::invalid_configuration, stage::data, "not this way");
  });
  h.working->stop();
  CHECK(bad.runs == 1);
  CHECK(bad.finishes == 1);
  CHECK(h.rows().empty());
  REQUIRE_FALSE(bad.how.value());
  CHECK(bad.how->error().cause == cause::spool_failed);  // whatever it was: it did not happen, and may be tried again
  CHECK(bad.how->error().detail == "not this way");
}

TEST_CASE("what one job reads belongs to one moment, what the next one reads to another", "[storage][worker]") {
  fate one, two;
  house h(work_kind::reads);
  const auto count = [](tables& in) {
    std::int64_t rows = -1;
    auto query = in.connection().prepare("SELECT count(*) FROM t").value();
    const auto done = query.each([&](const statement& row) { rows = row.integer(0); });
    return done ? rows : -1;
  };
  std::vector<std::int64_t> seen;
  h.add(one, [&](tables& in) {
    seen.push_back(count(in));
    auto written = h.reading.execute("INSERT INTO t(a) VALUES (1)");  // by somebody else, meanwhile
    seen.push_back(count(in));
    return written;
  });
  h.add(two, [&](tables& in) {
    seen.push_back(count(in));
    return result<void>();
  });
  h.working->stop();
  CHECK(seen == std::vector<std::int64_t>{0, 0, 1});
}

TEST_CASE("a reader that fails ends its moment", "[storage][worker]") {
  fate bad, next;
  house h(work_kind::reads);
  h.add(bad, "SELECT * FROM ghosts");
  h.add(next, "SELECT * FROM t");
  h.working->stop();
  REQUIRE_FALSE(bad.how.value());
  CHECK(bad.how->error().cause == cause::spool_failed);
  CHECK_THAT(bad.how->error().detail, Catch::Contains("no such table: ghosts"));
  CHECK(next.how.value());
}

TEST_CASE("who comes after the end is told so at once", "[storage][worker]") {
  fate early, late;
  house h(work_kind::writes);
  h.hold(early);
  h.go.count_down();
  h.working->stop();
  h.working->stop();  // once more does nothing
  h.add(late, "INSERT INTO t(a) VALUES (1)");
  CHECK(early.how.value());
  CHECK(late.runs == 0);
  CHECK(late.finishes == 1);
  REQUIRE_FALSE(late.how.value());
  CHECK(late.how->error().cause == cause::shutting_down);
  CHECK(late.how->error().detail == "the spool is closed");
}

TEST_CASE("a worker that is destroyed finishes what waits", "[storage][worker]") {
  fate holding, waiting;
  house h(work_kind::writes);
  h.hold(holding);
  h.add(waiting, "INSERT INTO t(a) VALUES (1)");
  std::thread releasing([&] { h.go.count_down(); });
  h.working.reset();
  releasing.join();
  CHECK(waiting.how.value());
  CHECK(h.rows() == "1 ");
}

}  // namespace sqlite_worker_tests
