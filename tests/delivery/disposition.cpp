#include <postrider/delivery/disposition.hpp>
#include <postrider/protocol/client_dialogue.hpp>

#include <catch2/catch.hpp>

namespace disposition_tests {

using namespace postrider;

TEST_CASE("every cause has a disposition that follows its scope") {
  for (std::size_t i = 0; i < spellings<cause>.size(); ++i) {
    const auto& traits = traits_of(static_cast<cause>(i));
    const disposition d = dispose(failure(traits.value));
    CAPTURE(traits.name);
    switch (traits.scope) {
      case scope::server:
      case scope::account: CHECK((concerns_key(d) || d == disposition::hold_sender)); break;
      case scope::recipient:
      case scope::message:
        CHECK(d == (traits.result == outcome::permanent ? disposition::bounce : disposition::retry));
        break;
      case scope::local: CHECK(d != disposition::done); break;
    }
  }
}

TEST_CASE("account and server trouble never bounces, whatever the reply code was") {
  failure rejected(cause::credentials_rejected, stage::auth);
  rejected.outcome = outcome::permanent;
  rejected.code = 535;
  CHECK(dispose(rejected) == disposition::suspend_account);

  failure not_allowed(cause::sender_not_allowed, stage::mail);
  not_allowed.outcome = outcome::permanent;
  CHECK(dispose(not_allowed) == disposition::hold_sender);

  failure refused(cause::greeting_refused, stage::greeting);
  refused.outcome = outcome::permanent;
  CHECK(dispose(refused) == disposition::hold_server);

  CHECK(dispose(failure(cause::provider_rate)) == disposition::slow_down);
  CHECK(dispose(failure(cause::provider_quota)) == disposition::suspend_account);
  CHECK(dispose(failure(cause::no_server)) == disposition::suspend_account);
}

TEST_CASE("unknown is repeated, whatever its scope") {
  for (const auto where : {scope::recipient, scope::message, scope::server, scope::local}) {
    failure lost(cause::connection_closed, stage::final);
    lost.outcome = outcome::unknown;
    lost.scope = where;
    CHECK(dispose(lost) == disposition::repeat);
  }
}

TEST_CASE("what a mail brought along holds up nobody else") {
  failure bad_address(cause::invalid_configuration, stage::rcpt);
  bad_address.field = field::recipient;
  CHECK(dispose(bad_address) == disposition::bounce);
  CHECK(dispose(failure(cause::invalid_configuration)) == disposition::suspend_account);
  CHECK(dispose(failure(cause::source_failed, stage::data)) == disposition::retry);
  CHECK(dispose(failure(cause::expired)) == disposition::bounce);
}

TEST_CASE("a mail that no server could be given holds up nobody else") {
  envelope to(std::nullopt, std::vector<recipient>(1, recipient(address::parse("charles@example.org").value())));
  std::string text = "hi\r\n";
  SECTION("a line end of its own") {
    text = "hi\n";
  }
  SECTION("an ENVID that is too long") {
    to.envid = std::string(200, 'x');
  }
  SECTION("an ORCPT without a type") {
    to.recipients.front().orcpt = "charles";
  }
  SECTION("an ENVID with a control character") {
    to.envid = "a\nb";
  }

  protocol::client_dialogue session(server{.host = "mx.example.org", .security = security::none}, "client.example.com");
  const auto say = [&] {
    while (session.has_output()) session.consume(session.gather().front().size());
  };
  session.received("220 mx\r\n");
  say();
  session.received("250-mx\r\n250 DSN\r\n");
  session.push(1, mail(to, content(text)));
  say();
  if (!session.idle()) session.received("250 sender ok\r\n");
  const auto done = session.next_settled();
  REQUIRE(done);
  CHECK(dispose(*done->outcome.first_failure()) == disposition::bounce);
}

TEST_CASE("an interrupted attempt did not happen") {
  CHECK(dispose(failure(cause::shutting_down)) == disposition::put_back);
  CHECK(dispose(failure(cause::cancelled)) == disposition::put_back);
}

}  // namespace disposition_tests
