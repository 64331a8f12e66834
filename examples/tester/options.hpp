// The command line of postrider-tester.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/net/tls.hpp>

#include "common/options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace postrider::examples {

struct tester_options {
  std::string target;
  security with = security::starttls;
  auth_method auth = auth_method::automatic;
  std::string user;
  std::string password_file;
  std::string ca_file;
  std::string from;
  std::vector<std::string> to;
  double timeout = 30;
  bool transcript = false;
  bool json = false;
};

inline void declare(CLI::App& app, tester_options& o) {
  app.add_option("server", o.target, "Where the server is: name or address, [IPv6] in brackets")
      ->type_name("HOST[:PORT]")
      ->required();
  add_choice(app, "--security", o.with, "How the connection is encrypted (default: starttls)");
  add_choice(app, "--auth", o.auth, "How to log in (default: auto)");
  app.add_option("--user", o.user, "User name to log in with")->type_name("U");
  app.add_option("--password-file", o.password_file, "File with the password, - for standard input")->type_name("F");
  app.add_option("--ca-file", o.ca_file, "Certificates to trust in addition to the system's (PEM)")->type_name("F");
  app.add_option("--from", o.from, "Send a test mail from this address (default: the user, if it is an address)")
      ->type_name("A");
  app.add_option("--to", o.to, "Send a test mail to this address; may be repeated")
      ->type_name("B")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--timeout", o.timeout, "Longest wait for each step, in seconds (default: 30)")->type_name("S");
  app.add_flag("--transcript", o.transcript, "Show what was said, too");
  app.add_flag("--json", o.json, "Print one JSON object instead of text");
}

/// Host and port of "host", "host:port", "[v6]:port" or "v6".
inline std::pair<std::string, std::uint16_t> split_target(const std::string& target) {
  const auto bad = [&](const std::string& why) { return usage_error("HOST[:PORT]", "\"" + target + "\" " + why); };
  std::string host = target;
  std::optional<std::string> port;
  if (target.starts_with('[')) {
    const std::size_t end = target.find(']');
    if (end == std::string::npos) throw bad("lacks a ]");
    host = target.substr(1, end - 1);
    if (end + 1 < target.size()) {
      if (target[end + 1] != ':') throw bad("has something else than :PORT after the ]");
      port = target.substr(end + 2);
    }
  } else if (std::count(target.begin(), target.end(), ':') == 1) {
    const std::size_t colon = target.find(':');
    host = target.substr(0, colon);
    port = target.substr(colon + 1);
  }
  const bool odd = std::any_of(host.begin(), host.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '/' || c == '@';
  });
  if (host.empty() || odd) throw bad("is not a host name or address");
  std::uint16_t number = 0;
  if (port) {
    const auto [end, error] = std::from_chars(port->data(), port->data() + port->size(), number);
    if (error != std::errc{} || end != port->data() + port->size() || number == 0)
      throw bad("needs a port from 1 to 65535 after the colon");
  }
  return {host, number};
}

/// Completes and checks the options, and makes the server's definition of them. Throws usage_error.
inline server make_server(tester_options& o) {
  server where;
  std::tie(where.host, where.port) = split_target(o.target);
  where.security = o.with;
  where.auth = o.auth;
  if (!o.user.empty() && o.password_file.empty()) throw usage_error("--password-file", "is needed with --user");
  if (o.user.empty() && !o.password_file.empty()) throw usage_error("--user", "is needed with --password-file");
  if (o.user.empty() && o.auth != auth_method::automatic && o.auth != auth_method::none)
    throw usage_error("--user", "is needed with --auth");
  if (!o.user.empty()) where.account = account{o.user, read_password(o.password_file)};
  where.tls.ca_file = o.ca_file;
  if (const auto usable = net::tls_context::client(where.tls); !usable)
    throw usage_error("--ca-file", usable.error().detail);
  if (!(o.timeout >= 0.001 && o.timeout <= 3600)) throw usage_error("--timeout", "is from 0.001 to 3600 seconds");
  const std::chrono::milliseconds limit(static_cast<std::int64_t>(o.timeout * 1000));
  server_timeouts& t = where.timeouts;
  t.resolve = t.connect = t.greeting = t.command = t.tls = t.data = t.block = t.final = limit;
  t.quit = std::min(t.quit, limit);

  if (o.from.empty() && !o.to.empty()) {
    if (!mailbox::parse(o.user)) throw usage_error("--from", "is needed with --to, unless --user is an address");
    o.from = o.user;
  }
  if (!o.from.empty() && o.to.empty()) throw usage_error("--to", "is needed with --from");
  if (!o.from.empty()) demand_address("--from", o.from);
  for (const std::string& address : o.to) demand_address("--to", address);
  return where;
}

}  // namespace postrider::examples
