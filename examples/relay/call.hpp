// A call of the relay's API and the answer to it, wherever it comes from: control socket, console, or this process.
#pragma once

#include <postrider/core/failure.hpp>
#include <postrider/registry/validation.hpp>

#include "common/json.hpp"
#include "relay/access.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::examples {

struct call {
  std::string method;             ///< GET, POST, PATCH, PUT, DELETE
  std::vector<std::string> path;  ///< decoded, below /api/v1
  json arguments = json::object();
  caller by = {};
};

struct answer {
  int status = 200;  ///< as in HTTP
  json body = json::object();

  bool ok() const noexcept { return status / 100 == 2; }
};

inline answer refuse(int status, std::string_view code, std::string_view message, std::string_view field = {}) {
  return {status, error_json(code, message, field)};
}

/// The refusal of something else than a mail. `subject`: the argument that it is about where the failure names no
/// setting.
inline answer refuse(const failure& why, std::string_view subject = {}) {
  const std::string_view field = why.field == postrider::field::none ? subject : to_string(why.field);
  const std::string message = why.detail.empty() ? explain(why).sentence : why.detail;
  return refuse(why.cause == cause::spool_failed ? 503 : 409,
                is_edit_conflict(why) ? std::string_view("edited_meanwhile") : to_string(why.cause), message, field);
}

/// The caller's mistake; becomes an answer of status 400.
class bad_argument : public std::runtime_error {
 public:
  bad_argument(std::string field, const std::string& message) : std::runtime_error(message), field(std::move(field)) {}
  std::string field;
};

/// Of a URL: all but letters, digits and -._~ as %XX.
inline std::string percent_encode(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) encoded += c;
    else ((encoded += '%') += digits[static_cast<unsigned char>(c) >> 4]) += digits[static_cast<unsigned char>(c) & 15];
  }
  return encoded;
}

/// Nothing if a % is not followed by two hexadecimal digits.
inline std::optional<std::string> percent_decode(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
    decoded += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return decoded;
}

inline constexpr std::string_view api_root = "/api/v1";

/// The target of a request line: path below /api/v1, and the query as arguments.
inline std::string target_of(const call& what) {
  std::string target(api_root);
  for (const std::string& part : what.path) (target += '/') += percent_encode(part);
  if (what.method != "GET") return target;
  char before = '?';
  for (const auto& [name, value] : what.arguments.items()) {
    ((target += before) += percent_encode(name)) += '=';
    target += percent_encode(value.is_string() ? value.get<std::string>() : dump(value));
    before = '&';
  }
  return target;
}

/// As in a form: a blank may be spelled as a plus.
inline std::optional<std::string> query_decode(std::string_view text) {
  std::string blanks(text);
  std::replace(blanks.begin(), blanks.end(), '+', ' ');
  return percent_decode(blanks);
}

/// The call that `target` stands for; nothing if it is none of this API.
inline std::optional<call> parse_target(std::string_view method, std::string_view target) {
  if (!target.starts_with(api_root)) return std::nullopt;
  target.remove_prefix(api_root.size());
  call parsed{std::string(method), {}, json::object()};
  const std::size_t question = target.find('?');
  std::string_view query = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  std::string_view path = target.substr(0, question);
  while (!path.empty()) {
    if (path.front() != '/') return std::nullopt;
    path.remove_prefix(1);
    auto part = percent_decode(path.substr(0, path.find('/')));
    if (!part) return std::nullopt;
    path.remove_prefix(std::min(path.find('/'), path.size()));
    parsed.path.push_back(std::move(*part));
  }
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    const std::size_t equals = one.find('=');
    auto name = query_decode(one.substr(0, equals));
    auto value = query_decode(equals == std::string_view::npos ? std::string_view() : one.substr(equals + 1));
    if (!name || !value) return std::nullopt;
    parsed.arguments[*name] = *value;
  }
  return parsed;
}

}  // namespace postrider::examples
