#include <postrider/protocol/auth_exchange.hpp>
#include <postrider/protocol/spoken.hpp>
#include <postrider/sasl/scram_sha256_server.hpp>

#include <catch2/catch.hpp>

#include <random>

namespace login_tests {

using namespace postrider;
using protocol::auth_exchange;
using protocol::capabilities;

namespace {

server with_account(std::string user, std::string password, auth_method how = auth_method::automatic) {
  server where{.host = "mx.example.org"};
  where.auth = how;
  where.account.user = std::move(user);
  where.account.password = secret(std::move(password));
  return where;
}

capabilities offering(std::vector<std::string> mechanisms) {
  capabilities c;
  c.auth = std::move(mechanisms);
  return c;
}

protocol::reply challenge(std::string text) {
  protocol::reply r;
  r.code = 334;
  r.lines = {std::move(text)};
  return r;
}

std::string wire(const protocol::confidential_line& line) {
  return line.open + std::string(line.hidden.reveal());
}

struct listener final : protocol::trace {
  void stage_passed(stage, std::string_view detail) override { heard += std::string(detail) + '\n'; }
  void line(protocol::direction, std::string_view text) override { heard += std::string(text) + '\n'; }
  std::string heard;
};

}  // namespace

TEST_CASE("PLAIN goes with the command, marked as secret", "[auth]") {
  auto exchange = auth_exchange::begin(offering({"PLAIN"}), with_account("ada", "sesame"), true);
  REQUIRE(exchange);
  CHECK(exchange->mechanism_name() == "PLAIN");
  const auto line = exchange->opening();
  CHECK(line.open == "AUTH PLAIN ");
  CHECK(line.hidden.reveal() == base64::encode(std::string("\0ada\0sesame", 11)));
  CHECK_FALSE(exchange->conclude(235, failure(cause::protocol_error)));
}

TEST_CASE("PLAIN waits for the server where it must, or where the line would be too long", "[auth]") {
  auto where = with_account("ada", "sesame");
  where.quirks.no_initial_response = true;
  const bool quirk = GENERATE(true, false);
  if (!quirk) where = with_account("ada", std::string(400, 'x'));
  auto exchange = auth_exchange::begin(offering({"PLAIN"}), where, true);
  REQUIRE(exchange);
  CHECK(wire(exchange->opening()) == "AUTH PLAIN");
  const auto line = exchange->answer(challenge(""));
  CHECK(line.open.empty());
  CHECK(base64::decode(line.hidden.reveal()) ==
        '\0' + std::string("ada") + '\0' + std::string(where.account.password.reveal()));
  CHECK_FALSE(exchange->conclude(235, failure(cause::protocol_error)));
}

TEST_CASE("a success that comes too early is not believed", "[auth]") {
  for (const std::string name : {"LOGIN", "CRAM-MD5"}) {
    auto exchange = auth_exchange::begin(offering({name}), with_account("ada", "sesame"), true);
    REQUIRE(exchange);
    exchange->opening();
    const auto why = exchange->conclude(235, failure(cause::credentials_rejected));
    REQUIRE(why);
    CHECK(why->cause == cause::protocol_error);
    CHECK(why->stage == stage::auth);
  }
}

TEST_CASE("any end but 235 is what the server's reply was classified as", "[auth]") {
  auto exchange = auth_exchange::begin(offering({"PLAIN"}), with_account("ada", "sesame"), true);
  REQUIRE(exchange);
  exchange->opening();
  CHECK(exchange->conclude(535, failure(cause::credentials_rejected))->cause == cause::credentials_rejected);
  CHECK(exchange->conclude(250, failure(cause::protocol_error))->cause == cause::protocol_error);
}

TEST_CASE("nonsense is called off with a star, and that is the reason in the end", "[auth]") {
  auto exchange = auth_exchange::begin(offering({"CRAM-MD5"}), with_account("ada", "sesame"), true);
  REQUIRE(exchange);
  CHECK(wire(exchange->opening()) == "AUTH CRAM-MD5");
  SECTION("not base64") {
    CHECK(wire(exchange->answer(challenge("!!"))) == "*");
  }
  SECTION("challenges without end") {
    std::string last;
    for (int i = 0; i < 100 && last != "*"; ++i) last = wire(exchange->answer(challenge(base64::encode("<1@x>"))));
    CHECK(last == "*");
  }
  const auto why = exchange->conclude(501, failure(cause::credentials_rejected));
  REQUIRE(why);
  CHECK(why->cause == cause::protocol_error);
}

TEST_CASE("no mechanism shows the password in clear unless it is openly allowed", "[auth]") {
  auto where = with_account("ada", "sesame");
  CHECK(auth_exchange::begin(offering({"PLAIN", "LOGIN"}), where, false).error().cause == cause::encryption_required);
  CHECK(auth_exchange::begin(offering({"PLAIN", "CRAM-MD5"}), where, false)->mechanism_name() == "CRAM-MD5");
  where.dangerously_allow_password_in_clear = true;
  CHECK(auth_exchange::begin(offering({"PLAIN", "LOGIN"}), where, false)->mechanism_name() == "PLAIN");
  CHECK(auth_exchange::begin(offering({"XOAUTH2"}), where, true).error().cause == cause::mechanism_unavailable);
}

TEST_CASE("a server that repeats the password is not repeated, plain or in base64 at any place", "[spoken]") {
  std::mt19937 random(11);
  for (int round = 0; round < 500; ++round) {
    std::string password;
    for (auto n = 6 + random() % 30; n > 0; --n) password += static_cast<char>('!' + random() % 90);
    listener ear;
    const protocol::spoken told(&ear, secret(password));
    const std::string user(random() % 9, 'u');
    const std::string plain = base64::encode('\0' + user + '\0' + password);
    const std::string alone = base64::encode(password);
    protocol::reply r;
    r.code = 535;
    r.lines = {"you said " + password, plain + " and " + alone};
    told.answer(r);
    told.passed(stage::auth, r);
    told.passed(stage::auth, password + plain);
    failure why(cause::credentials_rejected, stage::auth, "with " + plain + password);
    why.reply = r.lines;
    why = told.without_secret(std::move(why));
    const std::string all = ear.heard + why.detail + why.reply[0] + why.reply[1] + told.without_secret(r.lines)[1];
    INFO(password << " in " << all);
    REQUIRE(all.find(password) == all.npos);
    REQUIRE(all.find(alone.substr(0, alone.find('='))) == all.npos);
    // Of PLAIN's response nothing is left that decodes to more than two bytes at the password's edges.
    const std::size_t at = (2 + user.size()) * 8 / 6 + 1;
    const std::string inner = plain.substr(at, plain.size() - at - 4);
    if (inner.size() >= 4) REQUIRE(all.find(inner) == all.npos);
  }
}

TEST_CASE("nobody listens, or there is nothing to hide", "[spoken]") {
  const protocol::spoken deaf(nullptr, secret());
  CHECK_FALSE(deaf);
  protocol::reply r;
  r.code = 250;
  r.lines = {"ok"};
  deaf.answer(r);
  deaf.command("QUIT");
  deaf.passed(stage::quit, r);
  CHECK(deaf.without_secret(failure(cause::virus, stage::final, "words")).detail == "words");

  listener ear;
  const protocol::spoken told(&ear, secret());
  r.enhanced = {2, 1, 0};
  r.lines = {"one", "two"};
  told.answer(r);
  told.command("RSET");
  CHECK(ear.heard == "250-2.1.0 one\n250 2.1.0 two\nRSET\n");
}

TEST_CASE("SCRAM goes over the wire, and a success that comes before the server's proof is none", "[auth][scram]") {
  const auto where = with_account("ada", "sesame", auth_method::scram_sha_256);
  for (const bool early : {false, true}) {
    auto exchange = auth_exchange::begin(offering({"PLAIN", "SCRAM-SHA-256"}), where, false);
    REQUIRE(exchange);
    CHECK(exchange->mechanism_name() == "SCRAM-SHA-256");
    sasl::scram_sha256_server server;
    const auto first = exchange->opening();
    CHECK(first.open == "AUTH SCRAM-SHA-256 ");
    REQUIRE(server.begin(*base64::decode(first.hidden.reveal())));
    const auto keys = sasl::derive_scram_keys("sesame", "salt", 4096);
    const auto proof = exchange->answer(challenge(base64::encode(server.challenge(keys))));
    REQUIRE(server.finish(*base64::decode(proof.hidden.reveal())));
    if (!early) CHECK(wire(exchange->answer(challenge(base64::encode(server.proof())))).empty());
    const auto why = exchange->conclude(235, failure(cause::protocol_error));
    CHECK(why.has_value() == early);
    if (why) CHECK(why->cause == cause::protocol_error);
  }
}

}  // namespace login_tests
