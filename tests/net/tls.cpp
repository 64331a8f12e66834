#include "loopback.hpp"

#include <asio/write.hpp>
#include <catch2/catch.hpp>

#include <atomic>
#include <fcntl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace postrider;
using net::tls_context;
using net::transport;

namespace {

asio::awaitable<void> accept_tls(transport& end, tls_context context) {
  const auto done = co_await end.handshake_server(std::move(context));
  if (!done) end.close();
}

struct met {
  result<void> outcome;
  std::string description;
  std::string version;
};

tls_options trusting(std::string ca_file = ::test::ca().ca_file()) {
  tls_options options;
  options.ca_file = std::move(ca_file);
  return options;
}

/// A client that believes what `options` say meets a server with `certificate`.
met meet(const std::string& certificate, const std::string& name, const tls_options& options = trusting(),
         int newest = 0, int oldest = 0) {
  asio::io_context context(1);
  ::test::two_ends ends(context);
  auto serving = tls_context::server(certificate, ::test::ca().key_file()).value();
  if (newest != 0) {
    SSL_CTX_set_security_level(serving.native().native_handle(), 0);
    SSL_CTX_set_min_proto_version(serving.native().native_handle(), oldest);
    SSL_CTX_set_max_proto_version(serving.native().native_handle(), newest);
  }
  asio::co_spawn(context, accept_tls(ends.server, serving), asio::detached);
  auto outcome = ::test::run(context, ends.client.handshake_client(tls_context::client(options).value(), name));
  met done{std::move(outcome), "", ""};
  if (done.outcome) done.description = ends.client.tls_description();
  if (done.outcome) done.version = ends.client.tls_version();
  return done;
}

cause why(const met& done) {
  REQUIRE_FALSE(done.outcome);
  CHECK(done.outcome.error().stage == stage::tls);
  CHECK(done.outcome.error().outcome == outcome::transient);
  CHECK_FALSE(done.outcome.error().detail.empty());
  return done.outcome.error().cause;
}

}  // namespace

TEST_CASE("a certificate of a trusted CA with the right name is believed", "[tls]") {
  const auto good = ::test::ca().issue("DNS:mx.example.org,DNS:*.wild.example,IP:127.0.0.1,IP:::1");
  const met done = meet(good, "mx.example.org");
  REQUIRE(done.outcome);
  CHECK(done.version == "TLSv1.3");
  CHECK_THAT(done.description, Catch::StartsWith("TLSv1.3 TLS_") &&
                                   Catch::Contains("; certificate for mx.example.org, *.wild.example; valid until "));
  CHECK(meet(good, "MX.Example.ORG").outcome);
  CHECK(meet(good, "a.wild.example").outcome);
  CHECK(meet(good, "127.0.0.1").outcome);
  CHECK(meet(good, "::1").outcome);
}

TEST_CASE("a host name may end with the dot that keeps resolvers from completing it", "[tls]") {
  CHECK(meet(::test::ca().issue("DNS:mx.example.org"), "mx.example.org.").outcome);
  CHECK(why(meet(::test::ca().issue("DNS:mx.example.org"), "other.example.org.")) == cause::certificate_name);
  CHECK_FALSE(meet(::test::ca().issue("DNS:mx.example.org"), ".").outcome);
}

TEST_CASE("a wrong name is refused in each of its forms", "[tls]") {
  const auto good = ::test::ca().issue("DNS:mx.example.org,DNS:*.wild.example,IP:127.0.0.1");
  for (const std::string name :
       {"mx.example.net", "example.org", "a.mx.example.org", "wild.example", "a.b.wild.example", "127.0.0.2", "::1"}) {
    INFO(name);
    const met done = meet(good, name);
    CHECK(why(done) == cause::certificate_name);
    CHECK_THAT(done.outcome.error().detail, Catch::Contains(name));
  }
  // An address is not a name, a name is not an address, and the common name is nothing (RFC 6125 section 6.4.4).
  CHECK(why(meet(::test::ca().issue("DNS:127.0.0.1"), "127.0.0.1")) == cause::certificate_name);
  CHECK(why(meet(::test::ca().issue("email:a@b.example", -60, 3600, "mx.example.org"), "mx.example.org")) ==
        cause::certificate_name);
  CHECK(why(meet(::test::ca().issue("DNS:m*.example.org"), "mx.example.org")) == cause::certificate_name);
}

TEST_CASE("certificates out of their time, and those nobody answers for", "[tls]") {
  const std::string name = "mx.example.org";
  CHECK(why(meet(::test::ca().issue("DNS:" + name, -7200, -3600), name)) == cause::certificate_expired);
  CHECK(why(meet(::test::ca().issue("DNS:" + name, 3600, 7200), name)) == cause::certificate_expired);
  CHECK(why(meet(::test::ca().self_signed("DNS:" + name), name)) == cause::certificate_untrusted);
  CHECK(why(meet(::test::ca().issue("DNS:" + name), name, tls_options{})) == cause::certificate_untrusted);
  const auto own = ::test::ca().self_signed("DNS:" + name);
  CHECK(meet(own, name, trusting(own)).outcome);
}

TEST_CASE("verification is skipped only by the dangerous switch", "[tls]") {
  tls_options careless;
  careless.dangerously_skip_verification = true;
  CHECK(meet(::test::ca().self_signed("DNS:a.example"), "b.example", careless).outcome);
  CHECK(meet(::test::ca().issue("DNS:a.example", -7200, -3600), "b.example", careless).outcome);
}

TEST_CASE("old versions of TLS are refused unless they are allowed by name", "[tls]") {
  const auto good = ::test::ca().issue("DNS:mx.example.org");
  CHECK(why(meet(good, "mx.example.org", trusting(), TLS1_1_VERSION, TLS1_VERSION)) == cause::tls_version);
  CHECK(why(meet(good, "mx.example.org", trusting(), TLS1_VERSION, TLS1_VERSION)) == cause::tls_version);
  CHECK(meet(good, "mx.example.org", trusting(), TLS1_2_VERSION, TLS1_2_VERSION).version == "TLSv1.2");
  tls_options lenient = trusting();
  lenient.allow_tls_1_1 = true;
  CHECK(meet(good, "mx.example.org", lenient, TLS1_1_VERSION, TLS1_1_VERSION).version == "TLSv1.1");
  CHECK(why(meet(good, "mx.example.org", lenient, TLS1_VERSION, TLS1_VERSION)) == cause::tls_version);
}

TEST_CASE("a server that speaks no TLS is named as what it is", "[tls]") {
  const auto meets = [](std::string words) {
    asio::io_context context(1);
    ::test::two_ends ends(context);
    asio::write(ends.server.socket(), asio::buffer(words));
    if (words.empty()) ends.server.close();
    auto outcome = ::test::run(
        context, ends.client.handshake_client(tls_context::client(tls_options{}).value(), "mx.example.org"));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().stage == stage::tls);
    return outcome.error().cause;
  };
  CHECK(meets("220 mx.example.org ESMTP\r\n") == cause::starttls_expected);
  CHECK(meets("554 go away\r\n") == cause::starttls_expected);
  CHECK(meets("HTTP/1.1 400 Bad Request\r\n\r\n") == cause::starttls_expected);
  CHECK(meets("") == cause::tls_handshake);
}

TEST_CASE("contexts with equal options are shared while one of them lives", "[tls]") {
  const tls_options options = trusting();
  auto first = tls_context::client(options).value();
  auto second = tls_context::client(trusting()).value();
  CHECK(&first.native() == &second.native());
  tls_options other = options;
  other.allow_tls_1_1 = true;
  CHECK(&tls_context::client(other).value().native() != &first.native());
  tls_options careless = options;
  careless.dangerously_skip_verification = true;
  CHECK(&tls_context::client(careless).value().native() != &first.native());
  CHECK(first);
  CHECK_FALSE(tls_context());
}

TEST_CASE("without a name that a certificate can have there is no handshake", "[tls]") {
  const auto good = ::test::ca().issue("DNS:mx.example.org");
  for (const std::string& name : {std::string(), std::string("mx\0.example.org", 15)}) {
    const met done = meet(good, name);
    REQUIRE_FALSE(done.outcome);
    CHECK(done.outcome.error().cause == cause::invalid_configuration);
  }
}

TEST_CASE("a CA file that was replaced is read again", "[tls]") {
  const std::string file = ::test::ca().path("replaced.pem");
  std::filesystem::copy_file(::test::ca().ca_file(), file, std::filesystem::copy_options::overwrite_existing);
  auto first = tls_context::client(trusting(file)).value();
  std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + std::chrono::seconds(1));
  auto second = tls_context::client(trusting(file)).value();
  CHECK(&first.native() != &second.native());
}

TEST_CASE("contexts may be asked for from many threads", "[tls]") {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 20; ++i) {
        auto options = trusting();
        options.allow_tls_1_1 = i % 2 == 0;
        if (!tls_context::client(options)) std::abort();
      }
    });
  for (auto& thread : threads) thread.join();
}

TEST_CASE("a file that cannot be used is named", "[tls]") {
  const std::string missing = ::test::ca().path("missing.pem"), junk = ::test::ca().path("junk.pem");
  std::ofstream(junk) << "no certificate\n";
  for (const std::string& file : {missing, junk}) {
    const auto client = tls_context::client(trusting(file));
    REQUIRE_FALSE(client);
    CHECK(client.error().cause == cause::invalid_configuration);
    CHECK_THAT(client.error().detail, Catch::StartsWith("CA file " + file));
    const auto server = tls_context::server(file, ::test::ca().key_file());
    REQUIRE_FALSE(server);
    CHECK_THAT(server.error().detail, Catch::StartsWith("certificate file " + file));
    const auto keyless = tls_context::server(::test::ca().ca_file(), file);
    REQUIRE_FALSE(keyless);
    CHECK_THAT(keyless.error().detail, Catch::StartsWith("key file " + file));
  }
  // The same options fail again, and do not fail for ever.
  CHECK_FALSE(tls_context::client(trusting(missing)));
  CHECK(tls_context::client(trusting()));
}

TEST_CASE("a CA file that is no file keeps nobody waiting", "[tls]") {
  const std::string pipe = ::test::ca().path("pipe.pem");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::string certificate;
  std::getline(std::ifstream(::test::ca().ca_file()), certificate, '\0');
  std::atomic<bool> read = false;
  std::thread writer([&] {
    int end = -1;
    while (!read && (end = ::open(pipe.c_str(), O_WRONLY | O_NONBLOCK)) < 0) std::this_thread::yield();
    if (end < 0) return;
    static_cast<void>(::write(end, certificate.data(), certificate.size()) == 0);
    ::close(end);
  });
  const auto client = tls_context::client(trusting(pipe));
  read = true;
  writer.join();
  REQUIRE_FALSE(client);
  CHECK(client.error().cause == cause::invalid_configuration);
  CHECK_THAT(client.error().detail, Catch::StartsWith("CA file " + pipe));
}

TEST_CASE("a key that is another certificate's is refused", "[tls]") {
  ::test::authority other;
  const auto server = tls_context::server(::test::ca().ca_file(), other.key_file());
  REQUIRE_FALSE(server);
  CHECK_THAT(server.error().detail, Catch::StartsWith("key file "));
}
