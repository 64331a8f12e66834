// Tests run as root or not; what only others may not do is tested as somebody else.
#pragma once

#include <unistd.h>

namespace postrider::test {

/// While it lives, root acts as nobody; everybody else as before.
class unprivileged {
 public:
  unprivileged() {
    if (was_root_ && ::seteuid(65534) != 0) ::_exit(99);
  }
  unprivileged(const unprivileged&) = delete;
  unprivileged& operator=(const unprivileged&) = delete;
  ~unprivileged() {
    if (was_root_ && ::seteuid(0) != 0) ::_exit(99);
  }

 private:
  bool was_root_ = ::geteuid() == 0;
};

}  // namespace postrider::test
