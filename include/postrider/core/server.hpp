// A server that takes mail, as plain values: where it is, how it is secured, which account is used on it.
#pragma once

#include <postrider/core/secret.hpp>
#include <postrider/core/vocabulary.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace postrider {

/// Connection security. `starttls` is required once chosen; `tls` is TLS from the first byte (RFC 8314).
enum class security : std::uint8_t { starttls, tls, none };
template <>
inline constexpr std::array<std::string_view, 3> spellings<security>{"starttls", "tls", "none"};

/// 587, 465 or 25 (RFC 6409, RFC 8314, RFC 5321).
constexpr std::uint16_t default_port(security s) noexcept {
  switch (s) {
    case security::starttls: return 587;
    case security::tls: return 465;
    case security::none: break;
  }
  return 25;
}

/// How to authenticate. `automatic` takes the strongest mechanism that both sides know.
enum class auth_method : std::uint8_t { automatic, plain, login, cram_md5, scram_sha_256, none };
template <>
inline constexpr std::array<std::string_view, 6> spellings<auth_method>{"auto",     "plain",         "login",
                                                                        "cram-md5", "scram-sha-256", "none"};

/// Who to be on a server. An empty user means no authentication.
struct account {
  std::string user;
  secret password;

  bool empty() const noexcept { return user.empty(); }
  friend bool operator==(const account&, const account&) = default;
};

/// What to ask of TLS. Certificates and names are verified unless an openly named switch says otherwise.
struct tls_options {
  std::string ca_file{};       ///< PEM file trusted in addition to the system's roots
  std::string server_name{};   ///< name to verify and to send as SNI; empty: the host
  bool allow_tls_1_1 = false;  ///< the minimum is TLS 1.2 otherwise
  bool dangerously_skip_verification = false;

  friend bool operator==(const tls_options&, const tls_options&) = default;
};

/// Most of everything for one server and account; zero means no limit.
struct server_limits {
  std::uint32_t connections = 8;
  std::uint32_t mails_per_connection = 0;
  std::uint32_t mails_per_second = 0;
  std::uint32_t recipients_per_second = 0;
  std::uint32_t recipients_per_mail = 100;  ///< RFC 5321 section 4.5.3.1.8
  std::chrono::seconds idle{30};
  std::chrono::seconds lifetime{600};

  friend bool operator==(const server_limits&, const server_limits&) = default;
};

/// Switches for servers that offer what they cannot do, and for servers that can do more than is safe to assume.
struct server_quirks {
  bool no_pipelining = false;
  bool no_chunking = false;
  bool no_eight_bit_mime = false;
  bool no_size = false;
  bool no_initial_response = false;  ///< AUTH without an initial response
  bool no_rset = false;
  bool helo_only = false;
  std::uint16_t window = 1;  ///< mails in flight at once

  friend bool operator==(const server_quirks&, const server_quirks&) = default;
};

/// Deadlines for each step (RFC 5321 section 4.5.3.2).
struct server_timeouts {
  std::chrono::milliseconds resolve{30'000};
  std::chrono::milliseconds connect{30'000};  ///< for each address
  std::chrono::milliseconds greeting{300'000};
  std::chrono::milliseconds command{300'000};  ///< EHLO, STARTTLS, AUTH, MAIL, RCPT
  std::chrono::milliseconds tls{60'000};
  std::chrono::milliseconds data{120'000};
  std::chrono::milliseconds block{180'000};  ///< content written without progress
  std::chrono::milliseconds final{600'000};  ///< after the final dot
  std::chrono::milliseconds quit{5'000};
  std::chrono::milliseconds overall{3'600'000};  ///< for one mail, from `send` to its outcome

  friend bool operator==(const server_timeouts&, const server_timeouts&) = default;
};

/// Where and how to send. An aggregate for designated initialisers: give it a name before awaiting with it.
struct server {
  std::string host{};
  std::uint16_t port = 0;  ///< 0: follows the security
  postrider::security security = postrider::security::starttls;
  auth_method auth = auth_method::automatic;
  postrider::account account{};
  tls_options tls{};
  server_limits limits{};
  server_quirks quirks{};
  server_timeouts timeouts{};
  std::string ehlo_name{};      ///< empty: the local address literal
  std::string local_address{};  ///< address to connect from; empty: any
  bool dangerously_allow_password_in_clear = false;

  std::uint16_t effective_port() const noexcept { return port != 0 ? port : default_port(security); }

  /// host:port, IPv6 in brackets.
  std::string endpoint() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? '[' + host + ']' : host) + ':' + std::to_string(effective_port());
  }

  friend bool operator==(const server&, const server&) = default;
};

}  // namespace postrider
