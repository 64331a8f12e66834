// What only a spool on a disk can do, and what only a disk can do to it.
#include <postrider/storage/sqlite_spool.hpp>

#include "storage/failing_disk.hpp"
#include "storage/spool_fixture.hpp"

#include <fstream>
#include <sys/stat.h>
#include <thread>

namespace sqlite_spool_tests {

using namespace postrider;
using namespace std::chrono_literals;
using test::await;
using test::good;

namespace {

constexpr spool_time late = spool_time(std::chrono::years(500));

std::int64_t count_of(const std::filesystem::path& path, const std::string& table) {
  sqlite3* database = nullptr;
  sqlite3_stmt* query = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_prepare_v2(database, ("SELECT count(*) FROM " + table).c_str(), -1, &query, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_step(query) == SQLITE_ROW);
  const std::int64_t count = sqlite3_column_int64(query, 0);
  sqlite3_finalize(query);
  sqlite3_close(database);
  return count;
}

/// The states of a mail's recipients and how many mails there are: what must be all old or all new.
std::string picture(sqlite::spool& spool, mail_id id) {
  std::string text;
  const auto mail = good(await(spool.find(id)));
  if (mail)
    for (const auto& r : mail->recipients) text += std::string(to_string(r.state)) + std::to_string(r.attempts) + ' ';
  text += '/' + std::to_string(good(await(spool.history(id))).size());
  text += '/' + std::to_string(good(await(spool.list(mail_filter(), {}, 100))).size());
  return text;
}

settlement all_at_once(mail_id id) {
  settlement change(id);
  change.recipients.push_back(recipient_change::accepted(0));
  change.recipients.push_back(recipient_change::failed(1, failure(cause::mailbox_unknown, stage::rcpt), true));
  change.recipients.push_back(recipient_change::deferred(2, test::odd_failure(), late, 1h));
  change.attempt.emplace(spool_now(), receipt());
  change.follow_ups.emplace_back(submitter("acme"),
                                 mail(test::envelope_to({"ada@example.com"}, ""), content(std::string(90'000, 'n'))));
  return change;
}

}  // namespace

TEST_CASE("A settlement happens whole or not at all, whichever write fails") {
  bool reached_the_end = false;
  for (long n = 0; !reached_the_end; ++n) {
    REQUIRE(n < 500);
    test::failing_disk disk;
    test::sqlite_storage storage;
    mail_id id;
    std::string before, after;
    {
      auto spool = storage.open();
      id = test::put(spool, test::envelope_to({"a@example.org", "b@example.org", "c@example.org"}));
      before = picture(spool, id);
      REQUIRE(before == "pending0 pending0 pending0 /0/1");
      const auto change = all_at_once(id);
      disk.break_after(n, n % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE);
      const auto done = await(spool.settle(std::span(&change, 1)));
      disk.repair();
      reached_the_end = done.has_value();
      if (!done) {
        CHECK(done.error().cause == cause::spool_failed);
        CHECK(done.error().outcome == outcome::transient);
        CHECK(done.error().detail.find("spool.db: ") != std::string::npos);
        CHECK(picture(spool, id) == before);
        good(await(spool.settle(std::span(&change, 1))));  // by itself, once the disk is well again
      }
      after = picture(spool, id);
      CHECK(after == "accepted1 failed1 pending1 /1/2");
    }
    auto again = storage.open();
    CHECK(picture(again, id) == after);
    CHECK(test::read_all(good(await(again.claim("a", spool_now(), 9))).at(0).content) == std::string(90'000, 'n'));
  }
}

TEST_CASE("A mail is taken whole or refused, whichever write fails") {
  bool reached_the_end = false;
  for (long n = 0; !reached_the_end; ++n) {
    REQUIRE(n < 500);
    test::failing_disk disk;
    test::sqlite_storage storage;
    const std::string bytes(400'000, 'b');
    {
      auto spool = storage.open();
      test::put(spool, test::envelope_to({"a@example.org"}));
      disk.break_after(n, SQLITE_FULL);
      {
        auto writer = good(await(spool.begin(submitter("acme"), test::envelope_to({"b@example.org"}))));
        auto done = await(writer.append(bytes));
        const auto id = await(writer.commit());
        if (!done) CHECK(!id);
        if (!id) CHECK(id.error().cause == cause::spool_failed);
        reached_the_end = id.has_value();
        disk.repair();
      }
      CHECK(good(await(spool.counts())).waiting == (reached_the_end ? 2 : 1));
      test::put(spool, test::envelope_to({"c@example.org"}), {bytes});
    }
    auto again = storage.open();
    CHECK(good(await(again.counts())).waiting == (reached_the_end ? 3 : 2));
    CHECK(count_of(storage.where / "spool.db", "receiving") == 0);
    CHECK(count_of(storage.where / "spool.db", "content") == (reached_the_end ? 15 : 8));
  }
}

TEST_CASE("A commit that failed may be tried again") {
  test::failing_disk disk;
  test::sqlite_storage storage;
  auto spool = storage.open();
  auto writer = good(await(spool.begin(submitter("acme"), test::envelope_to({"b@example.org"}))));
  good(await(writer.append("a: b\r\n")));
  disk.break_after(0, SQLITE_FULL);
  const auto refused = await(writer.commit());
  REQUIRE(!refused);
  CHECK(refused.error().detail.find("full") != std::string::npos);
  CHECK(good(await(spool.counts())).waiting == 0);  // reading goes on
  disk.repair();
  const mail_id id = good(await(writer.commit()));
  CHECK(test::read_all(good(await(spool.find(id)))->content) == "a: b\r\n");
}

TEST_CASE("While the disk fails no content is asked for, and once it is well again all goes on") {
  test::failing_disk disk;
  test::sqlite_storage storage;
  auto spool = storage.open();
  const mail_id first = test::put(spool, test::envelope_to({"a@example.org"}));
  auto writer = good(await(spool.begin(submitter("acme"), test::envelope_to({"b@example.org"}))));
  disk.break_after(0, SQLITE_FULL);
  settlement change(first);
  change.recipients.push_back(recipient_change::accepted(0));
  CHECK(!await(writer.commit()));
  for (int i = 0; i < 3; ++i) {
    const auto refused = await(spool.begin(submitter("acme"), test::envelope_to({"c@example.org"})));
    REQUIRE(!refused);
    CHECK(refused.error().cause == cause::spool_failed);
    CHECK(refused.error().detail.find("full") != std::string::npos);
    CHECK(test::ids(good(await(spool.list(mail_filter(), {}, 9)))) == std::vector{first});
    CHECK(!await(spool.settle(std::span(&change, 1))));
  }
  disk.repair();
  const mail_id second = test::put(spool, test::envelope_to({"c@example.org"}));
  good(await(spool.settle(std::span(&change, 1))));
  CHECK(test::ids(good(await(spool.list(mail_filter(), {}, 9)))) == std::vector{second});
}

TEST_CASE("New mail leaves room on the disk for what becomes of the mail that is there") {
  test::sqlite_storage storage;
  mail_id there;
  {
    auto spool = storage.open();
    there = test::put(spool, test::envelope_to({"a@example.org"}));
  }
  sqlite::spool_options options;
  options.keep_free = std::uintmax_t{1} << 62;
  auto spool = good(sqlite::spool::open(storage.where / "spool.db", options));
  const auto refused = await(spool.begin(submitter("acme"), test::envelope_to({"b@example.org"})));
  REQUIRE(!refused);
  CHECK(refused.error().cause == cause::spool_failed);
  CHECK(refused.error().detail.find("No space left") != std::string::npos);
  settlement change(there);
  change.recipients.push_back(recipient_change::accepted(0));
  good(await(spool.settle(std::span(&change, 1))));
  CHECK(good(await(spool.list(mail_filter(), {}, 9))).empty());
}

TEST_CASE("The room that mail has left in the file is told of") {
  test::folder where;
  auto database = good(sqlite::database::open(where / "spool.db", sqlite::spool_schema));
  auto contents = good(sqlite::database::open(where / "spool.db", sqlite::spool_schema));
  sqlite::spool_tables tables(std::move(database), good(sqlite::content_store::over(std::move(contents))));
  const mail_id mail{7};
  good(tables.put_pieces(mail, 0, std::string(1'000'000, 'x')));
  CHECK(good(tables.unused_bytes()) == 0);
  good(tables.remove(mail));
  CHECK(good(tables.unused_bytes()) > 990'000);
}

TEST_CASE("A content that would reach into the pieces of the next mail is refused") {
  test::folder where;
  auto database = good(sqlite::database::open(where / "spool.db", sqlite::spool_schema));
  auto contents = good(sqlite::database::open(where / "spool.db", sqlite::spool_schema));
  sqlite::spool_tables tables(std::move(database), good(sqlite::content_store::over(std::move(contents))));
  const std::string two_pieces(2 * sqlite::piece_size, 'x');
  const auto refused = tables.put_pieces(mail_id{6}, sqlite::most_pieces - 1, two_pieces);
  REQUIRE(!refused);
  CHECK(refused.error().cause == cause::spool_failed);
  good(tables.put_pieces(mail_id{7}, 0, two_pieces));
}

TEST_CASE("What was received of a mail that never was committed is swept") {
  test::sqlite_storage storage;
  {
    auto spool = storage.open();
    auto writer = good(await(spool.begin(submitter("acme"), test::envelope_to({"b@example.org"}))));
    good(await(writer.append(std::string(1'000'000, 'x'))));
    CHECK(count_of(storage.where / "spool.db", "content") == 15);
    std::filesystem::copy_file(storage.where / "spool.db", storage.where / "killed.db");
    std::filesystem::copy_file(storage.where / "spool.db-wal", storage.where / "killed.db-wal");
  }
  CHECK(count_of(storage.where / "killed.db", "content") == 15);
  auto spool = good(sqlite::spool::open(storage.where / "killed.db"));
  CHECK(count_of(storage.where / "killed.db", "content") == 0);
  CHECK(count_of(storage.where / "killed.db", "receiving") == 0);
}

TEST_CASE("A writer that goes takes its pieces along at once") {
  test::sqlite_storage storage;
  {
    auto spool = storage.open();
    {
      auto writer = good(await(spool.begin(submitter("acme"), test::envelope_to({"b@example.org"}))));
      good(await(writer.append(std::string(1'000'000, 'x'))));
    }
    test::put(spool, test::envelope_to({"c@example.org"}));
  }
  CHECK(count_of(storage.where / "spool.db", "content") == 1);
}

TEST_CASE("A finished mail leaves nothing behind, however it came to its end") {
  test::sqlite_storage storage;
  {
    auto spool = storage.open();
    const auto put = [&](std::size_t size) {
      return test::put(spool, test::envelope_to({"a@example.org", "b@example.org"}), {std::string(size, 'x') + "\r\n"});
    };
    const auto settle = [&](const settlement& change) { good(await(spool.settle(std::span(&change, 1)))); };
    const auto accepted = [](mail_id id) {
      settlement change(id);
      for (const std::size_t position : {0U, 1U}) change.recipients.push_back(recipient_change::accepted(position));
      return change;
    };
    const auto deferred = [](mail_id id) {
      settlement change(id);
      change.recipients.push_back(recipient_change::deferred(1, test::odd_failure(), late, 1h));
      change.attempt.emplace(spool_now(), receipt());
      return change;
    };
    for (const std::size_t size : {10U, 150'000U, 700'000U})
      for (const int attempts : {0, 2}) {
        const auto tried = [&] {
          const mail_id id = put(size);
          for (int i = 0; i < attempts; ++i) settle(deferred(id));
          return id;
        };
        settlement at_once = accepted(tried());
        at_once.finishes = true;
        settle(at_once);
        settle(at_once);  // for a mail that is gone
        settle(accepted(tried()));
        settlement given_up(tried());
        given_up.recipients.push_back(recipient_change::accepted(0));
        given_up.recipients.push_back(recipient_change::failed(1, test::odd_failure(), true));
        settle(given_up);
        CHECK(good(await(spool.edit(tried(), mail_edit::remove()))));
      }
    const mail_id stays = put(10);
    settlement with_news = accepted(stays);
    with_news.finishes = true;
    with_news.follow_ups.emplace_back(submitter("acme"),
                                      mail(test::envelope_to({"ada@example.com"}, ""), content("n")));
    settle(with_news);
    CHECK(good(await(spool.list(mail_filter(), {}, 10))).size() == 1);
  }
  for (const char* table : {"mail", "recipient", "content"}) CHECK(count_of(storage.where / "spool.db", table) == 1);
  for (const char* table : {"attempt", "receiving"}) CHECK(count_of(storage.where / "spool.db", table) == 0);
}

TEST_CASE("A spool of an earlier version goes on with its mail") {
  test::folder where;
  {
    sqlite::schema first = sqlite::spool_schema;
    first.migrations = first.migrations.first(1);
    auto old = good(sqlite::database::open(where / "spool.db", first));
    good(
        old.execute("INSERT INTO mail VALUES (7, 1, 2, 'pending', 0, 'acme', 'ada@example.com', '', '',"
                    " 'ada@example.com', '', '', 5, 3, 0, 0, 0, 1);"
                    "INSERT INTO recipient (mail, position, address, notify, orcpt, state, attempts, next_attempt,"
                    " last_delay, possible_duplicate, notified) VALUES (7, 0, 'b@example.org', 0, '', 'pending', 0, 2,"
                    " 0, 0, 0);"
                    "INSERT INTO content VALUES (7 << 16, CAST('abc' || char(13) || char(10) AS BLOB))"));
  }
  auto spool = good(sqlite::spool::open(where / "spool.db"));
  const auto claimed = good(await(spool.claim("me", late, 10)));
  REQUIRE(claimed.size() == 1);
  CHECK(claimed[0].id == mail_id{7});
  CHECK(test::read_all(claimed[0].content) == "abc\r\n");
}

TEST_CASE("Writers that wait share a commit") {
  test::failing_disk disk;
  test::sqlite_storage storage;
  asio::io_context context(1);
  auto spool = storage.open();
  constexpr int many = 400;
  int done = 0;
  const envelope to = test::envelope_to({"b@example.org"});
  const long before = disk.syncs();
  for (int i = 0; i < many; ++i)
    asio::co_spawn(
        context,
        [](sqlite::spool& into, const envelope& whom) -> asio::awaitable<bool> {
          auto writer = co_await into.begin(submitter("acme"), whom);
          auto appended = co_await writer->append("a: b\r\n");
          auto id = co_await writer->commit();
          co_return appended&& id;
        }(spool, to),
        [&](std::exception_ptr error, bool ok) { done += !error && ok ? 1 : 0; });
  context.run();
  CHECK(done == many);
  CHECK(disk.syncs() > before);
  CHECK(disk.syncs() - before < many / 4);
}

TEST_CASE("Many threads put, claim and settle at once") {
  test::sqlite_storage storage;
  auto spool = storage.open();
  constexpr int mails = 50;
  std::atomic<int> settled = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < mails; ++i) {
        test::put(spool, test::envelope_to({"b@example.org"}));
        for (const auto& mail : good(await(spool.claim(std::to_string(t), late, 3)))) {
          settlement change(mail.id);
          change.recipients.push_back(recipient_change::accepted(0));
          good(await(spool.settle(std::span(&change, 1))));
          ++settled;
        }
      }
    });
  for (auto& thread : threads) thread.join();
  const auto left = good(await(spool.claim("last", late, 1000)));
  CHECK(settled + static_cast<int>(left.size()) == 4 * mails);
  CHECK(good(await(spool.counts())).waiting == left.size());
}

TEST_CASE("Ids of mails that are gone do not come back") {
  test::sqlite_storage storage;
  mail_id last;
  for (int i = 0; i < 3; ++i) {
    auto spool = storage.open();
    const mail_id id = test::put(spool, test::envelope_to({"b@example.org"}));
    CHECK(id > last);
    CHECK(id.value < (std::uint64_t{1} << 47));
    last = id;
    good(await(spool.edit(id, mail_edit::remove())));
  }
}

TEST_CASE("A spool that is closed says so") {
  test::sqlite_storage storage;
  auto spool = std::make_unique<sqlite::spool>(storage.open());
  auto writer = good(await(spool->begin(submitter("acme"), test::envelope_to({"b@example.org"}))));
  spool.reset();
  good(await(writer.append("a: b\r\n")));
  const auto refused = await(writer.commit());
  REQUIRE(!refused);
  CHECK(refused.error().cause == cause::shutting_down);
}

TEST_CASE("A mail that cannot be read stands in nobody's way, is told of and listed, and may be removed") {
  test::cold_sqlite_storage storage;
  std::vector<mail_id> all;
  {
    auto spool = storage.open();
    for (int i = 0; i < 5; ++i) all.push_back(test::put(spool, test::envelope_to({"b@example.org"})));
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open((storage.where / "spool.db").c_str(), &database) == SQLITE_OK);
    const auto damage = [&](mail_id id, const std::string& what) {
      const std::string sql = "UPDATE recipient SET " + what + " WHERE mail = " + std::to_string(id.value);
      REQUIRE(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    };
    damage(all[0], "state = 'odd'");
    damage(all[1], "address = 'nobody'");
    damage(all[3], "mail = 1 << 40");
    sqlite3_close(database);
    const auto is_about = [](const auto& refused, mail_id id) {
      REQUIRE(!refused);
      CHECK(refused.error().cause == cause::spool_failed);
      return refused.error().detail.find("mail " + to_string(id) + " is damaged") != std::string::npos;
    };

    CHECK(is_about(await(spool.claim("a", late, 1)), all[0]));
    CHECK(test::ids(good(await(spool.claim("a", late, 9)))) == std::vector{all[2], all[4]});
    CHECK(spool.next_due() < spool_now());  // there is something to tell
    const auto told = await(spool.claim("a", late, 9));
    CHECK(is_about(told, all[1]));
    CHECK(is_about(told, all[3]));
    CHECK(!spool.next_due());
    CHECK(good(await(spool.claim("a", late, 9))).empty());

    CHECK(test::ids(good(await(spool.list(mail_filter(), {}, 1)))) == std::vector{all[0]});
    const auto listed = good(await(spool.list(mail_filter(), {}, 9)));
    CHECK(test::ids(listed) == all);
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
      REQUIRE(listed[i].recipients.size() == 1);
      CHECK(listed[i].recipients[0].state == recipient_state::failed);
      REQUIRE(listed[i].recipients[0].failure);
      CHECK(listed[i].recipients[0].failure->detail.find(to_string(all[i]) + " is damaged") != std::string::npos);
    }
    CHECK(good(await(spool.counts())).waiting == 2);
    CHECK(good(await(spool.counts())).failed == 3);
    CHECK(!await(spool.edit(all[1], mail_edit::hold())));
    CHECK(good(await(spool.edit(all[1], mail_edit::remove()))));
    CHECK(good(await(spool.edit(all[0], mail_edit::retry()))));  // what was odd about it is gone
    CHECK(test::ids(good(await(spool.claim("a", late, 9)))) == std::vector{all[0]});
  }
  auto again = storage.open();  // it was told of once, and is not tried again
  CHECK(test::ids(good(await(again.claim("a", late, 9)))) == std::vector{all[2], all[4], all[0]});
  CHECK(test::ids(good(await(again.list(mail_filter(), {}, 9)))) == std::vector{all[0], all[2], all[3], all[4]});
}

TEST_CASE("A file that is no spool is refused by name") {
  test::folder where;
  const auto refuses = [&](const char* name, const std::string& words) {
    const auto opened = sqlite::spool::open(where / name);
    REQUIRE(!opened);
    INFO(opened.error().detail);
    CHECK(opened.error().detail.find((where / name).string()) != std::string::npos);
    CHECK(opened.error().detail.find(words) != std::string::npos);
  };
  std::ofstream(where / "junk.db") << std::string(5000, 'j');
  refuses("junk.db", "not a database");
  refuses("no/such/folder.db", "");
  std::filesystem::create_directory(where / "folder.db");
  refuses("folder.db", "");

  const auto execute = [&](const char* name, const char* sql) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open((where / name).c_str(), &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
  };
  execute("foreign.db", "CREATE TABLE t(a)");
  refuses("foreign.db", "something else");
  { good(sqlite::spool::open(where / "newer.db")); }
  execute("newer.db", "PRAGMA user_version = 99");
  refuses("newer.db", "newer");

  {
    auto spool = good(sqlite::spool::open(where / "torn.db"));
    for (int i = 0; i < 50; ++i) test::put(spool, test::envelope_to({"b@example.org"}), {std::string(5'000, 'x')});
  }
  {
    std::fstream file(where / "torn.db", std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 4; page < 30; ++page) file.seekp(page * 4096).write(std::string(4096, '\x55').data(), 4096);
  }
  refuses("torn.db", "");
}

}  // namespace sqlite_spool_tests
