// What is whole in a damaged spool is carried over into a new one; the damaged file is kept.
#pragma once

#include <postrider/storage/sqlite_log.hpp>
#include <postrider/storage/sqlite_salvage_files.hpp>
#include <postrider/storage/sqlite_spool_tables.hpp>

#include <algorithm>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace postrider::sqlite {

/// What came of it.
class salvage_report {
 public:
  std::filesystem::path kept_aside;  ///< the damaged file, with its log beside it
  std::uint64_t whole = 0;           ///< mails that go on as if nothing had happened
  std::vector<mail_id> damaged;      ///< listed as failed in the new spool, with what could be read of them
};

namespace detail {

/// Every key of one table that can be reached, however many of its pages cannot: where a page is damaged, the next key
/// behind it is looked for in steps that double, and what lies before that from behind.
class key_walk {
 public:
  /// `key`: an SQL expression that grows with the table's order; `column`: what it is compared by.
  key_walk(database& on, const std::string& table, const std::string& key) {
    auto up = on.prepare("SELECT " + key + " FROM " + table + " WHERE " + key + " > ? ORDER BY " + key + " LIMIT 1");
    auto down =
        on.prepare("SELECT " + key + " FROM " + table + " WHERE " + key + " < ? ORDER BY " + key + " DESC LIMIT 1");
    if (!up || !down) return;
    up_ = std::move(*up);
    down_ = std::move(*down);
    usable_ = true;
  }

  /// Calls `found(key)` once for each mail whose key is reached: `step(key)` is the last key of the same mail.
  template <class Last, class Found>
  void each(Last&& last_of, Found&& found) {
    if (!usable_) return;
    std::int64_t at = -1;
    while (true) {
      bool broken = false;
      auto next = seek(up_, at, broken, false);
      if (next && !broken) {
        found(*next);
        at = last_of(*next);
        continue;
      }
      if (!broken) return;
      // Behind the damage; then from there back to it.
      std::int64_t step = 1;
      do {
        if (step > (std::int64_t{1} << 61) || at > (std::int64_t{1} << 62) - step) return;
        broken = false;
        next = seek(up_, at + step, broken, false);
        step *= 2;
      } while (broken);
      std::int64_t back = next ? *next : std::int64_t{1} << 62;
      if (next) found(*next);
      while (auto before = seek(down_, back, broken, true)) {
        if (broken || *before <= at) break;
        found(*before);
        back = *before;
      }
      if (!next) return;
      at = last_of(*next);
    }
  }

 private:
  static std::optional<std::int64_t> seek(statement& query, std::int64_t from, bool& broken, bool down) {
    std::optional<std::int64_t> key;
    const auto done = query.each([&](const statement& row) { key = row.integer(0); }, from);
    // Keys that are out of order would lead in a circle.
    broken = !done || (key && (down ? *key >= from : *key <= from));
    return key;
  }

  statement up_, down_;
  bool usable_ = false;
};

/// Carries mails from a damaged database to a new one.
class salvage {
 public:
  salvage(database& names, spool_tables& from, content_store& contents, spool_tables& to)
      : names_(names), from_(from), contents_(contents), to_(to) {}

  result<void> run(salvage_report& report) {
    std::set<std::uint64_t> receiving;
    walk("receiving", "mail", 0, receiving);
    std::set<std::uint64_t> mails;
    walk("mail", "id", 0, mails);
    walk("recipient", "mail", 0, mails);
    walk("attempt", "mail", 0, mails);
    walk("content", "piece", 16, mails);
    auto batch = transaction::begin(to_.connection());
    if (!batch) return fail(std::move(batch.error()));
    for (const std::uint64_t value : mails) {
      if (receiving.contains(value)) continue;  // nobody was told that it is here
      if (auto done = carry(mail_id{value}, report); !done) return done;
    }
    return batch->commit();
  }

 private:
  void walk(const char* table, const char* key, int shift, std::set<std::uint64_t>& into) {
    key_walk keys(names_, table, key);
    const auto last_of = [shift](std::int64_t one) {
      return shift == 0 ? one : one | ((std::int64_t{1} << shift) - 1);
    };
    keys.each(last_of, [&](std::int64_t one) { into.insert(static_cast<std::uint64_t>(one >> shift)); });
  }

  result<void> carry(mail_id id, salvage_report& report) {
    auto whole = from_.find(id);
    std::optional<failure> why;
    if (!whole) why = std::move(whole.error());
    auto mail = why ? from_.remains(id) : std::move(whole);
    if (!mail) return fail(std::move(mail.error()));
    if (!*mail) {  // pieces or recipients of a mail whose record is gone
      why.emplace(cause::spool_failed, stage::queue, "mail " + to_string(id) + " is damaged: its record is gone");
      mail = from_.lost(id, *why);
    }
    if (!why) {
      if (auto read = carry_content(**mail); !read) why = std::move(read.error());
    } else {
      static_cast<void>(carry_content(**mail));
    }
    if (why)
      for (auto& one : (*mail)->recipients)
        if (one.state == recipient_state::pending || one.state == recipient_state::held) {
          one.state = recipient_state::failed;
          one.failure.emplace(cause::spool_failed, stage::queue, why->detail);
        }
    if (auto done = to_.insert(**mail); !done) return done;
    for (std::size_t position = 0; position < (*mail)->recipients.size(); ++position)
      if (auto done = to_.update(**mail, position); !done) return done;
    std::uint32_t number = 0;
    if (const auto past = from_.history(id); past)
      for (const attempt_record& one : *past)
        if (auto done = to_.record(id, ++number, one); !done) return done;
    if (why) report.damaged.push_back(id);
    else ++report.whole;
    return {};
  }

  /// As many pieces as are whole, from the first on; a failure if there should be more.
  result<void> carry_content(const spooled_mail& mail) {
    std::string piece(piece_size, '\0');
    const std::uint64_t size = mail.content.traits().size;
    for (std::uint64_t number = 0; number * piece_size < size; ++number) {
      auto count = contents_.read(mail.id, size, number * piece_size, piece);
      if (!count) return fail(std::move(count.error()));
      if (auto done = to_.put_pieces(mail.id, number, std::string_view(piece).substr(0, *count)); !done) return done;
    }
    return {};
  }

  database& names_;
  spool_tables& from_;
  content_store& contents_;
  spool_tables& to_;
};

/// Whether the schema of the file can be read, all of it.
inline bool knows_tables(database& one) {
  for (const char* table : {"mail", "recipient", "attempt", "content", "receiving"})
    if (!one.prepare(std::string("SELECT 1 FROM ") + table)) return false;
  return true;
}

/// The first page of a file that a spool made.
inline std::optional<std::string> first_page_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string page(4096, '\0');
  if (!file.read(page.data(), static_cast<std::streamsize>(page.size()))) return std::nullopt;
  return page;
}

}  // namespace detail

/// Makes a new spool of what is whole in the damaged one at `path`, and keeps that one beside it. Nobody else may have
/// it open. Fails, and changes nothing, if it is no spool or the disk has no room for another one. Cut off at any
/// moment, it leaves the damaged file, or the new one in its place, or what `finish_salvage` ends.
inline result<salvage_report> salvage_spool(const std::filesystem::path& path) {
  using namespace detail;
  const salvage_files files(path);
  for (const auto& left : {files.source(), files.making()}) salvage_files::remove(left);
  struct cleaner {
    const salvage_files& files;
    ~cleaner() {
      salvage_files::remove(files.source());
      salvage_files::remove(files.making());
    }
  } const cleaned{files};

  // A second name for the file, with a log of its own: nothing is written to the damaged one.
  std::error_code error;
  std::filesystem::create_hard_link(path, files.source(), error);
  if (error) return fail(cause::spool_failed, stage::queue, path.native() + ": cannot be linked: " + error.message());

  salvage_report report;
  {
    open_options options;
    options.check_for = {};
    auto made = database::open(files.making(), spool_schema, options);
    if (!made) return fail(std::move(made.error()));
    std::optional<std::string> first_page;
    const auto size = std::filesystem::file_size(path, error);
    const auto pages = static_cast<std::uint32_t>(error ? 0 : size / 4096);
    const auto mend = [&] { return mend_log(files.with("-wal"), files.source().native() + "-wal", first_page, pages); };
    if (auto mended = mend(); !mended) return fail(std::move(mended.error()));
    auto names = database::open_damaged(files.source(), spool_schema);
    if ((!names || !knows_tables(*names)) && application_id_of(path) == spool_schema.application_id) {
      // What the first page says is the same in every spool.
      if (auto done = made->execute("PRAGMA wal_checkpoint(TRUNCATE)"); !done) return fail(std::move(done.error()));
      first_page = first_page_of(files.making());
      if (first_page) put_big_endian(*first_page, 28, pages);
      names = fail(cause::spool_failed);  // it would share its index of the log with whoever comes next
      if (auto mended = mend(); !mended) return fail(std::move(mended.error()));
      std::filesystem::remove(files.source().native() + "-shm", error);
      names = database::open_damaged(files.source(), spool_schema);
    }
    auto reads = database::open_damaged(files.source(), spool_schema);
    auto content_reads = database::open_damaged(files.source(), spool_schema);
    if (!names || !reads || !content_reads)
      return fail(!names ? names.error() : !reads ? reads.error() : content_reads.error());
    auto contents = content_store::over(std::move(*content_reads));
    if (!contents) return fail(std::move(contents.error()));
    spool_tables from(std::move(*reads), *contents);
    spool_tables to(std::move(*made), *contents);
    if (auto done = salvage(*names, from, **contents, to).run(report); !done) return fail(std::move(done.error()));
    if (auto done = to.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)"); !done)
      return fail(std::move(done.error()));
  }
  if (auto done = synced(files.making()); !done) return fail(std::move(done.error()));
  if (auto done = moved(files.making(), files.made()); !done) return fail(std::move(done.error()));
  if (auto done = synced(std::filesystem::absolute(path).parent_path()); !done) return fail(std::move(done.error()));
  auto aside = finish_salvage(path);
  if (!aside) return fail(std::move(aside.error()));
  report.kept_aside = std::move(**aside);
  return report;
}

}  // namespace postrider::sqlite
