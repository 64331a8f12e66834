// How many mails may be in flight on one session: more while all goes well, fewer after trouble.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace postrider::protocol {

/// Limits mails whose content was written ahead of the replies to their envelopes, in number and in bytes of content.
/// Both begin small, so that a server that cannot do it costs few mails, and double with each round trip that ends
/// well.
class send_window {
 public:
  /// `most` mails at once, at least one.
  explicit send_window(std::size_t most) noexcept
      : most_(std::max<std::size_t>(most, 1)), mails_(std::min<std::size_t>(most_, 2)) {}

  /// Whether one more may follow `mails` in flight that have `bytes` of content in all.
  bool admits(std::size_t mails, std::uint64_t bytes) const noexcept {
    return mails == 0 || (mails < mails_ && bytes < bytes_);
  }

  /// A mail of `size` bytes was accepted.
  void grow(std::uint64_t size) noexcept {
    mails_ = std::min(mails_ + 1, most_);
    bytes_ = std::min(bytes_ + size, most_bytes);
  }
  /// Something was put off or refused that had been expected to pass.
  void shrink() noexcept {
    mails_ = std::max<std::size_t>(mails_ / 2, 1);
    bytes_ = std::max(bytes_ / 2, fewest_bytes);
  }

  std::size_t mails() const noexcept { return mails_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::uint64_t fewest_bytes = 64 * 1024;
  static constexpr std::uint64_t most_bytes = 16 * 1024 * 1024;

  std::size_t most_;
  std::size_t mails_;
  std::uint64_t bytes_ = fewest_bytes;
};

}  // namespace postrider::protocol
