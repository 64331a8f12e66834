// What a client says to a server, taken apart without copying: verb, path, parameters (RFC 5321 section 4.1).
#pragma once

#include <postrider/mail/ascii.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace postrider::protocol {

/// `foreign` speaks another protocol: HTTP, SSH.
enum class verb : std::uint8_t {
  ehlo,
  helo,
  starttls,
  auth,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  vrfy,
  expn,
  help,
  quit,
  foreign,
  unknown
};

struct command {
  verb name = verb::unknown;
  std::string_view argument;  ///< without the blanks around it
};

namespace detail {

constexpr bool alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

constexpr std::string_view without_blanks(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace detail

/// The command on `line`, which has no line end. Blanks at the end are forgiven.
constexpr command parse_command(std::string_view line) noexcept {
  struct entry {
    std::string_view word;
    verb name;
  };
  constexpr std::array<entry, 24> verbs{{
      {"BDAT", verb::bdat},       {"MAIL", verb::mail},   {"RCPT", verb::rcpt},         {"DATA", verb::data},
      {"EHLO", verb::ehlo},       {"HELO", verb::helo},   {"STARTTLS", verb::starttls}, {"AUTH", verb::auth},
      {"RSET", verb::rset},       {"NOOP", verb::noop},   {"QUIT", verb::quit},         {"VRFY", verb::vrfy},
      {"EXPN", verb::expn},       {"HELP", verb::help},   {"GET", verb::foreign},       {"POST", verb::foreign},
      {"HEAD", verb::foreign},    {"PUT", verb::foreign}, {"DELETE", verb::foreign},    {"OPTIONS", verb::foreign},
      {"CONNECT", verb::foreign}, {"PRI", verb::foreign}, {"PATCH", verb::foreign},     {"TRACE", verb::foreign},
  }};
  const std::size_t blank = line.find(' ');
  const std::string_view word = line.substr(0, blank);
  command parsed;
  if (blank != line.npos) parsed.argument = detail::without_blanks(line.substr(blank));
  for (const auto& [known, name] : verbs)
    if (equal_ignoring_case(word, known)) parsed.name = name;
  if (line.substr(0, 4) == "SSH-") parsed.name = verb::foreign;
  return parsed;
}

/// The longest line of a command, its CRLF included (RFC 5321 section 4.5.3.1.4), with what the extensions add: 26 for
/// SIZE, 17 for BODY, 500 for AUTH, 9 for RET and 107 for ENVID on MAIL, 29 for NOTIFY and 507 for ORCPT on RCPT, 12288
/// for AUTH itself (RFC 1870, RFC 6152, RFC 4954, RFC 3461).
constexpr std::size_t longest_line(verb name) noexcept {
  if (name == verb::auth) return 12288;
  if (name == verb::rcpt) return 512 + 29 + 507;
  return name == verb::mail ? 512 + 26 + 17 + 500 + 9 + 107 : 512;
}

/// Commands whose reply a client must read before it says more (RFC 2920 section 3.1, RFC 3207, RFC 4954).
constexpr bool ends_group(verb name) noexcept {
  switch (name) {
    case verb::ehlo:
    case verb::helo:
    case verb::starttls:
    case verb::auth:
    case verb::data:
    case verb::noop:
    case verb::vrfy:
    case verb::expn: return true;
    default: return false;
  }
}

/// `<path> parameters` behind FROM: or TO:. `path` has no angle brackets and no source route, which is obsolete and
/// ignored (RFC 5321 section 3.6.1).
struct path_argument {
  std::string_view path;
  std::string_view parameters;
};

/// Takes `argument` apart; nothing if it does not begin with `keyword` ("FROM:") and a path in angle brackets.
constexpr std::optional<path_argument> parse_path(std::string_view argument, std::string_view keyword) noexcept {
  if (!equal_ignoring_case(argument.substr(0, keyword.size()), keyword)) return std::nullopt;
  argument = detail::without_blanks(argument.substr(keyword.size()));
  if (argument.empty() || argument.front() != '<') return std::nullopt;
  bool quoted = false;
  std::size_t end = 1;
  for (; end < argument.size() && (quoted || argument[end] != '>'); ++end) {
    if (argument[end] == '"') quoted = !quoted;
    if (argument[end] == '\\' && quoted) ++end;
  }
  if (end >= argument.size()) return std::nullopt;
  path_argument parsed{argument.substr(1, end - 1), argument.substr(end + 1)};
  if (!parsed.parameters.empty() && parsed.parameters.front() != ' ') return std::nullopt;
  if (!parsed.path.empty() && parsed.path.front() == '@') {
    const std::size_t colon = parsed.path.find(':');
    if (colon == parsed.path.npos) return std::nullopt;
    parsed.path.remove_prefix(colon + 1);
    if (parsed.path.empty()) return std::nullopt;
  }
  return parsed;
}

/// An ESMTP parameter: KEYWORD or KEYWORD=value.
struct parameter {
  std::string_view keyword;
  std::string_view value;
  bool has_value = false;

  constexpr bool is(std::string_view name) const noexcept { return equal_ignoring_case(keyword, name); }
};

/// Takes the first parameter off `parameters`; nothing at the end, and `parameters` is then empty unless what is left
/// is no parameter.
constexpr std::optional<parameter> next_parameter(std::string_view& parameters) noexcept {
  std::string_view rest = detail::without_blanks(parameters);
  const std::string_view word = rest.substr(0, rest.find(' '));
  const std::size_t equals = word.find('=');
  parameter found{word.substr(0, equals), {}, equals != word.npos};
  if (found.has_value) found.value = word.substr(equals + 1);
  bool valid =
      !found.keyword.empty() && detail::alphanumeric(found.keyword.front()) && found.has_value != found.value.empty();
  for (char c : found.keyword) valid = valid && (detail::alphanumeric(c) || c == '-');
  for (char c : found.value) valid = valid && c > ' ' && c < '\x7f' && c != '=';
  if (!valid) {
    parameters = rest;
    return std::nullopt;
  }
  parameters = rest.substr(word.size());
  return found;
}

/// A decimal number of at most 20 digits that fits (SIZE=).
constexpr std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
  std::uint64_t number = 0;
  if (text.empty()) return std::nullopt;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (UINT64_MAX - digit) / 10) return std::nullopt;
    number = number * 10 + digit;
  }
  return number;
}

/// The argument of BDAT (RFC 3030 section 2).
struct chunk_argument {
  std::uint64_t size = 0;  ///< octets that follow the command's line
  bool last = false;
};

/// `size [LAST]`, or nothing if it is anything else.
constexpr std::optional<chunk_argument> parse_chunk(std::string_view argument) noexcept {
  const std::size_t blank = argument.find(' ');
  const auto size = parse_number(argument.substr(0, blank));
  if (!size) return std::nullopt;
  const bool last = blank != argument.npos;
  if (last && !equal_ignoring_case(detail::without_blanks(argument.substr(blank)), "LAST")) return std::nullopt;
  return chunk_argument{*size, last};
}

/// The name that a client gave with EHLO or HELO: printable, no blanks, at most 255 characters. What it says is only
/// repeated, never believed.
constexpr bool acceptable_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 255) return false;
  for (char c : name)
    if (c <= ' ' || c >= '\x7f') return false;
  return true;
}

}  // namespace postrider::protocol
