// What waits to be written: commands and contents in wire order, handed out as gathered pieces without copying
// contents.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/core/ring.hpp>
#include <postrider/mail/content.hpp>
#include <postrider/protocol/data.hpp>

#include <openssl/crypto.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::protocol {

/// First in, first out. The counters tell how far contents have come: the n-th content (from zero) has begun to be
/// gathered if n < `contents_begun()`, has been gathered to its last byte if n < `contents_gathered()`, and its last
/// byte has been written if n < `contents_written()`.
class output {
 public:
  /// Where the next command is appended; valid until the next call of another function.
  std::string& commands() {
    if (queue_.empty() || queue_.back()->body || queue_.back()->staged) queue_.push_back(take_spare());
    return queue_.back()->commands;
  }

  /// The commands just appended are wiped from memory once they are written, or never will be.
  void wipe_after_writing() { queue_.back()->sensitive = true; }

  /// Queues `body` as DATA carries it, with its final dot; returns its number.
  std::uint64_t push_data(content body) { return push(std::move(body), framing::dots); }

  /// Queues the command BDAT for all of `body` and its octets as they are (RFC 3030 section 2), but for a CRLF that is
  /// missing at the end, as DATA would have it; returns its number.
  std::uint64_t push_bdat(content body) {
    using namespace std::string_view_literals;
    const std::uint64_t size = body.traits().size + end_of_last_line(body.traits()).size();
    ((commands() += "BDAT "sv) += std::to_string(size)) += " LAST\r\n"sv;
    return push(std::move(body), framing::count);
  }

  bool empty() const noexcept { return next_ == pieces_.size() && queue_.empty(); }
  std::uint64_t contents_begun() const noexcept { return contents_begun_; }
  std::uint64_t contents_gathered() const noexcept { return contents_gathered_; }
  std::uint64_t contents_written() const noexcept { return contents_gathered_ - ends_.size(); }

  /// Bytes of content that are still to be read from their source or memory, for deciding how far to work ahead.
  std::uint64_t content_left() const noexcept {
    std::uint64_t left = 0;
    for (std::size_t i = 0; i < queue_.size(); ++i)
      if (queue_[i]->body) left += queue_[i]->body->traits().size - queue_[i]->offset;
    return left;
  }

  /// The pieces to write next; they stay valid until all of them are consumed. Fails if a content's source does: what
  /// was handed out before is then all that may ever be written.
  result<std::span<const std::string_view>> gather() {
    if (next_ == pieces_.size()) {
      recycle();
      if (auto staged = stage(); !staged) return fail(std::move(staged.error()));
      pass_ends();
    }
    return std::span<const std::string_view>(pieces_).subspan(next_);
  }

  /// `count` bytes of what `gather` gave have been written.
  void consume(std::size_t count) {
    while (count > 0) {
      std::string_view& piece = pieces_[next_];
      const std::size_t part = std::min(count, piece.size());
      piece.remove_prefix(part);
      count -= part;
      if (piece.empty()) ++next_;
    }
    pass_ends();
  }

 private:
  enum class framing : std::uint8_t { dots, count };

  struct segment {
    segment() = default;
    segment(const segment&) = delete;
    segment& operator=(const segment&) = delete;
    ~segment() { wipe(); }

    /// As new, but for the memory of its text.
    void clear() {
      wipe();
      commands.clear();
      body.reset();
      offset = 0;
      stuffer = dot_stuffer();
      staged = sensitive = false;
    }
    void wipe() {
      if (sensitive) OPENSSL_cleanse(commands.data(), commands.size());
    }

    bool stuffs() const noexcept { return ends_by == framing::dots && body->traits().needs_stuffing; }

    std::string commands;
    std::optional<content> body;
    framing ends_by = framing::dots;
    std::uint64_t offset = 0;  // of the body's bytes not yet staged
    dot_stuffer stuffer;
    bool staged = false;
    bool sensitive = false;
  };

  static constexpr std::size_t stage_limit = 256 * 1024;
  static constexpr std::size_t chunk_size = 64 * 1024;
  static constexpr std::size_t most_spare = 16;

  static std::string_view end_of_last_line(const content_traits& traits) noexcept {
    return traits.ends_with_crlf || traits.size == 0 ? "" : "\r\n";
  }

  std::uint64_t push(content body, framing ends_by) {
    queue_.push_back(take_spare());
    queue_.back()->body.emplace(std::move(body));
    queue_.back()->ends_by = ends_by;
    return contents_queued_++;
  }

  void emit(std::string_view piece) {
    if (!piece.empty()) pieces_.push_back(piece);
  }

  result<void> stage() {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < queue_.size() && bytes < stage_limit; ++i) {
      segment& s = *queue_[i];
      if (!s.body) {
        emit(s.commands);
        bytes += s.commands.size();
        s.staged = true;
        continue;
      }
      if (s.offset == 0) ++contents_begun_;
      auto taken = s.body->bytes() ? stage_memory(s) : stage_source(s);
      if (!taken) return fail(std::move(taken.error()));
      bytes += *taken;
      if (s.offset < s.body->traits().size) break;
      emit(s.ends_by == framing::dots ? s.stuffer.terminator() : end_of_last_line(s.body->traits()));
      s.staged = true;
      ends_.push_back(pieces_.size());
      ++contents_gathered_;
    }
    return {};
  }

  result<std::size_t> stage_memory(segment& s) {
    std::string_view rest = s.body->bytes()->substr(static_cast<std::size_t>(s.offset));
    if (s.stuffs()) rest = rest.substr(0, stage_limit);
    stage_chunk(s, rest);
    return rest.size();
  }

  result<std::size_t> stage_source(segment& s) {
    chunk_.resize(chunk_size);
    const std::uint64_t left = s.body->traits().size - s.offset;
    auto got = s.body->read(
        s.offset, std::span(chunk_).first(static_cast<std::size_t>(std::min<std::uint64_t>(left, chunk_size))));
    if (!got) return got;
    if (*got == 0 && left > 0)
      return fail(cause::source_failed, stage::data, "the content ended before its announced size");
    stage_chunk(s, {chunk_.data(), *got});
    return chunk_size * 4;  // one chunk at a time: its memory is used again
  }

  void stage_chunk(segment& s, std::string_view bytes) {
    s.offset += bytes.size();
    const auto keep = [this](std::string_view piece) { emit(piece); };
    if (s.stuffs()) s.stuffer.stuff(bytes, keep);
    else s.stuffer.pass(bytes, keep);
  }

  void pass_ends() {
    while (!ends_.empty() && ends_.front() <= next_) ends_.pop_front();
    if (next_ == pieces_.size()) recycle();
  }

  void recycle() {
    pieces_.clear();
    next_ = 0;
    while (!queue_.empty() && queue_.front()->staged) {
      queue_.front()->clear();
      if (spare_.size() < most_spare) spare_.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
  }

  std::unique_ptr<segment> take_spare() {
    if (spare_.empty()) return std::make_unique<segment>();
    std::unique_ptr<segment> next = std::move(spare_.back());
    spare_.pop_back();
    return next;
  }

  ring<std::unique_ptr<segment>> queue_;  // pieces point into them: they do not move
  std::vector<std::string_view> pieces_;
  std::size_t next_ = 0;
  ring<std::size_t> ends_;  // of contents among the pieces: one behind the final dot
  std::vector<char> chunk_;
  std::vector<std::unique_ptr<segment>> spare_;  // written, to be used again
  std::uint64_t contents_queued_ = 0;
  std::uint64_t contents_begun_ = 0;
  std::uint64_t contents_gathered_ = 0;
};

}  // namespace postrider::protocol
