// What the registry knows of one tenant: its servers, senders and logins, as immutable values.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/core/vocabulary.hpp>
#include <postrider/mail/ascii.hpp>
#include <postrider/registry/persistent_map.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postrider {

/// A password as the storage holds it: only the vault opens it, and only for the tenant, row and field it was given to.
struct sealed_secret {
  std::string bytes{};

  bool empty() const noexcept { return bytes.empty(); }
  friend bool operator==(const sealed_secret&, const sealed_secret&) = default;
};

/// The name of the server that every tenant starts with. Its settings are one definition for the whole process.
inline constexpr std::string_view internal_server_name = "internal";

/// A server of a tenant. In a snapshot `settings.account.password` is empty; given to the registry, it is a new
/// password, or, left empty, keeps the old one.
struct server_record {
  std::string name{};
  bool internal = false;  ///< `settings` are the process's, not these
  postrider::server settings{};
  sealed_secret password{};
  std::vector<std::string> fallbacks{};  ///< servers to use, in this order, while this one is in trouble
  std::uint32_t weight = 1;              ///< share of the mail among servers of one rank
  std::uint32_t rank = 0;        ///< fallbacks of one rank share the mail; with this server, if it is of it; 0: none
  std::string notify_address{};  ///< who is told about trouble with this server; empty: the tenant's
  std::uint64_t revision = 0;    ///< the tenant's version that wrote this row; given to the registry, 0 is any

  std::string_view key() const noexcept { return name; }
  friend bool operator==(const server_record&, const server_record&) = default;
};

enum class sender_kind : std::uint8_t { user, channel };
template <>
inline constexpr std::array<std::string_view, 2> spellings<sender_kind>{"user", "channel"};

/// A sender's own choice of server. Without a user the server's account is used. The account belongs to this server
/// and is never used on another one. Passwords as in `server_record`.
struct server_override {
  std::string server{};
  postrider::account account{};
  sealed_secret password{};

  friend bool operator==(const server_override&, const server_override&) = default;
};

/// A user or channel in whose name mail is sent, known by its address.
struct sender_record {
  sender_kind kind = sender_kind::user;
  std::string name{};
  std::string address{};  ///< with the domain in lower case
  std::optional<server_override> override{};
  std::uint64_t revision = 0;  ///< as in `server_record`

  std::string_view key() const noexcept { return address; }
  friend bool operator==(const sender_record&, const sender_record&) = default;
};

/// `address` with its domain in lower case: the form in which senders are known. Local parts are left alone.
inline std::string sender_key(std::string_view address) {
  std::string key(address);
  const std::size_t at = key.rfind('@');
  if (at != std::string::npos)
    std::transform(key.begin() + static_cast<std::ptrdiff_t>(at), key.end(),
                   key.begin() + static_cast<std::ptrdiff_t>(at), ascii_lower);
  return key;
}

/// Somebody who hands mail in, and the sender addresses he may use.
struct login_record {
  std::string name{};                  ///< one name is one login, whatever the tenant
  std::string verifier{};              ///< SCRAM-SHA-256 form; given to the registry empty, keeps the old one
  std::vector<std::string> senders{};  ///< with their domains in lower case, sorted
  std::uint64_t revision = 0;          ///< as in `server_record`

  /// True if this login may say MAIL FROM:<`address`>. The null reverse-path is nobody's.
  bool permits(std::string_view address) const {
    return std::binary_search(senders.begin(), senders.end(), sender_key(address));
  }

  std::string_view key() const noexcept { return name; }
  friend bool operator==(const login_record&, const login_record&) = default;
};

/// Who sends through a server now.
struct server_usage {
  struct group {
    std::vector<std::string> by_default{};   ///< addresses, sorted
    std::vector<std::string> by_override{};  ///< addresses, sorted
    std::size_t size() const noexcept { return by_default.size() + by_override.size(); }
  };
  group users{};
  group channels{};
  std::vector<std::string> fallback_of{};  ///< servers that name it as a fallback

  std::size_t size() const noexcept { return users.size() + channels.size(); }
};

/// Everything about one tenant at one moment. Two versions share the records that they have in common.
class tenant_snapshot {
 public:
  std::string tenant{};
  std::uint64_t version = 0;  ///< grows with every change; 0: there is no such tenant
  std::string default_server{};
  std::string notify_address{};  ///< who is told about trouble; empty: nobody
  std::uint64_t revision = 0;    ///< the version that last wrote `default_server` or `notify_address`
  persistent_map<server_record> servers{};
  persistent_map<sender_record> senders{};
  persistent_map<login_record> logins{};

  bool exists() const noexcept { return version != 0; }

  const server_record* find_server(std::string_view name) const noexcept { return servers.find(name); }
  const login_record* find_login(std::string_view name) const noexcept { return logins.find(name); }
  /// Null if the address belongs to no sender of this tenant. The case of the domain does not matter.
  const sender_record* find_sender(std::string_view address) const { return senders.find(sender_key(address)); }

  /// The server that `address` uses now: its override, or the default. Null only if there is no such tenant.
  const server_record* server_of(std::string_view address) const {
    const sender_record* sender = find_sender(address);
    return find_server(sender != nullptr && sender->override ? sender->override->server : default_server);
  }

  /// The users and channels that use the server `name` now, told apart as by default or by override.
  server_usage used_by(std::string_view name) const {
    server_usage usage;
    for (const sender_record& sender : senders) {
      if ((sender.override ? sender.override->server : default_server) != name) continue;
      auto& group = sender.kind == sender_kind::user ? usage.users : usage.channels;
      (sender.override ? group.by_override : group.by_default).push_back(sender.address);
    }
    for (const server_record& server : servers)
      if (std::find(server.fallbacks.begin(), server.fallbacks.end(), name) != server.fallbacks.end())
        usage.fallback_of.push_back(server.name);
    return usage;
  }
};

}  // namespace postrider
