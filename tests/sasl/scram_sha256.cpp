#include <postrider/sasl/scram_sha256.hpp>
#include <postrider/sasl/scram_sha256_server.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace postrider;
using sasl::scram_sha256;
using sasl::scram_sha256_server;

namespace {

// The example of RFC 7677 section 3.
const account user{"user", "pencil"};
const std::string client_nonce = "rOprNGfwEbeRWgbNEkqO";
const std::string server_part = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string client_first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const std::string server_first =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const std::string client_final =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const std::string server_final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

sasl::scram_keys keys_of(const secret& password) {
  return sasl::derive_scram_keys(password, *base64::decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
}

scram_sha256 begun(const account& who = user) {
  scram_sha256 client(who, client_nonce);
  REQUIRE(client.initial_response());
  return client;
}

cause cause_of(const std::string& challenge) {
  auto client = begun();
  const auto answer = client.respond(challenge);
  REQUIRE_FALSE(answer);
  CHECK_FALSE(client.succeeded());
  CHECK(answer.error().stage == stage::auth);
  return answer.error().cause;
}

}  // namespace

TEST_CASE("the example of RFC 7677, the client's side", "[sasl][scram]") {
  scram_sha256 client(user, client_nonce);
  CHECK(client.name() == "SCRAM-SHA-256");
  CHECK_FALSE(client.reveals_password());
  CHECK(client.initial_response()->reveal() == client_first);
  CHECK(client.respond(server_first)->reveal() == client_final);
  CHECK_FALSE(client.succeeded());
  const auto last = client.respond(server_final);
  REQUIRE(last);
  CHECK(last->empty());
  CHECK(client.succeeded());
  CHECK(client.respond("more").error().cause == cause::protocol_error);
}

TEST_CASE("the example of RFC 7677, the server's side", "[sasl][scram]") {
  scram_sha256_server server(server_part);
  REQUIRE(server.begin(client_first));
  CHECK(server.user() == "user");
  CHECK(server.challenge(keys_of("pencil")) == server_first);
  REQUIRE(server.finish(client_final));
  CHECK(server.proof() == server_final);
}

TEST_CASE("both sides understand each other, whatever the names and passwords", "[sasl][scram]") {
  const std::vector<account> table{{"ada", "engine"}, {"a,b=c", "p,a=s s"}, {"ada@example.com", "=2C"}, {"=", ",,,"}};
  for (const account& who : table) {
    INFO(who.user);
    scram_sha256 client(who);
    scram_sha256_server server;
    REQUIRE(server.begin(client.respond("")->reveal()));  // no initial response: the empty challenge asks for it
    CHECK(server.user() == who.user);
    const auto proof = client.respond(server.challenge(keys_of(who.password)));
    REQUIRE(proof);
    CHECK(proof->reveal().find(who.password.reveal()) == std::string::npos);
    REQUIRE(server.finish(proof->reveal()));
    CHECK(client.respond(server.proof()));
    CHECK(client.succeeded());
  }
  CHECK(scram_sha256(user).initial_response()->reveal() != scram_sha256(user).initial_response()->reveal());
}

TEST_CASE("a wrong password is no proof", "[sasl][scram]") {
  auto client = begun({"user", "pencils"});
  scram_sha256_server server(server_part);
  REQUIRE(server.begin(client_first));
  CHECK_FALSE(server.finish(client.respond(server.challenge(keys_of("pencil")))->reveal()));
  CHECK(server.proof().empty());
}

TEST_CASE("a server that does not know the password is found out", "[sasl][scram]") {
  for (const std::string& last : {std::string("v=") + base64::encode(std::string(32, 'x')), std::string("v="),
                                  std::string("v=!"), std::string(""), std::string("ok"), server_final + 'x'}) {
    INFO(last);
    auto client = begun();
    REQUIRE(client.respond(server_first));
    CHECK(client.respond(last).error().cause == cause::protocol_error);
    CHECK_FALSE(client.succeeded());
  }
  auto client = begun();
  REQUIRE(client.respond(server_first));
  CHECK(client.respond("e=invalid-proof").error().cause == cause::credentials_rejected);
  CHECK_FALSE(client.succeeded());
}

TEST_CASE("challenges that no server may send are refused", "[sasl][scram]") {
  const std::string nonce = "r=" + client_nonce + "x";
  const std::string salt = ",s=W22ZaJ0SNY7soEsUEjb6gQ==";
  for (const std::string& bad :
       {std::string(), std::string("r="), nonce, nonce + salt, nonce + salt + ",i=", nonce + salt + ",i=4096x",
        nonce + ",s=,i=4096", nonce + ",s=!,i=4096", "m=ext," + nonce + salt + ",i=4096",
        "r=" + client_nonce + salt + ",i=4096",           // nothing added to the nonce
        "r=x" + client_nonce + salt + ",i=4096",          // not in front
        "r=" + client_nonce + "\x01" + salt + ",i=4096",  // not printable
        nonce + salt + ",i=0", nonce + salt + ",i=4095", nonce + salt + ",i=600001", nonce + salt + ",i=4294967296",
        nonce + salt + ",i=-4096"}) {
    INFO(bad);
    CHECK(cause_of(bad) == cause::protocol_error);
  }
  auto client = begun();
  CHECK(client.respond(nonce + salt + ",i=4096,x=later"));  // an extension that may be ignored
  scram_sha256 early(user, client_nonce);
  CHECK(early.respond(server_first).error().cause == cause::protocol_error);
}

TEST_CASE("an account that SASLprep would change is refused in plain words", "[sasl][scram]") {
  CHECK(scram_sha256::accepts(user));
  for (const char* bad : {"", "gr\xc3\xbcn", "a\nb", "a\x7f"}) {
    const account odd{bad, "pencil"}, secretive{"user", bad};
    CHECK(scram_sha256::accepts(odd).error().field == field::user);
    CHECK(scram_sha256::accepts(secretive).error().field == field::password);
    scram_sha256 client(secretive);
    CHECK_FALSE(client.initial_response());
    CHECK(client.respond("").error().cause == cause::invalid_configuration);
  }
}

TEST_CASE("first messages: channel binding, identities and extensions", "[sasl][scram]") {
  for (const char* good : {"n,,n=user,r=x", "y,,n=user,r=x", "n,a=user,n=user,r=x", "n,,n=user,r=x,e=later"})
    CHECK(scram_sha256_server().begin(good));
  for (const char* bad :
       {"", "n", "n,", "n,,", "n,,n=user", "n,,n=user,r=", "n,,n=,r=x", "n,,r=x,n=user", "p=tls-unique,,n=user,r=x",
        "x,,n=user,r=x", "n,a=root,n=user,r=x", "n,a=,n=user,r=x", "n,b=user,n=user,r=x", "n,,m=ext,n=user,r=x",
        "n,,n=us=er,r=x", "n,,n=user=2,r=x", "n,,n=us\ner,r=x", "n,,n=user,r=a b", "n,,n=user,r=\x80"}) {
    INFO(bad);
    CHECK_FALSE(scram_sha256_server().begin(bad));
  }
}

TEST_CASE("last messages: the binding, the nonce and the proof count", "[sasl][scram]") {
  const auto finish = [](const std::string& first, const std::string& last) {
    scram_sha256_server server(server_part);
    REQUIRE(server.begin(first));
    server.challenge(keys_of("pencil"));
    return server.finish(last);
  };
  const auto bent = [](const std::string& from, const std::string& to) {
    std::string text = client_final;
    return text.replace(text.find(from), from.size(), to);
  };
  CHECK(finish(client_first, client_final));
  for (const std::string& bad :
       {std::string(), std::string("c=biws"), bent("biws", "eSws"), bent("biws", ""), bent("k0", "k1"),
        bent(",p=dHz", ",p=eHz"), bent(",p=", ",x="), client_final.substr(0, client_final.size() - 4),
        bent("c=biws,", ""), client_final + "AAAA"}) {
    INFO(bad);
    CHECK_FALSE(finish(client_first, bad));
  }
  CHECK_FALSE(finish("y" + client_first.substr(1), client_final));  // the header is part of what is proved
}

TEST_CASE("no message with one bent byte is believed", "[sasl][scram]") {
  for (std::size_t at = 0; at < client_final.size(); ++at) {
    std::string message = client_final;
    message[at] = static_cast<char>(message[at] ^ 1);
    scram_sha256_server server(server_part);
    REQUIRE(server.begin(client_first));
    server.challenge(keys_of("pencil"));
    INFO(message);
    CHECK_FALSE(server.finish(message));
  }
}
