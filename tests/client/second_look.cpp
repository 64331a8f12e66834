#include <postrider/client/second_look.hpp>

#include "sending.hpp"

#include <asio/read.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <support/run.hpp>
#include <support/scripted_server.hpp>
#include <utility>
#include <vector>

namespace second_look_tests {

using namespace postrider;
using client::second_look;
using client::worth_a_second_look;
using std::chrono::milliseconds;

namespace {

/// Waits for the first bytes of the client; TLS begins without a line end.
asio::awaitable<std::string> hear(::test::peer& client) {
  std::string bytes(5, '\0');
  const auto read =
      co_await asio::async_read(client.socket, asio::buffer(bytes), asio::experimental::as_tuple(asio::use_awaitable));
  bytes.resize(std::get<1>(read));
  co_return bytes;
}

/// A server that says `at_first`, and `after_hello` once it has heard a TLS client begin; "" is silence, which lasts
/// until the client leaves.
class guest {
 public:
  guest(asio::io_context& context, std::string at_first, std::string after_hello)
      : server(context, [this, at_first, after_hello](::test::peer& client, int) {
          return behave(client, at_first, after_hello);
        }) {}

  std::string hello;
  ::test::scripted_server server;

 private:
  asio::awaitable<void> behave(::test::peer& client, std::string at_first, std::string after_hello) {
    if (!at_first.empty()) co_await client.say(at_first);
    hello = co_await hear(client);
    if (!hello.empty() && !after_hello.empty()) co_await client.say(after_hello);
    co_await client.line();
  }
};

server at(std::uint16_t port, security how) {
  server where = ::test::server_at(port);
  where.security = how;
  return where;
}

failure silence() {
  failure first(cause::reply_timeout, stage::greeting, "nothing came");
  first.server = "mx.example.org:25";
  first.elapsed = milliseconds(77);
  return first;
}

failure no_tls() {
  failure first(cause::starttls_expected, stage::tls, "no TLS");
  first.server = "mx.example.org:465";
  first.elapsed = milliseconds(77);
  return first;
}

constexpr std::string_view server_hello = "\x16\x03\x03";
constexpr std::string_view alert{"\x15\x03\x01\x00\x02\x02\x28", 7};

}  // namespace

TEST_CASE("a second look is worth it where the first only guessed", "[second_look]") {
  struct example {
    security how;
    failure first;
    bool worth;
  };
  const std::vector<example> table{
      {security::none, failure(cause::reply_timeout, stage::greeting), true},
      {security::starttls, failure(cause::reply_timeout, stage::greeting), true},
      {security::none, failure(cause::implicit_tls_expected, stage::greeting), true},
      {security::starttls, failure(cause::implicit_tls_expected, stage::greeting), true},
      {security::none, failure(cause::reply_timeout, stage::ehlo), false},
      {security::none, failure(cause::implicit_tls_expected, stage::starttls), false},
      {security::none, failure(cause::connection_closed, stage::greeting), false},
      {security::none, failure(cause::not_smtp, stage::greeting), false},
      {security::starttls, failure(cause::starttls_expected, stage::tls), false},
      {security::none, failure(cause::connect_timeout, stage::connect), false},
      {security::tls, failure(cause::starttls_expected, stage::tls), true},
      {security::tls, failure(cause::starttls_expected, stage::greeting), true},
      {security::tls, failure(cause::reply_timeout, stage::greeting), false},
      {security::tls, failure(cause::implicit_tls_expected, stage::greeting), false},
      {security::tls, failure(cause::tls_handshake, stage::tls), false},
  };
  for (const auto& [how, first, worth] : table) {
    INFO(to_string(how) << ' ' << to_string(first.cause) << ' ' << to_string(first.stage));
    CHECK(worth_a_second_look(at(25, how), first) == worth);
  }
}

TEST_CASE("who is there shows by what is said after TLS was offered", "[second_look]") {
  struct example {
    std::string_view after_hello;
    cause what;
    std::string_view detail;
  };
  const std::vector<example> table{
      {server_hello, cause::implicit_tls_expected, "it says nothing until TLS begins"},
      {alert, cause::implicit_tls_expected, "it says nothing until TLS begins"},
      {"HTTP/1.1 400 Bad Request\r\n\r\n", cause::not_smtp, "a web server (HTTP) answered: HTTP/1.1 400 Bad Request"},
      {"SSH-2.0-x\r\n", cause::not_smtp, "an SSH server answered: SSH-2.0-x"},
      {"\x01\x02", cause::not_smtp, "the server sent: \\x01\\x02"},
      {"220 mx at last\r\n", cause::reply_timeout, "it answers without TLS: 220 mx at last"},
      {"500 what\r\n", cause::reply_timeout, "it answers without TLS: 500 what"},
      {"500", cause::not_smtp, "the server sent: 500"},
      {"50x what\r\n", cause::not_smtp, "the server sent: 50x what"},
  };
  for (const auto& [after_hello, what, detail] : table) {
    INFO(detail);
    asio::io_context context(1);
    guest there(context, "", std::string(after_hello));
    const failure found = ::test::run(context, second_look(at(there.server.port(), security::starttls), silence()));
    CHECK(there.hello.starts_with("\x16\x03"));
    CHECK(found.cause == what);
    CHECK(std::string_view(found.detail).substr(0, detail.size()) == detail);
    // What the first look knew is kept.
    CHECK(found.stage == stage::greeting);
    CHECK(found.server == "mx.example.org:25");
    CHECK(found.elapsed == milliseconds(77));
    CHECK(there.server.connections() == 1);
  }
}

TEST_CASE("where TLS was to begin at once, the server is first heard out", "[second_look]") {
  struct example {
    std::string_view at_first;
    cause what;
    std::string_view detail;
  };
  const std::vector<example> table{
      {"220 mx ESMTP\r\n", cause::starttls_expected, "it answers without TLS: 220 mx ESMTP"},
      {"SSH-2.0-x\r\n", cause::not_smtp, "an SSH server answered: SSH-2.0-x"},
      {"* OK ready\r\n", cause::not_smtp, "an IMAP server answered: * OK ready"},
      {server_hello, cause::starttls_expected, "no TLS"},
  };
  for (const auto& [at_first, what, detail] : table) {
    INFO(detail);
    asio::io_context context(1);
    guest there(context, std::string(at_first), "");
    const failure found = ::test::run(context, second_look(at(there.server.port(), security::tls), no_tls()));
    CHECK(there.hello.empty());  // nothing was given away
    CHECK(found.cause == what);
    CHECK(std::string_view(found.detail).substr(0, detail.size()) == detail);
    CHECK(found.stage == stage::tls);
    CHECK(found.server == "mx.example.org:465");
    CHECK(found.elapsed == milliseconds(77));
  }
}

TEST_CASE("a server that is silent until TLS begins, as it should be, leaves the first look's word", "[second_look]") {
  asio::io_context context(1);
  guest there(context, "", std::string(server_hello));
  server where = at(there.server.port(), security::tls);
  where.timeouts.greeting = milliseconds(1);
  const failure found = ::test::run(context, second_look(where, no_tls()));
  CHECK(there.hello.starts_with("\x16\x03"));
  CHECK(found.cause == cause::starttls_expected);
  CHECK(found.detail == "no TLS");
}

TEST_CASE("silence, and a connection that is closed, leave the first look's word", "[second_look]") {
  asio::io_context context(1);
  const bool closes = GENERATE(false, true);
  const security how = GENERATE(security::none, security::tls);
  ::test::scripted_server there(context, [closes](::test::peer& client, int) -> asio::awaitable<void> {
    if (!closes) co_await client.line();
  });
  server where = at(there.port(), how);
  where.timeouts.greeting = milliseconds(1);
  if (!closes) where.timeouts.tls = milliseconds(1);
  const failure found = ::test::run(context, second_look(where, silence()));
  CHECK(found.cause == cause::reply_timeout);
  CHECK(found.detail == "nothing came");
  CHECK(there.connections() == 1);
}

TEST_CASE("a client's first message of TLS is there, or nothing", "[second_look]") {
  server where = at(465, security::tls);
  const std::string hello = client::detail::client_hello(where);
  REQUIRE(hello.size() > 5);
  CHECK(hello.starts_with("\x16\x03"));
  const auto length =
      static_cast<std::size_t>(static_cast<unsigned char>(hello[3]) * 256 + static_cast<unsigned char>(hello[4]));
  CHECK(hello.size() == 5 + length);
  CHECK(hello[5] == 1);  // ClientHello
  CHECK(hello.find("sesame") == std::string::npos);
  where.tls.ca_file = "/nowhere/ca.pem";
  CHECK(client::detail::client_hello(where).empty());
}

TEST_CASE("what looks may end while it waits", "[second_look]") {
  auto alive = std::make_shared<int>(0);
  {
    asio::io_context context(1);
    guest there(context, "", "");
    bool done = false;
    const server where = at(there.server.port(), security::none);
    asio::co_spawn(context, second_look(where, silence()),
                   [&done, alive](std::exception_ptr, failure) { done = true; });
    REQUIRE(::test::run_until(context, [&] { return !there.hello.empty(); }));
    CHECK_FALSE(done);
    CHECK(alive.use_count() > 1);
  }
  CHECK(alive.use_count() == 1);
}

}  // namespace second_look_tests
