// A server on loopback, its acceptor in memory, and clients on the same io_context.
#pragma once

#include <postrider/server/listener.hpp>

#include "memory_acceptor.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <support/run.hpp>
#include <support/smtp_client.hpp>
#include <support/test_certificate.hpp>
#include <utility>

namespace test {

inline postrider::server_policy trusting_loopback() {
  postrider::server_policy policy;
  policy.smtp.host_name = "mx.example.org";
  policy.trusted = {*postrider::network::parse("127.0.0.0/8")};
  policy.trusted_tenant = "acme";
  return policy;
}

/// Knows one login: ada, with the password "secret".
inline asio::awaitable<postrider::result<postrider::login>> know_ada(std::string name, postrider::secret password) {
  if (name == "broken") co_return postrider::fail(postrider::cause::credential_unavailable, postrider::stage::auth);
  if (name != "ada" || password.reveal() != "secret")
    co_return postrider::fail(postrider::cause::credentials_rejected, postrider::stage::auth);
  postrider::login_record record;
  record.name = "ada";
  record.senders = {"ada@example.com"};
  co_return postrider::login("acme", std::move(record));
}

inline postrider::server_policy with_logins() {
  static const certificate own;
  postrider::server_policy policy;
  policy.smtp.host_name = "mx.example.org";
  policy.tls = *postrider::net::tls_context::server(own.chain_file(), own.key_file());
  policy.check = know_ada;
  return policy;
}

class server_fixture {
 public:
  explicit server_fixture(postrider::server_policy policy = trusting_loopback())
      : listening(*postrider::listener<memory_acceptor>::open(
            context.get_executor(), {asio::ip::make_address("127.0.0.1"), 0}, std::move(policy), acceptor)) {
    asio::co_spawn(context, listening.run(), asio::detached);
  }

  smtp_client connect() { return smtp_client(context, listening.endpoint()); }

  /// A client that has read the greeting and the reply to EHLO.
  smtp_client greeted() {
    smtp_client client = connect();
    client.reply();
    client.say("EHLO client.example.com\r\n");
    return client;
  }

  /// Lets everything that is ready happen, and waits a little for the kernel.
  void settle(std::chrono::milliseconds time = std::chrono::milliseconds(20)) {
    context.restart();
    context.run_for(time);
  }

  asio::io_context context{1};
  memory_acceptor acceptor{context};
  postrider::listener<memory_acceptor> listening;
};

inline const std::string envelope_group = "MAIL FROM:<ada@example.com>\r\nRCPT TO:<charles@example.org>\r\nDATA\r\n";

/// Says the group and reads its three replies; the last of them is given back.
inline std::string begin_mail(smtp_client& client) {
  client.say(envelope_group);
  client.reply();
  return client.reply();
}

}  // namespace test
