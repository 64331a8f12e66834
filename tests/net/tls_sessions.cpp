#include "loopback.hpp"

#include <asio/write.hpp>
#include <catch2/catch.hpp>

#include <vector>

using namespace postrider;
using net::tls_context;
using net::transport;

namespace {

/// A TLS server on one port, and clients that come one after the other or all at once.
class meeting_place {
 public:
  explicit meeting_place(int newest = TLS1_3_VERSION)
      : acceptor_(context_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        serving_(
            tls_context::server(::test::ca().issue("DNS:mx.example.org,DNS:mx.example.net"), ::test::ca().key_file())
                .value()) {
    SSL_CTX_set_max_proto_version(serving_.native().native_handle(), newest);
  }

  /// How many of `count` clients that connect at once resumed a session.
  int resumed_of(int count, const std::string& name = "mx.example.org") {
    std::vector<std::pair<transport, transport>> all;
    int resumed = 0, done = 0;
    for (int i = 0; i < count; ++i) {
      asio::ip::tcp::socket client(context_);
      client.connect(acceptor_.local_endpoint());
      all.emplace_back(transport(std::move(client)), transport(acceptor_.accept()));
    }
    for (auto& [client, server] : all) {
      asio::co_spawn(context_, greet(server), asio::detached);
      asio::co_spawn(context_, come(client, name, resumed, done), asio::detached);
    }
    context_.restart();
    context_.run_for(std::chrono::seconds(60));
    REQUIRE(done == count);
    return resumed;
  }

  std::string peer(const std::string& name) const {
    return name + ':' + std::to_string(acceptor_.local_endpoint().port());
  }
  net::tls_session_store& kept() const { return believing_.sessions(); }

 private:
  static tls_options trusting() {
    tls_options options;
    options.ca_file = ::test::ca().ca_file();
    return options;
  }

  asio::awaitable<void> greet(transport& end) {
    const auto met = co_await end.handshake_server(serving_);
    REQUIRE(met);
    const asio::const_buffer greeting = asio::buffer("220 mx\r\n", 8);
    const auto written = co_await end.write_some(std::span(&greeting, 1));
    CHECK_FALSE(std::get<0>(written));
  }

  asio::awaitable<void> come(transport& end, std::string name, int& resumed, int& done) {
    const auto met = co_await end.handshake_client(believing_, std::move(name));
    REQUIRE(met);
    std::array<char, 100> buffer{};
    const auto read = co_await end.read_some(asio::buffer(buffer));
    CHECK(std::get<1>(read) == 8);
    resumed += end.tls_resumed() ? 1 : 0;
    ++done;
  }

  asio::io_context context_{1};
  asio::ip::tcp::acceptor acceptor_;
  tls_context serving_;
  tls_context believing_ = tls_context::client(trusting()).value();
};

}  // namespace

TEST_CASE("the next connection resumes where the last one ended", "[tls]") {
  meeting_place place;
  CHECK(place.resumed_of(1) == 0);
  for (int i = 0; i < 5; ++i) CHECK(place.resumed_of(1) == 1);
}

TEST_CASE("as many connections at once resume as there were before", "[tls]") {
  meeting_place place;
  CHECK(place.resumed_of(20) == 0);
  for (int i = 0; i < 3; ++i) CHECK(place.resumed_of(20) == 20);
}

TEST_CASE("a ticket serves only the name that was verified for it", "[tls]") {
  meeting_place place;
  CHECK(place.resumed_of(1, "mx.example.org") == 0);
  CHECK(place.resumed_of(1, "mx.example.net") == 0);
  CHECK(place.resumed_of(1, "mx.example.net") == 1);
}

TEST_CASE("a session of TLS 1.2 serves many connections", "[tls]") {
  meeting_place place(TLS1_2_VERSION);
  CHECK(place.resumed_of(1) == 0);
  CHECK(place.resumed_of(10) == 10);
}

TEST_CASE("tickets are kept in bounded number, given out newest first, and not beyond their time", "[tls]") {
  net::tls_session_store store;
  CHECK_FALSE(store.take("a"));
  meeting_place place;
  place.resumed_of(2);
  const std::string peer = place.peer("mx.example.org");
  REQUIRE(place.kept().tickets(peer) == 4);  // OpenSSL's servers give two for each full handshake
  auto first = place.kept().take(peer), second = place.kept().take(peer), third = place.kept().take(peer);
  REQUIRE((first && second && third));
  CHECK(place.kept().tickets(peer) == 1);
  SSL_SESSION* const expired = second.get();
  SSL_SESSION_set_timeout(expired, 0);
  store.put("a", std::move(first));
  store.put("a", std::move(second));
  CHECK(store.tickets("a") == 2);
  CHECK(store.take("a"));  // the one below
  CHECK(store.tickets("a") == 0);
  CHECK_FALSE(store.take("a"));
  for (int i = 0; i < 1000; ++i) {
    SSL_SESSION_up_ref(third.get());
    store.put("b", net::tls_session(third.get()));
  }
  CHECK(store.tickets("b") == 256);
}

TEST_CASE("tickets outlive the connections, as long as the options are among those used last", "[tls]") {
  const auto named = [](const std::string& name) {
    tls_options options;
    options.server_name = name;
    return tls_context::client(options).value();
  };
  named("first").sessions().put("peer", net::tls_session(SSL_SESSION_new()));
  CHECK(named("first").sessions().tickets("peer") == 1);
  for (int i = 0; i < 15; ++i) named("other " + std::to_string(i));
  CHECK(named("first").sessions().tickets("peer") == 1);
  for (int i = 0; i < 16; ++i) named("another " + std::to_string(i));
  CHECK(named("first").sessions().tickets("peer") == 0);
}
