// How many RSETs a server grants on one session.
#pragma once

namespace postrider::protocol {

/// Servers expect one RSET for each mail that they take, and lose patience with many more: Exim drops a session after
/// ten commands that belong to no mail (smtp_accept_max_nonmail), Postfix slows it down after a hundred.
class reset_allowance {
 public:
  void mail_accepted() noexcept { since_accepted_ = 0; }

  /// A RSET was answered. False if the session should end before the server ends it.
  bool reset() noexcept { return since_accepted_++ == 0 || ++spare_ < most_spare; }

 private:
  static constexpr int most_spare = 6;

  int since_accepted_ = 0;
  int spare_ = 0;  // beyond one for each mail
};

}  // namespace postrider::protocol
