// Content on its way in: decoded, measured, judged, and gathered into pieces.
#pragma once

#include <postrider/protocol/chunk_decoder.hpp>
#include <postrider/protocol/data_decoder.hpp>
#include <postrider/protocol/hop_counter.hpp>
#include <postrider/protocol/server_settings.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::protocol {

/// Takes the content of one mail. Once it is refused its bytes are dropped, up to its end.
class content_receiver {
 public:
  /// How the end of the content is told: by a dot behind DATA, or by the last chunk of BDAT.
  enum class framing : std::uint8_t { dot, chunks };

  enum class verdict : std::uint8_t {
    fine,
    too_big,
    bare_line_end,  ///< a CR or LF alone
    loop,           ///< it has passed too many servers
    continuation    ///< its first line would continue the field that is put before it
  };

  content_receiver() = default;

  /// `first` goes before the content and does not count. `expected` is the size that the client declared, or zero.
  content_receiver(const server_settings& settings, std::string first, std::uint64_t expected,
                   framing ends_by = framing::dot)
      : settings_(&settings), piece_(std::move(first)), framing_(ends_by) {
    const std::uint64_t size = expected == 0 ? 4096 : expected + piece_.size();
    piece_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(size, settings.piece + piece_.size())));
  }

  /// Takes bytes as they came (of one chunk, where they come in chunks) and returns how many it used. Stops at the end
  /// of the content, and where a piece is full.
  std::size_t take(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && !ended() && !decoder_.ended_wrongly() && !full()) {
      const auto gather = [this](std::string_view decoded) { keep(decoded); };
      const std::string_view some = bytes.substr(used, settings_->piece);
      if (framing_ == framing::chunks) {
        chunks_.decode(some, gather);
        used += some.size();
      } else {
        used += decoder_.decode(some, gather);
      }
      judge();
    }
    return used;
  }

  /// The last chunk was complete.
  void end_chunks() noexcept {
    last_chunk_ended_ = true;
    chunks_.end();
    judge();
  }

  bool ended() const noexcept { return decoder_.done() || last_chunk_ended_; }
  bool ended_wrongly() const noexcept { return decoder_.ended_wrongly(); }
  verdict judgement() const noexcept { return verdict_; }

  /// A piece is to be handed over before more is taken.
  bool full() const noexcept { return piece_.size() >= settings_->piece; }
  bool empty() const noexcept { return piece_.empty(); }
  std::string take_piece() noexcept { return std::exchange(piece_, {}); }

  /// Whoever stores the pieces has failed: nothing more is kept.
  void drop() noexcept {
    dropped_ = true;
    piece_ = {};
  }

 private:
  std::uint64_t size() const noexcept { return framing_ == framing::chunks ? chunks_.size() : decoder_.size(); }

  void keep(std::string_view decoded) {
    if (size() == decoded.size() && (decoded.front() == ' ' || decoded.front() == '\t'))
      verdict_ = verdict::continuation;
    hops_.feed(decoded);
    if (!dropped_) piece_ += decoded;
  }

  void judge() noexcept {
    if (verdict_ == verdict::fine) {
      if (decoder_.refused() || chunks_.refused()) verdict_ = verdict::bare_line_end;
      else if (settings_->message_size != 0 && size() > settings_->message_size) verdict_ = verdict::too_big;
      else if (hops_.hops() > settings_->received_headers) verdict_ = verdict::loop;
    }
    if (verdict_ != verdict::fine) drop();
  }

  const server_settings* settings_ = nullptr;
  data_decoder decoder_;
  chunk_decoder chunks_;
  hop_counter hops_;
  std::string piece_;
  verdict verdict_ = verdict::fine;
  framing framing_ = framing::dot;
  bool last_chunk_ended_ = false;
  bool dropped_ = false;
};

}  // namespace postrider::protocol
