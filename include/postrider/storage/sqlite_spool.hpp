// A spool in one SQLite file: what was acknowledged survives any crash and any power loss.
#pragma once

#include <postrider/delivery/spool.hpp>
#include <postrider/storage/completion.hpp>
#include <postrider/storage/disk_room.hpp>
#include <postrider/storage/due_queue.hpp>
#include <postrider/storage/fresh_mail.hpp>
#include <postrider/storage/sqlite_log.hpp>
#include <postrider/storage/sqlite_salvage_files.hpp>
#include <postrider/storage/sqlite_spool_options.hpp>
#include <postrider/storage/sqlite_spool_reading.hpp>
#include <postrider/storage/sqlite_spool_tables.hpp>
#include <postrider/storage/sqlite_worker.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace postrider::sqlite {

/// One thread writes, and what waits for it shares a commit; another one reads. What is due when, and who has claimed
/// it, is kept in memory. To be destroyed before the io_contexts that await its functions.
class spool {
  /// What a write means for the memory, once it is on stable storage.
  struct effects {
    struct queued {
      mail_id mail;
      std::optional<spool_time> due;
      bool release;
    };
    std::vector<queued> queue;
    std::optional<spooled_mail> fresh;
  };

  template <class T, class Work, class Done>
  class task;

  struct state {
    state(std::filesystem::path folder, spool_tables writes, spool_tables reads, spool_options options)
        : fresh(options.fresh_content),
          room(std::move(folder), options.keep_free),
          durable(options.sync_every_commit),
          writer(std::move(writes), work_kind::writes),
          reader(std::move(reads), work_kind::reads) {}

    void apply(effects&& changes) {
      for (const auto& one : changes.queue) {
        fresh.take(one.mail);  // what is kept there is no longer true
        due.put(one.mail, one.due, one.release);
      }
      if (!changes.fresh) return;
      const auto id = changes.fresh->id;
      const auto first = changes.fresh->next_attempt();
      fresh.keep(std::move(*changes.fresh));
      due.put(id, first);
    }

    /// What is to be told to whoever claims next.
    void tell(failure what) {
      const std::lock_guard lock(news_mutex);
      news = std::move(what);
    }
    std::optional<failure> told() {
      const std::lock_guard lock(news_mutex);
      return std::exchange(news, std::nullopt);
    }
    bool has_news() {
      const std::lock_guard lock(news_mutex);
      return news.has_value();
    }

    mail_id next_id() noexcept { return mail_id{last_id.fetch_add(1, std::memory_order_relaxed) + 1}; }

    std::atomic<std::uint64_t> last_id{0};
    std::mutex news_mutex;
    std::optional<failure> news;
    storage::due_queue due;
    storage::fresh_mail fresh;
    storage::disk_room room;
    std::atomic<bool> failing{false};  // the last write failed
    bool durable;
    worker<spool_tables> writer;
    worker<spool_tables> reader;
  };

 public:
  /// Opens or creates the file at `path`. Errors name it: not writable, of something else, of a newer version, or
  /// corrupt (`is_damage`), as far as a bounded look at it shows; `salvage_spool` makes a whole one of that.
  static result<spool> open(const std::filesystem::path& path, spool_options options = {});

  spool(spool&&) noexcept = default;
  spool& operator=(spool&& other) noexcept {
    close();
    state_ = std::move(other.state_);
    return *this;
  }
  /// Finishes what was begun; writers and contents that still exist fail from now on.
  ~spool() { close(); }

  bool durable() const noexcept { return state_->durable; }

  class writer;
  /// Fails before any content is taken if the disk has less room than is kept free, or if the last write failed and a
  /// small one fails too.
  asio::awaitable<result<writer>> begin(submitter from, envelope to);

  /// A mail that turns out to be damaged is set aside: it is failed, stays listed, and this claim or, if others were
  /// readable, the next one fails and names it.
  asio::awaitable<result<std::vector<spooled_mail>>> claim(std::string owner, spool_time now, std::size_t limit) {
    return take(state_, std::move(owner), now, limit);
  }
  void release(const std::string& owner) { state_->due.release(owner); }
  void release(mail_id id) { state_->due.release(id); }
  std::optional<spool_time> next_due() const {
    if (state_->has_news()) return spool_time();
    return state_->due.next_due();
  }

  asio::awaitable<result<void>> settle(std::span<const settlement> all) {
    return write<void>(
        state_, [ids = state_, changes = std::vector(all.begin(), all.end())](spool_tables& tables, effects& out) {
          result<void> done;
          for (auto change = changes.begin(); done && change != changes.end(); ++change)
            done = settle_one(*ids, tables, *change, out);
          return done;
        });
  }

  asio::awaitable<result<std::optional<spooled_mail>>> find(mail_id id) {
    return read<std::optional<spooled_mail>>(state_, [id](spool_tables& tables, effects&) { return tables.find(id); });
  }
  asio::awaitable<result<std::vector<spooled_mail>>> list(mail_filter filter, mail_id after, std::size_t limit) {
    return read<std::vector<spooled_mail>>(state_,
                                           [filter = std::move(filter), after, limit](spool_tables& tables, effects&) {
                                             return page(tables, filter, after, limit);
                                           });
  }
  /// The mail that stands `count` mails behind `after`, at least 1; nothing if there are fewer. As `mail_filter::until`
  /// it bounds what a list costs, however few mails it asks for match.
  asio::awaitable<result<std::optional<mail_id>>> skip(mail_id after, std::size_t count) {
    return read<std::optional<mail_id>>(
        state_, [after, count](spool_tables& tables, effects&) { return tables.skip(after, count); });
  }
  asio::awaitable<result<std::vector<attempt_record>>> history(mail_id id) {
    return read<std::vector<attempt_record>>(state_,
                                             [id](spool_tables& tables, effects&) { return tables.history(id); });
  }
  asio::awaitable<result<bool>> edit(mail_id id, mail_edit edit) {
    return write<bool>(state_, [id, edit = std::move(edit)](spool_tables& tables, effects& out) -> result<bool> {
      auto mail = tables.find(id);
      if (!mail && edit.what == mail_edit::verb::remove) {  // even if it cannot be read
        out.queue.push_back({id, std::nullopt, true});
        return tables.remove(id).map([] { return true; });
      }
      if (!mail) return fail(std::move(mail.error()));
      if (!*mail) return false;
      postrider::apply(**mail, edit, spool_now());
      std::vector<std::size_t> all((*mail)->recipients.size());
      std::iota(all.begin(), all.end(), std::size_t{0});
      return save(tables, **mail, all, false, out).map([] { return true; });
    });
  }
  asio::awaitable<result<spool_counts>> counts() {
    return read<spool_counts>(state_, [](spool_tables& tables, effects&) { return tables.counts(); });
  }
  /// Of the `limit` mails behind `after`: counting all of many would keep others waiting.
  asio::awaitable<result<counts_of_some>> counts_by_tenant(mail_id after, std::size_t limit) {
    return read<counts_of_some>(
        state_, [after, limit](spool_tables& tables, effects&) { return tables.counts_by_tenant(after, limit); });
  }

 private:
  explicit spool(std::shared_ptr<state> opened) : state_(std::move(opened)) {}

  /// Ids go on from the clock where it is ahead, so that one that was used and removed does not come back after a
  /// restart.
  static std::uint64_t first_id_of_now() noexcept {
    return static_cast<std::uint64_t>(spool_now().time_since_epoch().count()) << 5;  // below 2^47 until the year 2109
  }

  void close() noexcept {
    if (!state_) return;
    state_->writer.stop();
    state_->reader.stop();
  }

  /// Lets a thread do `work(tables, effects)`, and awaits that.
  template <class T, class Work>
  static asio::awaitable<result<T>> write(std::shared_ptr<state> on, Work work) {
    return storage::complete<result<T>>([on = std::move(on), work = std::move(work)](auto done) mutable {
      on->writer.add(
          std::make_unique<task<T, Work, decltype(done)>>(on.get(), std::move(work), std::move(done), &on->failing));
    });
  }
  template <class T, class Work>
  static asio::awaitable<result<T>> read(std::shared_ptr<state> on, Work work) {
    return storage::complete<result<T>>([on = std::move(on), work = std::move(work)](auto done) mutable {
      on->reader.add(std::make_unique<task<T, Work, decltype(done)>>(on.get(), std::move(work), std::move(done)));
    });
  }

  static result<void> set_aside(spool_tables& tables, const std::vector<damaged_mail>& damaged, effects& out) {
    result<void> done;
    for (auto one = damaged.begin(); done && one != damaged.end(); ++one) {
      done = tables.set_aside(one->id, one->why);
      out.queue.push_back({one->id, std::nullopt, true});
    }
    return done;
  }

  /// Writes a changed mail, or removes a finished one.
  static result<void> save(spool_tables& tables, const spooled_mail& mail, std::span<const std::size_t> positions,
                           bool release, effects& out) {
    if (mail.finished()) {
      out.queue.push_back({mail.id, std::nullopt, true});
      return tables.remove(mail.id, mail.content.traits().size, mail.recipients.size(), mail.attempts);
    }
    out.queue.push_back({mail.id, mail.next_attempt(), release});
    auto done = tables.update(mail);
    for (std::size_t position : positions)
      if (done && position < mail.recipients.size()) done = tables.update(mail, position);
    return done;
  }

  static result<void> settle_one(state& ids, spool_tables& tables, const settlement& change, effects& out) {
    if (change.finishes && change.follow_ups.empty()) {
      out.queue.push_back({change.mail, std::nullopt, true});
      return tables.remove(change.mail, change.recipients.size());
    }
    auto mail = tables.find(change.mail);
    if (!mail && mail.error().cause == spool_tables::damaged)
      return set_aside(tables, {{change.mail, mail.error()}}, out);
    if (!mail) return fail(std::move(mail.error()));
    if (!*mail) return {};
    apply(**mail, change);
    std::vector<std::size_t> positions;
    for (const auto& one : change.recipients) positions.push_back(one.position);
    auto done = save(tables, **mail, positions, change.release, out);
    if (done && change.attempt && !(*mail)->finished())
      done = tables.record(change.mail, (*mail)->attempts, *change.attempt);
    for (const auto& next : change.follow_ups) {
      const auto id = ids.next_id();
      const spooled_mail made(id, next.from, next.mail.envelope(), next.mail.content(), spool_now());
      if (done) done = tables.put_content(id, next.mail.content());
      if (done) done = tables.insert(made);
      out.queue.push_back({id, made.next_attempt(), true});
    }
    return done;
  }

  static asio::awaitable<result<std::vector<spooled_mail>>> take(std::shared_ptr<state> from, std::string owner,
                                                                 spool_time now, std::size_t limit) {
    if (auto told = from->told()) co_return fail(std::move(*told));
    const auto ids = from->due.claim(owner, now, limit);
    std::vector<spooled_mail> mails;
    std::vector<mail_id> stored;
    for (mail_id id : ids) {
      auto fresh = from->fresh.take(id);
      if (fresh) mails.push_back(std::move(*fresh));
      else stored.push_back(id);
    }
    if (stored.empty()) co_return mails;
    auto work = [stored](spool_tables& tables, effects&) { return result<loaded_mails>(load(tables, stored)); };
    auto some = co_await read<loaded_mails>(from, std::move(work));
    if (!some) {
      for (mail_id id : ids) from->due.release(id);
      co_return fail(std::move(some.error()));
    }
    for (mail_id id : some->failed) from->due.release(id);
    std::move(some->mails.begin(), some->mails.end(), std::back_inserter(mails));
    if (!some->damaged.empty()) {
      some->why.emplace(cause::spool_failed, stage::queue, names_of(some->damaged));
      // If even that cannot be written they stay claimed: they must not stand in the way of the others.
      auto aside = [damaged = std::move(some->damaged)](spool_tables& tables, effects& out) {
        return set_aside(tables, damaged, out);
      };
      co_await write<void>(from, std::move(aside));
    }
    if (mails.empty() && some->why) co_return fail(cause::spool_failed, stage::queue, some->why->detail);
    if (some->why) from->tell(failure(cause::spool_failed, stage::queue, some->why->detail));
    co_return mails;
  }

  std::shared_ptr<state> state_;
};

/// One piece of work that somebody may await.
template <class T, class Work, class Done>
class spool::task final : public job<spool_tables> {
 public:
  /// `failing`, if given, is to say whether this failed.
  task(state* of, Work work, Done done, std::atomic<bool>* failing = nullptr)
      : state_(of), work_(std::move(work)), done_(std::move(done)), failing_(failing) {}

  result<void> run(spool_tables& tables) override {
    effects_ = effects();
    value_ = work_(tables, effects_);
    if (!value_) return fail(value_.error());
    return {};
  }

  void finish(result<void> how) noexcept override {
    if (failing_ != nullptr) failing_->store(!how, std::memory_order_relaxed);
    if (how) state_->apply(std::move(effects_));
    else value_ = fail(std::move(how.error()));
    done_(std::move(value_));
  }

 private:
  state* state_;  // joins the thread that runs this before it goes
  Work work_;
  Done done_;
  std::atomic<bool>* failing_;
  effects effects_;
  result<T> value_ = fail(cause::spool_failed);
};

/// Writes full pieces as they come, so that a large content does not fill the memory.
class spool::writer {
 public:
  writer() = default;  ///< for asio::co_spawn; of no use until assigned to

  asio::awaitable<result<void>> append(std::string piece) { return add(incoming_, std::move(piece)); }
  asio::awaitable<result<mail_id>> commit() { return finish(incoming_); }

 private:
  friend class spool;

  struct incoming {
    incoming(std::shared_ptr<state> into, submitter from, envelope to)
        : into(std::move(into)), id(this->into->next_id()), from(std::move(from)), to(std::move(to)) {}
    incoming(const incoming&) = delete;
    incoming& operator=(const incoming&) = delete;

    /// Nobody waits for what is left of a mail that was not committed.
    ~incoming() {
      if (written == 0 || committed) return;
      auto forget = [mail = id](spool_tables& tables, effects&) { return tables.forget(mail); };
      const auto nobody = [](const result<void>&) {};
      into->writer.add(
          std::make_unique<task<void, decltype(forget), decltype(nobody)>>(into.get(), std::move(forget), nobody));
    }

    std::shared_ptr<state> into;
    mail_id id;
    submitter from;
    envelope to;
    content_scanner scanner;
    std::string buffer;            // what is not yet written
    std::optional<content> whole;  // all of it, if nothing was written before
    std::uint64_t written = 0;     // pieces
    bool incomplete = false;       // a piece could not be written
    bool committed = false;
  };

  explicit writer(std::shared_ptr<incoming> mail) : incoming_(std::move(mail)) {}

  static constexpr std::size_t flush_at = 4 * piece_size;

  /// What the file itself can spare counts, if the disk is nearly full.
  static asio::awaitable<result<void>> find_room(std::shared_ptr<state> into) {
    auto work = [](spool_tables& tables, effects&) { return tables.unused_bytes(); };
    const auto unused = co_await read<std::uint64_t>(into, std::move(work));
    co_return into->room.enough(unused.value_or(0));
  }

  static asio::awaitable<result<writer>> start(std::shared_ptr<state> into, submitter from, envelope to) {
    if (to.recipients.empty()) co_return fail(cause::invalid_configuration, stage::queue, "a mail without recipients");
    auto room = into->room.enough(0);
    if (!room) room = co_await find_room(into);
    if (!room) co_return fail(std::move(room.error()));
    if (into->failing.load(std::memory_order_relaxed)) {
      auto work = [](spool_tables& tables, effects&) { return tables.write_something(); };
      auto done = co_await write<void>(into, std::move(work));
      if (!done) co_return fail(std::move(done.error()));
    }
    co_return writer(std::make_shared<incoming>(std::move(into), std::move(from), std::move(to)));
  }

  static asio::awaitable<result<void>> add(std::shared_ptr<incoming> mail, std::string piece) {
    if (mail->incomplete) co_return lost();
    mail->scanner.feed(piece);
    if (mail->buffer.empty()) mail->buffer = std::move(piece);
    else mail->buffer += piece;
    if (mail->buffer.size() < flush_at) co_return result<void>();
    auto room = mail->into->room.enough(0);
    if (!room) room = co_await find_room(mail->into);
    if (!room) mail->incomplete = true;
    if (!room) co_return room;
    const std::size_t whole = mail->buffer.size() / piece_size * piece_size;
    auto work = [id = mail->id, first = mail->written, bytes = mail->buffer.substr(0, whole)](
                    spool_tables& tables, effects&) { return tables.receive(id, first, bytes); };
    mail->buffer.erase(0, whole);
    mail->written += whole / piece_size;
    auto done = co_await write<void>(mail->into, std::move(work));
    mail->incomplete = !done;
    co_return done;
  }

  static asio::awaitable<result<mail_id>> finish(std::shared_ptr<incoming> mail) {
    if (mail->incomplete) co_return lost();
    if (mail->written == 0 && !mail->whole) {  // not tried before
      mail->buffer.shrink_to_fit();            // it may wait for long
      mail->whole.emplace(std::move(mail->buffer), mail->scanner.finish());
    }
    auto work = [mail](spool_tables& tables, effects& out) { return put(*mail, tables, out); };
    auto id = co_await write<mail_id>(mail->into, std::move(work));
    mail->committed = id.has_value();
    co_return id;
  }

  static tl::unexpected<failure> lost() {
    return fail(cause::spool_failed, stage::queue, "a piece of this mail could not be written before");
  }

  static result<mail_id> put(incoming& mail, spool_tables& tables, effects& out) {
    spooled_mail made(mail.id, mail.from, mail.to,
                      mail.whole ? *mail.whole : tables.content_of(mail.id, mail.scanner.finish()), spool_now());
    auto done = tables.put_pieces(mail.id, mail.written, mail.whole ? *mail.whole->bytes() : mail.buffer);
    if (done) done = tables.insert(made);
    if (done && mail.written != 0) done = tables.received(mail.id);
    if (!done) return fail(std::move(done.error()));
    out.fresh = std::move(made);
    return mail.id;
  }

  std::shared_ptr<incoming> incoming_;
};

inline asio::awaitable<result<spool::writer>> spool::begin(submitter from, envelope to) {
  return writer::start(state_, std::move(from), std::move(to));
}

inline result<spool> spool::open(const std::filesystem::path& path, spool_options options) {
  if (auto finished = finish_salvage(path); !finished) return fail(std::move(finished.error()));
  // Before SQLite has seen it, which would begin the log anew.
  if (auto damage = damage_of_log(path.native() + "-wal")) return fail(damaged_file(std::move(*damage)));
  if (detail::has_damaged_header(path, spool_schema.application_id))
    return fail(damaged_file(path.native() + ": is corrupt: its header is not what was written"));
  open_options first;
  first.sync_every_commit = options.sync_every_commit;
  first.foreign_keys = false;  // whoever removes a mail knows what belongs to it
  open_options further = first;
  further.check_for = {};
  auto writes = database::open(path, spool_schema, first);
  if (!writes) return fail(std::move(writes.error()));
  // Mail that was delivered is removed like a file, not overwritten: Debian's SQLite would write each of its pages once
  // more. Pages that are used again and again are copied into the file after some thousands of them, not after each.
  auto tuned = writes->execute("PRAGMA secure_delete=OFF; PRAGMA wal_autocheckpoint=4000");
  if (!tuned) return fail(std::move(tuned.error()));
  auto reads = database::open(path, spool_schema, further);
  if (!reads) return fail(std::move(reads.error()));
  auto contents = database::open(path, spool_schema, further).and_then(content_store::over);
  if (!contents) return fail(std::move(contents.error()));

  spool_tables read_tables(std::move(*reads), *contents);
  spool_tables write_tables(std::move(*writes), *contents);
  auto swept = write_tables.sweep();
  if (!swept) return fail(std::move(swept.error()));
  auto last = read_tables.last_id();
  if (!last) return fail(std::move(last.error()));
  std::vector<std::pair<mail_id, spool_time>> waiting;
  auto found = read_tables.waiting([&](mail_id mail, spool_time due) { waiting.emplace_back(mail, due); });
  if (!found) return fail(std::move(found.error()));

  effects aside;
  const auto damaged = find_damaged(read_tables, waiting, options.check_records_for);
  if (!damaged.empty()) {
    auto change = transaction::begin(write_tables.connection());
    auto done = change ? set_aside(write_tables, damaged, aside) : result<void>(fail(change.error()));
    if (done) done = change->commit();
    if (!done) return fail(damaged_file(done.error().detail));  // not even that can be written
  }

  auto opened = std::make_shared<state>(std::filesystem::absolute(path).parent_path(), std::move(write_tables),
                                        std::move(read_tables), options);
  opened->last_id = std::max(last->value, first_id_of_now());
  for (const auto& [mail, due] : waiting) opened->due.put(mail, due);
  opened->apply(std::move(aside));
  if (!damaged.empty()) opened->tell(failure(cause::spool_failed, stage::queue, names_of(damaged)));
  return spool(std::move(opened));
}

static_assert(postrider::spool<spool>);

}  // namespace postrider::sqlite
