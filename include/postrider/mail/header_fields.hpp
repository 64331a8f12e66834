// Reading the header section of a content: where it ends, and what a field says.
#pragma once

#include <postrider/mail/ascii.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postrider {

/// The lines before the empty line, each with its CRLF; all of `content` if there is no empty line.
constexpr std::string_view header_section(std::string_view content) noexcept {
  if (content.starts_with("\r\n")) return {};
  const std::size_t end = content.find("\r\n\r\n");
  return end == std::string_view::npos ? content : content.substr(0, end + 2);
}

/// Takes the next field, its folded lines included, from the front of a header section; nothing at the end.
constexpr std::optional<std::string_view> next_field(std::string_view& section) noexcept {
  if (section.empty()) return std::nullopt;
  std::size_t end = 0;
  do {
    const std::size_t line_end = section.find("\r\n", end);
    end = line_end == std::string_view::npos ? section.size() : line_end + 2;
  } while (end < section.size() && (section[end] == ' ' || section[end] == '\t'));
  const std::string_view field = section.substr(0, end);
  section.remove_prefix(end);
  return field;
}

/// The name of a field that `next_field` took; empty if the line is no field.
constexpr std::string_view field_name(std::string_view field) noexcept {
  std::string_view name = field.substr(0, field.find(':'));
  if (name.size() == field.size()) return {};
  while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
  return name;
}

/// The value of a field, unfolded, without blanks at its ends; encoded words stay encoded (see `decode_words`).
inline std::string field_value(std::string_view field) {
  const std::size_t colon = field.find(':');
  std::string value;
  if (colon == std::string_view::npos) return value;
  for (const char c : field.substr(colon + 1))
    if (c != '\r' && c != '\n') value += c;
  const std::size_t first = value.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return value.substr(first, value.find_last_not_of(" \t") - first + 1);
}

/// The value of the first field called `name`, whatever its case; nothing if there is none.
inline std::optional<std::string> find_field(std::string_view section, std::string_view name) {
  while (const auto field = next_field(section))
    if (equal_ignoring_case(field_name(*field), name)) return field_value(*field);
  return std::nullopt;
}

/// How many fields are called `name`: the Received fields of a mail tell whether it runs in a circle.
inline std::size_t count_fields(std::string_view section, std::string_view name) {
  std::size_t count = 0;
  while (const auto field = next_field(section))
    if (equal_ignoring_case(field_name(*field), name)) ++count;
  return count;
}

}  // namespace postrider
