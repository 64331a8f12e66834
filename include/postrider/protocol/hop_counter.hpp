// How many servers a mail has passed: its Received fields, counted while it streams by.
#pragma once

#include <postrider/mail/ascii.hpp>

#include <cstddef>
#include <string_view>

namespace postrider::protocol {

/// Fed with canonical content in pieces of any size; looks no further than the end of the header.
class hop_counter {
 public:
  void feed(std::string_view piece) noexcept {
    while (!piece.empty() && !body_) {
      if (at_ >= name.size()) {  // the line is decided: on to the next one
        const auto line_feed = piece.find('\n');
        if (line_feed == piece.npos) return;
        piece.remove_prefix(line_feed + 1);
        at_ = 0;
        continue;
      }
      const char c = piece.front();
      piece.remove_prefix(1);
      if (at_ == 0 && c == '\r') {
        body_ = true;
      } else if (c == '\n') {
        at_ = 0;
      } else if (ascii_lower(c) != name[at_]) {
        at_ = name.size();
      } else if (++at_ == name.size()) {
        ++hops_;
      }
    }
  }

  std::size_t hops() const noexcept { return hops_; }

 private:
  static constexpr std::string_view name = "received:";

  std::size_t at_ = 0;  // how much of `name` the line has matched; all of it: nothing left to learn from this line
  std::size_t hops_ = 0;
  bool body_ = false;
};

}  // namespace postrider::protocol
