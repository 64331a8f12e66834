#include <postrider/server/registry_logins.hpp>
#include <postrider/storage/memory_registry_storage.hpp>

#include "server_fixture.hpp"

#include <asio/thread_pool.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace listener_tests {

using namespace std::chrono_literals;
using postrider::cause;
using test::begin_mail;
using test::server_fixture;
using test_listener = postrider::listener<test::memory_acceptor>;

TEST_CASE("a port in use is an error that names it", "[server]") {
  server_fixture server;
  const auto taken = server.listening.endpoint();
  REQUIRE(taken.port() != 0);
  const auto second =
      test_listener::open(server.context.get_executor(), taken, test::trusting_loopback(), server.acceptor);
  REQUIRE_FALSE(second);
  CHECK(second.error().cause == cause::invalid_configuration);
  CHECK(second.error().detail == "127.0.0.1:" + std::to_string(taken.port()) + ": Address already in use");

  const auto nowhere = test_listener::open(server.context.get_executor(), {asio::ip::make_address("2001:db8::1"), 25},
                                           test::trusting_loopback(), server.acceptor);
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().detail.substr(0, 18) == "[2001:db8::1]:25: ");
}

TEST_CASE("a policy that cannot be kept is refused", "[server]") {
  asio::io_context context(1);
  test::memory_acceptor acceptor(context);
  const asio::ip::tcp::endpoint anywhere(asio::ip::make_address("127.0.0.1"), 0);
  auto policy = test::trusting_loopback();
  policy.implicit_tls = true;
  CHECK_FALSE(test_listener::open(context.get_executor(), anywhere, policy, acceptor));
  policy.implicit_tls = false;
  for (const auto* name : {"", "two words", "a\r\nb"}) {
    policy.smtp.host_name = name;
    CHECK_FALSE(test_listener::open(context.get_executor(), anywhere, policy, acceptor));
  }
}

TEST_CASE("only so many sessions, and so many for one address", "[server]") {
  auto policy = test::trusting_loopback();
  policy.sessions = 3;
  policy.sessions_per_address = 2;
  policy.trusted.clear();
  server_fixture server(policy);
  auto first = server.greeted();
  auto second = server.greeted();
  const std::string refusal = "421 4.7.0 mx.example.org has too many connections, try again later\r\n";
  CHECK(server.connect().rest() == refusal);
  CHECK(first.say("NOOP\r\n") == "250 2.0.0 OK\r\n");
  first.close();
  server.settle();
  CHECK(server.listening.sessions() == 1);
  CHECK(server.connect().reply().substr(0, 3) == "220");
}

TEST_CASE("a trusted address is as many clients as there is room for", "[server]") {
  auto policy = test::trusting_loopback();
  policy.sessions = 3;
  policy.sessions_per_address = 1;
  server_fixture server(policy);
  auto first = server.greeted();
  auto second = server.greeted();
  auto third = server.greeted();
  CHECK(third.say("NOOP\r\n") == "250 2.0.0 OK\r\n");
  CHECK(server.connect().rest().substr(0, 3) == "421");
}

TEST_CASE("many clients at once, many mails each", "[server]") {
  server_fixture server;
  std::vector<test::smtp_client> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(server.greeted());
  for (int round = 0; round < 10; ++round) {
    for (auto& client : clients) client.write(test::envelope_group);
    for (auto& client : clients) {
      client.reply();
      client.reply();
      CHECK(client.reply().substr(0, 3) == "354");
      client.write("Subject: x\r\n\r\nbody\r\n.\r\n");
    }
    for (auto& client : clients) CHECK(client.reply().substr(0, 3) == "250");
  }
  CHECK(server.acceptor.mails().size() == 200);
}

TEST_CASE("stopping sends the idle away and lets the busy finish", "[server]") {
  server_fixture server;
  auto idle = server.greeted();
  auto busy = server.greeted();
  begin_mail(busy);
  const auto endpoint = server.listening.endpoint();
  bool stopped = false;
  asio::co_spawn(server.context, server.listening.stop(5s), [&](std::exception_ptr) { stopped = true; });
  CHECK(idle.rest() == "421 4.3.2 mx.example.org is shutting down\r\n");
  CHECK_FALSE(stopped);
  asio::ip::tcp::socket late(server.context);
  std::error_code error;
  late.connect(endpoint, error);
  CHECK(error);
  CHECK(busy.say("the rest\r\n.\r\n") == "250 2.0.0 Queued as 1\r\n");
  CHECK(busy.rest() == "421 4.3.2 mx.example.org is shutting down\r\n");
  idle.close();
  busy.close();
  server.settle(100ms);
  CHECK(stopped);
  CHECK(server.listening.sessions() == 0);
}

TEST_CASE("who does not finish in time is cut off", "[server]") {
  server_fixture server;
  auto busy = server.greeted();
  begin_mail(busy);
  test::run(server.context, server.listening.stop(100ms));
  CHECK(server.listening.sessions() == 0);
  CHECK(server.acceptor.open_writers() == 0);
  CHECK(busy.rest().empty());
}

TEST_CASE("a listener without clients stops at once, twice if asked", "[server]") {
  server_fixture server;
  test::run(server.context, server.listening.stop(5s));
  test::run(server.context, server.listening.stop(5s));
}

TEST_CASE("a destroyed listener cuts everyone off and does not wait", "[server]") {
  asio::io_context context(1);
  test::memory_acceptor acceptor(context);
  auto opened = test_listener::open(context.get_executor(), {asio::ip::make_address("127.0.0.1"), 0},
                                    test::trusting_loopback(), acceptor);
  REQUIRE(opened);
  std::optional<test_listener> listening(std::move(*opened));
  asio::co_spawn(context, listening->run(), asio::detached);
  test::smtp_client client(context, listening->endpoint());
  client.reply();
  client.say("EHLO client.example.com\r\n");
  begin_mail(client);
  asio::co_spawn(context, listening->stop(5s), asio::detached);  // under way when its listener goes
  listening.reset();
  CHECK(client.rest().empty());
  context.restart();
  context.run_for(50ms);
  CHECK(acceptor.open_writers() == 0);
}

TEST_CASE("a client that comes while the listener goes is not let in", "[server]") {
  asio::io_context context(1);
  test::memory_acceptor acceptor(context);
  const asio::ip::tcp::endpoint anywhere(asio::ip::make_address("127.0.0.1"), 0);
  auto opened = test_listener::open(context.get_executor(), anywhere, test::trusting_loopback(), acceptor);
  REQUIRE(opened);
  std::optional<test_listener> listening(std::move(*opened));
  asio::co_spawn(context, listening->run(), asio::detached);
  asio::io_context elsewhere(1);
  asio::ip::tcp::socket first(elsewhere), second(elsewhere);
  first.connect(listening->endpoint());
  second.connect(listening->endpoint());
  while (listening->sessions() == 0) context.run_one();
  // By now the second one may have been taken, too, and wait for its turn to be let in.
  listening.reset();
  context.run_for(2s);
  std::error_code error;
  std::string said(100, '\0');
  second.non_blocking(true);
  said.resize(second.read_some(asio::buffer(said), error));
  CHECK(said == "");
}

TEST_CASE("an io_context may go before its sessions have ended", "[server]") {
  auto server = std::make_unique<server_fixture>();
  auto client = std::make_unique<test::smtp_client>(server->greeted());
  begin_mail(*client);
  asio::co_spawn(server->context, server->listening.stop(5s), asio::detached);
  server->settle();
  client.reset();
  server.reset();
  SUCCEED("nothing was touched after its end");
}

TEST_CASE("logins of a registry are checked on another thread", "[server]") {
  postrider::registry_options options;
  options.policy = postrider::registry_policy::dangerously_insecure;
  auto registry = postrider::server_registry::open(
      postrider::any_registry_storage(postrider::memory::registry_storage()), postrider::vault::in_memory(), options);
  REQUIRE(registry);
  REQUIRE(registry->add_tenant("acme"));
  postrider::login_record record;
  record.name = "ada";
  record.senders = {"ada@example.com"};
  REQUIRE(registry->add_login("acme", record, postrider::secret("secret")));

  asio::thread_pool workers(1);
  const auto check = postrider::logins_of(*registry, workers.get_executor());
  const auto known = test::run(check("ada", postrider::secret("secret")));
  REQUIRE(known);
  CHECK(known->tenant() == "acme");
  CHECK(known->name() == "ada");
  CHECK(known->may_send_as(*postrider::address::parse("ada@example.com")));
  // What changes while the session lives counts at once.
  record.senders = {"team@example.com"};
  REQUIRE(registry->set_login("acme", record));
  CHECK_FALSE(known->may_send_as(*postrider::address::parse("ada@example.com")));
  CHECK(known->may_send_as(*postrider::address::parse("team@example.com")));
  CHECK_FALSE(known->may_send_as(std::nullopt));
  const auto wrong = test::run(check("ada", postrider::secret("wrong")));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().cause == cause::credentials_rejected);
  const auto unknown = test::run(check("eve", postrider::secret("secret")));
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().cause == cause::credentials_rejected);
  REQUIRE(registry->remove_login("acme", "ada"));
  CHECK_FALSE(known->may_send_as(*postrider::address::parse("team@example.com")));
}

TEST_CASE("an idle client is sent away in words under TLS too", "[server]") {
  auto policy = test::with_logins();
  policy.implicit_tls = true;
  server_fixture server(policy);
  auto client = server.connect();
  client.start_tls();
  client.reply();
  client.say("EHLO client.example.com\r\n");
  server.settle();
  SECTION("when the server stops") {
    asio::co_spawn(server.context, server.listening.stop(5s), asio::detached);
    CHECK(client.reply() == "421 4.3.2 mx.example.org is shutting down\r\n");
  }
  SECTION("and not by a client that is still busy with its handshake") {
    auto silent = server.connect();
    test::run(server.context, server.listening.stop(300ms));
    CHECK(server.listening.sessions() == 0);
  }
}

}  // namespace listener_tests
