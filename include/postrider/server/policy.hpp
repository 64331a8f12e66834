// What a server asks of its clients, and what it allows them.
#pragma once

#include <postrider/net/tls.hpp>
#include <postrider/protocol/server_settings.hpp>
#include <postrider/server/login.hpp>
#include <postrider/server/network.hpp>

#include <asio/ip/address.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace postrider {

/// How long a client may take. Whoever is late gets a 421.
struct session_timeouts {
  std::chrono::milliseconds command{300'000};    ///< for the next command, RFC 5321 section 4.5.3.2.7
  std::chrono::milliseconds tls{30'000};         ///< for a handshake
  std::chrono::milliseconds write{60'000};       ///< for taking replies
  std::chrono::milliseconds block{180'000};      ///< for the next piece of a content
  std::chrono::milliseconds session{3'600'000};  ///< for all its mails; the one under way may end
  std::chrono::milliseconds content{600'000};    ///< for a whole content, besides what `bytes_per_second` grants
  std::uint32_t bytes_per_second = 1024;         ///< the slowest rate at which a large content may come
};

/// Everything about a server but where it listens and where its mail goes. Plain values: fill in, give to a listener.
struct server_policy {
  protocol::server_settings smtp{};
  net::tls_context tls{};          ///< empty: neither STARTTLS nor AUTH is offered
  bool implicit_tls = false;       ///< TLS from the first byte (RFC 8314) instead of STARTTLS
  password_check check{};          ///< empty: AUTH is not offered
  login_lookup find{};             ///< empty: SCRAM-SHA-256 is not offered
  std::vector<network> trusted{};  ///< who may send without AUTH, as any sender of `trusted_tenant`
  std::string trusted_tenant = "default";
  session_timeouts timeouts{};
  std::size_t sessions = 1000;
  std::size_t sessions_per_address = 100;      ///< of one that is not trusted; an IPv6 client counts by its /64
  std::size_t failed_logins_per_address = 30;  ///< counted likewise; then there is no AUTH. Zero means no limit
  std::chrono::milliseconds failed_logins_within{600'000};  ///< from the first failure until they are forgotten

  bool trusts(const asio::ip::address& client) const {
    return std::any_of(trusted.begin(), trusted.end(), [&](const network& n) { return n.contains(client); });
  }
};

}  // namespace postrider
