// A spool whose file was damaged: whatever byte is hit, each mail is what it was, or is said to be damaged.
#include <postrider/storage/sqlite_salvage.hpp>

#include "storage/spool_fixture.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>

namespace salvage_tests {

using namespace postrider;
using namespace std::chrono_literals;
using ::test::await;
using ::test::good;

namespace {

const spool_time late = spool_now() + 24h * 365;

/// What a mail was, to be compared.
struct original {
  std::string recipients;
  std::string content;
};

std::string recipients_of(const spooled_mail& mail) {
  std::string text;
  for (const auto& one : mail.recipients) text += one.who.forward_path.str() + ' ';
  return text;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A spool on a disk that gives back something else than was written to it.
struct damaged_spool {
  ::test::folder where;
  std::filesystem::path path = where / "spool.db";
  std::map<mail_id, original> all;

  sqlite::spool open() {
    sqlite::spool_options options;
    options.fresh_content = 0;
    options.sync_every_commit = false;
    return good(sqlite::spool::open(path, options));
  }

  void fill(int mails, std::size_t most = 20'000) {
    auto spool = open();
    for (int i = 0; i < mails; ++i) {
      std::string content = "Subject: " + std::to_string(i) + "\r\n\r\n";
      while (content.size() < static_cast<std::size_t>(i * 7919) % most)
        content += "line " + std::to_string(content.size()) + "\r\n";
      std::vector<std::string> to;
      for (int r = 0; r <= i % 3; ++r)
        to.push_back("r" + std::to_string(r) + ".m" + std::to_string(i) + "@example.org");
      const auto id = ::test::put(spool, ::test::envelope_to(to), {content});
      all[id] = {recipients_of(*good(await(spool.find(id)))), content};
    }
  }

  void change(const std::filesystem::path& file, std::size_t at, const std::string& bytes) const {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(at));
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  /// As the relay does it: the spool, and what was said while it was opened.
  sqlite::spool recover(std::string& said) {
    sqlite::spool_options options;
    options.fresh_content = 0;
    options.sync_every_commit = false;
    auto opened = sqlite::spool::open(path, options);
    if (opened) return std::move(*opened);
    INFO(opened.error().detail);
    REQUIRE(sqlite::is_damage(opened.error()));
    said += opened.error().detail;
    const auto report = good(sqlite::salvage_spool(path));
    CHECK(std::filesystem::exists(report.kept_aside));
    return good(sqlite::spool::open(path, options));
  }

  /// Delivers what there is: each mail is the original, or failed and spoken of; gives how many were failed.
  std::size_t deliver_all(std::string said = {}) {
    auto spool = recover(said);
    std::set<mail_id> delivered;
    for (int round = 0; round < 100; ++round) {
      const auto some = await(spool.claim("a", late, 50));
      if (!some) {
        said += some.error().detail;
        continue;
      }
      if (some->empty()) break;
      for (const auto& mail : *some) {
        const auto was = all.find(mail.id);
        REQUIRE(was != all.end());
        CHECK(recipients_of(mail) == was->second.recipients);
        std::string content(was->second.content.size() + 1, '\0');
        const auto read = mail.content.read(0, content);
        settlement change(mail.id);
        if (read) {
          CHECK(content.substr(0, *read) == was->second.content);
          delivered.insert(mail.id);
          for (std::size_t i = 0; i < mail.recipients.size(); ++i)
            change.recipients.push_back(recipient_change::accepted(i, false));
        } else {
          said += read.error().detail;
          for (std::size_t i = 0; i < mail.recipients.size(); ++i)
            change.recipients.push_back(recipient_change::deferred(i, read.error(), spool_now(), 1ms));
        }
        good(await(spool.settle(std::span<const settlement>(&change, 1))));
      }
    }
    std::size_t failed = 0;
    for (const auto& mail : good(await(spool.list(mail_filter(), {}, 1'000)))) {
      INFO(mail.recipients[0].failure->detail);
      CHECK(mail.recipients[0].state == recipient_state::failed);
      CHECK(mail.recipients[0].failure->detail.find("is damaged") != std::string::npos);
      CHECK_FALSE(delivered.contains(mail.id));
      if (all.contains(mail.id)) ++failed;
    }
    CHECK(delivered.size() + failed == all.size());
    if (failed != 0) CHECK_FALSE(said.empty());
    return failed;
  }
};

}  // namespace

TEST_CASE("whatever page is hit, each mail is what it was or is said to be damaged", "[storage][salvage]") {
  damaged_spool of;
  of.fill(40);
  const std::string whole = bytes_of(of.path);
  REQUIRE_FALSE(std::filesystem::exists(of.where / "spool.db-wal"));
  const std::size_t pages = whole.size() / 4096;
  std::mt19937 chance(7);
  std::size_t failed = 0, hit = 0;
  const auto damage = [&](std::size_t page, const std::function<std::string(std::string)>& how) {
    for (const auto& entry : std::filesystem::directory_iterator(of.path.parent_path()))
      std::filesystem::remove(entry.path());
    std::ofstream(of.path, std::ios::binary) << whole;
    of.change(of.path, page * 4096, how(whole.substr(page * 4096, 4096)));
    CAPTURE(page);
    failed += of.deliver_all();
    ++hit;
  };
  const auto flipped = [&](std::string bytes) {
    bytes[chance() % bytes.size()] ^= static_cast<char>(1U << chance() % 8);
    return bytes;
  };
  for (std::size_t page = 1; page < pages; page += pages / 12 + 1) {
    damage(page, flipped);
    damage(page, [](const std::string&) { return std::string(4096, '\0'); });
    damage(page, [&](const std::string&) { return whole.substr(4096 * (1 + chance() % (pages - 1)), 4096); });
  }
  CHECK(hit >= 30);
  CHECK(failed >= 10);           // it was hit where it hurts
  CHECK(failed < hit * 40 / 4);  // and most of it was whole all the same
}

TEST_CASE("a spool whose first page is damaged loses nothing", "[storage][salvage]") {
  damaged_spool of;
  of.fill(20);
  const std::string whole = bytes_of(of.path);
  for (const std::size_t at : {std::size_t{0}, std::size_t{18}, std::size_t{101}, std::size_t{1'000}}) {
    CAPTURE(at);
    std::ofstream(of.path, std::ios::binary | std::ios::trunc) << whole;
    of.change(of.path, at, std::string(at == 1'000 ? 3'000 : 3, '\x7f'));
    const auto opened = sqlite::spool::open(of.path);
    REQUIRE(!opened);
    CHECK(sqlite::is_damage(opened.error()));
    const auto damaged = bytes_of(of.path);
    const auto report = good(sqlite::salvage_spool(of.path));
    CHECK(report.whole == 20);
    CHECK(report.damaged.empty());
    CHECK(bytes_of(report.kept_aside) == damaged);
    CHECK(of.deliver_all() == 0);
  }
}

TEST_CASE("a spool that was cut short keeps what is left of it", "[storage][salvage]") {
  damaged_spool of;
  of.fill(150, 5'000);
  const auto size = std::filesystem::file_size(of.path);
  std::filesystem::resize_file(of.path, size - size / 4096 / 10 * 4096);
  const auto opened = sqlite::spool::open(of.path);
  REQUIRE(!opened);
  CHECK(sqlite::is_damage(opened.error()));
  const auto report = good(sqlite::salvage_spool(of.path));
  CHECK(report.whole + report.damaged.size() == 150);
  CHECK(report.whole >= 20);
  CHECK_FALSE(report.damaged.empty());
  CHECK(of.deliver_all(opened.error().detail) == report.damaged.size());
}

TEST_CASE("a frame of the log that is damaged is said, and hides nothing that comes behind it", "[storage][salvage]") {
  damaged_spool of;
  const auto log = of.where / "spool.db-wal";
  std::string kept_log, kept_file;
  {
    auto spool = of.open();
    for (int i = 0; i < 30; ++i) {
      const auto id = ::test::put(spool, ::test::envelope_to({"m" + std::to_string(i) + "@example.org"}));
      of.all[id] = {recipients_of(*good(await(spool.find(id)))), "a: b\r\n\r\nc\r\n"};
    }
    kept_log = bytes_of(log);  // as the process that was killed leaves it
    kept_file = bytes_of(of.path);
  }
  const std::size_t frame = 24 + 4096, frames = (kept_log.size() - 32) / frame;
  REQUIRE(frames > 30);
  for (const std::size_t hit : {frames / 4, frames / 2, frames - 12})
    for (const std::size_t within : {std::size_t{17}, std::size_t{100}, std::size_t{2'000}}) {
      CAPTURE(hit, within, frames);
      for (const auto& entry : std::filesystem::directory_iterator(of.path.parent_path()))
        std::filesystem::remove(entry.path());
      std::ofstream(of.path, std::ios::binary) << kept_file;
      std::ofstream(log, std::ios::binary) << kept_log;
      of.change(log, 32 + hit * frame + within,
                std::string(1, static_cast<char>(kept_log[32 + hit * frame + within] ^ 4)));
      const auto opened = sqlite::spool::open(of.path);
      REQUIRE(!opened);
      CHECK(sqlite::is_damage(opened.error()));
      CHECK(opened.error().detail.find("frame " + std::to_string(hit + 1)) != std::string::npos);
      of.deliver_all(opened.error().detail);
    }
}

TEST_CASE("a log that ends within a commit is that of a power failure, and no damage", "[storage][salvage]") {
  damaged_spool of;
  const auto log = of.where / "spool.db-wal";
  std::string kept_log, kept_file;
  mail_id last;
  {
    auto spool = of.open();
    for (int i = 0; i < 5; ++i) last = ::test::put(spool, ::test::envelope_to({"b@example.org"}));
    kept_log = bytes_of(log);
    kept_file = bytes_of(of.path);
  }
  for (const std::size_t lost : {std::size_t{1}, std::size_t{2'000}, std::size_t{4'200}}) {
    std::ofstream(of.path, std::ios::binary | std::ios::trunc) << kept_file;
    std::ofstream(log, std::ios::binary | std::ios::trunc) << kept_log.substr(0, kept_log.size() - lost);
    CHECK_FALSE(sqlite::damage_of_log(log));
    auto spool = of.open();
    CHECK(good(await(spool.counts())).waiting == 4);  // nobody was told that it has the fifth
    CHECK_FALSE(good(await(spool.find(last))));
  }
}

TEST_CASE("a salvage that was cut off is finished or begun anew", "[storage][salvage]") {
  damaged_spool of;
  of.fill(10);
  of.change(of.path, 0, "???");
  const auto damaged = bytes_of(of.path);
  good(sqlite::salvage_spool(of.path));
  const auto made = bytes_of(of.path);

  // All was done but for the last names.
  std::ofstream(of.where / "spool.db.salvaged", std::ios::binary) << made;
  std::ofstream(of.path, std::ios::binary | std::ios::trunc) << damaged;
  CHECK(of.deliver_all() == 0);
  CHECK(bytes_of(of.where / "spool.db.damaged-2") == damaged);
  CHECK_FALSE(std::filesystem::exists(of.where / "spool.db.salvaged"));

  // The damaged file had its name already.
  std::ofstream(of.where / "spool.db.salvaged", std::ios::binary) << made;
  std::filesystem::remove(of.path);
  CHECK(of.deliver_all() == 0);

  // It had only begun.
  std::ofstream(of.where / "spool.db.salvage-making", std::ios::binary) << "half";
  std::ofstream(of.path, std::ios::binary | std::ios::trunc) << damaged;
  CHECK(of.deliver_all() == 0);
  CHECK_FALSE(std::filesystem::exists(of.where / "spool.db.salvage-making"));
}

TEST_CASE("what is no spool is not salvaged", "[storage][salvage]") {
  damaged_spool of;
  std::ofstream(of.path, std::ios::binary) << std::string(20'000, 'j');
  CHECK_FALSE(sqlite::salvage_spool(of.path));
  CHECK(bytes_of(of.path) == std::string(20'000, 'j'));
  for (const auto& entry : std::filesystem::directory_iterator(of.path.parent_path())) CHECK(entry.path() == of.path);
}

TEST_CASE("the look at a spool when it is opened does not last longer than it may", "[storage][salvage]") {
  damaged_spool of;
  of.fill(50);
  sqlite::open_options options;
  options.check_for = 1ms;  // and what it did not come to is checked when it is read
  const auto whole = bytes_of(of.path);
  for (int i = 0; i < 20; ++i) CHECK(sqlite::database::open(of.path, sqlite::spool_schema, options));
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open(":memory:", &handle) == SQLITE_OK);
  {
    // One step that would never end.
    const sqlite::deadline until(handle, 20ms);
    const char* const endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    CHECK(sqlite3_exec(handle, endless, nullptr, nullptr, nullptr) == SQLITE_INTERRUPT);
    CHECK(until.passed());
  }
  sqlite3_close(handle);
}

}  // namespace salvage_tests
