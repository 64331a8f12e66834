#include <postrider/protocol/session_setup.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace session_setup_tests {

using namespace postrider;
using protocol::session_setup;
using protocol::setup_move;
using protocol::step;
using kind = setup_move::kind;

namespace {

server secured(security how) {
  return server{.host = "mx.example.org", .security = how};
}

server with_account(security how) {
  server where = secured(how);
  where.account.user = "ada";
  where.account.password = secret(std::string("sesame"));
  return where;
}

protocol::reply says(std::string_view wire) {
  protocol::reply_parser parser;
  REQUIRE(parser.parse(wire) == protocol::reply_parser::status::complete);
  return parser.value();
}

struct passages final : protocol::trace {
  void stage_passed(stage passed, std::string_view detail) override {
    heard.append(to_string(passed)).append("=").append(detail).append("|");
  }
  std::string heard;
};

/// A setup and a server of which every word is written here.
struct talk {
  explicit talk(server definition, std::string name = "client.example.com")
      : where(std::move(definition)), setup(where, std::move(name)), told(&listener, secret(where.account.password)) {}

  /// The next move after the server's `words`: "say EHLO x", "handshake", "done", or a failure's stage and cause.
  std::string hears(std::string_view words) { return seen(setup.take(awaited, says(words), where, told)); }
  std::string begins() { return seen(setup.begin(where)); }
  std::string shakes_hands() { return seen(setup.tls_established(where)); }

  std::string seen(const setup_move& move) {
    last = move.why;
    if (move.what == kind::listen) awaited = step::greeting;
    if (move.what == kind::say) awaited = move.awaited;
    switch (move.what) {
      case kind::listen: return "listen";
      case kind::say: return "say " + move.line.open + std::string(move.line.hidden.reveal());
      case kind::handshake: return "handshake";
      case kind::done: return "done";
      case kind::fail: return std::string(to_string(move.why.stage)) + ' ' + std::string(to_string(move.why.cause));
    }
    return "?";
  }

  server where;
  session_setup setup;
  passages listener;
  protocol::spoken told;
  step awaited = step::quit;
  failure last;
};

constexpr std::string_view hello = "220 mx.example.org\r\n";
constexpr std::string_view plain_ehlo = "250-mx.example.org\r\n250 PIPELINING\r\n";
constexpr std::string_view tls_ehlo = "250-mx.example.org\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
constexpr std::string_view auth_ehlo = "250-mx.example.org\r\n250 AUTH PLAIN\r\n";

}  // namespace

TEST_CASE("without TLS and without an account the way is short", "[session_setup]") {
  talk t(secured(security::none));
  CHECK(t.begins() == "listen");
  CHECK(t.hears(hello) == "say EHLO client.example.com");
  CHECK(t.awaited == step::ehlo);
  CHECK(t.hears(plain_ehlo) == "done");
  CHECK(t.setup.offered().pipelining);
  CHECK_FALSE(t.setup.encrypted());
  CHECK_FALSE(t.setup.authenticated());
  CHECK_FALSE(t.setup.has_spoken_of_password());
  CHECK(t.listener.heard == "greeting=mx.example.org|ehlo=PIPELINING|");
}

TEST_CASE("STARTTLS is followed by a new EHLO, and what came before is forgotten", "[session_setup]") {
  talk t(with_account(security::starttls));
  CHECK(t.begins() == "listen");
  CHECK(t.hears(hello) == "say EHLO client.example.com");
  CHECK(t.hears("250-mx.example.org\r\n250-PIPELINING\r\n250-AUTH LOGIN\r\n250 STARTTLS\r\n") == "say STARTTLS");
  CHECK(t.awaited == step::starttls);
  CHECK_FALSE(t.setup.has_spoken_of_password());
  CHECK(t.hears("220 go\r\n") == "handshake");
  CHECK_FALSE(t.setup.encrypted());
  CHECK(t.shakes_hands() == "say EHLO client.example.com");
  CHECK(t.setup.encrypted());
  CHECK_FALSE(t.setup.offered().pipelining);
  CHECK(t.setup.offered().auth.empty());
  CHECK(t.hears(auth_ehlo) == "say AUTH PLAIN AGFkYQBzZXNhbWU=");
  CHECK(t.awaited == step::auth);
  CHECK(t.setup.has_spoken_of_password());
  CHECK_FALSE(t.setup.authenticated());
  CHECK(t.hears("235 2.7.0 welcome\r\n") == "done");
  CHECK(t.setup.authenticated());
  CHECK(t.setup.has_spoken_of_password());
  CHECK(t.listener.heard ==
        "greeting=mx.example.org|ehlo=PIPELINING STARTTLS AUTH LOGIN|starttls=go|ehlo=AUTH PLAIN|auth=PLAIN|");
}

TEST_CASE("TLS from the first byte comes before the greeting", "[session_setup]") {
  talk t(with_account(security::tls));
  CHECK(t.begins() == "handshake");
  CHECK(t.shakes_hands() == "listen");
  CHECK(t.hears(hello) == "say EHLO client.example.com");
  CHECK(t.hears(auth_ehlo) == "say AUTH PLAIN AGFkYQBzZXNhbWU=");
  CHECK(t.hears("235 ok\r\n") == "done");
}

TEST_CASE("the definition's name goes before the session's, and a bad one ends it before a word", "[session_setup]") {
  server named = secured(security::none);
  named.ehlo_name = "relay.example.net";
  talk t(named);
  t.begins();
  CHECK(t.hears(hello) == "say EHLO relay.example.net");
  for (const auto* wrong : {"", "a b", "-a", "a\r\nMAIL FROM:<>", "[]", "\xc3\xa4.example"}) {
    INFO(wrong);
    talk bad(secured(security::tls), wrong);
    CHECK(bad.begins() == "ehlo invalid_configuration");
    CHECK(bad.last.detail == "not a name for EHLO: " + std::string(wrong));
  }
}

TEST_CASE("a server that refuses EHLO for good is greeted with HELO", "[session_setup]") {
  for (const auto* refusal : {"500 what\r\n", "502 no\r\n", "550 no\r\n"}) {
    INFO(refusal);
    talk t(secured(security::none));
    t.begins();
    t.hears(hello);
    CHECK(t.hears(refusal) == "say HELO client.example.com");
    CHECK(t.awaited == step::helo);
    CHECK(t.hears("250 mx.example.org\r\n") == "done");
    CHECK(t.listener.heard == "greeting=mx.example.org|ehlo=HELO only|");
  }
}

TEST_CASE("with TLS required, nothing is given away to a server that has none", "[session_setup]") {
  talk refusing(with_account(security::starttls));
  refusing.begins();
  refusing.hears(hello);
  CHECK(refusing.hears("502 no EHLO here\r\n") == "starttls starttls_not_offered");
  CHECK(refusing.last.detail == "the server refused EHLO: no EHLO here");

  talk lacking(with_account(security::starttls));
  lacking.begins();
  lacking.hears(hello);
  CHECK(lacking.hears(auth_ehlo) == "starttls starttls_not_offered");
  CHECK(lacking.last.detail == "offered: AUTH PLAIN");
  CHECK_FALSE(lacking.setup.has_spoken_of_password());

  server old = with_account(security::starttls);
  old.quirks.helo_only = true;
  talk helo(old);
  helo.begins();
  CHECK(helo.hears(hello) == "say HELO client.example.com");
  CHECK(helo.hears("250 hello\r\n") == "starttls starttls_not_offered");
}

TEST_CASE("once encrypted, STARTTLS is not asked for again", "[session_setup]") {
  talk t(secured(security::starttls));
  t.begins();
  t.hears(hello);
  t.hears(tls_ehlo);
  t.hears("220 go\r\n");
  t.shakes_hands();
  const bool refuses_now = GENERATE(false, true);
  if (refuses_now) {
    CHECK(t.hears("502 no\r\n") == "say HELO client.example.com");
    CHECK(t.hears("250 hello\r\n") == "done");
  } else {
    CHECK(t.hears(tls_ehlo) == "done");
  }
}

TEST_CASE("each refusal ends the session at its stage", "[session_setup]") {
  struct example {
    std::vector<std::string_view> before;
    std::string_view words;
    std::string_view where;
    int code;
  };
  const std::vector<example> table{
      {{}, "554 no\r\n", "greeting", 554},
      {{}, "421 busy\r\n", "greeting", 421},
      {{}, "250 what\r\n", "greeting", 250},
      {{hello}, "421 busy\r\n", "ehlo", 421},
      {{hello}, "451 later\r\n", "ehlo", 451},
      {{hello, "500 what\r\n"}, "500 what\r\n", "ehlo", 500},
      {{hello, "500 what\r\n"}, "220 what\r\n", "ehlo", 220},
      {{hello, auth_ehlo}, "535 5.7.8 no\r\n", "auth", 535},
      {{hello, auth_ehlo}, "454 4.7.0 later\r\n", "auth", 454},
      {{hello, auth_ehlo}, "250 what\r\n", "auth", 250},
  };
  for (const auto& [before, words, where, code] : table) {
    INFO(words << where);
    server open = with_account(security::none);
    open.dangerously_allow_password_in_clear = true;
    talk t(open);
    t.begins();
    for (const auto earlier : before) t.hears(earlier);
    const std::string end = t.hears(words);
    CHECK(end.substr(0, end.find(' ')) == where);
    CHECK(t.last.code == code);
    CHECK_FALSE(t.setup.authenticated());
  }
  for (const std::string_view words : {"454 no\r\n", "501 no\r\n", "250 what\r\n"}) {
    INFO(words);
    talk t(secured(security::starttls));
    t.begins();
    t.hears(hello);
    t.hears(tls_ehlo);
    CHECK(t.hears(words).starts_with("starttls "));
    CHECK_FALSE(t.setup.encrypted());
  }
}

TEST_CASE("a password is not spoken of in clear", "[session_setup]") {
  talk t(with_account(security::none));
  t.begins();
  t.hears(hello);
  CHECK(t.hears(auth_ehlo) == "auth encryption_required");
  CHECK_FALSE(t.setup.has_spoken_of_password());
}

TEST_CASE("an account is left alone where the definition says so", "[session_setup]") {
  server where = with_account(security::none);
  where.auth = auth_method::none;
  talk t(where);
  t.begins();
  t.hears(hello);
  CHECK(t.hears(auth_ehlo) == "done");
  CHECK_FALSE(t.setup.authenticated());
}

TEST_CASE("a challenge is answered, and a broken one calls the exchange off", "[session_setup]") {
  server where = with_account(security::tls);
  where.auth = auth_method::login;
  talk t(where);
  t.begins();
  t.shakes_hands();
  t.hears(hello);
  CHECK(t.hears("250-mx.example.org\r\n250 AUTH LOGIN PLAIN\r\n") == "say AUTH LOGIN");
  CHECK(t.hears("334 VXNlcm5hbWU6\r\n") == "say YWRh");
  const bool broken = GENERATE(false, true);
  if (broken) {
    CHECK(t.hears("334 ***\r\n") == "say *");
    CHECK(t.awaited == step::auth);
    CHECK(t.hears("501 called off\r\n") == "auth protocol_error");
    CHECK(t.last.detail == "a challenge that is not base64");
    CHECK_FALSE(t.setup.authenticated());
    CHECK(t.setup.has_spoken_of_password());
  } else {
    CHECK(t.hears("334 UGFzc3dvcmQ6\r\n") == "say c2VzYW1l");
    CHECK(t.hears("235 ok\r\n") == "done");
  }
}

TEST_CASE("what is switched off for a server is forgotten at EHLO", "[session_setup]") {
  server where = secured(security::none);
  where.quirks.no_pipelining = true;
  talk t(where);
  t.begins();
  t.hears(hello);
  CHECK(t.hears(plain_ehlo) == "done");
  CHECK_FALSE(t.setup.offered().pipelining);
}

}  // namespace session_setup_tests
