#include <postrider/server/policy.hpp>

#include <catch2/catch.hpp>

#include <string_view>

namespace policy_tests {

using namespace postrider;

namespace {

struct patient_writer {
  asio::awaitable<result<void>> append(std::string piece);
  asio::awaitable<result<mail_id>> commit();
};
/// Completes commit without saying which mail it is.
struct nameless_writer {
  asio::awaitable<result<void>> append(std::string piece);
  asio::awaitable<result<void>> commit();
};
/// Cannot be moved, so no session can keep it.
struct rooted_writer : patient_writer {
  rooted_writer(rooted_writer&&) = delete;
};
template <class Writer>
struct acceptor_of {
  asio::awaitable<result<Writer>> begin(submitter from, envelope to);
};
/// Does not wait: nothing could be durable when it returns.
struct hasty {
  result<patient_writer> begin(submitter from, envelope to);
};

}  // namespace

static_assert(mail_acceptor<acceptor_of<patient_writer>>);
static_assert(!mail_acceptor<acceptor_of<nameless_writer>>);
static_assert(!mail_acceptor<acceptor_of<rooted_writer>>);
static_assert(!mail_acceptor<hasty>);
static_assert(!mail_acceptor<int>);

TEST_CASE("a network is a range of addresses of either family", "[server]") {
  const auto contains = [](std::string_view range, const char* address) {
    const auto parsed = network::parse(range);
    REQUIRE(parsed);
    return parsed->contains(asio::ip::make_address(address));
  };
  CHECK(contains("127.0.0.0/8", "127.255.0.1"));
  CHECK_FALSE(contains("127.0.0.0/8", "128.0.0.1"));
  CHECK(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
  CHECK(contains("192.0.2.7", "192.0.2.7"));
  CHECK_FALSE(contains("192.0.2.7", "192.0.2.6"));
  CHECK(contains("192.0.2.128/25", "192.0.2.129"));
  CHECK_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  CHECK(contains("0.0.0.0/0", "203.0.113.1"));
  CHECK_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(contains("::/0", "2001:db8::1"));
  CHECK(contains("::1", "::1"));
  for (std::string_view wrong : {"", "/8", "127.0.0.1/", "127.0.0.1/33", "127.0.0.1/-1", "::/129", "localhost",
                                 "127.0.0.0/8x", "127.0.0.0/ 8"}) {
    const auto parsed = network::parse(wrong);
    INFO(wrong);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().cause == cause::invalid_configuration);
    CHECK(parsed.error().detail.find('"' + std::string(wrong) + '"') != std::string::npos);
  }
  const auto address = [](const char* text) { return asio::ip::make_address(text); };
  CHECK(network::around(address("2001:db8::1"), 64) == network::around(address("2001:db8::2"), 64));
  CHECK(network::around(address("2001:db8::1"), 64) != network::around(address("2001:db8:0:1::1"), 64));
  CHECK(network::around(address("192.0.2.1"), 64) != network::around(address("192.0.2.2"), 64));
}

TEST_CASE("a login sends as its senders, a trusted address as anyone", "[server]") {
  const auto sender = [](const char* text) { return std::optional<address>(*address::parse(text)); };
  const login ada("acme", login_record{.name = "ada", .senders = {"ada@example.com", "team@example.com"}});
  CHECK(ada.name() == "ada");
  CHECK(ada.may_send_as(sender("ada@EXAMPLE.com")));
  CHECK(ada.may_send_as(sender("team@example.com")));
  CHECK_FALSE(ada.may_send_as(sender("eve@example.com")));
  CHECK_FALSE(ada.may_send_as(std::nullopt));
  CHECK_FALSE(login().may_send_as(sender("ada@example.com")));
  CHECK_FALSE(login().may_send_as(std::nullopt));
  const login trusted = login::trusted("acme");
  CHECK(trusted.tenant() == "acme");
  CHECK(trusted.name().empty());
  CHECK(trusted.may_send_as(sender("eve@example.com")));
  CHECK(trusted.may_send_as(std::nullopt));
}

}  // namespace policy_tests
