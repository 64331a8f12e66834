// A range of addresses, as in 192.0.2.0/24 or 2001:db8::/32.
#pragma once

#include <postrider/core/config.hpp>
#include <postrider/core/result.hpp>

#include <asio/ip/address.hpp>

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace postrider {

/// IPv4 addresses are held as IPv4-mapped ones, so that a client is the same over either kind of socket.
class network {
 public:
  /// Reads "address/bits", or an address alone. Fails with `invalid_configuration`, which names the text.
  static result<network> parse(std::string_view text) {
    const auto refused = [&] {
      return fail(cause::invalid_configuration, stage::queue,
                  "\"" + std::string(text) + "\" is no network such as 192.0.2.0/24 or 2001:db8::/32");
    };
    const std::size_t slash = text.find('/');
    std::error_code error;
    const auto address = asio::ip::make_address(std::string(text.substr(0, slash)), error);
    if (error || text.find('\0') != text.npos) return refused();  // make_address reads up to a NUL
    const unsigned most = address.is_v4() ? 32 : 128;
    unsigned bits = most;
    if (slash != text.npos) {
      const std::string_view number = text.substr(slash + 1);
      const auto [end, bad] = std::from_chars(number.data(), number.data() + number.size(), bits);
      if (bad != std::errc{} || end != number.data() + number.size() || bits > most) return refused();
    }
    return network(mapped(address), address.is_v4() ? bits + 96 : bits);
  }

  /// The range of `bits` (of an IPv6 address; an IPv4 one stays whole) that `address` is in, to count clients by.
  static network around(const asio::ip::address& address, unsigned bits) {
    const bool v4 = address.is_v4() || address.to_v6().is_v4_mapped();
    return network(mapped(address), v4 ? 128 : bits);
  }

  bool contains(const asio::ip::address& address) const { return cut(mapped(address), bits_) == first_; }

  friend auto operator<=>(const network&, const network&) = default;

 private:
  using bytes = asio::ip::address_v6::bytes_type;

  network(const bytes& address, unsigned bits) : first_(cut(address, bits)), bits_(bits) {}

  static bytes mapped(const asio::ip::address& address) {
    if (address.is_v6()) return address.to_v6().to_bytes();
    return asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes();
  }

  static bytes cut(bytes address, unsigned bits) {
    for (unsigned i = 0; i < address.size(); ++i) {
      const unsigned kept = bits <= 8 * i ? 0 : std::min(8U, bits - 8 * i);
      address[i] = static_cast<unsigned char>(address[i] & (0xFF00U >> kept));
    }
    return address;
  }

  bytes first_;
  unsigned bits_;
};

}  // namespace postrider
