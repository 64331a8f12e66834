// A spool's database: its tables, and the statements that read and write them.
#pragma once

#include <postrider/delivery/mail_filter.hpp>
#include <postrider/delivery/settlement.hpp>
#include <postrider/storage/record_text.hpp>
#include <postrider/storage/sqlite_content.hpp>
#include <postrider/storage/sqlite_database.hpp>
#include <postrider/storage/sqlite_spool_schema.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace postrider::sqlite {

/// Of a mail's record, but for what is only told of it: kept beside it, so that nothing else is taken for it.
inline std::uint32_t record_sum(const spooled_mail& mail) noexcept {
  storage::checksum sum;
  const auto& traits = mail.content.traits();
  sum.add(mail.id.value).add(mail.created.time_since_epoch().count()).add(mail.attempts);
  sum.add(mail.from.tenant).add(mail.from.sender).add(mail.from.login).add(mail.from.pin);
  sum.add(mail.reverse_path ? std::string_view(mail.reverse_path->str()) : std::string_view("<>")).add(mail.envid);
  sum.add(to_string(mail.ret)).add(traits.size).add(traits.longest_line).add(traits.eight_bit);
  sum.add(traits.needs_stuffing).add(traits.has_bare_cr_or_lf).add(traits.ends_with_crlf);
  for (const auto& one : mail.recipients) {
    sum.add(one.who.forward_path.str()).add(static_cast<unsigned>(one.who.notify)).add(one.who.orcpt);
    sum.add(to_string(one.state)).add(one.attempts).add(one.next_attempt.time_since_epoch().count());
    sum.add(one.last_delay.count()).add(one.possible_duplicate).add(one.notified);
  }
  return sum.value();
}

/// One connection with its statements. The functions that write are called inside a transaction.
class spool_tables {
 public:
  spool_tables(database connection, std::shared_ptr<content_store> contents)
      : connection_(std::move(connection)), contents_(std::move(contents)) {}

  /// Why `find` fails for a mail that can be read but makes no sense; the spool itself is well.
  static constexpr cause damaged = cause::source_failed;

  database& connection() noexcept { return connection_; }

  /// A handle to the content of `mail`.
  content content_of(mail_id mail, const content_traits& traits) const {
    return content(std::make_shared<stored_content>(contents_, mail, traits.size), traits);
  }

  /// Whether some of its content was read, and is damaged.
  bool has_damaged_content(mail_id mail) const { return contents_->is_damaged(mail); }

  // Writing

  /// Pieces of a mail that is still being received.
  result<void> receive(mail_id mail, std::uint64_t first, std::string_view bytes) {
    if (auto done = run("INSERT OR IGNORE INTO receiving VALUES (?)", mail.value); !done) return done;
    return put_pieces(mail, first, bytes);
  }

  /// The last pieces of a content, from the one numbered `first` on; a piece is full unless it is the last one.
  result<void> put_pieces(mail_id mail, std::uint64_t first, std::string_view bytes) {
    for (; !bytes.empty(); ++first) {
      if (first >= most_pieces) return fail(cause::spool_failed, stage::queue, "a mail has 4 GiB at most");
      const auto piece = bytes.substr(0, piece_size);
      const std::int64_t key = piece_key(mail, first);
      if (auto done = run("INSERT INTO content VALUES (?,?,?)", key, blob{piece}, piece_sum(key, piece)); !done)
        return done;
      bytes.remove_prefix(piece.size());
    }
    return {};
  }

  /// Content that lies elsewhere.
  result<void> put_content(mail_id mail, const content& from) {
    std::string piece(piece_size, '\0');
    for (std::uint64_t number = 0; number * piece_size < from.traits().size; ++number) {
      auto count = from.read(number * piece_size, piece);
      if (!count) return fail(std::move(count.error()));
      if (auto done = put_pieces(mail, number, std::string_view(piece).substr(0, *count)); !done) return done;
    }
    return {};
  }

  /// The record of a new mail, all of whose content is there.
  result<void> insert(const spooled_mail& mail) {
    const auto& traits = mail.content.traits();
    std::optional<std::string_view> reverse_path;
    if (mail.reverse_path) reverse_path = mail.reverse_path->str();
    auto done =
        run("INSERT INTO mail VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", mail.id.value, count(mail.created),
            due(mail), state_of(mail), mail.attempts, mail.from.tenant, mail.from.sender, mail.from.login,
            mail.from.pin, reverse_path, mail.envid, to_string(mail.ret), traits.size, traits.longest_line,
            traits.eight_bit, traits.needs_stuffing, traits.has_bare_cr_or_lf, traits.ends_with_crlf, record_sum(mail));
    for (std::size_t position = 0; done && position < mail.recipients.size(); ++position) {
      const auto& r = mail.recipients[position];
      done = run(
          "INSERT INTO recipient (mail, position, address, notify, orcpt, state, attempts, next_attempt, last_delay,"
          " possible_duplicate, notified) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
          mail.id.value, position, r.who.forward_path.str(), r.who.notify, r.who.orcpt, to_string(r.state), r.attempts,
          count(r.next_attempt), r.last_delay.count(), r.possible_duplicate, r.notified);
    }
    return done;
  }

  /// All of the mail is there now, or none of it any more.
  result<void> received(mail_id mail) { return run("DELETE FROM receiving WHERE mail = ?", mail.value); }

  /// What may change of a mail.
  result<void> update(const spooled_mail& mail) {
    return run("UPDATE mail SET due = ?, state = ?, attempts = ?, pin = ?, sum = ? WHERE id = ?", due(mail),
               state_of(mail), mail.attempts, mail.from.pin, record_sum(mail), mail.id.value);
  }

  /// What may change of one of its recipients.
  result<void> update(const spooled_mail& mail, std::size_t position) {
    const auto& r = mail.recipients[position];
    std::optional<std::string_view> cause, server;
    std::optional<std::string> text;
    if (r.failure) {
      cause = to_string(r.failure->cause);
      server = r.failure->server;
      text = storage::to_text(*r.failure);
    }
    return run(
        "UPDATE recipient SET state = ?, attempts = ?, next_attempt = ?, last_delay = ?, possible_duplicate = ?,"
        " notified = ?, cause = ?, server = ?, failure = ? WHERE mail = ? AND position = ?",
        to_string(r.state), r.attempts, count(r.next_attempt), r.last_delay.count(), r.possible_duplicate, r.notified,
        cause, server, text, mail.id.value, position);
  }

  result<void> record(mail_id mail, std::uint32_t number, const attempt_record& attempt) {
    return run("INSERT INTO attempt VALUES (?,?,?,?)", mail.value, number, count(attempt.at),
               storage::to_text(attempt.receipt));
  }

  /// A mail with its content and its history, whatever there is of it.
  result<void> remove(mail_id mail) {
    auto done = run("DELETE FROM content WHERE piece BETWEEN ? AND ?", piece_key(mail, 0), piece_key(mail, 0xffff));
    if (done) done = run("DELETE FROM recipient WHERE mail = ?", mail.value);
    if (done) done = run("DELETE FROM attempt WHERE mail = ?", mail.value);
    if (done) done = run("DELETE FROM mail WHERE id = ?", mail.value);
    return done;
  }

  /// The same, if it is known what there is: row by row, which costs SQLite a fraction.
  result<void> remove(mail_id mail, std::uint64_t size, std::size_t recipients, std::uint32_t attempts) {
    result<void> done;
    for (std::uint64_t piece = 0; done && piece * piece_size < size; ++piece)
      done = run("DELETE FROM content WHERE piece = ?", piece_key(mail, piece));
    for (std::size_t position = 0; done && position < recipients; ++position)
      done = run("DELETE FROM recipient WHERE mail = ? AND position = ?", mail.value, position);
    for (std::uint32_t number = 1; done && number <= attempts; ++number)
      done = run("DELETE FROM attempt WHERE mail = ? AND number = ?", mail.value, number);
    if (done) done = run("DELETE FROM mail WHERE id = ?", mail.value);
    return done;
  }

  /// The same for a mail with so many recipients, of which nothing else need be known.
  result<void> remove(mail_id mail, std::size_t recipients) {
    std::optional<std::pair<std::uint64_t, std::uint32_t>> found;
    auto done = each(
        "SELECT size, attempts FROM mail WHERE id = ?",
        [&](const statement& row) {
          found.emplace(static_cast<std::uint64_t>(row.integer(0)), static_cast<std::uint32_t>(row.integer(1)));
        },
        mail.value);
    if (!done || !found) return done;
    return remove(mail, found->first, recipients, found->second);
  }

  /// What was received of a mail, if it never became one.
  result<void> forget(mail_id mail) {
    bool receiving = false;
    auto done = each(
        "SELECT 1 FROM receiving WHERE mail = ?", [&](const statement&) { receiving = true; }, mail.value);
    if (done && receiving) done = remove(mail);
    if (done && receiving) done = received(mail);
    return done;
  }

  /// Changes nothing, and fails if the disk does.
  result<void> write_something() {
    return connection_.execute("PRAGMA user_version = " + std::to_string(std::size(spool_migrations)));
  }

  /// A damaged mail is failed: it is not tried any more, and stays listed until an operator removes it.
  result<void> set_aside(mail_id mail, const failure& why) {
    auto done = run("UPDATE mail SET due = NULL, state = 'failed', sum = NULL WHERE id = ?", mail.value);
    if (!done) return done;
    return run(
        "UPDATE recipient SET state = 'failed', cause = ?, failure = ? WHERE mail = ? AND state NOT IN ('accepted', "
        "'removed', 'failed')",
        to_string(why.cause), storage::to_text(why), mail.value);
  }

  /// Pieces of mails that were being received when the process ended.
  result<void> sweep() {
    std::vector<mail_id> orphans;
    auto done = each("SELECT mail FROM receiving", [&](const statement& row) { orphans.push_back(id_at(row, 0)); });
    for (mail_id mail : orphans)
      if (done) done = forget(mail);
    return done;
  }

  // Reading

  result<std::optional<spooled_mail>> find(mail_id id) {
    std::optional<failure> damage;
    auto mail = read(id, damage);
    if (mail && damage) return fail(std::move(*damage));
    return mail;
  }

  /// As `find`; a damaged mail is given as far as it can be read: failed, because it is damaged.
  result<std::optional<spooled_mail>> remains(mail_id id) {
    std::optional<failure> damage;
    auto mail = read(id, damage);
    if (!mail || !*mail || !damage) return mail;
    if ((*mail)->recipients.empty())
      (*mail)->recipients.emplace_back(recipient(*address::parse("unreadable@invalid")), (*mail)->created);
    for (auto& one : (*mail)->recipients) {
      one.state = recipient_state::failed;
      one.failure.emplace(cause::spool_failed, stage::queue, damage->detail);
    }
    return mail;
  }

  /// A mail of which nothing is known but that it was there.
  spooled_mail lost(mail_id id, const failure& why) const {
    spooled_mail mail = unreadable(id);
    mail.recipients.emplace_back(recipient(*address::parse("unreadable@invalid")), mail.created);
    mail.recipients.back().state = recipient_state::failed;
    mail.recipients.back().failure = why;
    return mail;
  }

  result<std::vector<mail_id>> list(const mail_filter& filter, mail_id after, std::size_t limit) {
    std::optional<std::string_view> state, cause;
    std::optional<std::int64_t> before;
    // Not "?12 IS NULL OR ...": that would not end the search.
    constexpr auto no_end = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const std::uint64_t until = filter.until ? filter.until->value : no_end;
    if (filter.state) state = to_string(*filter.state);
    if (filter.cause) cause = to_string(*filter.cause);
    if (filter.created_before) before = count(*filter.created_before);
    const bool of_recipient = state || cause || !filter.recipient.empty() || !filter.server.empty();
    std::vector<mail_id> ids;
    auto done = each(
        "SELECT id FROM mail WHERE id > ?1 AND id <= ?12 AND (?2 = '' OR tenant = ?2) AND (?3 = '' OR sender = ?3) AND "
        "(?4 = '' OR "
        "pin = ?4)"
        " AND (?5 IS NULL OR created < ?5) AND (NOT ?6 OR EXISTS (SELECT 1 FROM recipient WHERE mail = mail.id"
        " AND (?7 IS NULL OR recipient.state = ?7) AND (?8 IS NULL OR cause = ?8) AND (?9 = '' OR server = ?9)"
        " AND instr(address, ?10) > 0)) ORDER BY id LIMIT ?11",
        [&](const statement& row) { ids.push_back(id_at(row, 0)); }, after.value, filter.tenant, filter.sender,
        filter.pin, before, of_recipient, state, cause, filter.server, filter.recipient, limit, until);
    if (!done) return fail(std::move(done.error()));
    return ids;
  }

  /// The mail that stands `count` mails behind `after`; nothing if there are fewer.
  result<std::optional<mail_id>> skip(mail_id after, std::size_t count) {
    std::optional<mail_id> found;
    auto done = each(
        "SELECT id FROM mail WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?",
        [&](const statement& row) { found = id_at(row, 0); }, after.value, count - 1);
    if (!done) return fail(std::move(done.error()));
    return found;
  }

  result<std::vector<attempt_record>> history(mail_id mail) {
    std::vector<attempt_record> records;
    auto done = each(
        "SELECT at, receipt FROM attempt WHERE mail = ? ORDER BY number",
        [&](const statement& row) {
          records.emplace_back(time(row.integer(0)), storage::receipt_from_text(row.view(1)));
        },
        mail.value);
    if (!done) return fail(std::move(done.error()));
    return records;
  }

  result<spool_counts> counts() {
    spool_counts counted;
    auto done = each("SELECT state, count(*) FROM mail GROUP BY state", [&](const statement& row) {
      const auto many = static_cast<std::uint64_t>(row.integer(1));
      (row.view(0) == "pending" ? counted.waiting : row.view(0) == "held" ? counted.held : counted.failed) = many;
    });
    if (!done) return fail(std::move(done.error()));
    return counted;
  }

  /// The same for each tenant, of the `limit` mails behind `after`.
  result<counts_of_some> counts_by_tenant(mail_id after, std::size_t limit) {
    counts_of_some counted;
    std::size_t all = 0;
    mail_id last;
    auto done = each(
        "SELECT tenant, state, count(*), max(id) FROM (SELECT id, tenant, state FROM mail WHERE id > ? ORDER BY id"
        " LIMIT ?) GROUP BY tenant, state",
        [&](const statement& row) {
          spool_counts& of = counted.by_tenant[row.text(0)];
          const auto many = static_cast<std::uint64_t>(row.integer(2));
          (row.view(1) == "pending" ? of.waiting : row.view(1) == "held" ? of.held : of.failed) = many;
          all += many;
          last = std::max(last, id_at(row, 3));
        },
        after.value, limit);
    if (!done) return fail(std::move(done.error()));
    if (all == limit) counted.next = last;
    return counted;
  }

  /// Calls `on_due(mail_id, spool_time)` for every mail with a pending recipient.
  template <class OnDue>
  result<void> waiting(OnDue on_due) {
    // Not by the index: what is wrong with that must not hide a mail.
    return each("SELECT id, due FROM mail NOT INDEXED WHERE due IS NOT NULL",
                [&](const statement& row) { on_due(id_at(row, 0), time(row.integer(1))); });
  }

  /// What the file holds room for, and nothing uses.
  result<std::uint64_t> unused_bytes() {
    std::int64_t bytes = 0;
    auto done = each("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size",
                     [&](const statement& row) { bytes = row.integer(0); });
    if (!done) return fail(std::move(done.error()));
    return static_cast<std::uint64_t>(bytes);
  }

  /// The greatest id in use.
  result<mail_id> last_id() {
    mail_id last;
    auto done =
        each("SELECT max(coalesce((SELECT max(id) FROM mail), 0), coalesce((SELECT max(mail) FROM receiving), 0))",
             [&](const statement& row) { last = id_at(row, 0); });
    if (!done) return fail(std::move(done.error()));
    return last;
  }

 private:
  static std::int64_t count(spool_time time) noexcept { return time.time_since_epoch().count(); }
  static spool_time time(std::int64_t count) noexcept { return spool_time(std::chrono::milliseconds(count)); }
  static mail_id id_at(const statement& row, int column) noexcept {
    return mail_id{static_cast<std::uint64_t>(row.integer(column))};
  }
  static std::optional<std::int64_t> due(const spooled_mail& mail) noexcept {
    const auto next = mail.next_attempt();
    if (!next) return std::nullopt;
    return count(*next);
  }
  static std::string_view state_of(const spooled_mail& mail) noexcept {
    using enum recipient_state;
    return to_string(mail.any(pending) ? pending : mail.any(held) ? held : failed);
  }

  result<std::optional<spooled_mail>> read(mail_id id, std::optional<failure>& damage) {
    std::optional<spooled_mail> mail;
    std::optional<std::int64_t> sum;
    auto done = each(
        "SELECT created, attempts, tenant, sender, login, pin, reverse_path, envid, ret, size, longest_line, eight_bit,"
        " needs_stuffing, has_bare_cr_or_lf, ends_with_crlf, sum FROM mail WHERE id = ?",
        [&](const statement& row) {
          read_mail(row, id, mail, damage);
          if (!row.is_null(15)) sum = row.integer(15);
        },
        id.value);
    if (done && mail)
      done = each(
          "SELECT address, notify, orcpt, state, attempts, next_attempt, last_delay, possible_duplicate, notified, "
          "failure"
          " FROM recipient WHERE mail = ? ORDER BY position",
          [&](const statement& row) { read_recipient(row, *mail, damage); }, id.value);
    if (!done && is_damage(done.error())) {
      damage.emplace(std::move(done.error()));
      if (!mail) mail = unreadable(id);
    } else if (!done) {
      return fail(std::move(done.error()));
    }
    if (mail && mail->recipients.empty() && !damage) damage.emplace(damaged, stage::queue, "it has no recipients");
    if (mail && sum && !damage && *sum != record_sum(*mail))
      damage.emplace(damaged, stage::queue, "its record is not what was written");
    if (damage) damage.emplace(damaged, stage::queue, "mail " + to_string(id) + " is damaged: " + damage->detail);
    return mail;
  }

  /// Of whom nothing is known any more.
  spooled_mail unreadable(mail_id id) const {
    return spooled_mail(id, submitter(), envelope(std::nullopt, {}), content_of(id, {}), spool_time());
  }

  void read_mail(const statement& row, mail_id id, std::optional<spooled_mail>& into,
                 std::optional<failure>& damage) const {
    std::optional<address> reverse_path;
    if (!row.is_null(6)) {
      auto parsed = address::parse(row.view(6), field::sender);
      if (!parsed) damage = parsed.error();
      else reverse_path = std::move(*parsed);
    }
    content_traits traits;
    traits.size = static_cast<std::uint64_t>(row.integer(9));
    traits.longest_line = static_cast<std::uint32_t>(row.integer(10));
    traits.eight_bit = row.integer(11) != 0;
    traits.needs_stuffing = row.integer(12) != 0;
    traits.has_bare_cr_or_lf = row.integer(13) != 0;
    traits.ends_with_crlf = row.integer(14) != 0;
    envelope what(std::move(reverse_path), {});
    what.envid = row.text(7);
    what.ret = from_string<ret>(row.view(8)).value_or(ret::none);
    into.emplace(id, submitter(row.text(2), row.text(3), row.text(4), row.text(5)), what, content_of(id, traits),
                 time(row.integer(0)));
    into->attempts = static_cast<std::uint32_t>(row.integer(1));
  }

  static void read_recipient(const statement& row, spooled_mail& into, std::optional<failure>& damage) {
    auto who = address::parse(row.view(0));
    const auto state = from_string<recipient_state>(row.view(3));
    if (!who || !state) {
      damage = who ? failure(cause::spool_failed, stage::queue, "unknown state " + row.text(3)) : who.error();
      return;
    }
    recipient named(std::move(*who));
    named.notify = static_cast<notify>(row.integer(1));
    named.orcpt = row.text(2);
    auto& r = into.recipients.emplace_back(std::move(named), time(row.integer(5)));
    r.state = *state;
    r.attempts = static_cast<std::uint32_t>(row.integer(4));
    r.last_delay = std::chrono::milliseconds(row.integer(6));
    r.possible_duplicate = row.integer(7) != 0;
    r.notified = row.integer(8) != 0;
    if (!row.is_null(9)) r.failure = storage::failure_from_text(row.view(9));
  }

  result<statement*> prepared(const char* sql) {
    auto found = statements_.find(sql);
    if (found == statements_.end()) {
      auto made = connection_.prepare(sql);
      if (!made) return fail(std::move(made.error()));
      found = statements_.emplace(sql, std::move(*made)).first;
    }
    return &found->second;
  }

  template <class... Values>
  result<void> run(const char* sql, const Values&... values) {
    return each(
        sql, [](const statement&) {}, values...);
  }

  template <class OnRow, class... Values>
  result<void> each(const char* sql, OnRow&& on_row, const Values&... values) {
    auto query = prepared(sql);
    if (!query) return fail(std::move(query.error()));
    return (*query)->each(on_row, values...);
  }

  database connection_;
  std::shared_ptr<content_store> contents_;
  std::unordered_map<const char*, statement> statements_;  // by the literal's address
};

}  // namespace postrider::sqlite
