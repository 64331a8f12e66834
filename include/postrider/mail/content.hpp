// The bytes of a mail after DATA: header section and body with CRLF line ends, without dot stuffing.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/mail/content_traits.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace postrider {

/// Where the bytes of a content lie if not in memory: a spool, a file. Reads may come from several threads at once.
class content_source {
 public:
  content_source() = default;
  content_source(const content_source&) = delete;
  content_source& operator=(const content_source&) = delete;
  virtual ~content_source() = default;

  /// Fills `room` from the byte at `offset` on; less than asked for only at the end, 0 behind it.
  virtual result<std::size_t> read(std::uint64_t offset, std::span<char> room) const = 0;
};

/// An immutable handle; copies share the bytes.
class content {
 public:
  /// Bytes in memory, in canonical form: `content(canonical(text))`.
  explicit content(std::string canonical_bytes)
      : content(content_traits::of(canonical_bytes), std::move(canonical_bytes), nullptr) {}
  /// The same, if a `content_scanner` has looked at them already.
  content(std::string canonical_bytes, content_traits traits) : content(traits, std::move(canonical_bytes), nullptr) {}
  /// Bytes elsewhere. The traits are those that a `content_scanner` found when they were put there.
  content(std::shared_ptr<const content_source> source, content_traits traits)
      : content(traits, std::string(), std::move(source)) {}

  const content_traits& traits() const noexcept { return state_->traits; }

  /// All of it, if it lies in memory; valid as long as any copy of this content lives.
  std::optional<std::string_view> bytes() const noexcept {
    if (state_->source) return std::nullopt;
    return state_->bytes;
  }

  /// Fills `room` from the byte at `offset` on; less than asked for only at the end, 0 behind it.
  result<std::size_t> read(std::uint64_t offset, std::span<char> room) const {
    if (state_->source) return read_source(offset, room);
    const std::string& bytes = state_->bytes;
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(room.size(), bytes.size() - static_cast<std::size_t>(offset));
    if (count != 0) std::memcpy(room.data(), bytes.data() + offset, count);
    return count;
  }

 private:
  struct state {
    std::string bytes;
    std::shared_ptr<const content_source> source;
    content_traits traits;
  };

  /// A source that throws has failed: a session that is written by several coroutines has nobody to throw to.
  result<std::size_t> read_source(std::uint64_t offset, std::span<char> room) const {
    try {
      return state_->source->read(offset, room);
    } catch (const std::exception& thrown) {
      return fail(cause::source_failed, stage::data, thrown.what());
    }
  }

  content(content_traits traits, std::string&& bytes, std::shared_ptr<const content_source> source) {
    auto made = std::make_shared<state>();
    made->traits = traits;
    made->bytes = std::move(bytes);
    made->source = std::move(source);
    state_ = std::move(made);
  }

  std::shared_ptr<const state> state_;
};

}  // namespace postrider
