// Durations as people write them: 500ms, 2s, 30s, 5m, 4h, 5d.
#pragma once

#include <postrider/delivery/retry.hpp>

#include "common/options.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::examples {

/// A positive number with a unit, at most 1000 days; nothing if `text` is something else.
inline std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count == 0) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  constexpr std::pair<std::string_view, std::uint64_t> units[] = {
      {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  constexpr std::uint64_t most = 1000 * std::uint64_t{86'400'000};
  for (const auto& [name, milliseconds] : units)
    if (unit == name && count <= most / milliseconds) return std::chrono::milliseconds(count * milliseconds);
  return std::nullopt;
}

inline std::chrono::milliseconds demand_duration(const std::string& option, std::string_view text) {
  const auto parsed = parse_duration(text);
  if (!parsed)
    throw usage_error(option, '"' + std::string(text) + "\" is no duration such as 500ms, 30s, 5m, 4h or 5d");
  return *parsed;
}

/// "FIRST,LONGEST,GIVE_UP", as in 1m,4h,5d.
inline retry_schedule parse_retry(const std::string& text) {
  retry_schedule schedule;
  std::string_view rest = text;
  for (auto* part : {&schedule.first, &schedule.longest, &schedule.give_up}) {
    const std::size_t comma = rest.find(',');
    const bool last = part == &schedule.give_up;
    if (last != (comma == std::string_view::npos))
      throw usage_error("--retry", '"' + text + "\" is not FIRST,LONGEST,GIVE_UP, as in 1m,4h,5d");
    *part = demand_duration("--retry", rest.substr(0, comma));
    if (!last) rest.remove_prefix(comma + 1);
  }
  if (schedule.longest < schedule.first) throw usage_error("--retry", '"' + text + "\": LONGEST is shorter than FIRST");
  return schedule;
}

}  // namespace postrider::examples
