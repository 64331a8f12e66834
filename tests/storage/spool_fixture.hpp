// What tests of spools share: both storages under one interface, and mails that are easily told apart.
#pragma once

#include <postrider/storage/memory_spool.hpp>
#include <postrider/storage/sqlite_spool.hpp>

#include "support/run.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <vector>

namespace test {

/// A folder that disappears with it.
class folder {
 public:
  folder() {
    std::string name = (std::filesystem::temp_directory_path() / "postrider-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Awaits on a context that outlives every spool, one for each thread.
template <class T>
T await(asio::awaitable<T> work) {
  static std::mutex mutex;
  static std::deque<asio::io_context> contexts;
  thread_local asio::io_context& context = [&]() -> asio::io_context& {
    const std::lock_guard lock(mutex);
    return contexts.emplace_back(1);
  }();
  return run(context, std::move(work));
}

template <class T>
T good(postrider::result<T> value) {
  if (!value) FAIL(value.error().detail);
  if constexpr (!std::is_void_v<T>) return std::move(*value);
}

struct memory_storage {
  using spool = postrider::memory::spool;
  static constexpr bool keeps = false;
  spool open() { return {}; }
};

struct sqlite_storage {
  using spool = postrider::sqlite::spool;
  static constexpr bool keeps = true;
  spool open() { return good(spool::open(where / "spool.db")); }
  folder where;
};

/// As sqlite_storage, but first deliveries are read back from the file too.
struct cold_sqlite_storage {
  using spool = postrider::sqlite::spool;
  static constexpr bool keeps = true;
  spool open() {
    postrider::sqlite::spool_options options;
    options.fresh_content = 0;
    return good(spool::open(where / "spool.db", options));
  }
  folder where;
};

inline postrider::recipient to(const std::string& address) {
  return postrider::recipient(good(postrider::address::parse(address)));
}

inline postrider::envelope envelope_to(const std::vector<std::string>& addresses,
                                       const std::string& from = "ada@example.com") {
  std::vector<postrider::recipient> recipients;
  for (const auto& one : addresses) recipients.push_back(to(one));
  std::optional<postrider::address> reverse_path;
  if (!from.empty()) reverse_path = good(postrider::address::parse(from));
  return postrider::envelope(std::move(reverse_path), std::move(recipients));
}

/// Makes a mail durable and gives its id.
template <class Spool>
postrider::mail_id put(Spool& spool, const postrider::envelope& envelope,
                       const std::vector<std::string>& pieces = {"a: b\r\n\r\nc\r\n"},
                       const postrider::submitter& from = postrider::submitter("acme", "ada@example.com")) {
  auto writer = good(await(spool.begin(from, envelope)));
  for (const auto& piece : pieces) good(await(writer.append(piece)));
  return good(await(writer.commit()));
}

inline std::string read_all(const postrider::content& content, std::size_t step = 10'000) {
  std::string all, room(step, '\0');
  while (true) {
    const std::size_t count = good(content.read(all.size(), room));
    if (count == 0) return all;
    all.append(room, 0, count);
  }
}

inline std::vector<postrider::mail_id> ids(const std::vector<postrider::spooled_mail>& mails) {
  std::vector<postrider::mail_id> all;
  for (const auto& mail : mails) all.push_back(mail.id);
  return all;
}

/// A failure with every member set to something odd.
inline postrider::failure odd_failure() {
  postrider::failure why(postrider::cause::greylisted, postrider::stage::rcpt, "detail with\nline end and \\n");
  why.outcome = postrider::outcome::unknown;
  why.scope = postrider::scope::account;
  why.action = postrider::action::ask_operator;
  why.field = postrider::field::password;
  why.code = 451;
  why.enhanced = {4, 7, 1};
  why.reply = {"first", "", "third \xff line"};
  why.server = "[::1]:25";
  why.elapsed = std::chrono::milliseconds(1234);
  return why;
}

inline bool same(const postrider::failure& a, const postrider::failure& b) {
  return a.outcome == b.outcome && a.stage == b.stage && a.cause == b.cause && a.scope == b.scope &&
         a.action == b.action && a.field == b.field && a.code == b.code && a.enhanced == b.enhanced &&
         a.reply == b.reply && a.server == b.server && a.elapsed == b.elapsed && a.detail == b.detail;
}

}  // namespace test
