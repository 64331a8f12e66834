// The command line of postrider-send, and the mail and server that it describes.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/mail/message.hpp>
#include <postrider/net/tls.hpp>

#include "common/options.hpp"
#include "common/server_url.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postrider::examples {

struct send_options {
  std::string server_url;
  auth_method auth = auth_method::automatic;
  std::string password_file;
  std::string ca_file;
  bool insecure = false;
  std::string from;
  std::vector<std::string> to;
  std::string eml;
  std::string subject;
  std::string text;
  std::optional<std::uint64_t> size;
  std::uint64_t count = 1;
  std::uint32_t connections = 1;
  std::uint16_t window = 1;
  std::optional<double> timeout;
  bool json = false;
};

inline void declare(CLI::App& app, send_options& o) {
  app.add_option("--server", o.server_url, "smtp://host:port, smtp+starttls://user@host, smtps://user@host")
      ->type_name("URL")
      ->required();
  add_choice(app, "--auth", o.auth, "How to log in (default: auto)");
  app.add_option("--password-file", o.password_file, "File with the user's password, - for standard input")
      ->type_name("F");
  app.add_option("--ca-file", o.ca_file, "Certificates to trust in addition to the system's (PEM)")->type_name("F");
  app.add_flag("--insecure", o.insecure, "Allow a user over smtp://, which shows the password to the network");
  app.add_option("--from", o.from, "Reverse-path; \"\" for the null sender")->type_name("A")->required();
  app.add_option("--to", o.to, "Recipient; may be repeated")
      ->type_name("B")
      ->required()
      ->take_all()
      ->allow_extra_args(false);
  auto* eml = app.add_option("--eml", o.eml, "Send this file, header and body, as it is")->type_name("FILE");
  auto* subject = app.add_option("--subject", o.subject, "Subject of a mail made here")->type_name("S")->excludes(eml);
  auto* text = app.add_option("--text", o.text, "Its text")->type_name("T")->needs(subject);
  app.add_option("--size", o.size, "Its size, filled with text")
      ->type_name("BYTES")
      ->needs(subject)
      ->excludes(text)
      ->check(CLI::Range(0, 1 << 30));
  app.add_option("--count", o.count, "How many times (default: 1)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  app.add_option("--connections", o.connections, "Most connections at once (default: 1)")->check(CLI::Range(1, 10'000));
  app.add_option("--window", o.window, "Most mails in flight on a connection (default: 1)")
      ->check(CLI::Range(1, 1'000));
  app.add_option("--timeout", o.timeout, "Longest wait for each step, in seconds (default: those of RFC 5321)")
      ->type_name("S");
  app.add_flag("--json", o.json, "Print one JSON object last");
}

inline server make_server(const send_options& o) {
  auto parsed = parse_server_url(o.server_url, o.insecure);
  if (!parsed) throw usage_error("--server", parsed.error().detail);
  server where = std::move(*parsed);
  where.auth = o.auth;
  if (!where.account.user.empty() && o.password_file.empty())
    throw usage_error("--password-file", "is needed with a user in the URL");
  if (where.account.user.empty() && !o.password_file.empty())
    throw usage_error("--server", "names no user for the password");
  if (where.account.user.empty() && o.auth != auth_method::automatic && o.auth != auth_method::none)
    throw usage_error("--server", "names no user to log in");
  if (!o.password_file.empty()) where.account.password = read_password(o.password_file);
  where.tls.ca_file = o.ca_file;
  if (const auto usable = net::tls_context::client(where.tls); !usable)
    throw usage_error("--ca-file", usable.error().detail);
  if (o.timeout) {
    if (!(*o.timeout >= 0.001 && *o.timeout <= 3600)) throw usage_error("--timeout", "is from 0.001 to 3600 seconds");
    const std::chrono::milliseconds limit(static_cast<std::int64_t>(*o.timeout * 1000));
    server_timeouts& t = where.timeouts;
    t.resolve = t.connect = t.greeting = t.command = t.tls = t.data = t.block = t.final = limit;
    t.quit = std::min(t.quit, limit);
  }
  where.limits.connections = o.connections;
  where.quirks.window = o.window;
  return where;
}

inline envelope make_envelope(const send_options& o) {
  std::optional<address> from;
  if (!o.from.empty()) {
    auto parsed = mailbox::parse(o.from);
    if (!parsed) throw usage_error("--from", parsed.error().detail);
    from = parsed->address();
  }
  std::vector<recipient> to;
  for (const std::string& text : o.to) {
    auto parsed = mailbox::parse(text);
    if (!parsed) throw usage_error("--to", parsed.error().detail);
    to.emplace_back(parsed->address());
  }
  return envelope(std::move(from), std::move(to));
}

inline content read_eml(const std::string& path) {
  return content(canonical(read_file("--eml", path)));
}

/// A mail of at least `size` bytes of text in lines.
inline std::string filler(std::uint64_t size) {
  constexpr std::string_view line = "The relay carries the mail from station to station, whatever the weather is.\n";
  std::string text;
  while (text.size() < size) text += line.substr(0, std::min<std::uint64_t>(line.size(), size - text.size()));
  return text;
}

inline mail make_mail(const send_options& o) {
  envelope who = make_envelope(o);
  if (!o.eml.empty()) return mail(std::move(who), read_eml(o.eml));
  if (o.subject.empty() && !o.size) throw usage_error("--eml", "or --subject says what to send");
  message made;
  made.from(o.from.empty() ? "MAILER-DAEMON@localhost" : o.from)
      .subject(o.subject)
      .text(o.size ? filler(*o.size) : o.text + '\n');
  for (const std::string& to : o.to) made.to(to);
  auto built = made.build();
  if (!built) throw usage_error("--subject", built.error().detail);
  return mail(std::move(who), built->content());
}

}  // namespace postrider::examples
