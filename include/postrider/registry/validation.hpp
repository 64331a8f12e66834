// Whether a value may stand in a registry row: each check names the offending thing and the setting to look at.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/core/secret.hpp>
#include <postrider/core/server.hpp>
#include <postrider/mail/address.hpp>
#include <postrider/mail/ascii.hpp>
#include <postrider/mail/printable.hpp>
#include <postrider/mail/utf8.hpp>
#include <postrider/registry/model.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace postrider {

/// What a registry asks of its custom servers. `dangerously_insecure` is for development on loopback.
enum class registry_policy : std::uint8_t { secure, dangerously_insecure };

inline constexpr std::size_t longest_name = 128;

namespace detail {

/// `thing "name"`, fit to be shown.
inline std::string named(std::string_view thing, std::string_view name) {
  return std::string(thing) + " \"" + printable(name) + '"';
}

/// An `invalid_configuration` that points at `look_at`.
inline tl::unexpected<failure> refused(field look_at, std::string detail) {
  failure why(cause::invalid_configuration, stage::queue, std::move(detail));
  why.field = look_at;
  return fail(std::move(why));
}

/// Two editors of one row. `transient` and `retry` tell it from the other refusals: read the row again.
inline tl::unexpected<failure> edited_meanwhile(std::string thing) {
  failure why(cause::invalid_configuration, stage::queue,
              std::move(thing) + " was changed by somebody else meanwhile: read it again and repeat the edit");
  why.outcome = outcome::transient;
  why.action = action::retry;
  return fail(std::move(why));
}

/// Text without control characters (those of U+0080 to U+009F included), well-formed, of at most `most` bytes.
inline result<void> check_text(std::string_view what, std::string_view text, field look_at, std::size_t most = 255) {
  const auto broken = [&](std::string_view why) {
    return refused(look_at, named(what, text) + ' ' + std::string(why));
  };
  if (has_control(text)) return broken("has a control character");
  if (!is_utf8(text)) return broken("is not UTF-8");
  for (std::size_t i = 0; i + 1 < text.size(); ++i)
    if (text[i] == '\xC2' && static_cast<unsigned char>(text[i + 1]) < 0xA0) return broken("has a control character");
  if (text.size() > most) return broken("has more than " + std::to_string(most) + " bytes");
  return {};
}

inline result<void> check_name(std::string_view thing, std::string_view name) {
  if (name.empty()) return refused(field::none, "the name of a " + std::string(thing) + " is empty");
  if (name.front() == ' ' || name.back() == ' ')
    return refused(field::none, named(thing, name) + ": the name begins or ends with a blank");
  return check_text(thing, name, field::none, longest_name);
}

inline result<void> check_host(const std::string& thing, std::string_view host) {
  if (host.empty()) return refused(field::host, thing + " has no host");
  const bool valid = host.size() <= 255 && std::all_of(host.begin(), host.end(), [](char c) {
                       return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '.' ||
                              c == '-' || c == '_' || c == ':' || c == '%';
                     });
  if (!valid)
    return refused(field::host,
                   thing + ": \"" + printable(host) + "\" is no host: a name (xn-- form) or an address is needed");
  return {};
}

inline result<void> check_address_or_none(std::string_view text) {
  if (text.empty()) return {};
  return address::parse(text, field::recipient).map([](const auto&) {});
}

/// The address of a sender in the form in which senders are known.
inline result<std::string> sender_address(std::string_view text) {
  return address::parse(text, field::sender).map([](const address& parsed) { return sender_key(parsed.str()); });
}

/// What a password must be before it is sealed. Says nothing of what it is.
inline result<void> check_password(const std::string& thing, const secret& password) {
  if (has_control(password.reveal())) return refused(field::password, thing + ": the password has a control character");
  if (password.reveal().size() > 1024)
    return refused(field::password, thing + ": the password has more than 1024 bytes");
  return {};
}

/// `has_password`: whether one is kept or given, sealed.
inline result<void> check_settings(const std::string& thing, const postrider::server& s, bool has_password,
                                   registry_policy policy) {
  if (auto ok = check_host(thing, s.host); !ok) return ok;
  if (auto ok = check_text(thing + ": the user", s.account.user, field::user); !ok) return ok;
  if (auto ok = check_text(thing + ": the CA file", s.tls.ca_file, field::security, 4096); !ok) return ok;
  if (auto ok = check_text(thing + ": the TLS server name", s.tls.server_name, field::host); !ok) return ok;
  if (auto ok = check_text(thing + ": the EHLO name", s.ehlo_name, field::host); !ok) return ok;
  if (auto ok = check_text(thing + ": the local address", s.local_address, field::host); !ok) return ok;
  if (!s.account.empty() && !has_password) return refused(field::password, thing + " has a user but no password");
  if (policy == registry_policy::dangerously_insecure) return {};

  if (s.security == security::none) return refused(field::security, thing + " needs TLS: choose STARTTLS or SSL/TLS");
  if (s.tls.dangerously_skip_verification) return refused(field::security, thing + " must verify certificates");
  if (s.tls.allow_tls_1_1) return refused(field::security, thing + " needs TLS 1.2 or newer");
  if (s.dangerously_allow_password_in_clear)
    return refused(field::security, thing + " must not send its password in clear");
  if (s.auth == auth_method::none) return refused(field::auth_method, thing + " needs authentication");
  if (s.account.empty()) return refused(field::user, thing + " needs a user to authenticate as");
  return {};
}

}  // namespace detail

/// Whether a refused change collided with another editor's, so that reading again and repeating it may help.
inline bool is_edit_conflict(const failure& why) noexcept {
  return why.cause == cause::invalid_configuration && why.action == action::retry;
}

}  // namespace postrider
