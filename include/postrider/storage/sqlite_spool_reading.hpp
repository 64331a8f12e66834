// Many mails at once from a spool's tables, whatever some of them have suffered.
#pragma once

#include <postrider/storage/sqlite_spool_tables.hpp>

#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postrider::sqlite {

/// A mail whose record makes no sense.
struct damaged_mail {
  mail_id id;
  failure why;
};

/// What could be read of some mails, and what could not.
struct loaded_mails {
  std::vector<spooled_mail> mails;
  std::vector<damaged_mail> damaged;  ///< they will not get any better
  std::vector<mail_id> failed;        ///< they may be read another time
  std::optional<failure> why;         ///< the first of the failed was not read
};

inline loaded_mails load(spool_tables& tables, const std::vector<mail_id>& ids) {
  loaded_mails all;
  for (mail_id id : ids) {
    auto mail = tables.find(id);
    if (mail && *mail && tables.has_damaged_content(id)) {
      const std::string what = "mail " + to_string(id) + " is damaged: its content is not what was written";
      all.damaged.push_back({id, failure(cause::spool_failed, stage::queue, what)});
      continue;
    }
    if (mail && *mail) all.mails.push_back(std::move(**mail));
    if (mail) continue;
    if (mail.error().cause == spool_tables::damaged) {
      all.damaged.push_back({id, failure(cause::spool_failed, stage::queue, mail.error().detail)});
      continue;
    }
    all.failed.push_back(id);
    if (!all.why) all.why = std::move(mail.error());
  }
  return all;
}

/// "first; second": what is said of damaged mails.
inline std::string names_of(const std::vector<damaged_mail>& damaged) {
  std::string names;
  for (const auto& one : damaged) names += (names.empty() ? "" : "; ") + one.why.detail;
  return names;
}

/// Reads the records of `waiting`, the first ones, until `limit` has passed; the others are checked when they are
/// claimed.
inline std::vector<damaged_mail> find_damaged(spool_tables& tables,
                                              const std::vector<std::pair<mail_id, spool_time>>& waiting,
                                              std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  std::vector<damaged_mail> damaged;
  for (const auto& one : waiting) {
    if (std::chrono::steady_clock::now() >= until) break;
    auto read = load(tables, {one.first});
    std::move(read.damaged.begin(), read.damaged.end(), std::back_inserter(damaged));
  }
  return damaged;
}

/// Those behind `after` that match, in the order of their ids; damaged ones as far as they can be read.
inline result<std::vector<spooled_mail>> page(spool_tables& tables, const mail_filter& filter, mail_id after,
                                              std::size_t limit) {
  const auto ids = tables.list(filter, after, limit);
  if (!ids) return fail(ids.error());
  std::vector<spooled_mail> mails;
  for (mail_id id : *ids) {
    auto mail = tables.remains(id);
    if (!mail) return fail(std::move(mail.error()));
    if (*mail) mails.push_back(std::move(**mail));
  }
  return mails;
}

}  // namespace postrider::sqlite
