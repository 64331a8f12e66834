#include <postrider/core/enhanced_status.hpp>
#include <postrider/core/secret.hpp>
#include <postrider/core/server.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <memory>
#include <ostream>
#include <string_view>
#include <type_traits>

using namespace postrider;

template <class T>
concept printable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST_CASE("enhanced status codes", "[core]") {
  CHECK(enhanced_status::parse("5.7.8 bad") == enhanced_status{5, 7, 8});
  CHECK(enhanced_status::parse("2.0.0") == enhanced_status{2, 0, 0});
  CHECK(enhanced_status::parse("4.123.999 x") == enhanced_status{4, 123, 999});
  for (const auto* bad : {"", "5", "5.", "5.7", "5.7.", "5.7.8x", "3.1.1 x", "9.9.9", "5.7.1234", "a.b.c", ".5.7"})
    CHECK_FALSE(enhanced_status::parse(bad));
  CHECK(to_string(enhanced_status{5, 7, 8}) == "5.7.8");
  CHECK(to_string(enhanced_status{}).empty());
}

TEST_CASE("a secret cannot be printed and leaves nothing behind when moved", "[core]") {
  STATIC_REQUIRE_FALSE(printable<secret>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<secret, std::string_view>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<secret, std::string>);
  secret a(std::string("hunter2"));
  secret b(std::move(a));
  CHECK(a.empty());  // NOLINT(bugprone-use-after-move): that is the point
  CHECK(b.reveal() == "hunter2");
  a = b;
  CHECK(a == b);
  b = std::move(a);
  CHECK(a.empty());  // NOLINT(bugprone-use-after-move)
  CHECK_FALSE(a == b);
}

TEST_CASE("a short secret, too, leaves no byte behind", "[core]") {
  alignas(secret) std::array<unsigned char, sizeof(secret)> place{};
  const auto leftover = [&] {
    return std::string_view(reinterpret_cast<const char*>(place.data()), place.size()).find("unter2") !=
           std::string_view::npos;
  };
  auto* const moved = std::construct_at(reinterpret_cast<secret*>(place.data()), std::string("hunter2"));
  CHECK(leftover());  // it lies in the object itself
  const secret taken(std::move(*moved));
  CHECK_FALSE(leftover());
  *moved = taken;
  const std::string shorter = "x";
  *moved = secret(shorter);
  CHECK_FALSE(leftover());
  std::destroy_at(moved);
  CHECK(taken.reveal() == "hunter2");
}

TEST_CASE("the port follows the security until it is set", "[core]") {
  server s{.host = "mail.example.com"};
  CHECK(s.endpoint() == "mail.example.com:587");
  s.security = security::tls;
  CHECK(s.effective_port() == 465);
  s.security = security::none;
  CHECK(s.effective_port() == 25);
  s.port = 2525;
  s.host = "::1";
  CHECK(s.endpoint() == "[::1]:2525");
}
