// Which mail is due when, and who has claimed it: what a spool keeps in memory of each mail that waits.
#pragma once

#include <postrider/core/mail_id.hpp>
#include <postrider/delivery/spooled_mail.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace postrider::storage {

/// A small fixed record for each waiting mail; claiming costs what is claimed, however much waits. Thread-safe.
class due_queue {
 public:
  /// `mail` waits until `due`, or, without it, no longer. With `release` its claim ends too.
  void put(mail_id mail, std::optional<spool_time> due, bool release = true) {
    const std::lock_guard lock(mutex_);
    place(mail, due, release);
  }

  /// `mail` is gone.
  void erase(mail_id mail) { put(mail, std::nullopt, true); }

  /// The unclaimed mails due at `now`, the oldest due first, at most `limit`; they belong to `owner` from now on.
  std::vector<mail_id> claim(const std::string& owner, spool_time now, std::size_t limit) {
    const std::lock_guard lock(mutex_);
    std::vector<mail_id> claimed;
    const std::uint32_t number =
        owners_.try_emplace(owner, static_cast<std::uint32_t>(owners_.size() + 1)).first->second;
    while (claimed.size() < limit && !waiting_.empty() && waiting_.begin()->first <= now) {
      const mail_id mail = waiting_.begin()->second;
      waiting_.erase(waiting_.begin());
      records_.at(mail).owner = number;
      claimed.push_back(mail);
    }
    return claimed;
  }

  /// The claim on `mail` ends; it is due when it was.
  void release(mail_id mail) {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(mail);
    if (found != records_.end()) place(mail, found->second.due, true);
  }

  /// All claims of `owner` end.
  void release(const std::string& owner) {
    const std::lock_guard lock(mutex_);
    const auto number = owners_.find(owner);
    if (number == owners_.end()) return;
    std::vector<std::pair<mail_id, std::optional<spool_time>>> mails;
    for (const auto& [mail, record] : records_)
      if (record.owner == number->second) mails.emplace_back(mail, record.due);
    for (const auto& [mail, due] : mails) place(mail, due, true);
  }

  /// When the next unclaimed mail is due.
  std::optional<spool_time> next_due() const {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return std::nullopt;
    return waiting_.begin()->first;
  }

 private:
  static constexpr std::uint32_t nobody = 0;

  struct record {
    std::optional<spool_time> due;
    std::uint32_t owner = nobody;
  };

  void place(mail_id mail, std::optional<spool_time> due, bool release) {
    auto& record = records_[mail];
    if (record.owner == nobody && record.due) waiting_.erase({*record.due, mail});
    if (release) record.owner = nobody;
    record.due = due;
    if (record.owner != nobody) return;
    if (due) waiting_.emplace(*due, mail);
    else records_.erase(mail);
  }

  mutable std::mutex mutex_;
  std::set<std::pair<spool_time, mail_id>> waiting_;  // due and unclaimed
  std::unordered_map<mail_id, record> records_;
  std::unordered_map<std::string, std::uint32_t> owners_;
};

}  // namespace postrider::storage
