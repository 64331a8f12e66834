// Replies of an SMTP server (RFC 5321 section 4.2) and the parser that reads them at any chunking.
#pragma once

#include <postrider/core/enhanced_status.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::protocol {

/// One reply: a code, an enhanced code where the server gave one of the same class, and the text of each line.
class reply {
 public:
  int code = 0;
  enhanced_status enhanced;
  std::vector<std::string> lines;  ///< without code and enhanced code; untrusted

  bool positive() const noexcept { return code >= 200 && code < 300; }
  bool intermediate() const noexcept { return code >= 300 && code < 400; }
  bool transient() const noexcept { return code >= 400 && code < 500; }
  bool permanent() const noexcept { return code >= 500; }

  /// The lines joined by one blank.
  std::string text() const {
    std::string all;
    for (const auto& line : lines) {
      if (!all.empty()) all += ' ';
      all += line;
    }
    return all;
  }
};

/// Reads replies from bytes. Lines end with LF, a CR before it is dropped. Never throws on what a server sends.
class reply_parser {
 public:
  enum class status : std::uint8_t { incomplete, complete, malformed };

  static constexpr std::size_t max_line = 8 * 1024;
  static constexpr std::size_t max_reply = 32 * 1024;

  /// Takes bytes from the front of `input` until one reply is complete, the input is used up, or it is no reply.
  /// After `malformed` the parser stays so, and `evidence()` says what was seen.
  status parse(std::string_view& input) {
    if (state_ == status::malformed) return state_;
    if (state_ == status::complete) restart();
    while (!input.empty()) {
      const std::size_t end = input.find('\n');
      const std::size_t taken = end == std::string_view::npos ? input.size() : end;
      size_ += taken;
      if (partial_.size() + taken > max_line || size_ > max_reply)
        return malformed(input.substr(0, taken), "reply too long");
      if (end == std::string_view::npos) {
        partial_ += input;
        input = {};
        return plausible(partial_) ? status::incomplete : malformed({}, "no reply code");
      }
      const bool whole = partial_.empty();
      if (!whole) partial_ += input.substr(0, end);
      const std::string_view line = whole ? input.substr(0, end) : std::string_view(partial_);
      const status read = take(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
      if (read == status::malformed) return read;
      input.remove_prefix(end + 1);
      partial_.clear();
      if (read == status::complete) return read;
    }
    return status::incomplete;
  }

  /// The reply that `parse` completed; valid until the next call of `parse`.
  const reply& value() const noexcept { return reply_; }

  /// True if part of a reply has been read.
  bool midway() const noexcept { return state_ == status::incomplete && size_ > 0; }

  /// What was read so far of a reply that is incomplete or malformed.
  std::string_view evidence() const noexcept { return partial_; }
  std::string_view complaint() const noexcept { return complaint_; }

 private:
  void restart() {
    reply_.code = 0;
    reply_.enhanced = {};
    lines_ = 0;
    size_ = 0;
    state_ = status::incomplete;
  }

  status malformed(std::string_view seen, std::string_view complaint) {
    partial_.append(seen.substr(0, max_line));
    complaint_ = complaint;
    return state_ = status::malformed;
  }

  static bool plausible(std::string_view start) noexcept {
    for (std::size_t i = 0; i < start.size() && i < 3; ++i)
      if (start[i] < '0' || start[i] > '9') return false;
    return start.empty() || (start[0] >= '2' && start[0] <= '5');
  }

  status take(std::string_view line) {
    if (line.size() < 3 || !plausible(line) || (line.size() > 3 && line[3] != ' ' && line[3] != '-')) {
      const std::string seen(line);
      partial_.clear();
      return malformed(seen, "no reply code");
    }
    const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (reply_.code != 0 && code != reply_.code) {
      const std::string seen(line);
      partial_.clear();
      return malformed(seen, "reply codes differ between lines");
    }
    const bool last = line.size() == 3 || line[3] == ' ';
    std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view{};
    if (const auto status = enhanced_status::parse(text); status && status->category * 100 == code / 100 * 100) {
      if (!reply_.enhanced) reply_.enhanced = *status;
      text.remove_prefix(std::min(text.find(' '), text.size()));
      if (!text.empty()) text.remove_prefix(1);
    }
    reply_.code = code;
    reply_.lines.resize(++lines_);  // of the reply before, the memory of its first line is used again
    reply_.lines.back().assign(text);
    return state_ = last ? status::complete : status::incomplete;
  }

  reply reply_;
  std::string partial_;
  std::string_view complaint_;
  std::size_t lines_ = 0;  // of the reply so far
  std::size_t size_ = 0;
  status state_ = status::incomplete;
};

}  // namespace postrider::protocol
