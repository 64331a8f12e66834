// A thread that owns a database connection: everything that waits when it gets free is done in one transaction.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/storage/sqlite_database.hpp>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace postrider::sqlite {

/// One piece of work on `Tables`.
template <class Tables>
class job {
 public:
  job() = default;
  job(const job&) = delete;
  job& operator=(const job&) = delete;
  virtual ~job() = default;

  /// On the worker's thread. May run again, after all that it changed was rolled back.
  virtual result<void> run(Tables& tables) = 0;
  /// Once: what `run` did last is on stable storage, or why nothing of it is.
  virtual void finish(result<void> how) noexcept = 0;
};

/// `writes`: jobs share transactions (group commit). Otherwise they read, each by itself.
enum class work_kind : std::uint8_t { writes, reads };

/// Runs jobs in the order they came. Thread-safe.
template <class Tables>
class worker {
 public:
  using job_pointer = std::unique_ptr<job<Tables>>;

  worker(Tables tables, work_kind kind) : tables_(std::move(tables)), kind_(kind), thread_([this] { work(); }) {}
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  ~worker() { stop(); }

  void add(job_pointer one) {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_) {
        waiting_.push_back(std::move(one));
        ready_.notify_one();
        return;
      }
    }
    one->finish(fail(cause::shutting_down, stage::queue, "the spool is closed"));
  }

  /// Finishes what was added; what comes later fails. Not to be called by a job.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    ready_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void work() {
    std::vector<job_pointer> batch;
    while (take(batch)) {
      if (kind_ == work_kind::reads)
        for (auto& one : batch) one->finish(read(*one));
      else write(batch);
      batch.clear();
    }
  }

  bool take(std::vector<job_pointer>& batch) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    batch.swap(waiting_);
    return !batch.empty();
  }

  /// All that one job reads belongs to one moment, whatever is written meanwhile.
  result<void> read(job<Tables>& one) {
    auto done = tables_.connection().execute("BEGIN");
    if (done) done = one.run(tables_);
    if (tables_.connection().in_transaction()) static_cast<void>(tables_.connection().execute("COMMIT"));
    if (!done) return spool_failed(done.error());
    return done;
  }

  /// All in one transaction; if that fails, each in its own, so that one job's trouble is not everybody's.
  void write(std::vector<job_pointer>& batch) {
    auto together = commit(batch.data(), batch.data() + batch.size());
    const bool separately = !together && batch.size() > 1;
    for (auto& one : batch) one->finish(separately ? commit(&one, &one + 1) : together);
  }

  result<void> commit(job_pointer* first, job_pointer* last) {
    auto open = transaction::begin(tables_.connection());
    if (!open) return spool_failed(open.error());
    for (; first != last; ++first)
      if (auto done = (*first)->run(tables_); !done) return spool_failed(done.error());
    if (auto done = open->commit(); !done) return spool_failed(done.error());
    return {};
  }

  /// Whatever SQLite has to say: the operation did not happen, and may be tried again.
  static tl::unexpected<failure> spool_failed(const failure& why) {
    return fail(cause::spool_failed, stage::queue, why.detail);
  }

  Tables tables_;
  work_kind kind_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<job_pointer> waiting_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace postrider::sqlite
