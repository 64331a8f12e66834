// Dates as header fields write them (RFC 5322 section 3.3): Mon, 23 Nov 2026 16:33:18 +0000
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>

namespace postrider {

/// In UTC, in English, whatever zone and locale the process has.
inline std::string internet_date(std::chrono::system_clock::time_point when) {
  using namespace std::chrono;
  constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day_start = floor<days>(when);
  const year_month_day date(day_start);
  const hh_mm_ss time(floor<seconds>(when - day_start));
  std::string text;
  text.reserve(std::string_view("Thu, 01 Jan 1970 00:00:00 +0000").size());
  const auto two_digits = [&](auto number) {
    (text += static_cast<char>('0' + number / 10)) += static_cast<char>('0' + number % 10);
  };
  text.append(weekdays[weekday(day_start).c_encoding()]).append(", ");
  two_digits(static_cast<unsigned>(date.day()));
  (text += ' ').append(months[static_cast<unsigned>(date.month()) - 1]);
  (text += ' ').append(std::to_string(static_cast<int>(date.year()))) += ' ';
  two_digits(time.hours().count());
  text += ':';
  two_digits(time.minutes().count());
  text += ':';
  two_digits(time.seconds().count());
  return text.append(" +0000");
}

}  // namespace postrider
