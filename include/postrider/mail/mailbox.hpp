// A person or a system with an address, as header fields name it (RFC 5322 section 3.4): Ada <ada@example.com>.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/mail/address.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace postrider {

class mailbox {
 public:
  mailbox(postrider::address address) : address_(std::move(address)) {}  // NOLINT(google-explicit-constructor)
  /// The display name is UTF-8 text as people read it; it is encoded where it is written.
  mailbox(std::string display_name, postrider::address address)
      : display_name_(std::move(display_name)), address_(std::move(address)) {}

  /// Reads "Ada <a@b>", "\"Lovelace, Ada\" <a@b>", "<a@b>" or "a@b".
  static result<mailbox> parse(std::string_view text, field role = field::recipient) {
    const auto refused = [&](std::string_view why) {
      failure f(cause::invalid_configuration, stage::queue, "mailbox \"" + printable(text) + "\": ");
      f.detail += why;
      f.field = role;
      return fail(std::move(f));
    };
    if (has_control(text)) return refused("has a control character");
    if (!is_utf8(text)) return refused("is not UTF-8");
    std::string_view rest = trim(text);
    std::string name;
    if (rest.ends_with('>')) {
      if (rest.starts_with('"')) {
        auto unquoted = detail::unquote(rest);
        if (!unquoted) return refused("has a quotation mark that is not closed");
        name = std::move(unquoted->first);
        rest = trim(rest.substr(unquoted->second));
      } else {
        const auto open = rest.find('<');
        if (open == std::string_view::npos) return refused("has a > without a <");
        name = trim(rest.substr(0, open));
        if (name.find_first_of("\",;:<>@()[]\\") != std::string::npos)
          return refused("has a name that needs quotation marks");
        rest = rest.substr(open);
      }
      if (rest.size() < 2 || rest.front() != '<') return refused("has no < after the name");
      rest = rest.substr(1, rest.size() - 2);
    }
    auto parsed = address::parse(rest, role);
    if (!parsed) return fail(std::move(parsed.error()));
    return mailbox(std::move(name), std::move(*parsed));
  }

  const std::string& display_name() const noexcept { return display_name_; }
  const postrider::address& address() const noexcept { return address_; }

  friend bool operator==(const mailbox&, const mailbox&) = default;

 private:
  static std::string_view trim(std::string_view text) noexcept {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
  }

  std::string display_name_;
  postrider::address address_;
};

}  // namespace postrider
