#include <postrider/server/network.hpp>

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace network_tests {

using postrider::network;

namespace {

asio::ip::address ip(const char* text) {
  return asio::ip::make_address(text);
}

network range(std::string_view text) {
  const auto parsed = network::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

}  // namespace

TEST_CASE("the first and the last address of a range are in it, their neighbours are not", "[network]") {
  struct example {
    std::string_view text;
    const char* first;
    const char* last;
    const char* before;  // "" where the family ends
    const char* after;
  };
  const std::vector<example> table{
      {"192.0.2.0/24", "192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"},
      {"192.0.2.77/24", "192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"},
      {"192.0.2.128/25", "192.0.2.128", "192.0.2.255", "192.0.2.127", "192.0.3.0"},
      {"192.0.2.8/31", "192.0.2.8", "192.0.2.9", "192.0.2.7", "192.0.2.10"},
      {"192.0.2.8/32", "192.0.2.8", "192.0.2.8", "192.0.2.7", "192.0.2.9"},
      {"192.0.2.8", "192.0.2.8", "192.0.2.8", "192.0.2.7", "192.0.2.9"},
      {"10.0.0.0/7", "10.0.0.0", "11.255.255.255", "9.255.255.255", "12.0.0.0"},
      {"128.0.0.0/1", "128.0.0.0", "255.255.255.255", "127.255.255.255", ""},
      {"0.0.0.0/0", "0.0.0.0", "255.255.255.255", "::fffe:ffff:ffff", "::1:0:0:0"},
      {"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff::", "2001:db9::"},
      {"2001:db8::/33", "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff::", "2001:db8:8000::"},
      {"2001:db8::8/127", "2001:db8::8", "2001:db8::9", "2001:db8::7", "2001:db8::a"},
      {"2001:db8::8/128", "2001:db8::8", "2001:db8::8", "2001:db8::7", "2001:db8::9"},
      {"2001:db8::8", "2001:db8::8", "2001:db8::8", "2001:db8::7", "2001:db8::9"},
      {"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", ""},
  };
  for (const auto& [text, first, last, before, after] : table) {
    INFO(text);
    const network whole = range(text);
    CHECK(whole.contains(ip(first)));
    CHECK(whole.contains(ip(last)));
    for (const std::string outside : {before, after})
      if (!outside.empty()) CHECK_FALSE(whole.contains(ip(outside.c_str())));
  }
}

TEST_CASE("an IPv4 client is the same over either kind of socket", "[network]") {
  CHECK(range("192.0.2.0/24").contains(ip("::ffff:192.0.2.9")));
  CHECK_FALSE(range("192.0.2.0/24").contains(ip("::192.0.2.9")));
  CHECK(range("::ffff:192.0.2.0/120").contains(ip("192.0.2.9")));
  CHECK(range("::ffff:192.0.2.0/120") == range("192.0.2.0/24"));
  CHECK(range("::ffff:192.0.2.1") == range("192.0.2.1"));
  CHECK_FALSE(range("2001:db8::/32").contains(ip("192.0.2.1")));
}

TEST_CASE("ranges are equal by what they hold, however they are written", "[network]") {
  CHECK(range("192.0.2.1/24") == range("192.0.2.200/24"));
  CHECK(range("2001:DB8:0:0::/32") == range("2001:db8::1/32"));
  CHECK(range("192.0.2.0/24") != range("192.0.2.0/25"));
  CHECK(range("10.0.0.0/8") == range("10.0.0.0/08"));
  CHECK(std::set<network>{range("10.0.0.0/8"), range("10.9.9.9/8"), range("10.0.0.0/9")}.size() == 2);
  CHECK(range("10.0.0.0/8") < range("11.0.0.0/8"));
}

TEST_CASE("what is no network is named in the refusal", "[network]") {
  using namespace std::string_view_literals;
  for (const auto wrong : {""sv,
                           "/"sv,
                           "/24"sv,
                           "192.0.2.0/"sv,
                           "192.0.2.0/33"sv,
                           "192.0.2.0/-1"sv,
                           "192.0.2.0/+8"sv,
                           "192.0.2.0/8 "sv,
                           "192.0.2.0/ 8"sv,
                           " 192.0.2.0/8"sv,
                           "192.0.2.0 /8"sv,
                           "192.0.2.0/8/8"sv,
                           "192.0.2.0/0x8"sv,
                           "192.0.2.0/4294967304"sv,
                           "192.0.2.0/99999999999999999999"sv,
                           "192.0.2/24"sv,
                           "192.0.2.256"sv,
                           "192.0.2.0.0"sv,
                           "0300.0.2.1"sv,
                           "::/129"sv,
                           ":::/8"sv,
                           "[::1]"sv,
                           "[::1]/128"sv,
                           "localhost"sv,
                           "192.0.2.0/255.255.255.0"sv,
                           "192.0.2.1\0.example/32"sv,
                           "192.0.2.1\0"sv,
                           "192.0.2.0/24\0"sv}) {
    INFO(wrong);
    const auto parsed = network::parse(wrong);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().cause == postrider::cause::invalid_configuration);
    CHECK(parsed.error().detail.find('"' + std::string(wrong) + '"') != std::string::npos);
  }
}

TEST_CASE("clients are counted by their range of IPv6, or by their address of IPv4", "[network]") {
  struct example {
    const char* one;
    const char* other;
    unsigned bits;
    bool same;
  };
  const std::vector<example> table{
      {"2001:db8::1", "2001:db8::ffff:1", 64, true},
      {"2001:db8::1", "2001:db8:0:1::1", 64, false},
      {"2001:db8::1", "2001:db8:0:1::1", 48, true},
      {"2001:db8::1", "2001:db8::2", 128, false},
      {"2001:db8::1", "2001:db8::1", 128, true},
      {"2001:db8::1", "ff02::1", 0, true},
      {"192.0.2.1", "192.0.2.2", 64, false},
      {"192.0.2.1", "192.0.2.2", 0, false},
      {"192.0.2.1", "192.0.2.1", 0, true},
      {"192.0.2.1", "::ffff:192.0.2.1", 64, true},
      {"192.0.2.1", "::ffff:192.0.2.2", 64, false},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.2", 64, false},
      {"192.0.2.1", "::1", 0, false},
  };
  for (const auto& [one, other, bits, same] : table) {
    INFO(one << ' ' << other << ' ' << bits);
    CHECK((network::around(ip(one), bits) == network::around(ip(other), bits)) == same);
    CHECK(network::around(ip(one), bits).contains(ip(one)));
  }
}

}  // namespace network_tests
