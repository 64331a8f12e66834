#include <postrider/sasl/scram_sha256.hpp>
#include <postrider/server/failed_logins.hpp>
#include <postrider/server/registry_logins.hpp>
#include <postrider/storage/memory_registry_storage.hpp>

#include "server_fixture.hpp"

#include <asio/thread_pool.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace logins_tests {

using namespace std::chrono_literals;
using postrider::failed_logins;
using postrider::network;
using postrider::secret;
using test::begin_mail;
namespace base64 = postrider::base64;

namespace {

postrider::server_registry registry_with_ada() {
  postrider::registry_options options;
  options.policy = postrider::registry_policy::dangerously_insecure;
  auto registry = postrider::server_registry::open(
      postrider::any_registry_storage(postrider::memory::registry_storage()), postrider::vault::in_memory(), options);
  REQUIRE(registry->add_tenant("acme"));
  postrider::login_record record;
  record.name = "ada";
  record.senders = {"ada@example.com"};
  REQUIRE(registry->add_login("acme", record, secret("secret")));
  return std::move(*registry);
}

/// A server whose logins are those of a registry, and clients that have done STARTTLS and EHLO.
struct house {
  explicit house(std::size_t failures = 30)
      : server([&] {
          auto policy = test::with_logins();
          policy.check = postrider::logins_of(registry, workers.get_executor());
          policy.find = postrider::keys_of_logins(registry);
          policy.smtp.failed_logins = 100;
          policy.failed_logins_per_address = failures;
          return policy;
        }()) {}

  test::smtp_client secured() {
    auto client = server.greeted();
    client.say("STARTTLS\r\n");
    client.start_tls();
    client.say("EHLO client.example.com\r\n");
    return client;
  }

  postrider::server_registry registry = registry_with_ada();
  asio::thread_pool workers{1};
  test::server_fixture server;
};

std::string plain(test::smtp_client& client, const std::string& user, const std::string& password) {
  return client.say("AUTH PLAIN " + base64::encode('\0' + user + '\0' + password) + "\r\n");
}

/// The last reply of an exchange, and in `challenge` the first one.
std::string scram(test::smtp_client& client, const postrider::account& who, std::string* challenge = nullptr) {
  postrider::sasl::scram_sha256 mechanism(who);
  std::string reply = client.say("AUTH SCRAM-SHA-256\r\n");
  for (bool first = true; reply.substr(0, 4) == "334 ";) {
    const auto asked = base64::decode(reply.substr(4, reply.size() - 6));
    REQUIRE(asked);
    if (!asked->empty() && std::exchange(first, false) && challenge) *challenge = *asked;
    const auto response = mechanism.respond(*asked);
    REQUIRE(response);
    reply = client.say(base64::encode(response->reveal()) + "\r\n");
  }
  return reply;
}

}  // namespace

TEST_CASE("a login of the registry proves its password with SCRAM-SHA-256", "[server][scram]") {
  house h;
  auto client = h.secured();
  CHECK(scram(client, {"ada", "wrong"}).substr(0, 9) == "535 5.7.8");
  CHECK(scram(client, {"ada", "secret"}).substr(0, 9) == "235 2.7.0");
  CHECK(client.say("MAIL FROM:<eve@example.com>\r\n").substr(0, 9) == "550 5.7.1");
  begin_mail(client);
  CHECK(client.say("x\r\n.\r\n").substr(0, 3) == "250");
  REQUIRE(h.server.acceptor.mails().size() == 1);
  CHECK(h.server.acceptor.mails()[0].from == postrider::submitter("acme", "ada@example.com", "ada"));
  CHECK(h.server.acceptor.mails()[0].content.find("with ESMTPSA\r\n\t(TLSv1.3 TLS_") != std::string::npos);
}

TEST_CASE("who asks for a login that does not exist learns nothing", "[server][scram]") {
  house h;
  auto client = h.secured();
  const auto salt_of = [&](const std::string& user) {
    std::string challenge;
    CHECK(scram(client, {user, "guess"}, &challenge) == "535 5.7.8 Authentication credentials invalid\r\n");
    CHECK(challenge.ends_with(",i=15000"));
    return challenge.substr(challenge.find(",s="));
  };
  const std::string eve = salt_of("eve");
  CHECK(eve.size() == salt_of("ada").size());
  CHECK(eve == salt_of("eve"));
  CHECK(eve != salt_of("mallory"));
  CHECK(eve != salt_of("ada"));
}

TEST_CASE("a changed or removed login ends what its sessions may do", "[server]") {
  const bool by_scram = GENERATE(true, false);
  house h;
  auto client = h.secured();
  CHECK((by_scram ? scram(client, {"ada", "secret"}) : plain(client, "ada", "secret")).substr(0, 3) == "235");
  begin_mail(client);
  CHECK(client.say("x\r\n.\r\n").substr(0, 3) == "250");
  postrider::login_record record;
  record.name = "ada";
  record.senders = {"ada@example.com", "team@example.com"};
  REQUIRE(h.registry.set_login("acme", record));  // other senders, the same password: the session goes on
  CHECK(client.say("MAIL FROM:<team@example.com>\r\n").substr(0, 3) == "250");
  const std::string end = "421 4.7.0 This login has changed, log in again\r\n";
  SECTION("changed") {
    REQUIRE(h.registry.set_login("acme", record, secret("new")));
    CHECK(client.say("RCPT TO:<charles@example.org>\r\n").substr(0, 3) == "250");  // the mail under way may end
    client.say("DATA\r\n");
    CHECK(client.say("x\r\n.\r\n").substr(0, 3) == "250");
    CHECK(client.say("MAIL FROM:<ada@example.com>\r\n") == end);
    CHECK(client.rest().empty());
    auto again = h.secured();
    CHECK(plain(again, "ada", "secret").substr(0, 3) == "535");
    CHECK(scram(again, {"ada", "new"}).substr(0, 3) == "235");
  }
  SECTION("removed") {
    REQUIRE(h.registry.remove_login("acme", "ada"));
    client.say("RSET\r\n");
    CHECK(client.say("MAIL FROM:<ada@example.com>\r\n") == end);
  }
}

TEST_CASE("an address that guesses too often is not asked any more, whatever it logs in with", "[server]") {
  house h(3);
  auto first = h.secured();
  CHECK(plain(first, "ada", "a").substr(0, 3) == "535");
  CHECK(scram(first, {"eve", "b"}).substr(0, 3) == "535");
  auto second = h.secured();
  CHECK(scram(second, {"ada", "c"}).substr(0, 3) == "535");
  const std::string enough = "421 4.7.0 Too many failed logins from your address, try again later\r\n";
  CHECK(plain(first, "ada", "secret") == enough);
  auto third = h.secured();
  CHECK(scram(third, {"ada", "secret"}) == enough);
  auto fourth = h.secured();
  CHECK(fourth.say("NOOP\r\n").substr(0, 3) == "250");
}

TEST_CASE("failed logins are counted by address, for a time, in bounded memory", "[server]") {
  const auto from = [](const char* address) { return network::around(asio::ip::make_address(address), 64); };
  const failed_logins::clock::time_point start{};
  failed_logins failures(2, 10min);
  CHECK_FALSE(failures.too_many(from("192.0.2.1"), start));
  failures.count(from("192.0.2.1"), start);
  CHECK_FALSE(failures.too_many(from("192.0.2.1"), start));
  failures.count(from("192.0.2.1"), start + 1min);
  CHECK(failures.too_many(from("192.0.2.1"), start + 9min));
  CHECK_FALSE(failures.too_many(from("192.0.2.2"), start + 9min));
  CHECK_FALSE(failures.too_many(from("192.0.2.1"), start + 10min));
  failures.count(from("192.0.2.1"), start + 10min);
  CHECK_FALSE(failures.too_many(from("192.0.2.1"), start + 10min));

  failures.count(from("2001:db8::1"), start);
  failures.count(from("2001:db8::2:1"), start);
  CHECK(failures.too_many(from("2001:db8::3"), start));
  CHECK_FALSE(failures.too_many(from("2001:db8:0:1::1"), start));

  failed_logins many(1, 10min);
  for (unsigned i = 0; i < failed_logins::most_remembered + 10; ++i)
    many.count(network::around(asio::ip::make_address_v4(0x0A000000 + i), 64), start + std::chrono::microseconds(i));
  CHECK(many.remembered() == failed_logins::most_remembered);
  CHECK_FALSE(many.too_many(from("10.0.0.9"), start + 1min));  // the oldest ones made room
  CHECK(many.too_many(from("10.0.0.10"), start + 1min));
  many.count(from("192.0.2.1"), start + 11min);
  CHECK(many.remembered() == 1);

  failed_logins off(0, 10min);
  for (int i = 0; i < 100; ++i) off.count(from("192.0.2.1"), start);
  CHECK_FALSE(off.too_many(from("192.0.2.1"), start));
  CHECK(off.remembered() == 0);
}

}  // namespace logins_tests
