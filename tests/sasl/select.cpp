#include <postrider/sasl/select.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace postrider;
using Catch::Contains;

namespace {

const account ada{"ada", "engine"};
constexpr bool encrypted = true;
constexpr bool clear = false;

std::string chosen(const std::vector<std::string>& offered, auth_method wanted, bool secure, bool allow = false) {
  auto found = sasl::select(offered, wanted, ada, secure, allow);
  return found ? std::string(found->name()) : std::string(to_string(found.error().cause));
}

}  // namespace

TEST_CASE("the strongest mechanism that both sides know is chosen", "[sasl]") {
  using enum auth_method;
  CHECK(chosen({"LOGIN", "PLAIN", "CRAM-MD5", "SCRAM-SHA-256"}, automatic, encrypted) == "SCRAM-SHA-256");
  CHECK(chosen({"SCRAM-SHA-256"}, automatic, clear) == "SCRAM-SHA-256");
  CHECK(chosen({"PLAIN", "SCRAM-SHA-256"}, scram_sha_256, clear) == "SCRAM-SHA-256");
  CHECK(chosen({"PLAIN", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1"}, scram_sha_256, encrypted) == "mechanism_unavailable");
  CHECK(chosen({"LOGIN", "PLAIN", "CRAM-MD5"}, automatic, encrypted) == "CRAM-MD5");
  CHECK(chosen({"LOGIN", "PLAIN"}, automatic, encrypted) == "PLAIN");
  CHECK(chosen({"GSSAPI", "LOGIN"}, automatic, encrypted) == "LOGIN");
  CHECK(chosen({"CRAM-MD5", "PLAIN"}, automatic, clear) == "CRAM-MD5");
  CHECK(chosen({"PLAIN", "LOGIN"}, login, encrypted) == "LOGIN");
  CHECK(chosen({"CRAM-MD5", "PLAIN"}, plain, encrypted) == "PLAIN");
}

TEST_CASE("no password is shown in clear unless that is openly allowed", "[sasl]") {
  using enum auth_method;
  for (const auto wanted : {automatic, plain}) {
    CHECK(chosen({"PLAIN"}, wanted, clear) == "encryption_required");
    CHECK(chosen({"PLAIN"}, wanted, clear, true) == "PLAIN");
  }
  CHECK(chosen({"PLAIN", "LOGIN"}, automatic, clear) == "encryption_required");
  CHECK(chosen({"PLAIN", "CRAM-MD5"}, plain, clear) == "encryption_required");
  CHECK(chosen({"PLAIN", "CRAM-MD5"}, automatic, clear, true) == "CRAM-MD5");
}

TEST_CASE("when nothing fits the failure says what is missing", "[sasl]") {
  using enum auth_method;
  CHECK(chosen({}, automatic, clear) == "encryption_required");
  CHECK(chosen({}, automatic, encrypted) == "mechanism_unavailable");
  CHECK(chosen({"PLAIN"}, cram_md5, encrypted) == "mechanism_unavailable");
  CHECK(chosen({"XOAUTH2", "GSSAPI"}, automatic, encrypted) == "mechanism_unavailable");
  CHECK(chosen({"plain"}, automatic, encrypted) == "mechanism_unavailable");
  CHECK(chosen({"PLAIN"}, none, encrypted) == "authentication_required");
  const std::vector<std::string> offered{"XOAUTH2", "GSSAPI"};
  const auto refused = sasl::select(offered, automatic, ada, encrypted, false);
  CHECK_THAT(refused.error().detail, Contains("XOAUTH2, GSSAPI"));
  CHECK(refused.error().stage == stage::auth);
  CHECK(refused.error().scope == scope::account);
  CHECK(sasl::select(offered, automatic, account{}, encrypted, false).error().cause == cause::authentication_required);
}

TEST_CASE("a password that SCRAM cannot say is said in a mechanism that can, unless SCRAM was asked for", "[sasl]") {
  const account odd{"ada", "gr\xc3\xbcn"};
  const std::vector<std::string> both{"SCRAM-SHA-256", "PLAIN"};
  CHECK(sasl::select(both, auth_method::automatic, odd, encrypted, false)->name() == "PLAIN");
  const std::vector<std::string> only{"SCRAM-SHA-256"};
  for (const auto& refused : {sasl::select(both, auth_method::scram_sha_256, odd, encrypted, false),
                              sasl::select(only, auth_method::automatic, odd, encrypted, false)}) {
    CHECK(refused.error().cause == cause::invalid_configuration);
    CHECK(refused.error().field == field::password);
  }
}

TEST_CASE("where SCRAM is all that could be done here, its refusal is told", "[sasl]") {
  const account odd{"ada", "gr\xc3\xbcn"};
  const std::vector<std::string> offered{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "GSSAPI"};
  const auto refused = sasl::select(offered, auth_method::automatic, odd, encrypted, false);
  CHECK(refused.error().cause == cause::invalid_configuration);
  CHECK(refused.error().field == field::password);
}

TEST_CASE("an account that the chosen mechanism cannot say is refused before anything is sent", "[sasl]") {
  const account odd{"ada", secret(std::string("a\0b", 3))};
  const std::vector<std::string> offered{"PLAIN"};
  const auto refused = sasl::select(offered, auth_method::automatic, odd, encrypted, false);
  CHECK(refused.error().cause == cause::invalid_configuration);
  CHECK(refused.error().field == field::password);
}
