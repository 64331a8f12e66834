#include <postrider/registry/login_verifier.hpp>

#include <catch2/catch.hpp>

namespace login_verifier_tests {

using namespace postrider;

TEST_CASE("a verifier knows its password and nothing else", "[registry]") {
  const auto verifier = login_verifier::make("pencil", 4096);
  CHECK(verifier.verify("pencil"));
  CHECK_FALSE(verifier.verify("Pencil"));
  CHECK_FALSE(verifier.verify(""));
  CHECK_FALSE(verifier.verify("pencil "));
  CHECK(verifier.str().find("pencil") == std::string::npos);
  CHECK(login_verifier::make("pencil", 4096).str() != verifier.str());
}

TEST_CASE("the example of RFC 7677 section 3 is a verifier of its password", "[registry]") {
  // The keys follow from the password "pencil" and the salt and count of the example; its proof verifies with them.
  const auto verifier = login_verifier::parse(
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
      "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
  REQUIRE(verifier);
  CHECK(verifier->verify("pencil"));
  CHECK_FALSE(verifier->verify("pencils"));
}

TEST_CASE("a verifier is written and read", "[registry]") {
  const auto verifier = login_verifier::make("s3cret", 5000);
  const auto read = login_verifier::parse(verifier.str());
  REQUIRE(read);
  CHECK(read->str() == verifier.str());
  CHECK(read->iterations() == 5000);
  CHECK(read->verify("s3cret"));

  const std::string text = verifier.str();
  for (std::size_t cut = 0; cut < text.size(); ++cut) CHECK_FALSE(login_verifier::parse(text.substr(0, cut)));
  CHECK_FALSE(login_verifier::parse(text + "x"));
  CHECK_FALSE(login_verifier::parse(text + ":AAAA"));
  CHECK_FALSE(login_verifier::parse("SCRAM-SHA-1" + text.substr(13)));
  CHECK_FALSE(login_verifier::parse("SCRAM-SHA-256$0:" + text.substr(text.find(':') + 1)));
  CHECK_FALSE(login_verifier::parse("SCRAM-SHA-256$999999999:" + text.substr(text.find(':') + 1)));
}

}  // namespace login_verifier_tests
