// What a sender must know of a content before it sends it, found in one pass, whatever pieces it comes in.
#pragma once

#include <postrider/mail/ascii.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

namespace postrider {

struct content_traits {
  std::uint64_t size = 0;
  std::uint32_t longest_line = 0;  ///< without its line end
  bool eight_bit = false;          ///< bytes above 0x7F: the server must offer 8BITMIME
  bool needs_stuffing = false;     ///< a line starts with a dot
  bool has_bare_cr_or_lf = false;  ///< not canonical: must not be sent
  bool ends_with_crlf = false;

  static content_traits of(std::string_view bytes);

  friend bool operator==(const content_traits&, const content_traits&) = default;
};

/// Finds the traits of bytes that are fed to it piece by piece; where they are cut makes no difference.
class content_scanner {
 public:
  void feed(std::string_view piece) {
    if (piece.empty()) return;
    traits_.size += piece.size();
    traits_.eight_bit = traits_.eight_bit || !is_ascii(piece);
    if (after_cr_ && piece.front() != '\n') traits_.has_bare_cr_or_lf = true;
    while (!piece.empty()) {
      if (line_ == 0 && piece.front() == '.') traits_.needs_stuffing = true;
      const auto* end = static_cast<const char*>(std::memchr(piece.data(), '\n', piece.size()));
      const std::size_t part = end ? static_cast<std::size_t>(end - piece.data()) : piece.size();
      look_for_cr(piece.substr(0, part), end != nullptr);
      line_ += part;
      if (end) end_line();
      piece.remove_prefix(end ? part + 1 : part);
    }
  }

  /// The traits of everything fed so far.
  content_traits finish() const noexcept {
    content_traits found = traits_;
    found.longest_line = std::max(found.longest_line, bounded(line_));
    found.has_bare_cr_or_lf = found.has_bare_cr_or_lf || after_cr_;
    found.ends_with_crlf = found.size > 0 && line_ == 0 && ended_with_crlf_;
    return found;
  }

 private:
  static std::uint32_t bounded(std::uint64_t length) noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(length, std::numeric_limits<std::uint32_t>::max()));
  }

  /// A CR may stand only at the end of `part`, where LF follows, or where the piece ends and the next one tells.
  void look_for_cr(std::string_view part, bool lf_follows) noexcept {
    if (part.empty()) return;  // the LF of a CR in the last piece, if any
    const auto* cr = static_cast<const char*>(std::memchr(part.data(), '\r', part.size()));
    after_cr_ = part.back() == '\r';
    if (cr && cr != &part.back()) traits_.has_bare_cr_or_lf = true;
    if (lf_follows && !after_cr_) traits_.has_bare_cr_or_lf = true;
  }

  void end_line() noexcept {
    if (!after_cr_) traits_.has_bare_cr_or_lf = true;
    traits_.longest_line = std::max(traits_.longest_line, bounded(line_ - (after_cr_ ? 1 : 0)));
    ended_with_crlf_ = after_cr_;
    after_cr_ = false;
    line_ = 0;
  }

  content_traits traits_;
  std::uint64_t line_ = 0;  // bytes of the line so far, its CR included
  bool after_cr_ = false;
  bool ended_with_crlf_ = false;
};

inline content_traits content_traits::of(std::string_view bytes) {
  content_scanner scanner;
  scanner.feed(bytes);
  return scanner.finish();
}

/// `text` with every LF, CR and CRLF as CRLF, and one added if the last line has none; empty text stays empty.
inline std::string canonical(std::string_view text) {
  const content_traits traits = content_traits::of(text);
  if (traits.ends_with_crlf && !traits.has_bare_cr_or_lf) return std::string(text);
  std::string lines;
  lines.reserve(text.size() + text.size() / 32 + 2);
  while (!text.empty()) {
    const std::size_t lf = text.find('\n');
    const bool ended = lf != std::string_view::npos;
    std::string_view line = text.substr(0, lf);
    text.remove_prefix(ended ? lf + 1 : text.size());
    if (ended && line.ends_with('\r')) line.remove_suffix(1);
    for (std::size_t cr = line.find('\r'); cr != std::string_view::npos; cr = line.find('\r')) {
      lines.append(line.substr(0, cr)).append("\r\n");
      line.remove_prefix(cr + 1);
    }
    if (ended || !line.empty()) lines.append(line).append("\r\n");
  }
  return lines;
}

}  // namespace postrider
