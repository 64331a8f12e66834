// A hundred thousand mails that wait: what they cost in memory, and what finding those that are due costs.
#include "storage/spool_fixture.hpp"

#include <sqlite3.h>

#include <atomic>
#include <malloc.h>

namespace many_waiting_tests {

using namespace postrider;
using namespace std::chrono_literals;
using ::test::await;
using ::test::good;

namespace {

/// Steps of SQLite's machine, by all connections of this process.
std::atomic<std::uint64_t> steps{0};
std::atomic<std::uint64_t> statements{0};

int count(unsigned, void*, void* statement, void*) {
  steps += static_cast<std::uint64_t>(
      sqlite3_stmt_status(static_cast<sqlite3_stmt*>(statement), SQLITE_STMTSTATUS_VM_STEP, 1));
  ++statements;
  return 0;
}
int watch(sqlite3* connection, const char**, const struct sqlite3_api_routines*) {
  return sqlite3_trace_v2(connection, SQLITE_TRACE_PROFILE, count, nullptr);
}

struct watched {
  watched() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(watch)); }
  watched(const watched&) = delete;
  watched& operator=(const watched&) = delete;
  ~watched() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(watch)); }
};

constexpr std::uint64_t first_id = 1'000;

/// So many mails wait, each due a second after the one before it.
void fill(const std::filesystem::path& path, std::uint64_t many, spool_time first_due) {
  sqlite::spool_options options;
  options.sync_every_commit = false;
  { good(sqlite::spool::open(path, options)); }  // makes the tables
  auto tables = good(sqlite::database::open(path, sqlite::spool_schema, {.sync_every_commit = false, .check_for = {}}));
  const std::string numbers =
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " + std::to_string(many) + ") ";
  const std::string id = std::to_string(first_id) + " + i";
  const std::string due = std::to_string(first_due.time_since_epoch().count()) + " + 1000 * i";
  good(tables.execute(
      "BEGIN; INSERT INTO mail (id, created, due, state, attempts, tenant, sender, login, pin, reverse_path, envid, "
      "ret,"
      " size, longest_line, eight_bit, needs_stuffing, has_bare_cr_or_lf, ends_with_crlf) " +
      numbers + "SELECT " + id + ", 0, " + due +
      ", 'pending', 1, 'acme', 'ada@example.com', '', '', 'ada@example.com', '', '', 0, 0, 0, 0, 0, 1 FROM n;"
      "INSERT INTO recipient (mail, position, address, notify, orcpt, state, attempts, next_attempt, last_delay,"
      " possible_duplicate, notified) " +
      numbers + "SELECT " + id + ", 0, 'r' || i || '@example.org', 0, '', 'pending', 1, " + due +
      ", 1000, 0, 0 FROM n; COMMIT"));
}

struct cost {
  std::uint64_t steps = 0;
  std::uint64_t statements = 0;
  std::uint64_t bytes = 0;  ///< in memory, for all that wait
};

/// Of claiming ten of `many` and settling them, once they are due.
cost of_ten_among(std::uint64_t many) {
  const ::test::folder where;
  const spool_time start = spool_now();
  fill(where / "spool.db", many, start);
  const auto before = mallinfo2().uordblks;
  sqlite::spool_options options;
  options.sync_every_commit = false;
  options.check_records_for = 0ms;
  auto spool = good(sqlite::spool::open(where / "spool.db", options));
  cost all;
  all.bytes = mallinfo2().uordblks - before;
  CHECK(spool.next_due() == start);
  const auto sees = [&](spool_time at) { return good(await(spool.claim("a", at, 100))).size(); };
  CHECK(sees(start - 1s) == 0);
  CHECK(sees(start) == 1);  // what is read for the first time is prepared for all times
  steps = statements = 0;
  const auto due = good(await(spool.claim("a", start + 10s, 100)));
  CHECK(due.size() == 10);
  std::vector<settlement> later;
  for (const auto& mail : due) {
    auto& one = later.emplace_back(mail.id);
    one.recipients.push_back(
        recipient_change::deferred(0, failure(cause::greylisted, stage::rcpt), start + 24h * 365, 24h));
  }
  good(await(spool.settle(later)));
  all.steps = steps;
  all.statements = statements;
  CHECK(spool.next_due() == start + 11s);
  return all;
}

}  // namespace

TEST_CASE("finding what is due costs the same however many wait, and each that waits a small fixed record",
          "[storage][spool]") {
  const watched all;
  const cost few = of_ten_among(1'000), many = of_ten_among(100'000);
  CHECK(few.statements > 0);
  CHECK(many.statements == few.statements);
  CHECK(many.steps <= few.steps + few.steps / 10);
  const auto each = (many.bytes - few.bytes) / 99'000;
  WARN("a mail that waits: " << each << " bytes; ten that are due: " << many.statements << " statements, " << many.steps
                             << " steps of SQLite");
  CHECK(each <= 200);
}

}  // namespace many_waiting_tests
