// What the tests of the client floor share: a mail, a server on loopback, short deadlines.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/mail/mail.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace test {

inline postrider::mail a_mail(std::string text = "Subject: x\r\n\r\nhello\r\n") {
  using namespace postrider;
  std::vector<recipient> to(1, recipient(address::parse("charles@example.org").value()));
  return mail(envelope(address::parse("ada@example.com").value(), std::move(to)), content(std::move(text)));
}

inline postrider::server server_at(std::uint16_t port, std::chrono::milliseconds patience = std::chrono::seconds(10)) {
  postrider::server where{.host = "127.0.0.1", .port = port, .security = postrider::security::none};
  auto& t = where.timeouts;
  t.connect = t.greeting = t.command = t.tls = t.data = t.block = t.final = t.quit = patience;
  return where;
}

}  // namespace test
