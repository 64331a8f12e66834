// Failures and receipts as text for a database's column: a line for each value, readable where somebody looks at it.
#pragma once

#include <postrider/core/receipt.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::storage {

namespace detail {

/// "key value" and a line end; a line end in the value is escaped.
inline void put_line(std::string& text, std::string_view key, std::string_view value) {
  text.append(key).push_back(' ');
  for (char c : value) {
    if (c == '\\' || c == '\n') text.push_back('\\');
    text.push_back(c == '\n' ? 'n' : c);
  }
  text.push_back('\n');
}

inline void put_line_unless_empty(std::string& text, std::string_view key, std::string_view value) {
  if (!value.empty()) put_line(text, key, value);
}

/// Takes one line off `text`: key and value, as put_line had them.
inline std::pair<std::string_view, std::string> take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  const std::string_view key = line.substr(0, line.find(' '));
  std::string value;
  for (std::size_t at = key.size() + 1; at < line.size(); ++at) {
    const bool escaped = line[at] == '\\' && at + 1 < line.size();
    if (escaped) ++at;
    value.push_back(escaped && line[at] == 'n' ? '\n' : line[at]);
  }
  return {key, std::move(value)};
}

template <class Number>
Number number_in(std::string_view text) noexcept {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

template <vocabulary E>
void read_word(std::string_view word, E& into) noexcept {
  if (const auto value = from_string<E>(word)) into = *value;
}

inline void put_failure(std::string& text, const failure& why) {
  put_line(text, "cause", to_string(why.cause));
  put_line(text, "outcome", to_string(why.outcome));
  put_line(text, "stage", to_string(why.stage));
  put_line(text, "scope", to_string(why.scope));
  put_line(text, "action", to_string(why.action));
  put_line(text, "field", to_string(why.field));
  if (why.code != 0) put_line(text, "code", std::to_string(why.code));
  put_line_unless_empty(text, "enhanced", to_string(why.enhanced));
  put_line_unless_empty(text, "server", why.server);
  if (why.elapsed.count() != 0) put_line(text, "elapsed_ms", std::to_string(why.elapsed.count()));
  put_line_unless_empty(text, "detail", why.detail);
  for (const auto& line : why.reply) put_line(text, "reply", line);
}

/// Reads one line of a failure into `why`; what is none changes nothing.
inline void read_failure_line(std::string_view key, std::string value, failure& why) {
  if (key == "cause") read_word(value, why.cause);
  else if (key == "outcome") read_word(value, why.outcome);
  else if (key == "stage") read_word(value, why.stage);
  else if (key == "scope") read_word(value, why.scope);
  else if (key == "action") read_word(value, why.action);
  else if (key == "field") read_word(value, why.field);
  else if (key == "code") why.code = number_in<int>(value);
  else if (key == "enhanced") why.enhanced = enhanced_status::parse(value).value_or(enhanced_status{});
  else if (key == "server") why.server = std::move(value);
  else if (key == "elapsed_ms") why.elapsed = std::chrono::milliseconds(number_in<std::int64_t>(value));
  else if (key == "detail") why.detail = std::move(value);
  else if (key == "reply") why.reply.push_back(std::move(value));
}

}  // namespace detail

/// A line for each value of `why` that is not empty, the cause first.
inline std::string to_text(const failure& why) {
  std::string text;
  detail::put_failure(text, why);
  return text;
}

/// The failure that `to_text` wrote. Lines that this version does not know are passed over.
inline failure failure_from_text(std::string_view text) {
  failure why;
  while (!text.empty()) {
    auto [key, value] = detail::take_line(text);
    detail::read_failure_line(key, std::move(value), why);
  }
  return why;
}

/// The values of the receipt, then for each recipient a line "to", and its failure's lines if it was not accepted.
inline std::string to_text(const receipt& result) {
  using namespace detail;
  std::string text;
  put_line_unless_empty(text, "mail_id", result.mail_id);
  put_line_unless_empty(text, "server", result.server);
  put_line(text, "elapsed_ms", std::to_string(result.elapsed.count()));
  for (const auto& line : result.final_reply) put_line(text, "final_reply", line);
  for (const auto& one : result.recipients) {
    put_line(text, "to", one.address);
    if (one.failure) put_failure(text, *one.failure);
    put_line(text, "result", to_string(one.outcome));
  }
  return text;
}

/// The receipt that `to_text` wrote.
inline receipt receipt_from_text(std::string_view text) {
  using namespace detail;
  receipt result;
  while (!text.empty()) {
    auto [key, value] = take_line(text);
    if (key == "to") {
      result.recipients.emplace_back(std::move(value), outcome::accepted);
    } else if (!result.recipients.empty()) {
      auto& one = result.recipients.back();
      if (key == "result") read_word(value, one.outcome);
      if (key == "cause") one.failure.emplace();
      if (one.failure) read_failure_line(key, std::move(value), *one.failure);
    } else if (key == "mail_id") {
      result.mail_id = std::move(value);
    } else if (key == "server") {
      result.server = std::move(value);
    } else if (key == "elapsed_ms") {
      result.elapsed = std::chrono::milliseconds(number_in<std::int64_t>(value));
    } else if (key == "final_reply") {
      result.final_reply.push_back(std::move(value));
    }
  }
  return result;
}

}  // namespace postrider::storage
