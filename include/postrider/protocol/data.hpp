// Content as DATA carries it (RFC 5321 section 4.5.2): a dot before each line that begins with one.
#pragma once

#include <string_view>

namespace postrider::protocol {

/// Cuts content into the pieces that go on the wire, without copying it. Content may come in any chunks.
class dot_stuffer {
 public:
  /// Calls `emit(std::string_view)` for each piece of `chunk`, in order; pieces point into `chunk` or at a constant.
  template <class Emit>
  void stuff(std::string_view chunk, Emit&& emit) {
    if (chunk.empty()) return;
    if (line_start_ && chunk.front() == '.') emit(dot);
    std::size_t from = 0;
    for (std::size_t at = chunk.find("\n."); at != std::string_view::npos; at = chunk.find("\n.", at + 1)) {
      emit(chunk.substr(from, at + 1 - from));
      emit(dot);
      from = at + 1;
    }
    emit(chunk.substr(from));
    line_start_ = chunk.back() == '\n';
  }

  /// The same for a chunk of which is known that no line begins with a dot.
  template <class Emit>
  void pass(std::string_view chunk, Emit&& emit) {
    if (chunk.empty()) return;
    emit(chunk);
    line_start_ = chunk.back() == '\n';
  }

  /// What ends the content: the missing CRLF, if any, and the dot.
  std::string_view terminator() const noexcept {
    constexpr std::string_view full = "\r\n.\r\n";
    return line_start_ ? full.substr(2) : full;
  }

 private:
  static constexpr std::string_view dot = ".";
  bool line_start_ = true;
};

}  // namespace postrider::protocol
