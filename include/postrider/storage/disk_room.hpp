// Whether a disk has room for new mail.
#pragma once

#include <postrider/core/result.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace postrider::storage {

/// Asked before each new mail; thread-safe.
class disk_room {
 public:
  /// `keep_free` bytes of the disk that `folder` lies on are not for new mail.
  disk_room(std::filesystem::path folder, std::uintmax_t keep_free)
      : folder_(std::move(folder)), keep_free_(keep_free) {}

  /// Fails with `spool_failed` if there is too little, `unused` bytes that a file on it has to spare included. A disk
  /// that does not tell is asked by writing.
  result<void> enough(std::uintmax_t unused) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    if (now < plenty_until_.load(std::memory_order_relaxed)) return {};
    std::error_code unknown;
    const auto disk = std::filesystem::space(folder_, unknown);
    if (!unknown && disk.available >= keep_free_ && disk.available - keep_free_ >= plenty)
      plenty_until_.store(now + plenty_lasts, std::memory_order_relaxed);
    if (unknown || disk.available + unused >= keep_free_) return {};
    return fail(cause::spool_failed, stage::queue,
                folder_.native() + ": No space left but what is kept for the mail that is there, " +
                    std::to_string(keep_free_) + " bytes");
  }

 private:
  // Where there is so much, nobody fills it before it is asked for again.
  static constexpr std::uintmax_t plenty = 1024 * 1024 * 1024;
  static constexpr std::chrono::milliseconds plenty_lasts{10};

  std::filesystem::path folder_;
  std::uintmax_t keep_free_;
  std::atomic<std::chrono::steady_clock::duration> plenty_until_{std::chrono::steady_clock::duration::min()};
};

}  // namespace postrider::storage
