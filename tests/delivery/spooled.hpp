// Records of mails, made by hand, for tests that need no spool.
#pragma once

#include <postrider/delivery/spooled_mail.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::test {

inline constexpr spool_time day{std::chrono::hours(20'000 * 24)};

inline address at(std::string_view text) {
  return address::parse(text).value();
}

/// A mail from ada@example.com of "acme" for r0@example.org, r1@example.org, ... in these states.
inline spooled_mail mail_in(std::initializer_list<recipient_state> states, mail_id id = {1}) {
  std::vector<recipient> to;
  for (std::size_t i = 0; i < states.size(); ++i) to.emplace_back(at("r" + std::to_string(i) + "@example.org"));
  const envelope who(at("ada@example.com"), std::move(to));
  spooled_mail made(id, submitter("acme", "ada@example.com"), who, content("Subject: x\r\n\r\n"), day);
  for (std::size_t i = 0; const recipient_state state : states) made.recipients[i++].state = state;
  return made;
}

}  // namespace postrider::test
