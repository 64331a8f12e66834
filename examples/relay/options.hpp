// What the command line of postrider-relay says, and what it comes to.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/delivery/retry.hpp>
#include <postrider/mail/address.hpp>

#include "common/options.hpp"
#include "common/server_url.hpp"
#include "relay/data_folder.hpp"
#include "relay/durations.hpp"

#include <CLI/CLI.hpp>
#include <asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace postrider::examples {

/// What every command needs to know of the data folder.
struct data_options {
  std::string data;
  std::string key_file;
  bool insecure = false;
};

inline void declare(CLI::App& app, data_options& o) {
  app.add_option("--data", o.data, "Data folder of the relay")->type_name("DIR")->required();
  app.add_option("--key-file", o.key_file,
                 "Key that seals passwords (default: $POSTRIDER_KEY_FILE, or ~/.config/postrider/key)")
      ->type_name("F");
  app.add_flag("--insecure", o.insecure,
               "Let custom servers in without TLS or authentication (development on loopback)");
}

inline std::filesystem::path key_file_of(const data_options& o) {
  const std::filesystem::path path = o.key_file.empty() ? usual_key_file() : std::filesystem::path(o.key_file);
  if (path.empty()) throw usage_error("--key-file", "is needed where there is no home folder");
  return path;
}

struct serve_options {
  data_options data;
  std::vector<std::string> listen;
  std::vector<std::string> listen_tls;
  std::string internal_server;
  std::string internal_password_file;
  std::string internal_ca_file;
  std::uint64_t internal_connections = 20;
  std::uint64_t sending_threads = 0;
  std::vector<std::string> trust;
  std::string tenant = "default";
  std::string hostname;
  std::string tls_cert;
  std::string tls_key;
  std::string console;
  std::string console_tls_cert;
  std::string console_tls_key;
  std::vector<std::string> console_hosts;
  std::string console_session = "8h";
  std::string retry;
  std::string delay_warning;
  std::string drain = "30s";
  std::uint64_t message_size = 50'000'000;
  std::uint64_t connections = 1000;
  std::uint64_t connections_per_address = 100;
  std::uint64_t recipients = 1000;
  std::uint64_t mails_per_connection = 10'000;
  std::uint64_t failed_logins = 30;
  std::string log_level = "info";
};

inline void declare(CLI::App& app, serve_options& o) {
  declare(app, o.data);
  const auto many = [](CLI::Option* option) { option->take_all()->allow_extra_args(false); };
  auto* listen = app.add_option("--listen", o.listen, "Where to take mail; may be repeated; port 0: a free one");
  many(listen->type_name("ADDR:PORT")->required());
  many(app.add_option("--listen-tls", o.listen_tls, "The same with TLS from the first byte")->type_name("ADDR:PORT"));
  app.add_option("--internal-server", o.internal_server,
                 "The internal server of every tenant: smtp://HOST:PORT, smtp+starttls://USER@HOST, smtps://USER@HOST; "
                 "without it the mail that is for it waits (cause no_server)")
      ->type_name("URL");
  app.add_option("--internal-password-file", o.internal_password_file,
                 "The password of the internal server's user, - for standard input")
      ->type_name("F");
  app.add_option("--internal-ca-file", o.internal_ca_file, "Certificates to trust for the internal server (PEM)")
      ->type_name("F");
  many(app.add_option("--trust", o.trust, "Take mail from these addresses without a login; may be repeated")
           ->type_name("CIDR"));
  app.add_option("--tenant", o.tenant, "Whose mail it is that comes from trusted addresses (default: default)")
      ->type_name("NAME");
  app.add_option("--hostname", o.hostname, "What this host calls itself (default: its name)")->type_name("NAME");
  app.add_option("--tls-cert", o.tls_cert, "Certificate chain for STARTTLS (PEM); without it there are no logins")
      ->type_name("F");
  app.add_option("--tls-key", o.tls_key, "The certificate's private key (PEM)")->type_name("F");
  app.add_option("--console", o.console,
                 "Serve the console and its API here; elsewhere than on a loopback address only with TLS")
      ->type_name("ADDR:PORT");
  app.add_option("--console-tls-cert", o.console_tls_cert,
                 "Certificate chain of the console (PEM; default elsewhere than on loopback: --tls-cert)")
      ->type_name("F");
  app.add_option("--console-tls-key", o.console_tls_key, "The certificate's private key (PEM)")->type_name("F");
  many(app.add_option("--console-host", o.console_hosts,
                      "A name, besides localhost and IP addresses, by which browsers may ask for it; may be repeated")
           ->type_name("NAME"));
  app.add_option("--console-session", o.console_session, "How long a login lasts without being used (default: 8h)")
      ->type_name("TIME");
  app.add_option("--retry", o.retry, "When mail is tried again and given up (default: 1m,4h,5d)")
      ->type_name("FIRST,LONGEST,GIVE_UP");
  app.add_option("--delay-warning", o.delay_warning,
                 "The age at which the sender of a mail is told that it waits, or never (default: 4h, at most half of "
                 "GIVE_UP)")
      ->type_name("TIME");
  app.add_option("--drain", o.drain, "How long mail under way may take when the relay ends (default: 30s)")
      ->type_name("TIME");
  app.add_option("--message-size", o.message_size, "Largest mail in bytes, 0 for any (default: 50000000)")
      ->type_name("BYTES");
  app.add_option("--sending-threads", o.sending_threads,
                 "Threads that connections to servers are spread over (default: 0, they share the one that takes mail)")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{256}));
  const auto limit = [&app](const char* name, std::uint64_t& value, const char* what, std::uint64_t least) {
    app.add_option(name, value, what)->type_name("N")->check(CLI::Range(least, std::uint64_t{999'999}));
  };
  limit("--max-connections", o.connections, "Clients at once, for each address to listen on (default: 1000)", 1);
  limit("--max-connections-per-address", o.connections_per_address,
        "Clients at once of one address that is not trusted, IPv6 by its /64 (default: 100)", 1);
  limit("--internal-connections", o.internal_connections, "Connections to the internal server at once (default: 20)",
        1);
  limit("--max-recipients", o.recipients, "Recipients of a mail (default: 1000)", 100);
  limit("--max-mails-per-connection", o.mails_per_connection, "Mails of a connection, 0 for any (default: 10000)", 0);
  limit("--max-failed-logins", o.failed_logins, "Failed logins of one address in ten minutes, 0 for any (default: 30)",
        0);
  app.add_option("--log-level", o.log_level, "debug: every attempt, info: failures and what changes, warn, error, off")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}));
  app.set_config("--config", "", "Read options from this file")->type_name("FILE");
  app.allow_config_extras(CLI::config_extras_mode::error);
}

/// "127.0.0.1:2525" or "[::1]:2525".
inline asio::ip::tcp::endpoint parse_endpoint(const std::string& option, const std::string& text) {
  const auto bad = [&](const std::string& why) { return usage_error(option, '"' + text + "\" " + why); };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw bad("is not ADDR:PORT");
  std::string host = text.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) throw bad("does not begin with an IP address");
  std::uint16_t port = 0;
  const char* const last = text.data() + text.size();
  const auto [end, wrong] = std::from_chars(text.data() + colon + 1, last, port);
  if (wrong != std::errc{} || end != last) throw bad("needs a port from 0 to 65535 after the colon");
  return {address, port};
}

/// "127.0.0.1:2525" or "[::1]:2525".
inline std::string text_of(const asio::ip::tcp::endpoint& at) {
  const std::string address = at.address().to_string();
  return (at.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(at.port());
}

inline void demand_readable(const std::string& option, const std::string& path) {
  if (!path.empty() && !std::ifstream(path)) throw usage_error(option, "cannot read " + path);
}

/// What `--internal-server` and the files beside it define; nothing if there is none.
inline std::optional<server> internal_server_of(const serve_options& o) {
  if (o.internal_server.empty()) {
    if (!o.internal_password_file.empty())
      throw usage_error("--internal-server", "is needed with --internal-password-file");
    if (!o.internal_ca_file.empty()) throw usage_error("--internal-server", "is needed with --internal-ca-file");
    return std::nullopt;
  }
  auto parsed = parse_server_url(o.internal_server, o.data.insecure);
  if (!parsed) throw usage_error("--internal-server", parsed.error().detail);
  if (parsed->account.empty() != o.internal_password_file.empty())
    throw usage_error(
        parsed->account.empty() ? "--internal-server" : "--internal-password-file",
        parsed->account.empty() ? "names no user for the password" : "is needed for the user of --internal-server");
  if (!parsed->account.empty()) parsed->account.password = read_password(o.internal_password_file);
  demand_readable("--internal-ca-file", o.internal_ca_file);
  parsed->tls.ca_file = o.internal_ca_file;
  parsed->limits.connections = static_cast<std::uint32_t>(o.internal_connections);
  return *parsed;
}

/// A name that notifications can come from. Systems have others, too.
inline std::string hostname_of(const serve_options& o) {
  const auto fit = [](const std::string& name) {
    return is_ascii(name) && address::parse("mailer-daemon@" + name).has_value();
  };
  if (!o.hostname.empty() && !fit(o.hostname))
    throw usage_error("--hostname", '"' + printable(o.hostname) + "\" is no host name and no [address]");
  if (!o.hostname.empty()) return o.hostname;
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && fit(name) ? name : "localhost";
}

}  // namespace postrider::examples
