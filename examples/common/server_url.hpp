// smtp://host:port, smtp+starttls://user@host, smtps://user@host
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/core/server.hpp>

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::examples {

/// The server that `url` names, or a failure that names the part at fault. `smtp://` is plain: with a user it is
/// refused unless `insecure`.
inline result<server> parse_server_url(std::string_view url, bool insecure = false) {
  std::string shown(url);
  const auto bad = [&](postrider::field where, const std::string& why) {
    failure wrong(cause::invalid_configuration, stage::queue, "server URL " + shown + ": " + why);
    wrong.field = where;
    return fail(std::move(wrong));
  };
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos)
    return bad(field::security, "begins with none of smtp://, smtp+starttls://, smtps://");
  const std::string_view scheme = url.substr(0, colon);
  server parsed;
  if (scheme == "smtp") parsed.security = security::none;
  else if (scheme == "smtp+starttls") parsed.security = security::starttls;
  else if (scheme == "smtps") parsed.security = security::tls;
  else return bad(field::security, "begins with none of smtp://, smtp+starttls://, smtps://");
  std::string_view rest = url.substr(colon + 3);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    parsed.account.user = rest.substr(0, at);
    if (const std::size_t password = parsed.account.user.find(':'); password != std::string::npos) {
      shown = std::string(scheme) + "://" + parsed.account.user.substr(0, password) + ":...@" +
              std::string(rest.substr(at + 1));
      return bad(field::password, "a password is never part of a URL; use a password file");
    }
    if (parsed.account.user.empty()) return bad(field::user, "the user is empty");
    rest.remove_prefix(at + 1);
  }
  if (rest.starts_with('[')) {
    const std::size_t close = rest.find(']');
    if (close == std::string_view::npos) return bad(field::host, "the bracket is not closed");
    parsed.host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
  } else {
    parsed.host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(parsed.host.size());
  }
  if (parsed.host.empty()) return bad(field::host, "the host is missing");
  for (const char c : parsed.host)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '/')
      return bad(field::host, "the host has a character that no host has");
  if (!rest.empty()) {
    const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), parsed.port);
    if (rest.front() != ':' || error != std::errc{} || end != rest.data() + rest.size() || parsed.port == 0)
      return bad(field::port, "the port is not a number from 1 to 65535");
  }
  if (parsed.security == security::none) {
    if (!parsed.account.user.empty() && !insecure) return bad(field::security, "a user needs TLS, or --insecure");
    parsed.dangerously_allow_password_in_clear = insecure;
  }
  return parsed;
}

}  // namespace postrider::examples
