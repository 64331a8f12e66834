#include <postrider/protocol/capabilities.hpp>

#include <catch2/catch.hpp>

namespace capabilities_tests {

using namespace postrider;
using protocol::capabilities;

namespace {

capabilities offered_by(std::vector<std::string> lines) {
  protocol::reply ehlo;
  ehlo.code = 250;
  ehlo.lines = std::move(lines);
  return capabilities::parse(ehlo);
}

}  // namespace

TEST_CASE("what a server offers, in any case", "[capabilities]") {
  const auto all = offered_by({"mx.example.org", "PIPELINING", "chunking", "8bitmime", "SMTPUTF8", "StartTLS", "DSN",
                               "ENHANCEDSTATUSCODES", "SIZE 35882577", "AUTH PLAIN login Cram-MD5", "X-OTHER thing"});
  CHECK(all.pipelining);
  CHECK(all.chunking);
  CHECK(all.eight_bit_mime);
  CHECK(all.smtputf8);
  CHECK(all.starttls);
  CHECK(all.dsn);
  CHECK(all.enhanced_status_codes);
  CHECK(all.size);
  CHECK(all.size_limit == 35882577);
  CHECK(all.auth == std::vector<std::string>{"PLAIN", "LOGIN", "CRAM-MD5"});
  CHECK(
      all.summary() ==
      "PIPELINING CHUNKING 8BITMIME SMTPUTF8 STARTTLS DSN ENHANCEDSTATUSCODES SIZE=35882577 AUTH PLAIN LOGIN CRAM-MD5");
}

TEST_CASE("the first line offers nothing, whatever it says", "[capabilities]") {
  CHECK_FALSE(offered_by({"STARTTLS"}).starttls);
  CHECK_FALSE(offered_by({}).starttls);
  CHECK(offered_by({"mx"}).summary().empty());
}

TEST_CASE("keywords are whole words", "[capabilities]") {
  const auto odd = offered_by({"mx", "STARTTLSX", "XPIPELINING", " SIZE 10", "8BITMIME trailing words", ""});
  CHECK_FALSE(odd.starttls);
  CHECK_FALSE(odd.pipelining);
  CHECK_FALSE(odd.size);
  CHECK(odd.eight_bit_mime);
}

TEST_CASE("limits are those of RFC 9422, and nothing else is one", "[capabilities]") {
  const auto all = offered_by({"mx", "limits rcptmax=20 MAILMAX=5 RCPTDOMAINMAX=1 XMAX=3"});
  CHECK(all.rcpt_max == 20);
  CHECK(all.mail_max == 5);
  CHECK(all.rcpt_domain_max == 1);
  CHECK(all.summary() == "MAILMAX=5 RCPTMAX=20 RCPTDOMAINMAX=1");
  CHECK(offered_by({"mx", "LIMITS RCPTMAX=999999"}).rcpt_max == 999'999);
  for (const std::string text : {"", " ", " RCPTMAX", " RCPTMAX=", " RCPTMAX=0", " RCPTMAX=01", " RCPTMAX=1000000",
                                 " RCPTMAX=-1", " RCPTMAX=1x", " RCPTMAX=x", "=RCPTMAX=1=2", " =5", "  "}) {
    INFO(text);
    CHECK(offered_by({"mx", "LIMITS" + text}).rcpt_max == 0);
  }
}

TEST_CASE("a size that is no number, or none, sets no limit", "[capabilities]") {
  for (const std::string line : {"SIZE", "SIZE ", "SIZE 0", "SIZE many", "SIZE 99999999999999999999999", "SIZE -1"}) {
    INFO(line);
    const auto c = offered_by({"mx", line});
    CHECK(c.size);
    CHECK(c.size_limit == 0);
  }
  CHECK(offered_by({"mx", "SIZE=12"}).size_limit == 12);
}

TEST_CASE("mechanisms of old servers and odd blanks", "[capabilities]") {
  CHECK(offered_by({"mx", "AUTH=PLAIN LOGIN"}).auth == std::vector<std::string>{"PLAIN", "LOGIN"});
  CHECK(offered_by({"mx", "AUTH  PLAIN   LOGIN "}).auth == std::vector<std::string>{"PLAIN", "LOGIN"});
  CHECK(offered_by({"mx", "AUTH"}).auth.empty());
  CHECK(offered_by({"mx", "AUTH PLAIN", "AUTH=PLAIN LOGIN"}).auth == std::vector<std::string>{"PLAIN", "LOGIN"});
}

TEST_CASE("quirks take away what a server offers, never add", "[capabilities]") {
  auto all = offered_by({"mx", "PIPELINING", "CHUNKING", "8BITMIME", "SIZE 10"});
  all.restrict({});
  CHECK((all.pipelining && all.chunking && all.eight_bit_mime && all.size));
  server_quirks nothing;
  nothing.no_pipelining = nothing.no_chunking = nothing.no_eight_bit_mime = nothing.no_size = true;
  all.restrict(nothing);
  CHECK_FALSE((all.pipelining || all.chunking || all.eight_bit_mime || all.size));
  auto none = offered_by({"mx"});
  none.restrict({});
  CHECK_FALSE((none.pipelining || none.chunking || none.eight_bit_mime || none.size));
}

}  // namespace capabilities_tests
