// Header fields as they are written: folded, and in ASCII whatever the text (RFC 5322 section 2.2, RFC 2047).
#pragma once

#include <postrider/mail/encoded_word.hpp>
#include <postrider/mail/mailbox.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider {

namespace detail {

inline constexpr std::size_t longest_field_line = 76;  // RFC 2047 section 2: lines with encoded words
// Longer ones are encoded, so that they can be divided: behind a name and blanks a word still fits the 998 characters
// of RFC 5322, in quotation marks a phrase with a backslash before each character.
inline constexpr std::size_t longest_plain_word = 870;
inline constexpr std::size_t longest_plain_phrase = 200;
inline constexpr std::size_t longest_blank = 40;  // longer ones are encoded

constexpr bool needs_encoding(std::string_view word, std::size_t longest = longest_plain_word) noexcept {
  return word.size() > longest || word.find("=?") != std::string_view::npos ||
         std::any_of(word.begin(), word.end(), [](char c) { return c < 0 || is_control(c); });
}

inline std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> words;
  for (std::size_t end = text.find(at); end != std::string_view::npos; end = text.find(at)) {
    words.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  words.push_back(text);
  return words;
}

inline void add_encoded(std::vector<std::string>& pieces, std::string_view text, std::size_t column) {
  const std::size_t room = pieces.empty() && column + 1 < longest_field_line ? longest_field_line - column - 1 : 75;
  for (auto& word : encode_words(text, room)) pieces.push_back(std::move(word));
}

/// A display name as it stands before the address: atoms, a quoted string, or encoded words.
inline void add_phrase(std::vector<std::string>& pieces, std::string_view name, std::size_t column) {
  if (needs_encoding(name, longest_plain_phrase)) return add_encoded(pieces, name, column);
  const bool blanks = name.starts_with(' ') || name.ends_with(' ') || name.find("  ") != std::string_view::npos;
  const bool atoms = !blanks && std::all_of(name.begin(), name.end(), [](char c) { return is_atext(c) || c == ' '; });
  if (!atoms) return pieces.push_back(quote(name));
  for (const auto word : split(name, ' ')) pieces.emplace_back(word);
}

}  // namespace detail

/// The name of a field: visible ASCII without a colon.
constexpr bool is_field_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= detail::longest_field_line - 2 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
}

/// "Name: piece piece\r\n", with line ends between pieces where the line gets long, before the first one only if it is
/// an encoded word, which must not stand in a long line. Pieces are never divided.
inline std::string folded_field(std::string_view name, std::span<const std::string> pieces) {
  std::string field(name);
  field += ':';
  std::size_t column = field.size();
  for (const auto& piece : pieces) {
    const bool may_fold = &piece != &pieces.front() || piece.starts_with("=?");
    if (may_fold && column + 1 + piece.size() > detail::longest_field_line) {
      field += "\r\n";
      column = 0;
    }
    (field += ' ') += piece;
    column += 1 + piece.size();
  }
  return field += "\r\n";
}

/// A field of free text (Subject, Comments, X-...): every reader gets `text` back, blank for blank. `text` is UTF-8
/// without control characters other than tabs.
inline std::string unstructured_field(std::string_view name, std::string_view text) {
  const auto words = detail::split(text, ' ');
  std::vector<bool> encoded(words.size());
  std::transform(words.begin(), words.end(), encoded.begin(),
                 [](std::string_view word) { return detail::needs_encoding(word); });
  if (text.find(std::string(detail::longest_blank, ' ')) != std::string_view::npos) encoded.assign(words.size(), true);
  // Blanks at the ends, and runs of them before encoded words, survive only as a part of encoded words.
  if (words.size() > 1 && words.front().empty()) encoded[0] = encoded[1] = true;
  if (words.size() > 1 && words.back().empty()) encoded[words.size() - 1] = encoded[words.size() - 2] = true;
  for (std::size_t i = words.size(); i-- > 1;) encoded[i - 1] = encoded[i - 1] || (words[i - 1].empty() && encoded[i]);

  std::vector<std::string> pieces;
  std::string blanks;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!encoded[i]) {
      if (words[i].empty()) blanks += ' ';
      else pieces.push_back(std::exchange(blanks, {}).append(words[i]));
      continue;
    }
    std::string run(words[i]);
    while (i + 1 < words.size() && encoded[i + 1]) (run += ' ') += words[++i];
    detail::add_encoded(pieces, run, name.size() + 1);
  }
  return folded_field(name, pieces);
}

/// A field of mailboxes (From, To, Reply-To).
inline std::string address_field(std::string_view name, std::span<const mailbox> mailboxes) {
  std::vector<std::string> pieces;
  for (const auto& box : mailboxes) {
    if (&box != &mailboxes.front()) pieces.back() += ',';
    const std::string& address = box.address().str();
    if (box.display_name().empty()) {
      pieces.push_back(address);
      continue;
    }
    detail::add_phrase(pieces, box.display_name(), name.size() + 1);
    pieces.push_back('<' + address + '>');
  }
  return folded_field(name, pieces);
}

}  // namespace postrider
