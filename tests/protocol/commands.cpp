#include <postrider/protocol/command.hpp>
#include <postrider/protocol/ehlo_name.hpp>
#include <postrider/protocol/step.hpp>
#include <postrider/protocol/transaction.hpp>

#include <catch2/catch.hpp>

namespace commands_tests {

using namespace postrider;
using protocol::capabilities;
using protocol::step;
using protocol::transaction;

namespace {

mail mail_with(std::string text, std::optional<std::string> from = "ada@example.com",
               const std::vector<std::string>& to = {"charles@example.org"}) {
  std::optional<address> sender;
  if (from) sender = address::parse(*from).value();
  std::vector<recipient> recipients;
  for (const auto& name : to) recipients.emplace_back(address::parse(name).value());
  return mail(envelope(std::move(sender), std::move(recipients)), content(std::move(text)));
}

std::string mail_command(const mail& m, const capabilities& offered) {
  std::string commands;
  REQUIRE(transaction(1, m).append_mail(commands, offered));
  return commands;
}

std::optional<cause> unfit(const mail& m, const capabilities& offered = {}) {
  const auto why = transaction(1, m).unfit(offered);
  if (!why) return std::nullopt;
  CHECK(why->stage == stage::mail);
  CHECK(why->outcome == outcome::permanent);
  return why->cause;
}

}  // namespace

TEST_CASE("no control character becomes part of a command", "[command]") {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string argument = std::string("a") + static_cast<char>(byte) + "b";
    std::string commands = "NOOP\r\n";
    const auto done = protocol::append_command(commands, "MAIL FROM:<" + argument + '>', stage::mail);
    INFO(byte);
    if (byte < 0x20 || byte == 0x7f) {
      REQUIRE_FALSE(done);
      CHECK(commands == "NOOP\r\n");
      CHECK(done.error().cause == cause::invalid_configuration);
      CHECK(done.error().field == field::sender);
      CHECK(done.error().detail == "control character " + std::to_string(byte) + " in an argument of MAIL");
    } else {
      REQUIRE(done);
      CHECK(commands == "NOOP\r\nMAIL FROM:<" + argument + ">\r\n");
    }
  }
  std::string commands;
  CHECK(protocol::append_command(commands, "RCPT TO:<\r\nDATA>", stage::rcpt).error().field == field::recipient);
  CHECK(protocol::append_command(commands, std::string("QU\0IT", 5), stage::quit).error().detail ==
        "control character 0 in an argument of QU");
  CHECK(commands.empty());
}

TEST_CASE("MAIL says what the server understands", "[transaction]") {
  capabilities offered;
  const mail plain = mail_with("Subject: x\r\n\r\n");
  const mail eight = mail_with("caf\xc3\xa9\r\n");
  CHECK(mail_command(plain, offered) == "MAIL FROM:<ada@example.com>\r\n");
  CHECK(mail_command(mail_with("x\r\n", std::nullopt), offered) == "MAIL FROM:<>\r\n");
  CHECK(mail_command(mail_with("x\r\n", "\"a b\"@example.com"), offered) == "MAIL FROM:<\"a b\"@example.com>\r\n");
  offered.size = offered.eight_bit_mime = offered.smtputf8 = true;
  CHECK(mail_command(plain, offered) == "MAIL FROM:<ada@example.com> SIZE=14\r\n");
  CHECK(mail_command(eight, offered) == "MAIL FROM:<ada@example.com> SIZE=7 BODY=8BITMIME\r\n");
  CHECK(mail_command(mail_with("x\r\n", "ad\xc3\xa4@example.com"), offered) ==
        "MAIL FROM:<ad\xc3\xa4@example.com> SIZE=3 SMTPUTF8\r\n");
  std::string commands;
  REQUIRE(
      transaction(1, mail_with("x", "a@b.example", {"c@d.example", "e@f.example"})).append_rcpt(commands, 1, offered));
  CHECK(commands == "RCPT TO:<e@f.example>\r\n");
}

TEST_CASE("notifications are asked of a server that offers DSN", "[transaction][dsn]") {
  envelope to(address::parse("ada@example.com").value(), {});
  to.ret = ret::headers;
  to.envid = "QQ 314+159=";
  for (const char* name : {"a@example.org", "b@example.org", "c@example.org"})
    to.recipients.emplace_back(address::parse(name).value());
  to.recipients[0].notify = notify::success | notify::delay;
  to.recipients[0].orcpt = "rfc822;ada+x@example.com";
  to.recipients[1].notify = notify::never;
  const transaction t(1, mail(to, content("x\r\n")));
  const auto all = [](const transaction& of, const capabilities& offered) {
    std::string commands;
    REQUIRE(of.append_mail(commands, offered));
    for (std::size_t i = 0; i < of.recipients(); ++i) REQUIRE(of.append_rcpt(commands, i, offered));
    return commands;
  };
  capabilities offered;
  CHECK(all(t, offered) ==
        "MAIL FROM:<ada@example.com>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nRCPT "
        "TO:<c@example.org>\r\n");
  offered.dsn = true;
  CHECK(all(t, offered) ==
        "MAIL FROM:<ada@example.com> RET=HDRS ENVID=QQ+20314+2B159+3D\r\nRCPT TO:<a@example.org> "
        "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ada+2Bx@example.com\r\nRCPT TO:<b@example.org> NOTIFY=NEVER\r\nRCPT "
        "TO:<c@example.org>\r\n");
  std::string commands = "NOOP\r\n";
  for (const std::string& bad :
       {std::string("a\nb"), std::string(101, 'x'), std::string(34, '+'), std::string("\xc3")}) {
    INFO(bad);
    to.envid = bad;
    const auto said = transaction(1, mail(to, content("x\r\n"))).append_mail(commands, offered);
    REQUIRE_FALSE(said);
    CHECK(said.error().cause == cause::invalid_configuration);
  }
  for (const std::string& bad :
       {std::string("ada@example.com"), std::string("rfc822;"), std::string(";a@b.example"), std::string("rfc 822;a"),
        "rfc822;" + std::string(500, 'x'), std::string("rfc822;a\r")}) {
    INFO(bad);
    to.recipients[0].orcpt = bad;
    CHECK_FALSE(transaction(1, mail(to, content("x\r\n"))).append_rcpt(commands, 0, offered));
  }
  CHECK(commands == "NOOP\r\n");
}

TEST_CASE("what a server cannot take is known before anything is said", "[transaction]") {
  capabilities all;
  all.eight_bit_mime = all.smtputf8 = true;
  CHECK_FALSE(unfit(mail_with("x\r\n")));
  CHECK(unfit(mail_with("x\r\n", "ada@example.com", {})) == cause::invalid_configuration);
  CHECK(unfit(mail_with("bare\nline\r\n"), all) == cause::invalid_configuration);
  CHECK(unfit(mail_with("bare\rreturn\r\n"), all) == cause::invalid_configuration);
  CHECK(unfit(mail_with("caf\xc3\xa9\r\n")) == cause::eight_bit_unsupported);
  CHECK_FALSE(unfit(mail_with("caf\xc3\xa9\r\n"), all));
  const mail abroad = mail_with("x\r\n", "ada@example.com", {"gr\xc3\xbcn@example.org"});
  CHECK(unfit(abroad) == cause::smtputf8_unsupported);
  CHECK_FALSE(unfit(abroad, all));
  all.size = true;
  CHECK_FALSE(unfit(mail_with("12345\r\n"), all));
  all.size_limit = 7;
  CHECK_FALSE(unfit(mail_with("12345\r\n"), all));
  CHECK(unfit(mail_with("123456\r\n"), all) == cause::message_too_big);
  all.size = false;
  CHECK_FALSE(unfit(mail_with("123456\r\n"), all));
}

TEST_CASE("each recipient ends once, in the mail's order, and keeps its first failure", "[transaction]") {
  transaction t(7, mail_with("x\r\n", std::nullopt, {"a@example.org", "b@example.org", "c@example.org"}));
  CHECK(t.ticket() == 7);
  CHECK(t.recipients() == 3);
  t.accept();
  t.refuse(1, failure(cause::mailbox_unknown, stage::rcpt, "first"));
  t.refuse(1, failure(cause::mailbox_full, stage::rcpt, "second"));
  CHECK(t.refused(1));
  CHECK_FALSE(t.refused(0));
  CHECK(t.accepted() == 1);
  t.refuse(2, failure(cause::greylisted, stage::rcpt));
  const auto done = t.settle("mx:25", {"queued"});
  CHECK(done.ticket == 7);
  CHECK_FALSE(done.untouched);
  CHECK(done.outcome.server == "mx:25");
  CHECK(done.outcome.final_reply == std::vector<std::string>{"queued"});
  REQUIRE(done.outcome.recipients.size() == 3);
  CHECK(done.outcome.recipients[0].address == "a@example.org");
  CHECK(done.outcome.recipients[0].outcome == outcome::accepted);
  CHECK_FALSE(done.outcome.recipients[0].failure);
  CHECK(done.outcome.recipients[1].failure->detail == "first");
  CHECK(done.outcome.recipients[2].outcome == outcome::transient);

  transaction lost(8, mail_with("x\r\n", std::nullopt, {"a@example.org", "b@example.org"}));
  lost.refuse(0, failure(cause::mailbox_unknown, stage::rcpt));
  lost.refuse_rest(failure(cause::connection_closed, stage::final));
  const auto rest = lost.settle("mx:25").outcome.recipients;
  CHECK(rest[0].failure->cause == cause::mailbox_unknown);
  CHECK(rest[1].failure->cause == cause::connection_closed);
}

TEST_CASE("names for EHLO", "[ehlo_name]") {
  for (const std::string good :
       {"a", "mx.example.org", "xn--bcher-kva.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "A-1.b"})
    CHECK(protocol::valid_ehlo_name(good));
  for (const std::string bad : {"", "a_b", "-a", "a-", ".a", "a.", "b\xc3\xbc", "a b", "a\r\nQUIT", "[]", "[",
                                "[192.0.2.1", "192.0.2.1]", "[192.0.2.1\r\n]", "[a b]", "a@b"}) {
    INFO(bad);
    CHECK_FALSE(protocol::valid_ehlo_name(bad));
  }
  CHECK_FALSE(protocol::valid_ehlo_name(std::string(256, 'a')));
  CHECK_FALSE(protocol::valid_ehlo_name(std::string(1, '\0')));
  CHECK(protocol::address_literal("192.0.2.1") == "[192.0.2.1]");
  CHECK(protocol::address_literal("::1") == "[IPv6:::1]");
  CHECK(protocol::valid_ehlo_name(protocol::address_literal("2001:db8::1")));
}

TEST_CASE("each step belongs to a stage and has its patience", "[step]") {
  using std::chrono::milliseconds;
  server_timeouts limits;
  limits.greeting = milliseconds(1);
  limits.command = milliseconds(2);
  limits.data = milliseconds(3);
  limits.final = milliseconds(4);
  limits.quit = milliseconds(5);
  const auto is = [&](step s, stage where, int patience) {
    CHECK(protocol::stage_of(s) == where);
    CHECK(protocol::patience_for(s, limits) == milliseconds(patience));
  };
  is(step::greeting, stage::greeting, 1);
  is(step::ehlo, stage::ehlo, 2);
  is(step::helo, stage::ehlo, 2);
  is(step::starttls, stage::starttls, 2);
  is(step::auth, stage::auth, 2);
  is(step::reset, stage::mail, 2);
  is(step::mail, stage::mail, 2);
  is(step::rcpt, stage::rcpt, 2);
  is(step::data, stage::data, 3);
  is(step::final, stage::final, 4);
  is(step::empty_data, stage::data, 2);
  is(step::quit, stage::quit, 5);
}

}  // namespace commands_tests
