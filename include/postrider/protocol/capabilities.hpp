// What a server offers in its reply to EHLO (RFC 5321 section 4.1.1.1).
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/protocol/reply.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace postrider::protocol {

class capabilities {
 public:
  bool pipelining = false;             ///< RFC 2920
  bool chunking = false;               ///< RFC 3030
  bool eight_bit_mime = false;         ///< RFC 6152
  bool smtputf8 = false;               ///< RFC 6531
  bool starttls = false;               ///< RFC 3207
  bool dsn = false;                    ///< RFC 3461
  bool enhanced_status_codes = false;  ///< RFC 2034
  bool size = false;                   ///< RFC 1870
  std::uint64_t size_limit = 0;        ///< bytes; zero means that none is told
  std::uint64_t mail_max = 0;          ///< MAIL commands in a session (RFC 9422); zero means that none is told
  std::uint64_t rcpt_max = 0;          ///< RCPT commands for a mail; zero means that none is told
  std::uint64_t rcpt_domain_max = 0;   ///< domains of RCPT commands for a mail; zero means that none is told
  std::vector<std::string> auth;       ///< SASL mechanisms, upper case (RFC 4954)

  /// Reads the lines after the first. Keywords in any case; "AUTH=PLAIN" of old servers counts as AUTH.
  static capabilities parse(const reply& ehlo) {
    capabilities offered;
    for (std::size_t i = 1; i < ehlo.lines.size(); ++i) offered.take(upper(ehlo.lines[i]));
    return offered;
  }

  /// Forgets what is switched off for this server.
  void restrict(const server_quirks& quirks) noexcept {
    pipelining = pipelining && !quirks.no_pipelining;
    chunking = chunking && !quirks.no_chunking;
    eight_bit_mime = eight_bit_mime && !quirks.no_eight_bit_mime;
    size = size && !quirks.no_size;
  }

  /// The names of what is offered, for people.
  std::string summary() const {
    std::string text;
    const auto add = [&text](bool offered, std::string_view name) {
      if (offered) (text += text.empty() ? "" : " ") += name;
    };
    add(pipelining, "PIPELINING");
    add(chunking, "CHUNKING");
    add(eight_bit_mime, "8BITMIME");
    add(smtputf8, "SMTPUTF8");
    add(starttls, "STARTTLS");
    add(dsn, "DSN");
    add(enhanced_status_codes, "ENHANCEDSTATUSCODES");
    add(size, "SIZE");
    if (size_limit != 0) text += '=' + std::to_string(size_limit);
    const auto add_limit = [&](std::uint64_t limit, std::string_view name) {
      if (limit != 0) ((text += text.empty() ? "" : " ") += name) += '=' + std::to_string(limit);
    };
    add_limit(mail_max, "MAILMAX");
    add_limit(rcpt_max, "RCPTMAX");
    add_limit(rcpt_domain_max, "RCPTDOMAINMAX");
    add(!auth.empty(), "AUTH");
    for (const auto& mechanism : auth) text += ' ' + mechanism;
    return text;
  }

 private:
  /// " RCPTMAX=20 MAILMAX=5": at most six digits and no zero first; what is no such limit is ignored (RFC 9422
  /// section 4).
  void take_limits(std::string_view rest) noexcept {
    while (!rest.empty()) {
      rest.remove_prefix(1);
      const std::string_view word = rest.substr(0, rest.find(' '));
      rest.remove_prefix(word.size());
      const std::size_t equals = word.find('=');
      if (equals == word.npos || word.size() - equals > 7) continue;
      std::uint64_t value = 0;
      const char* const end = word.data() + word.size();
      const auto [stop, error] = std::from_chars(word.data() + equals + 1, end, value);
      if (error != std::errc{} || stop != end || word[equals + 1] == '0') continue;
      const std::string_view name = word.substr(0, equals);
      if (name == "MAILMAX") mail_max = value;
      if (name == "RCPTMAX") rcpt_max = value;
      if (name == "RCPTDOMAINMAX") rcpt_domain_max = value;
    }
  }

  static std::string upper(std::string_view text) {
    std::string result(text);
    for (char& c : result)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return result;
  }

  void take(std::string_view line) {
    const std::string_view keyword = line.substr(0, line.find_first_of(" ="));
    std::string_view rest = line.substr(keyword.size());
    if (keyword == "PIPELINING") pipelining = true;
    if (keyword == "CHUNKING") chunking = true;
    if (keyword == "8BITMIME") eight_bit_mime = true;
    if (keyword == "SMTPUTF8") smtputf8 = true;
    if (keyword == "STARTTLS") starttls = true;
    if (keyword == "DSN") dsn = true;
    if (keyword == "ENHANCEDSTATUSCODES") enhanced_status_codes = true;
    if (keyword == "SIZE") {
      size = true;
      if (!rest.empty()) std::from_chars(rest.data() + 1, rest.data() + rest.size(), size_limit);
    }
    if (keyword == "LIMITS") take_limits(rest);
    while (keyword == "AUTH" && !rest.empty()) {
      rest.remove_prefix(1);
      const std::string_view mechanism = rest.substr(0, rest.find(' '));
      if (!mechanism.empty() && std::find(auth.begin(), auth.end(), mechanism) == auth.end())
        auth.emplace_back(mechanism);
      rest.remove_prefix(mechanism.size());
    }
  }
};

}  // namespace postrider::protocol
