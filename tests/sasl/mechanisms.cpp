#include <postrider/core/server.hpp>
#include <postrider/sasl/cram_md5.hpp>
#include <postrider/sasl/login.hpp>
#include <postrider/sasl/plain.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace postrider;

TEST_CASE("PLAIN says user and password at once", "[sasl]") {
  const account tim{"tim", "tanstaaftanstaaf"};  // the example of RFC 4616
  sasl::plain with_initial(tim);
  CHECK_FALSE(with_initial.succeeded());
  CHECK(with_initial.initial_response()->reveal() == std::string_view("\0tim\0tanstaaftanstaaf", 21));
  CHECK(with_initial.succeeded());
  CHECK(with_initial.respond("more?").error().cause == cause::protocol_error);

  sasl::plain asked(tim);
  CHECK(asked.respond("")->reveal() == std::string_view("\0tim\0tanstaaftanstaaf", 21));
  CHECK(asked.succeeded());
  CHECK_FALSE(asked.respond(""));
  CHECK(asked.reveals_password());
}

TEST_CASE("PLAIN refuses NUL", "[sasl]") {
  const account in_user{std::string("a\0b", 3), "p"};
  const account in_password{"a", secret(std::string("p\0q", 3))};
  sasl::plain user(in_user);
  CHECK_FALSE(user.initial_response());
  CHECK(user.respond("").error().field == field::user);
  CHECK(user.respond("").error().cause == cause::invalid_configuration);
  CHECK_FALSE(user.succeeded());
  sasl::plain password(in_password);
  CHECK(password.respond("").error().field == field::password);
  CHECK(password.respond("").error().detail.find('q') == std::string::npos);
}

TEST_CASE("LOGIN answers in order, whatever the questions are called", "[sasl]") {
  sasl::login login(account{"ada", "engine"});
  CHECK_FALSE(login.initial_response());
  CHECK_FALSE(login.succeeded());
  CHECK(login.respond("Username:")->reveal() == "ada");
  CHECK_FALSE(login.succeeded());
  CHECK(login.respond("")->reveal() == "engine");
  CHECK(login.succeeded());
  CHECK(login.respond("Again:").error().cause == cause::protocol_error);
  CHECK_FALSE(login.succeeded());
  CHECK_FALSE(login.respond("Again:"));
}

TEST_CASE("CRAM-MD5 gives the digest of RFC 2195", "[sasl]") {
  sasl::cram_md5 mechanism(account{"tim", "tanstaaftanstaaf"});
  CHECK_FALSE(mechanism.initial_response());
  CHECK_FALSE(mechanism.reveals_password());
  CHECK_FALSE(mechanism.succeeded());
  const auto answer = mechanism.respond("<1896.697170952@postoffice.reston.mci.net>");
  REQUIRE(answer);
  CHECK(answer->reveal() == "tim b913a602c7eda7a495b4e6e7334d3890");
  CHECK(mechanism.succeeded());
  CHECK(mechanism.respond("<again>").error().cause == cause::protocol_error);
}

TEST_CASE("CRAM-MD5 with odd keys and challenges", "[sasl]") {
  CHECK(sasl::cram_md5(account{"a", "p"}).respond("").error().cause == cause::protocol_error);
  CHECK(sasl::cram_md5(account{"a", ""}).respond("<x@y>")->reveal() == "a 71990acc3a54f7d01feeb843a4e99c22");
  const account long_key{"a b", secret(std::string(200, 'k'))};
  CHECK(sasl::cram_md5(long_key).respond(std::string(1000, 'c'))->reveal() == "a b 2191c158fabd8b3ed2200a4bca2e589d");
}
