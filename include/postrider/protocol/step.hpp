// The replies that a session waits for, in which stage each belongs, and how long each may take.
#pragma once

#include <postrider/core/cause.hpp>
#include <postrider/core/server.hpp>

#include <chrono>
#include <cstdint>

namespace postrider::protocol {

/// `empty_data` is the reply to a final dot without content, `final` the one to a mail.
enum class step : std::uint8_t {
  greeting,
  ehlo,
  helo,
  starttls,
  auth,
  reset,
  mail,
  rcpt,
  data,
  final,
  empty_data,
  quit
};

constexpr stage stage_of(step awaited) noexcept {
  switch (awaited) {
    case step::greeting: return stage::greeting;
    case step::ehlo:
    case step::helo: return stage::ehlo;
    case step::starttls: return stage::starttls;
    case step::auth: return stage::auth;
    case step::reset:
    case step::mail: return stage::mail;
    case step::rcpt: return stage::rcpt;
    case step::data:
    case step::empty_data: return stage::data;
    case step::final: return stage::final;
    case step::quit: return stage::quit;
  }
  return stage::queue;
}

/// RFC 5321 section 4.5.3.2, as the server's definition sets it.
constexpr std::chrono::milliseconds patience_for(step awaited, const server_timeouts& limits) noexcept {
  switch (awaited) {
    case step::greeting: return limits.greeting;
    case step::data: return limits.data;
    case step::final: return limits.final;
    case step::quit: return limits.quit;
    default: return limits.command;
  }
}

}  // namespace postrider::protocol
