// A spool that keeps its mail in memory: for tests, and for programs that can afford to lose it.
#pragma once

#include <postrider/delivery/spool.hpp>
#include <postrider/storage/completion.hpp>
#include <postrider/storage/due_queue.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace postrider::memory {

/// Not durable: what it holds ends with the process. Everything completes at once.
class spool {
  struct entry {
    explicit entry(spooled_mail record) : record(std::move(record)) {}
    spooled_mail record;
    std::vector<attempt_record> history;
  };

  struct state {
    mail_id add(const submitter& from, const envelope& to, content what) {
      const mail_id id{++last_id};
      const auto now = spool_now();
      mails.emplace(id, entry(spooled_mail(id, from, to, std::move(what), now)));
      due.put(id, now);
      return id;
    }

    /// Puts a changed mail where it belongs now.
    void place(std::map<mail_id, entry>::iterator at, bool release) {
      const mail_id id = at->first;
      if (at->second.record.finished()) {
        due.erase(id);
        mails.erase(at);
      } else {
        due.put(id, at->second.record.next_attempt(), release);
      }
    }

    std::mutex mutex;
    std::map<mail_id, entry> mails;
    std::uint64_t last_id = 0;
    storage::due_queue due;
  };

 public:
  class writer {
   public:
    writer() = default;  ///< for asio::co_spawn; of no use until assigned to

    asio::awaitable<result<void>> append(std::string piece) {
      return storage::immediately([mail = incoming_, piece = std::move(piece)] {
        mail->bytes += piece;
        return result<void>();
      });
    }
    asio::awaitable<result<mail_id>> commit() {
      return storage::immediately([mail = incoming_] {
        const std::lock_guard lock(mail->into->mutex);
        return result<mail_id>(mail->into->add(mail->from, mail->to, content(std::move(mail->bytes))));
      });
    }

   private:
    friend class spool;
    struct incoming {
      std::shared_ptr<state> into;
      submitter from;
      envelope to;
      std::string bytes;
    };
    explicit writer(std::shared_ptr<incoming> mail) : incoming_(std::move(mail)) {}
    std::shared_ptr<incoming> incoming_;
  };

  bool durable() const noexcept { return false; }

  asio::awaitable<result<writer>> begin(submitter from, envelope to) {
    return storage::immediately([state = state_, from = std::move(from), to = std::move(to)] {
      if (to.recipients.empty())
        return result<writer>(fail(cause::invalid_configuration, stage::queue, "a mail without recipients"));
      return result<writer>(writer(std::make_shared<writer::incoming>(writer::incoming{state, from, to, {}})));
    });
  }

  asio::awaitable<result<std::vector<spooled_mail>>> claim(std::string owner, spool_time now, std::size_t limit) {
    return storage::immediately([state = state_, owner = std::move(owner), now, limit] {
      const std::lock_guard lock(state->mutex);
      std::vector<spooled_mail> claimed;
      for (mail_id id : state->due.claim(owner, now, limit)) claimed.push_back(state->mails.at(id).record);
      return result<std::vector<spooled_mail>>(std::move(claimed));
    });
  }
  void release(const std::string& owner) { state_->due.release(owner); }
  void release(mail_id id) { state_->due.release(id); }
  std::optional<spool_time> next_due() const { return state_->due.next_due(); }

  asio::awaitable<result<void>> settle(std::span<const settlement> all) {
    return storage::immediately([state = state_, changes = std::vector(all.begin(), all.end())] {
      const std::lock_guard lock(state->mutex);
      for (const auto& change : changes) {
        const auto found = state->mails.find(change.mail);
        if (found == state->mails.end()) continue;
        apply(found->second.record, change);
        if (change.attempt) found->second.history.push_back(*change.attempt);
        for (const auto& next : change.follow_ups) state->add(next.from, next.mail.envelope(), next.mail.content());
        state->place(found, change.release);
      }
      return result<void>();
    });
  }

  asio::awaitable<result<std::optional<spooled_mail>>> find(mail_id id) {
    return storage::immediately([state = state_, id] {
      const std::lock_guard lock(state->mutex);
      std::optional<spooled_mail> record;
      const auto found = state->mails.find(id);
      if (found != state->mails.end()) record = found->second.record;
      return result<std::optional<spooled_mail>>(std::move(record));
    });
  }

  asio::awaitable<result<std::vector<spooled_mail>>> list(mail_filter filter, mail_id after, std::size_t limit) {
    return storage::immediately([state = state_, filter = std::move(filter), after, limit] {
      const std::lock_guard lock(state->mutex);
      std::vector<spooled_mail> page;
      for (auto at = state->mails.upper_bound(after); at != state->mails.end() && page.size() < limit; ++at)
        if (matches(filter, at->second.record)) page.push_back(at->second.record);
      return result<std::vector<spooled_mail>>(std::move(page));
    });
  }

  asio::awaitable<result<std::vector<attempt_record>>> history(mail_id id) {
    return storage::immediately([state = state_, id] {
      const std::lock_guard lock(state->mutex);
      std::vector<attempt_record> records;
      const auto found = state->mails.find(id);
      if (found != state->mails.end()) records = found->second.history;
      return result<std::vector<attempt_record>>(std::move(records));
    });
  }

  asio::awaitable<result<bool>> edit(mail_id id, mail_edit edit) {
    return storage::immediately([state = state_, id, edit = std::move(edit)] {
      const std::lock_guard lock(state->mutex);
      const auto found = state->mails.find(id);
      if (found == state->mails.end()) return result<bool>(false);
      apply(found->second.record, edit, spool_now());
      state->place(found, false);
      return result<bool>(true);
    });
  }

  asio::awaitable<result<spool_counts>> counts() {
    return storage::immediately([state = state_] {
      const std::lock_guard lock(state->mutex);
      spool_counts counted;
      for (const auto& [id, mail] : state->mails) counted.add(mail.record);
      return result<spool_counts>(counted);
    });
  }

 private:
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

static_assert(postrider::spool<spool>);

}  // namespace postrider::memory
