// Command lines out of bytes that come in pieces of any size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postrider::protocol {

/// Lines end with CRLF and with nothing else. A line that lies whole in the bytes fed is not copied.
class line_reader {
 public:
  enum class status : std::uint8_t {
    line,        ///< a whole line
    incomplete,  ///< every byte is used; feed more
    too_long,    ///< a line longer than `longest` ended here; it was dropped
    bare_lf,     ///< a LF without CR: what follows has no meaning that both sides agree on
    junk,        ///< a line begins with what begins no command: TLS, binary data
    endless      ///< a line goes on and on
  };

  static constexpr std::size_t longest = 12288;  // RFC 4954 section 4
  static constexpr std::size_t patience = 64 * 1024;

  /// `bytes` stay the caller's until `next` says `incomplete`.
  void feed(std::string_view bytes) noexcept { rest_ = bytes; }

  /// What was fed and is not used yet.
  std::string_view rest() const noexcept { return rest_; }
  void use(std::size_t bytes) noexcept { rest_.remove_prefix(bytes); }

  /// `line` gets the next line without its CRLF; it is valid until the next call of a function that is not const.
  status next(std::string_view& line) {
    if (taken_) begun_.clear();
    taken_ = false;
    if (length_ == 0 && !rest_.empty() && !begins_line(rest_.front())) return status::junk;
    const std::size_t line_feed = rest_.find('\n');
    if (line_feed == rest_.npos) {
      length_ += rest_.size();
      if (length_ <= longest) begun_ += rest_;
      rest_ = {};
      return length_ > patience ? status::endless : status::incomplete;
    }
    const std::size_t length = length_ + line_feed + 1;
    length_ = 0;
    taken_ = true;
    line = rest_.substr(0, line_feed + 1);
    rest_.remove_prefix(line_feed + 1);
    if (length > longest) return status::too_long;
    if (!begun_.empty()) line = begun_ += line;
    if (length < 2 || line[length - 2] != '\r') return status::bare_lf;
    line.remove_suffix(2);
    return status::line;
  }

 private:
  static constexpr bool begins_line(char c) noexcept { return (c >= ' ' && c <= '~') || c == '\r' || c == '\n'; }

  std::string_view rest_;
  std::string begun_;       // the part of a line that came before `rest_`
  std::size_t length_ = 0;  // of that part, also where it is too long to be kept
  bool taken_ = false;
};

}  // namespace postrider::protocol
