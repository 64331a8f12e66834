// What a session tells about itself while it runs: the steps it passed and the lines it exchanged.
#pragma once

#include <postrider/core/cause.hpp>

#include <string_view>

namespace postrider::protocol {

enum class direction : std::uint8_t { from_client, from_server };

/// A listener to one session; every function does nothing unless overridden. Called on the session's thread.
/// Lines come without their CRLF, content is not shown, and what is secret was replaced where the bytes were built.
class trace {
 public:
  virtual ~trace() = default;

  /// `passed` is behind us; `detail` says what it brought (an address, a cipher, a server's words).
  virtual void stage_passed(stage passed, std::string_view detail) {
    static_cast<void>(passed);
    static_cast<void>(detail);
  }
  virtual void line(direction from, std::string_view text) {
    static_cast<void>(from);
    static_cast<void>(text);
  }
};

}  // namespace postrider::protocol
