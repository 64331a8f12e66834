// Moments as logs and API spell them.
#pragma once

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

namespace postrider::examples {

/// "2026-03-01T12:34:56.789Z"
inline std::string text_of(std::chrono::system_clock::time_point at) {
  const auto since = at.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const std::time_t whole = seconds.count();
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  char date[32];
  const std::size_t size = std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  char fraction[8];
  std::snprintf(
      fraction, sizeof fraction, ".%03dZ",
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(since - seconds).count()) % 1000);
  return std::string(date, size) + fraction;
}

}  // namespace postrider::examples
