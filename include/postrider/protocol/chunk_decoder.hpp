// The content that comes in BDAT chunks (RFC 3030): as it is, and only with line ends that are CRLF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postrider::protocol {

/// Takes the octets of all chunks of one content, in pieces of any size, without copying them. A CR or LF that stands
/// alone makes the whole content refused, also where chunks meet: what came in by BDAT may go out by DATA, where such
/// a line end could be taken for the end of the mail.
class chunk_decoder {
 public:
  /// `sink(std::string_view)` gets the content, in views of `bytes` and of constants, a CR always with its LF; nothing
  /// any more once the content is refused.
  template <class Sink>
  void decode(std::string_view bytes, Sink&& sink) {
    if (bytes.empty() || refused_) return;
    if (after_cr_) {
      after_cr_ = false;
      if (bytes.front() != '\n') return refuse();
      put("\r\n", sink);
      bytes.remove_prefix(1);
    }
    if (!bytes.empty() && bytes.back() == '\r') {
      after_cr_ = true;
      bytes.remove_suffix(1);
    }
    if (!clean(bytes)) return refuse();
    if (!bytes.empty()) put(bytes, sink);
  }

  /// The last chunk was complete: a CR that waits for its LF waits in vain.
  void end() noexcept {
    if (after_cr_) refuse();
  }

  bool refused() const noexcept { return refused_; }

  /// Bytes handed over so far.
  std::uint64_t size() const noexcept { return size_; }

 private:
  /// Whether each CR has its LF behind it and each LF its CR before it.
  static bool clean(std::string_view bytes) noexcept {
    while (!bytes.empty()) {
      const std::size_t line_feed = bytes.find('\n');
      const std::size_t carriage_return = bytes.substr(0, line_feed).find('\r');
      if (line_feed == bytes.npos) return carriage_return == bytes.npos;
      if (carriage_return == bytes.npos || carriage_return + 1 != line_feed) return false;
      bytes.remove_prefix(line_feed + 1);
    }
    return true;
  }

  void refuse() noexcept {
    refused_ = true;
    after_cr_ = false;
  }

  template <class Sink>
  void put(std::string_view piece, Sink& sink) {
    size_ += piece.size();
    sink(piece);
  }

  std::uint64_t size_ = 0;
  bool after_cr_ = false;
  bool refused_ = false;
};

}  // namespace postrider::protocol
