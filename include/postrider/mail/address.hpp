// A mailbox address as RFC 5321 and RFC 6531 define it: local part, domain or address literal.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/mail/ascii.hpp>
#include <postrider/mail/printable.hpp>
#include <postrider/mail/utf8.hpp>

#include <arpa/inet.h>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace postrider {

namespace detail {

/// The characters of an unquoted local part; what is outside ASCII was checked as UTF-8 before (RFC 6531).
constexpr bool is_atext(char c) noexcept {
  const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

constexpr bool is_dot_atom(std::string_view text) noexcept {
  bool after_dot = true;
  for (const char c : text) {
    if (c == '.' ? after_dot : !is_atext(c)) return false;
    after_dot = c == '.';
  }
  return !after_dot;
}

/// Labels of letters, digits, inner hyphens and UTF-8, at most 63 bytes each.
constexpr bool is_domain_name(std::string_view text) noexcept {
  std::size_t label = 0;
  char previous = '.';
  for (const char c : text) {
    if (c == '.') {
      if (label == 0 || previous == '-') return false;
      label = 0;
    } else {
      const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (!alphanumeric && c != '-' && static_cast<unsigned char>(c) < 0x80) return false;
      if ((c == '-' && label == 0) || ++label > 63) return false;
    }
    previous = c;
  }
  return label > 0 && previous != '-';
}

/// "[192.0.2.1]" or "[IPv6:2001:db8::1]".
inline bool is_address_literal(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  constexpr std::string_view v6 = "IPv6:";
  const bool six = equal_ignoring_case(text.substr(0, v6.size()), v6);
  const std::string number(six ? text.substr(v6.size()) : text);
  unsigned char bytes[16];
  return inet_pton(six ? AF_INET6 : AF_INET, number.c_str(), bytes) == 1;
}

/// What a quoted string stands for, and where the text goes on after it; nothing if it is not closed.
inline std::optional<std::pair<std::string, std::size_t>> unquote(std::string_view text) {
  std::string plain;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return std::pair(std::move(plain), i + 1);
    if (text[i] == '\\' && ++i == text.size()) break;
    plain += text[i];
  }
  return std::nullopt;
}

inline std::string quote(std::string_view plain) {
  std::string text = "\"";
  for (const char c : plain) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text += '"';
}

}  // namespace detail

/// Always valid: the only way to one is `parse`. It never holds a control character, and `str` can stand between
/// the angle brackets of a command as it is.
class address {
 public:
  static constexpr std::size_t longest_local_part = 64;  ///< RFC 5321 section 4.5.3.1
  static constexpr std::size_t longest_domain = 255;
  static constexpr std::size_t longest = 254;

  /// Reads "local@domain", nothing around it. The failure's detail names the text and what is wrong with it; `role`
  /// is the setting that the failure points at.
  static result<address> parse(std::string_view text, field role = field::recipient) {
    const auto refused = [&](std::string_view why) {
      failure f(cause::invalid_configuration, stage::queue, "address \"" + printable(text) + "\": ");
      f.detail += why;
      f.field = role;
      return fail(std::move(f));
    };
    if (text.empty()) return refused("is empty");
    if (has_control(text)) return refused("has a control character");
    if (!is_utf8(text)) return refused("is not UTF-8");

    std::string local;
    std::size_t at = 0;
    if (text.front() == '"') {
      auto unquoted = detail::unquote(text);
      if (!unquoted) return refused("has a quotation mark that is not closed");
      std::tie(local, at) = std::move(*unquoted);
      if (at >= text.size() || text[at] != '@') return refused("has no @ after the quoted local part");
    } else {
      at = text.find('@');
      if (at == std::string_view::npos) return refused("has no @");
      local = text.substr(0, at);
      if (local.empty()) return refused("has nothing before the @");
      if (!detail::is_dot_atom(local)) return refused("has a character or a dot out of place before the @");
    }
    const std::string_view domain = text.substr(at + 1);
    if (domain.empty()) return refused("has nothing after the @");
    if (domain.size() > longest_domain) return refused("has a domain of more than 255 bytes");
    if (domain.front() == '[') {
      if (!detail::is_address_literal(domain))
        return refused("has an address literal that is not [IPv4] or [IPv6:...]");
    } else if (!detail::is_domain_name(domain)) {
      return refused("has no valid domain after the @");
    }

    address parsed(std::move(local), domain);
    if (parsed.at_ > longest_local_part) return refused("has more than 64 bytes before the @");
    if (parsed.text_.size() > longest) return refused("has more than 254 bytes");
    return parsed;
  }

  /// Without quotation marks, whether or not it was written with them.
  std::string_view local_part() const noexcept {
    return unquoted_ ? std::string_view(*unquoted_) : std::string_view(text_).substr(0, at_);
  }
  /// A domain name as it was written, or an address literal with its brackets.
  std::string_view domain() const noexcept { return std::string_view(text_).substr(at_ + 1); }
  /// local@domain, the local part in quotation marks only if it needs them.
  const std::string& str() const noexcept { return text_; }
  /// Whether only a server with SMTPUTF8 (RFC 6531) can take it.
  bool needs_smtputf8() const noexcept { return !is_ascii(text_); }

  /// Local parts byte for byte, domains whatever their case.
  friend bool operator==(const address& a, const address& b) noexcept {
    return a.local_part() == b.local_part() && equal_ignoring_case(a.domain(), b.domain());
  }

 private:
  address(std::string local, std::string_view domain) {
    const bool plain = detail::is_dot_atom(local);
    text_ = plain ? local : detail::quote(local);
    if (!plain) unquoted_ = std::move(local);
    at_ = text_.size();
    text_ += '@';
    text_ += domain;
  }

  std::string text_;
  std::size_t at_ = 0;
  std::optional<std::string> unquoted_;
};

}  // namespace postrider
