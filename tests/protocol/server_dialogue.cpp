#include <postrider/core/base64.hpp>
#include <postrider/sasl/scram_sha256.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <support/dialogue_host.hpp>

namespace server_dialogue_tests {

using namespace postrider::protocol;
using test::dialogue_host;
using test::host_rules;

namespace {

host_rules with_tls() {
  host_rules rules;
  rules.trusted = false;
  rules.offers = {.starttls = false, .auth = true, .encrypted = true};
  rules.passwords = {{"ada", "secret"}};
  return rules;
}

std::string plain(std::string_view identity, std::string_view user, std::string_view password) {
  std::string text(identity);
  text.append(1, '\0').append(user).append(1, '\0').append(password);
  return postrider::base64::encode(text);
}

const std::string hello = "EHLO client.example.com\r\n";
const std::string envelope = "MAIL FROM:<ada@example.com>\r\nRCPT TO:<charles@example.org>\r\nDATA\r\n";

}  // namespace

TEST_CASE("replies to a group of commands leave together", "[server]") {
  dialogue_host host({});
  host.settle();
  host.say(hello);
  CHECK(host.say(envelope) ==
        "250 2.1.0 Sender accepted\r\n250 2.1.5 Recipient accepted\r\n354 End data with <CR><LF>.<CR><LF>\r\n");
  CHECK(host.say("Subject: one\r\n\r\n..\r\n.\r\n" + envelope) ==
        "250 2.0.0 Queued as 1\r\n250 2.1.0 Sender accepted\r\n250 2.1.5 Recipient accepted\r\n354 End data with "
        "<CR><LF>.<CR><LF>\r\n");
  CHECK(host.say("two\r\n.\r\nQUIT\r\n") == "250 2.0.0 Queued as 2\r\n221 2.0.0 localhost closes the connection\r\n");
  REQUIRE(host.mails().size() == 2);
  CHECK(host.mails()[0].content == "Subject: one\r\n\r\n.\r\n");
  CHECK(host.mails()[1].content == "two\r\n");
  CHECK(host.closed());
}

TEST_CASE("every operation of the acceptor may fail, and none is followed by a 250", "[server]") {
  host_rules rules;
  rules.settings.piece = 64;
  const std::string content(1000, 'x');
  const std::string wire = content.substr(0, 70) + "\r\n" + content.substr(0, 70) + "\r\n.\r\n";
  std::size_t operations = 0;
  {
    dialogue_host host(rules);
    host.say(hello);
    host.say(envelope);
    CHECK(host.say(wire) == "250 2.0.0 Queued as 1\r\n");
    operations = host.operations();
  }
  REQUIRE(operations >= 4);
  for (std::size_t n = 0; n < operations; ++n) {
    INFO(n);
    rules.failing = n;
    dialogue_host host(rules);
    host.say(hello);
    const std::string begun = host.say(envelope);
    const std::string refusal = "451 4.3.0 The mail could not be stored, try again later\r\n";
    if (n == 0) CHECK(begun.ends_with(refusal));
    else CHECK(host.say(wire) == refusal);
    CHECK(host.committed() == 0);
    // The session goes on, and the next mail is taken.
    CHECK(host.say(envelope).ends_with("354 End data with <CR><LF>.<CR><LF>\r\n"));
    CHECK(host.say("second\r\n.\r\n").substr(0, 14) == "250 2.0.0 Queu");
    CHECK(host.committed() == 1);
    CHECK(host.mails().back().content == "second\r\n");
  }
}

TEST_CASE("capabilities and state are forgotten after STARTTLS", "[server]") {
  host_rules rules = with_tls();
  rules.offers = {.starttls = true, .auth = true, .encrypted = false};
  dialogue_host host(rules);
  host.settle();
  const std::string before = host.say(hello);
  CHECK(before.find("STARTTLS") != std::string::npos);
  CHECK(before.find("AUTH") == std::string::npos);
  CHECK(host.say("AUTH PLAIN " + plain("", "ada", "secret") + "\r\n") ==
        "538 5.7.11 AUTH needs TLS: STARTTLS first\r\n");
  CHECK(host.say("STARTTLS\r\n") == "220 2.0.0 Ready to start TLS\r\n");
  REQUIRE(host.wants_tls());
  host.tls_started();
  CHECK(host.dialogue().helo().empty());
  CHECK(host.say("MAIL FROM:<ada@example.com>\r\n") == "503 5.5.1 EHLO first\r\n");
  const std::string after = host.say(hello);
  CHECK(after.find("STARTTLS") == std::string::npos);
  CHECK(after.find("AUTH PLAIN LOGIN") != std::string::npos);
  CHECK(host.say("STARTTLS\r\n") == "503 5.5.1 TLS is already there\r\n");
}

TEST_CASE("bytes behind STARTTLS are never commands", "[server]") {
  host_rules rules;
  rules.offers.starttls = true;
  dialogue_host host(rules);
  host.settle();
  host.say(hello);
  CHECK(host.say("STARTTLS\r\nRSET\r\n") == "554 5.5.1 The client went on before it had read the reply\r\n");
  CHECK(host.closed());
  CHECK_FALSE(host.wants_tls());
}

TEST_CASE("PLAIN and LOGIN, with and without an initial response", "[server]") {
  const std::string user = postrider::base64::encode("ada");
  const std::string password = postrider::base64::encode("secret");
  const std::string yes = "235 2.7.0 Authentication succeeded\r\n";
  const std::string no = "535 5.7.8 Authentication credentials invalid\r\n";
  const auto logged_in = [] {
    auto host = std::make_unique<dialogue_host>(with_tls());
    host->settle();
    host->say(hello);
    return host;
  };
  CHECK(logged_in()->say("AUTH PLAIN " + plain("", "ada", "secret") + "\r\n") == yes);
  CHECK(logged_in()->say("auth plain " + plain("ada", "ada", "secret") + "\r\n") == yes);
  CHECK(logged_in()->say("AUTH PLAIN " + plain("root", "ada", "secret") + "\r\n") == no);
  CHECK(logged_in()->say("AUTH PLAIN " + plain("", "ada", "wrong") + "\r\n") == no);
  CHECK(logged_in()->say("AUTH PLAIN =\r\n") == no);
  auto host = logged_in();
  CHECK(host->say("AUTH PLAIN\r\n") == "334 \r\n");
  CHECK(host->say(plain("", "ada", "secret") + "\r\n") == yes);
  CHECK(host->say("AUTH PLAIN\r\n").substr(0, 3) == "503");
  host = logged_in();
  CHECK(host->say("AUTH LOGIN\r\n") == "334 VXNlcm5hbWU6\r\n");
  CHECK(host->say(user + "\r\n") == "334 UGFzc3dvcmQ6\r\n");
  CHECK(host->say(password + "\r\n") == yes);
  host = logged_in();
  CHECK(host->say("AUTH LOGIN " + user + "\r\n") == "334 UGFzc3dvcmQ6\r\n");
  CHECK(host->say("*\r\n") == "501 5.7.0 Authentication cancelled\r\n");
  CHECK(host->say("MAIL FROM:<ada@example.com>\r\n") == "530 5.7.0 Authentication required\r\n");
  CHECK(host->say("AUTH LOGIN !\r\n") == "501 5.5.2 That is not base64\r\n");
  CHECK(host->say("AUTH CRAM-MD5\r\n").substr(0, 9) == "504 5.5.4");
}

TEST_CASE("control characters in names and passwords are refused", "[server]") {
  for (std::string_view bad : {"se\ncret", "se\rcret", "\x7f"}) {
    host_rules rules = with_tls();
    rules.passwords["ada"] = bad;
    rules.passwords[std::string(bad)] = "secret";
    rules.settings.failed_logins = 10;
    dialogue_host host(rules);
    host.say(hello);
    CHECK(host.say("AUTH PLAIN " + plain("", "ada", bad) + "\r\n").substr(0, 3) == "535");
    CHECK(host.say("AUTH PLAIN " + plain("", bad, "secret") + "\r\n").substr(0, 3) == "535");
    CHECK(host.say("AUTH LOGIN " + postrider::base64::encode(bad) + "\r\n").substr(0, 3) == "535");
    host.say("AUTH LOGIN " + postrider::base64::encode("ada") + "\r\n");
    CHECK(host.say(postrider::base64::encode(bad) + "\r\n").substr(0, 3) == "535");
  }
}

TEST_CASE("the third failed login ends the session", "[server]") {
  dialogue_host host(with_tls());
  host.say(hello);
  const std::string attempt = "AUTH PLAIN " + plain("", "ada", "wrong") + "\r\n";
  host.say(attempt);
  host.say(attempt);
  CHECK_FALSE(host.closed());
  CHECK(host.say(attempt) == "535 5.7.8 Authentication credentials invalid\r\n421 4.7.0 Too many failed logins\r\n");
  CHECK(host.closed());
}

TEST_CASE("pipelined AUTH is refused", "[server]") {
  for (const std::string& group : {"AUTH PLAIN\r\n" + plain("", "ada", "secret") + "\r\n",
                                   "AUTH PLAIN " + plain("", "ada", "secret") + "\r\nMAIL FROM:<a@example.com>\r\n"}) {
    dialogue_host host(with_tls());
    host.say(hello);
    CHECK(host.say(group) == "554 5.5.1 The client went on before it had read the reply\r\n");
    CHECK(host.closed());
  }
  dialogue_host host(with_tls());
  host.say(hello);
  host.say("AUTH LOGIN\r\n");
  CHECK(host.say("YWRh\r\nc2VjcmV0\r\n").substr(0, 3) == "554");
}

TEST_CASE("a client that speaks before the greeting is refused", "[server]") {
  server_settings settings;
  server_dialogue dialogue(settings);
  dialogue.feed("EHLO x\r\n");
  dialogue.greet();
  CHECK(dialogue.next() == server_event::close);
  CHECK(dialogue.output() == "554 5.5.1 The client spoke before the greeting\r\n");
}

TEST_CASE("what an acceptor says cannot become a reply of its own", "[server]") {
  server_settings settings;
  server_dialogue dialogue(settings);
  dialogue.greet();
  dialogue.output().clear();
  dialogue.feed("EHLO x\r\n");
  REQUIRE(dialogue.next() == server_event::need_bytes);
  dialogue.output().clear();
  dialogue.feed("MAIL FROM:<a@example.com>\r\n");
  REQUIRE(dialogue.next() == server_event::check_sender);
  REQUIRE(dialogue.next() == server_event::check_sender);
  dialogue.refuse("550 5.7.1", "no\r\n250 yes\x80");
  REQUIRE(dialogue.next() == server_event::need_bytes);
  CHECK(dialogue.output() == "550 5.7.1 no??250 yes?\r\n");
}

TEST_CASE("content past the limit, in a loop, or with bare line ends is dropped early and refused late", "[server]") {
  host_rules rules;
  rules.settings.message_size = 1000;
  rules.settings.piece = 100;
  const auto refused = [&](const std::string& content) {
    dialogue_host host(rules);
    host.settle();
    host.say(hello);
    host.say(envelope);
    host.say(content);
    CHECK(host.discarded() == 1);
    const std::string reply = host.say("\r\n.\r\n");
    CHECK(host.committed() == 0);
    CHECK_FALSE(host.closed());
    CHECK(host.say("NOOP\r\n") == "250 2.0.0 OK\r\n");
    return reply;
  };
  CHECK(refused("Subject: big\r\n\r\n" + std::string(1000, 'x')) == "552 5.3.4 The mail is too big\r\n");
  std::string loop;
  for (int i = 0; i < 101; ++i) loop += "Received:\r\n";
  rules.settings.message_size = 0;
  CHECK(refused(loop) == "554 5.4.6 Too many Received fields: a mail loop\r\n");
  CHECK(refused("a\nb") == "554 5.6.0 A bare CR or LF; lines end with CR LF\r\n");
  CHECK(refused(" a continuation\r\n") == "554 5.6.0 The header begins with a blank\r\n");
}

TEST_CASE("the field that a server adds tells its own truth only", "[server]") {
  arrival a;
  a.helo = "evil) by (x\r\nX-Spam: no;<>";
  a.peer_address = "192.0.2.1";
  a.host_name = "mx.example.org";
  a.extended = true;
  a.encrypted = true;
  a.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
  a.id = "1a2b.1";
  a.recipient = "charles@example.org";
  a.at = std::chrono::system_clock::time_point(std::chrono::seconds(1'795'000'000));
  CHECK(received_field(a) ==
        "Received: from evil??by??x??X-Spam:?no??? ([192.0.2.1])\r\n\tby mx.example.org (postrider) with "
        "ESMTPS\r\n\t(TLSv1.3 "
        "TLS_AES_256_GCM_SHA384)\r\n\tid 1a2b.1\r\n\tfor <charles@example.org>;\r\n\tWed, 18 Nov 2026 11:06:40 "
        "+0000\r\n");
  a.peer_address = "2001:db8::1";
  a.authenticated = true;
  a.recipient = {};
  const auto field = received_field(a);
  CHECK(field.find("([IPv6:2001:db8::1])") != std::string::npos);
  CHECK(field.find("ESMTPSA") != std::string::npos);
  CHECK(field.find("for <") == std::string::npos);
  a.encrypted = false;
  CHECK(with_protocol(a) == "ESMTPA");
  a.extended = false;
  CHECK(with_protocol(a) == "SMTP");
}

TEST_CASE("a shutdown waits for the mail under way", "[server]") {
  dialogue_host host({});
  host.settle();
  host.say(hello);
  host.say(envelope);
  host.dialogue().shut_down();
  CHECK(host.say("text\r\n.\r\nMAIL FROM:<ada@example.com>\r\n") ==
        "250 2.0.0 Queued as 1\r\n421 4.3.2 localhost is shutting down\r\n");
  CHECK(host.closed());
  dialogue_host idle({});
  idle.settle();
  idle.dialogue().shut_down();
  CHECK(idle.settle() == "421 4.3.2 localhost is shutting down\r\n");
}

TEST_CASE("what a client asks of notifications is in the envelope", "[server][dsn]") {
  dialogue_host host({});
  host.settle();
  host.say(hello);
  host.say("MAIL FROM:<ada@example.com> RET=HDRS ENVID=QQ+2B1\r\n");
  host.say("RCPT TO:<a@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@example.org\r\n");
  host.say("RCPT TO:<b@example.org>\r\nDATA\r\n");
  host.say("text\r\n.\r\n");
  REQUIRE(host.mails().size() == 1);
  const auto& to = host.mails().front().envelope;
  CHECK(to.ret == postrider::ret::headers);
  CHECK(to.envid == "QQ+1");
  CHECK(to.recipients.at(0).notify == (postrider::notify::success | postrider::notify::delay));
  CHECK(to.recipients.at(0).orcpt == "rfc822;a+b@example.org");
  CHECK(to.recipients.at(1).notify == postrider::notify::unset);
}

namespace {

host_rules with_scram() {
  host_rules rules = with_tls();
  rules.offers.scram = true;
  rules.settings.failed_logins = 10;
  return rules;
}

/// What the server says last to a client that goes through SCRAM-SHA-256 as far as it gets.
std::string scram(dialogue_host& host, const postrider::account& who, bool initial_response = true) {
  postrider::sasl::scram_sha256 client(who);
  std::string said = "AUTH SCRAM-SHA-256";
  if (initial_response) said += ' ' + postrider::base64::encode(client.initial_response()->reveal());
  std::string reply = host.say(said + "\r\n");
  while (reply.substr(0, 4) == "334 ") {
    const auto challenge = postrider::base64::decode(reply.substr(4, reply.size() - 6));
    REQUIRE(challenge);
    const auto response = client.respond(*challenge);
    REQUIRE(response);
    reply = host.say(postrider::base64::encode(response->reveal()) + "\r\n");
  }
  CHECK(client.succeeded() == (reply.substr(0, 3) == "235"));
  return reply;
}

}  // namespace

TEST_CASE("SCRAM-SHA-256, with and without an initial response", "[server][scram]") {
  for (const bool initial : {true, false}) {
    dialogue_host host(with_scram());
    host.settle();
    CHECK(host.say(hello).find("250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n") != std::string::npos);
    CHECK(scram(host, {"ada", "wrong"}, initial) == "535 5.7.8 Authentication credentials invalid\r\n");
    CHECK(host.dialogue().rejected_logins() == 1);
    CHECK(host.say("MAIL FROM:<ada@example.com>\r\n") == "530 5.7.0 Authentication required\r\n");
    CHECK(scram(host, {"ada", "secret"}, initial) == "235 2.7.0 Authentication succeeded\r\n");
    CHECK(host.say("MAIL FROM:<ada@example.com>\r\n") == "250 2.1.0 Sender accepted\r\n");
  }
}

TEST_CASE("a login that does not exist is answered as a wrong password is", "[server][scram]") {
  dialogue_host host(with_scram());
  host.settle();
  host.say(hello);
  CHECK(scram(host, {"nobody", "secret"}) == "535 5.7.8 Authentication credentials invalid\r\n");
}

TEST_CASE("an exchange that does not follow SCRAM ends", "[server][scram]") {
  const auto first = [](std::string_view message) {
    return "AUTH SCRAM-SHA-256 " + postrider::base64::encode(message) + "\r\n";
  };
  dialogue_host host(with_scram());
  host.settle();
  host.say(hello);
  const std::string no = "535 5.7.8 Authentication credentials invalid\r\n";
  CHECK(host.say(first("p=tls-server-end-point,,n=ada,r=x")) == no);
  CHECK(host.say(first("n,a=root,n=ada,r=x")) == no);
  CHECK(host.say("AUTH SCRAM-SHA-256-PLUS\r\n") == "504 5.5.4 That mechanism is not offered\r\n");
  CHECK(host.say(first("n,,n=ada,r=x")).substr(0, 4) == "334 ");
  CHECK(host.say("*\r\n") == "501 5.7.0 Authentication cancelled\r\n");
  CHECK(host.say(first("n,,n=ada,r=x")).substr(0, 4) == "334 ");
  CHECK(host.say(postrider::base64::encode("c=biws,r=x,p=eA==") + "\r\n") == no);
  CHECK(host.say(first("n,,n=ada,r=x") + "\r\n") == "554 5.5.1 The client went on before it had read the reply\r\n");
  CHECK(host.closed());
  // Without the host's word for it, nobody is asked for a proof.
  dialogue_host plain_only(with_tls());
  plain_only.say(hello);
  CHECK(plain_only.say(first("n,,n=ada,r=x")) == "504 5.5.4 That mechanism is not offered\r\n");
}

}  // namespace server_dialogue_tests
