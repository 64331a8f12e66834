#include <postrider/protocol/envelope_commands.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace envelope_commands_tests {

using namespace postrider::protocol;

namespace {

constexpr mail_rules everything{.extended = true, .auth = true, .message_size = 1000};

/// The address, "<>" for none, and the size behind it; or the code of the refusal, with "!" if it blames.
std::string mail_of(std::string_view argument, mail_rules rules = everything) {
  const auto parsed = parse_mail_from(argument, rules);
  if (!parsed) return std::string(parsed.error().code) + (parsed.error().blame ? "!" : "");
  std::string text = parsed->sender ? parsed->sender->str() : "<>";
  if (parsed->size != 0) text += ' ' + std::to_string(parsed->size);
  if (parsed->ret != postrider::ret::none) text += parsed->ret == postrider::ret::full ? " full" : " headers";
  if (!parsed->envid.empty()) text += " envid " + parsed->envid;
  return text;
}

std::string rcpt_of(std::string_view argument, const std::string& host = "mx.example.org", bool extended = true) {
  const auto parsed = parse_rcpt_to(argument, host, extended);
  if (!parsed) return std::string(parsed.error().code) + (parsed.error().blame ? "!" : "");
  std::string text = parsed->forward_path.str();
  if (parsed->notify != postrider::notify::unset) text += " notify " + std::to_string(static_cast<int>(parsed->notify));
  if (!parsed->orcpt.empty()) text += " orcpt " + parsed->orcpt;
  return text;
}

struct example {
  std::string_view argument;
  std::string_view meaning;
};

}  // namespace

TEST_CASE("MAIL names a sender or none", "[envelope_commands]") {
  const std::vector<example> table{
      {"FROM:<ada@example.com>", "ada@example.com"},
      {"from:<ada@example.com>", "ada@example.com"},
      {"FROM: <ada@example.com>", "ada@example.com"},
      {"FROM:<>", "<>"},
      {"FROM:<> SIZE=10", "<> 10"},
      {"FROM:<@a.example,@b.example:ada@example.com>", "ada@example.com"},
      {"FROM:<\"a>b\"@example.com>", "\"a>b\"@example.com"},
      {"", "501 5.5.4!"},
      {"FROM", "501 5.5.4!"},
      {"FROM:", "501 5.5.4!"},
      {"FROM:ada@example.com", "501 5.5.4!"},
      {"FROM:<ada@example.com", "501 5.5.4!"},
      {"FROM:<ada@example.com>SIZE=1", "501 5.5.4!"},
      {"TO:<ada@example.com>", "501 5.5.4!"},
      {"FROM :<ada@example.com>", "501 5.5.4!"},
      {"FROM:<@a.example:>", "501 5.5.4!"},
      {"FROM:<ada>", "501 5.1.7"},
      {"FROM:< >", "501 5.1.7"},
      {"FROM:<ada@>", "501 5.1.7"},
      {"FROM:<@example.com>", "501 5.5.4!"},
      {"FROM:<\xc3\xa4@example.com>", "553 5.6.7"},
      {"FROM:<postmaster>", "501 5.1.7"},
  };
  for (const auto& [argument, meaning] : table) {
    INFO(argument);
    CHECK(mail_of(argument) == meaning);
  }
}

TEST_CASE("MAIL takes the parameters that were offered", "[envelope_commands]") {
  const std::vector<example> table{
      {"SIZE=0", "<>"},
      {"size=7", "<> 7"},
      {"SIZE=1000", "<> 1000"},
      {"SIZE=1001", "552 5.3.4"},
      {"SIZE=18446744073709551615", "552 5.3.4"},
      {"SIZE=18446744073709551616", "501 5.5.4!"},
      {"SIZE=-1", "501 5.5.4!"},
      {"SIZE=1x", "501 5.5.4!"},
      {"SIZE", "501 5.5.4!"},
      {"SIZE=", "501 5.5.4!"},
      {"BODY=7BIT", "<>"},
      {"body=8bitmime", "<>"},
      {"BODY=BINARYMIME", "501 5.5.4!"},
      {"BODY", "501 5.5.4!"},
      {"AUTH=<>", "<>"},
      {"AUTH=ada+40example.com", "<>"},
      {"AUTH", "555 5.5.4!"},
      {"SMTPUTF8", "555 5.5.4!"},
      {"RET=FULL", "<> full"},
      {"ret=hdrs", "<> headers"},
      {"RET=HDRS RET=HDRS", "501 5.5.4!"},
      {"RET", "501 5.5.4!"},
      {"RET=BODY", "501 5.5.4!"},
      {"ENVID=QQ314159", "<> envid QQ314159"},
      {"ENVID=a+2Bb+3Dc+20d", "<> envid a+b=c d"},
      {"ENVID=a ENVID=b", "501 5.5.4!"},
      {"ENVID", "501 5.5.4!"},
      {"ENVID=", "501 5.5.4!"},
      {"ENVID=a+0Ab", "501 5.5.4!"},
      {"ENVID=a+7F", "501 5.5.4!"},
      {"ENVID=a+C3+A4", "501 5.5.4!"},
      {"ENVID=a+2b", "501 5.5.4!"},
      {"ENVID=a+2", "501 5.5.4!"},
      {"ENVID=a+", "501 5.5.4!"},
      {"NOTIFY=NEVER", "555 5.5.4!"},
      {"SIZE=5 BODY=8BITMIME AUTH=<>", "<> 5"},
      {"SIZE=5  BODY=8BITMIME ", "<> 5"},
      {"SIZE=5 -X=1", "501 5.5.4!"},
      {"SIZE=5 =", "501 5.5.4!"},
      {"SIZE=5 X=a=b", "501 5.5.4!"},
      {"SIZE=5 \xc3\xa4=1", "501 5.5.4!"},
  };
  for (const auto& [parameters, meaning] : table) {
    INFO(parameters);
    CHECK(mail_of("FROM:<> " + std::string(parameters)) == meaning);
  }
}

TEST_CASE("what was not offered is not taken, and no limit is no limit", "[envelope_commands]") {
  for (const auto* parameter : {"SIZE=1", "BODY=7BIT", "AUTH=<>", "RET=FULL", "ENVID=x"}) {
    INFO(parameter);
    CHECK(mail_of("FROM:<> " + std::string(parameter), {}) == "555 5.5.4!");
  }
  CHECK(mail_of("FROM:<> AUTH=<>", {.extended = true}) == "555 5.5.4!");
  CHECK(mail_of("FROM:<> SIZE=18446744073709551615", {.extended = true}) == "<> 18446744073709551615");
  CHECK(mail_of("FROM:<ada@example.com>", {}) == "ada@example.com");
}

TEST_CASE("RCPT names a recipient and blames nobody", "[envelope_commands]") {
  const std::vector<example> table{
      {"TO:<charles@example.org>", "charles@example.org"},
      {"to: <charles@example.org> ", "charles@example.org"},
      {"TO:<@a.example:charles@example.org>", "charles@example.org"},
      {"TO:<Postmaster>", "postmaster@mx.example.org"},
      {"TO:<POSTMASTER>", "postmaster@mx.example.org"},
      {"TO:<Postmaster@example.org>", "Postmaster@example.org"},
      {"TO:<postmasters>", "501 5.1.3"},
      {"", "501 5.5.4"},
      {"TO:", "501 5.5.4"},
      {"TO:<>", "501 5.5.4"},
      {"TO:charles@example.org", "501 5.5.4"},
      {"FROM:<charles@example.org>", "501 5.5.4"},
      {"TO:<charles>", "501 5.1.3"},
      {"TO:<charles@example.org> NOTIFY=NEVER", "charles@example.org notify 1"},
      {"TO:<charles@example.org> notify=Success,Failure,Delay", "charles@example.org notify 14"},
      {"TO:<charles@example.org> NOTIFY=FAILURE", "charles@example.org notify 4"},
      {"TO:<charles@example.org> NOTIFY=NEVER,FAILURE", "501 5.5.4"},
      {"TO:<charles@example.org> NOTIFY=FAILURE,NEVER", "501 5.5.4"},
      {"TO:<charles@example.org> NOTIFY=FAILURE,", "501 5.5.4"},
      {"TO:<charles@example.org> NOTIFY=,FAILURE", "501 5.5.4"},
      {"TO:<charles@example.org> NOTIFY=ALWAYS", "501 5.5.4"},
      {"TO:<charles@example.org> NOTIFY", "501 5.5.4"},
      {"TO:<charles@example.org> NOTIFY=DELAY NOTIFY=DELAY", "501 5.5.4"},
      {"TO:<charles@example.org> ORCPT=rfc822;ada+2Bx@example.com NOTIFY=DELAY",
       "charles@example.org notify 8 orcpt rfc822;ada+x@example.com"},
      {"TO:<charles@example.org> ORCPT=ada@example.com", "501 5.5.4"},
      {"TO:<charles@example.org> ORCPT=;ada@example.com", "501 5.5.4"},
      {"TO:<charles@example.org> ORCPT=rfc822;", "501 5.5.4"},
      {"TO:<charles@example.org> ORCPT=rfc(822);ada", "501 5.5.4"},
      {"TO:<charles@example.org> ORCPT=rfc822;ada+0D+0A", "501 5.5.4"},
      {"TO:<charles@example.org> ORCPT=rfc822;a ORCPT=rfc822;b", "501 5.5.4"},
      {"TO:<charles@example.org> RET=FULL", "555 5.5.4"},
      {"TO:<charles@example.org> SIZE=1", "555 5.5.4"},
      {"TO:<charles@example.org> =", "501 5.5.4"},
      {"TO:<charles@\xc3\xa4.example>", "553 5.6.7"},
  };
  for (const auto& [argument, meaning] : table) {
    INFO(argument);
    CHECK(rcpt_of(argument) == meaning);
  }
  CHECK(rcpt_of("TO:<a@b.example> NOTIFY=NEVER", "mx.example.org", false) == "555 5.5.4");
  CHECK(rcpt_of("TO:<a@b.example> ORCPT=rfc822;a", "mx.example.org", false) == "555 5.5.4");
  CHECK(rcpt_of("TO:<a@b.example> ORCPT=rfc822;" + std::string(493, 'x')).size() > 500);
  CHECK(rcpt_of("TO:<a@b.example> ORCPT=rfc822;" + std::string(494, 'x')) == "501 5.5.4");
  CHECK(mail_of("FROM:<> ENVID=" + std::string(100, 'x')).size() > 100);
  CHECK(mail_of("FROM:<> ENVID=" + std::string(101, 'x')) == "501 5.5.4!");
  CHECK(rcpt_of("TO:<postmaster>", "[192.0.2.1]") == "postmaster@[192.0.2.1]");
}

TEST_CASE("a refusal says what to write instead", "[envelope_commands]") {
  CHECK(parse_mail_from("", everything).error().words == "The syntax is MAIL FROM:<address>");
  CHECK(parse_rcpt_to("", "mx.example.org", true).error().words == "The syntax is RCPT TO:<address>");
  const auto bad = parse_rcpt_to("TO:<charles>", "mx.example.org", true);
  CHECK(bad.error().words.starts_with("Bad "));
  CHECK(bad.error().words.size() > 6);
}

}  // namespace envelope_commands_tests
