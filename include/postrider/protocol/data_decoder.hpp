// The content that follows DATA, as it arrives: dots unstuffed, ended by CRLF.CRLF and by nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace postrider::protocol {

/// Decodes content in pieces of any size, without copying it (RFC 5321 section 4.5.2). A CR or LF that stands alone
/// makes the whole content refused: what follows is still swallowed up to CRLF.CRLF, so that nothing in it can pass for
/// a command. One decoder for each content.
class data_decoder {
 public:
  /// Decodes from the front of `bytes` and returns how many were used: all of them, or as many as the end of the
  /// content needs. `sink(std::string_view)` gets what was decoded, in views of `bytes` and of constants; nothing
  /// any more once the content is refused.
  template <class Sink>
  std::size_t decode(std::string_view bytes, Sink&& sink) {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end && !done_ && !ended_wrongly_) {
      if (refused_) {
        swallow(*at++);
      } else if (place_ == place::text) {
        at = decode_lines(at, end, sink);
      } else {
        at += step(*at, sink);
      }
    }
    return static_cast<std::size_t>(at - bytes.data());
  }

  /// The final dot was seen.
  bool done() const noexcept { return done_; }

  /// A bare CR or LF was seen.
  bool refused() const noexcept { return refused_; }

  /// The content is refused, and its sender believes that it has ended: a dot alone between line ends that are not
  /// both CRLF. Who waits for a reply then would wait for ever.
  bool ended_wrongly() const noexcept { return ended_wrongly_; }

  /// Decoded bytes so far.
  std::uint64_t size() const noexcept { return size_; }

 private:
  /// Where the next byte stands. The CR of a line end is handed over with its LF, the dot of a line's start never.
  enum class place : std::uint8_t { text, after_cr, line_start, after_dot, after_dot_cr };

  /// Whole lines at the speed of memchr, up to one that begins with a dot. Stops before a bare CR or LF.
  template <class Sink>
  const char* decode_lines(const char* const from, const char* const end, Sink& sink) {
    const char* at = from;
    for (;;) {
      const char* const lf = find(at, end, '\n');
      const char* const cr = find(at, lf, '\r');
      if (cr == end) return hand_over(from, end, place::text, sink);
      if (cr + 1 == end) return hand_over(from, cr, place::after_cr, sink) + 1;
      if (cr == lf) return bare_line_feed(from, lf, sink);
      if (cr + 1 != lf) return hand_over(from, cr, place::after_cr, sink) + 1;
      at = lf + 1;
      if (at == end || *at == '.') return hand_over(from, at, place::line_start, sink);
    }
  }

  static const char* find(const char* from, const char* end, char c) noexcept {
    const void* const found = std::memchr(from, c, static_cast<std::size_t>(end - from));
    return found ? static_cast<const char*>(found) : end;
  }

  template <class Sink>
  const char* hand_over(const char* from, const char* to, place next, Sink& sink) {
    place_ = next;
    if (from != to) put({from, static_cast<std::size_t>(to - from)}, sink);
    return to;
  }

  template <class Sink>
  const char* bare_line_feed(const char* from, const char* lf, Sink& sink) {
    hand_over(from, lf, place::text, sink);
    refuse("\n");
    return lf + 1;
  }

  /// One byte outside text; returns how many bytes it used.
  template <class Sink>
  std::size_t step(char c, Sink& sink) {
    switch (place_) {
      case place::text: break;
      case place::line_start: place_ = c == '.' ? place::after_dot : place::text; return c == '.' ? 1 : 0;
      case place::after_cr:
        if (c == '\n') {
          place_ = place::line_start;
          put("\r\n", sink);
        } else {
          refuse("\r");
          swallow(c);
        }
        return 1;
      case place::after_dot:
        if (c == '\r') {
          place_ = place::after_dot_cr;
          return 1;
        }
        place_ = place::text;
        if (c != '\n') return 0;
        refuse("\r\n.");
        swallow(c);
        return 1;
      case place::after_dot_cr:
        if (c == '\n') {
          done_ = true;
        } else {
          refuse("\r\n.\r");
          swallow(c);
        }
        return 1;
    }
    return 0;
  }

  void refuse(std::string_view last_bytes) noexcept {
    refused_ = true;
    for (const char c : last_bytes) swallow(c);
  }

  /// Refused content: only its end matters, and dots that pretend to be it. `last_` holds the latest eight bytes.
  void swallow(char c) noexcept {
    constexpr auto is_line_end = [](std::uint64_t byte) { return byte == '\r' || byte == '\n'; };
    last_ = last_ << 8 | static_cast<unsigned char>(c);
    if ((last_ & 0xFF'FFFF'FFFF) == 0x0D'0A2E'0D0A) {
      done_ = true;
      return;
    }
    // CRLF . CR may yet become the end; the byte after it tells.
    const bool undecided = (last_ & 0xFFFF'FFFF) == 0x0D0A'2E0D;
    const bool dot_alone = (last_ >> 8 & 0xFF) == '.' && is_line_end(last_ >> 16 & 0xFF) && is_line_end(last_ & 0xFF);
    const bool decided_otherwise = (last_ >> 8 & 0xFFFF'FFFF) == 0x0D0A'2E0D;
    ended_wrongly_ = ended_wrongly_ || (dot_alone && !undecided) || decided_otherwise;
  }

  template <class Sink>
  void put(std::string_view piece, Sink& sink) {
    size_ += piece.size();
    sink(piece);
  }

  std::uint64_t size_ = 0;
  std::uint64_t last_ = 0;
  place place_ = place::line_start;
  bool done_ = false;
  bool refused_ = false;
  bool ended_wrongly_ = false;
};

}  // namespace postrider::protocol
