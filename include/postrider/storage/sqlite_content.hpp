// The contents in a spool's database: rows of one size, read when somebody sends them.
#pragma once

#include <postrider/core/mail_id.hpp>
#include <postrider/mail/content.hpp>
#include <postrider/storage/checksum.hpp>
#include <postrider/storage/sqlite_database.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace postrider::sqlite {

/// Every row of a content holds so many bytes, its last one what is left.
inline constexpr std::size_t piece_size = 64 * 1024;

/// A content has no more of them: the next one's key would be that of another mail.
inline constexpr std::uint64_t most_pieces = 65'536;

/// The rowid of a piece: ids stay below 2^47, so that a content needs no index.
constexpr std::int64_t piece_key(mail_id mail, std::uint64_t piece) noexcept {
  return static_cast<std::int64_t>((mail.value << 16) | piece);
}

/// What is kept beside a piece, so that a piece that is not what was written, or another one, is not taken for it.
inline std::uint32_t piece_sum(std::int64_t key, std::string_view bytes) noexcept {
  return storage::checksum().add(key).add(bytes).value();
}

/// Reads contents over a connection of its own, from any thread.
class content_store {
 public:
  content_store(database connection, statement select)
      : connection_(std::move(connection)), select_(std::move(select)) {}

  static result<std::shared_ptr<content_store>> over(database connection) {
    auto select = connection.prepare("SELECT bytes, sum FROM content WHERE piece = ?");
    if (!select) return fail(std::move(select.error()));
    return std::make_shared<content_store>(std::move(connection), std::move(*select));
  }

  /// As content_source::read, for the content of `mail`, which is `size` bytes long.
  result<std::size_t> read(mail_id mail, std::uint64_t size, std::uint64_t offset, std::span<char> room) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t end = std::min<std::uint64_t>(size, offset + room.size());
    std::size_t copied = 0;
    while (offset < end) {
      if (auto loaded = load(mail, offset / piece_size); !loaded) return fail(std::move(loaded.error()));
      const auto within = static_cast<std::size_t>(offset % piece_size);
      const std::size_t count = std::min<std::size_t>(piece_.size() - std::min(within, piece_.size()),
                                                      static_cast<std::size_t>(end - offset));
      if (count == 0) return damaged(mail);  // a piece is not there, or too short
      std::memcpy(room.data() + copied, piece_.data() + within, count);
      copied += count;
      offset += count;
    }
    return copied;
  }

  /// Whether a piece of it turned out not to be what was written: no part of that was given to anybody.
  bool is_damaged(mail_id mail) {
    if (!any_damaged_) return false;
    const std::lock_guard lock(mutex_);
    return damaged_.contains(mail);
  }

 private:
  result<void> load(mail_id mail, std::uint64_t number) {
    const std::int64_t key = piece_key(mail, number);
    if (key == key_) return {};
    key_ = 0;
    piece_.clear();
    bool whole = true;
    auto done = select_.each(
        [&](const statement& row) {
          piece_.assign(row.view(0));
          // Files of the first version have no sums.
          whole = row.is_null(1) || row.integer(1) == piece_sum(key, piece_);
        },
        key);
    if (!whole || (!done && is_damage(done.error()))) return damaged(mail);
    if (!done) return fail(cause::source_failed, stage::data, done.error().detail);
    key_ = key;
    return {};
  }

  tl::unexpected<failure> damaged(mail_id mail) {
    damaged_.insert(mail);
    any_damaged_ = true;
    return fail(cause::source_failed, stage::data, "the content of mail " + to_string(mail) + " is damaged");
  }

  std::mutex mutex_;
  database connection_;
  statement select_;
  std::int64_t key_ = 0;  // the piece that was read last, for readers in small steps
  std::string piece_;
  std::unordered_set<mail_id> damaged_;
  std::atomic<bool> any_damaged_{false};
};

/// One content in a content_store.
class stored_content final : public content_source {
 public:
  stored_content(std::shared_ptr<content_store> store, mail_id mail, std::uint64_t size)
      : store_(std::move(store)), mail_(mail), size_(size) {}

  result<std::size_t> read(std::uint64_t offset, std::span<char> room) const override {
    return store_->read(mail_, size_, offset, room);
  }

 private:
  std::shared_ptr<content_store> store_;
  mail_id mail_;
  std::uint64_t size_;
};

}  // namespace postrider::sqlite
