#include <postrider/core/base64.hpp>

#include "server_fixture.hpp"

#include <asio/write.hpp>
#include <catch2/catch.hpp>

#include <string>

namespace session_tests {

using postrider::network;
using postrider::submitter;
namespace base64 = postrider::base64;
using namespace std::chrono_literals;
using test::begin_mail;
using test::server_fixture;

namespace {

std::string plain(const std::string& user, const std::string& password) {
  return base64::encode('\0' + user + '\0' + password);
}

}  // namespace

TEST_CASE("a mail goes from a trusted client into the acceptor", "[server]") {
  server_fixture server;
  auto client = server.connect();
  CHECK(client.reply() == "220 mx.example.org ESMTP postrider\r\n");
  client.say("EHLO client.example.com\r\n");
  CHECK(begin_mail(client) == "354 End data with <CR><LF>.<CR><LF>\r\n");
  CHECK(client.say("Subject: hello\r\n\r\n..dot\r\n.\r\n") == "250 2.0.0 Queued as 1\r\n");
  CHECK(client.say("QUIT\r\n") == "221 2.0.0 mx.example.org closes the connection\r\n");
  CHECK(client.rest().empty());

  REQUIRE(server.acceptor.mails().size() == 1);
  const auto& mail = server.acceptor.mails()[0];
  CHECK(mail.from == submitter("acme", "ada@example.com"));
  REQUIRE(mail.to.reverse_path);
  CHECK(mail.to.reverse_path->str() == "ada@example.com");
  REQUIRE(mail.to.recipients.size() == 1);
  // The id and the date differ from run to run; everything else is fixed.
  const auto id = mail.content.find("\tid ");
  const auto id_end = mail.content.find("\r\n", id);
  const auto date = mail.content.find(";\r\n\t", id);
  const auto date_end = mail.content.find("\r\n", date + 4);
  REQUIRE(date_end != std::string::npos);
  CHECK(mail.content.substr(0, id) ==
        "Received: from client.example.com ([127.0.0.1])\r\n\tby mx.example.org (postrider) with ESMTP\r\n");
  CHECK(mail.content.substr(id_end - 2, 2) == ".1");
  CHECK(mail.content.substr(id_end, date - id_end) == "\r\n\tfor <charles@example.org>");
  CHECK(mail.content.substr(date_end - 6, 6) == " +0000");
  CHECK(mail.content.substr(date_end) == "\r\nSubject: hello\r\n\r\n.dot\r\n");
}

TEST_CASE("nobody else sends without a login", "[server]") {
  auto policy = test::trusting_loopback();
  policy.trusted = {*network::parse("10.0.0.0/8"), *network::parse("::1")};
  server_fixture server(policy);
  auto client = server.greeted();
  CHECK(client.say("MAIL FROM:<ada@example.com>\r\n") == "530 5.7.0 Authentication required\r\n");
  CHECK(client.say("RCPT TO:<charles@example.org>\r\n") == "503 5.5.1 MAIL was refused\r\n");
}

TEST_CASE("a login sends over STARTTLS as its senders only", "[server]") {
  server_fixture server(test::with_logins());
  auto client = server.greeted();
  CHECK(client.say("AUTH PLAIN " + plain("ada", "secret") + "\r\n").substr(0, 3) == "538");
  CHECK(client.say("STARTTLS\r\n") == "220 2.0.0 Ready to start TLS\r\n");
  client.start_tls();
  CHECK(client.say("EHLO client.example.com\r\n").find("250-AUTH PLAIN LOGIN\r\n") != std::string::npos);
  CHECK(client.say("AUTH PLAIN " + plain("ada", "wrong") + "\r\n").substr(0, 9) == "535 5.7.8");
  CHECK(client.say("AUTH PLAIN " + plain("broken", "secret") + "\r\n").substr(0, 9) == "454 4.7.0");
  CHECK(client.say("AUTH PLAIN " + plain("ada", "secret") + "\r\n").substr(0, 9) == "235 2.7.0");
  CHECK(client.say("MAIL FROM:<eve@example.com>\r\n").substr(0, 9) == "550 5.7.1");
  CHECK(client.say("MAIL FROM:<>\r\n").substr(0, 9) == "550 5.7.1");
  begin_mail(client);
  CHECK(client.say("x\r\n.\r\n").substr(0, 3) == "250");
  REQUIRE(server.acceptor.mails().size() == 1);
  const auto& mail = server.acceptor.mails()[0];
  CHECK(mail.from == submitter("acme", "ada@example.com", "ada"));
  CHECK(mail.content.find("with ESMTPSA\r\n\t(TLSv1.3 TLS_") != std::string::npos);
}

TEST_CASE("bytes in clear behind STARTTLS end the session", "[server]") {
  server_fixture server(test::with_logins());
  auto client = server.greeted();
  client.write("STARTTLS\r\nEHLO evil.example.com\r\n");
  CHECK(client.rest() == "554 5.5.1 The client went on before it had read the reply\r\n");
}

TEST_CASE("TLS from the first byte", "[server]") {
  auto policy = test::with_logins();
  policy.implicit_tls = true;
  server_fixture server(policy);
  auto client = server.connect();
  client.start_tls();
  CHECK(client.reply().substr(0, 3) == "220");
  const std::string offers = client.say("EHLO client.example.com\r\n");
  CHECK(offers.find("STARTTLS") == std::string::npos);
  CHECK(offers.find("AUTH PLAIN LOGIN") != std::string::npos);
  CHECK(client.say("AUTH LOGIN\r\n") == "334 VXNlcm5hbWU6\r\n");
  CHECK(client.say(base64::encode("ada") + "\r\n") == "334 UGFzc3dvcmQ6\r\n");
  CHECK(client.say(base64::encode("secret") + "\r\n").substr(0, 3) == "235");
  begin_mail(client);
  std::string big;
  for (int i = 0; i < 20000; ++i) big += "line " + std::to_string(i) + "\r\n";
  CHECK(client.say(big + ".\r\n").substr(0, 3) == "250");
  REQUIRE(server.acceptor.mails().size() == 1);
  CHECK(server.acceptor.mails()[0].content.ends_with("\r\n" + big));
}

TEST_CASE("a client in clear on a TLS port gets nothing", "[server]") {
  auto policy = test::with_logins();
  policy.implicit_tls = true;
  server_fixture server(policy);
  auto client = server.connect();
  client.write("EHLO client.example.com\r\n");
  CHECK(client.rest().find("250") == std::string::npos);
  CHECK(server.listening.sessions() == 0);
}

TEST_CASE("every operation of the acceptor may fail: never a 250 without a commit", "[server]") {
  std::string content;
  for (int i = 0; i < 20000; ++i) content += "a line of the content\r\n";
  std::size_t operations = 0;
  {
    server_fixture server;
    auto client = server.greeted();
    begin_mail(client);
    CHECK(client.say(content + ".\r\n").substr(0, 3) == "250");
    operations = server.acceptor.operations();
  }
  REQUIRE(operations > 5);
  server_fixture server;
  auto client = server.greeted();
  for (std::size_t n = 0; n < operations; ++n) {
    INFO(n);
    const bool full = n % 2 == 1;
    server.acceptor.fail_at(n, full ? "database or disk is full" : "it is broken");
    const std::string refusal = full ? "452 4.3.1 Insufficient storage, try again later\r\n"
                                     : "451 4.3.0 The mail could not be stored, try again later\r\n";
    const std::string begun = begin_mail(client);
    if (n == 0) CHECK(begun == refusal);
    else CHECK(client.say(content + ".\r\n") == refusal);
    CHECK(server.acceptor.mails().empty());
    CHECK(server.acceptor.open_writers() == 0);
  }
  server.acceptor.fail_at({});
  begin_mail(client);
  CHECK(client.say("x\r\n.\r\n") == "250 2.0.0 Queued as 1\r\n");
}

TEST_CASE("nothing is read while the acceptor takes its time", "[server]") {
  server_fixture server;
  auto client = server.greeted();
  begin_mail(client);
  server.acceptor.hold();
  // More than the kernel's buffers: the client must come to a stop.
  const std::string line = std::string(998, 'x') + "\r\n";
  std::string content;
  while (content.size() < 40'000'000) content += line;
  bool written = false;
  std::string_view left = content;
  asio::co_spawn(
      server.context,
      [&]() -> asio::awaitable<void> {
        while (!left.empty()) {
          const asio::const_buffer piece(left.data(), left.size());
          const auto done = co_await client.connection().write_some(std::span(&piece, 1));
          left.remove_prefix(std::get<1>(done));
        }
        written = true;
      },
      asio::detached);
  server.settle(300ms);
  CHECK_FALSE(written);
  CHECK(server.acceptor.appended() == 0);
  CHECK(server.acceptor.operations() == 2);
  server.acceptor.let_go();
  while (!written) server.settle();
  CHECK(client.say(".\r\n").substr(0, 3) == "250");
  REQUIRE(server.acceptor.mails().size() == 1);
  CHECK(server.acceptor.mails()[0].content.ends_with(content));
}

TEST_CASE("a client that goes away leaves nothing behind", "[server]") {
  server_fixture server;
  {
    auto client = server.greeted();
    begin_mail(client);
    client.write("half a mail\r\n");
    server.settle();
    CHECK(server.acceptor.open_writers() == 1);
    client.close();
  }
  server.settle();
  CHECK(server.acceptor.open_writers() == 0);
  CHECK(server.acceptor.mails().empty());
  CHECK(server.listening.sessions() == 0);
}

TEST_CASE("content that is refused lets go of the writer at once", "[server]") {
  auto policy = test::trusting_loopback();
  policy.smtp.message_size = 1000;
  server_fixture server(policy);
  auto client = server.greeted();
  begin_mail(client);
  client.write(std::string(2000, 'x'));
  server.settle();
  CHECK(server.acceptor.open_writers() == 0);
  CHECK(client.say("\r\n.\r\n") == "552 5.3.4 The mail is too big\r\n");
  begin_mail(client);
  CHECK(client.say("x\ny\n.\n") == "554 5.6.0 A bare CR or LF; content ends with CR LF . CR LF\r\n");
  CHECK(client.rest().empty());
}

TEST_CASE("who speaks first is refused", "[server]") {
  server_fixture server;
  asio::ip::tcp::socket early(server.context);
  early.connect(server.listening.endpoint());
  asio::write(early, asio::buffer(std::string("EHLO early.example.com\r\n")));
  auto client = server.connect();  // accepted behind the other
  CHECK(client.reply().substr(0, 3) == "220");
  std::string said(200, '\0');
  said.resize(early.read_some(asio::buffer(said)));
  CHECK(said == "554 5.5.1 The client spoke before the greeting\r\n");
}

TEST_CASE("a client that takes too long is told so", "[server]") {
  auto policy = test::trusting_loopback();
  SECTION("between commands") {
    policy.timeouts.command = 400ms;
    policy.timeouts.block = 1h;
    server_fixture server(policy);
    auto client = server.connect();
    CHECK(client.reply().substr(0, 3) == "220");
    CHECK(client.rest() == "421 4.4.2 Timeout, closing the connection\r\n");
  }
  SECTION("between pieces of the content") {
    policy.timeouts.command = 1h;
    policy.timeouts.block = 500ms;
    server_fixture server(policy);
    auto client = server.greeted();
    begin_mail(client);
    client.write("a piece\r\n");
    CHECK(client.rest() == "421 4.4.2 Timeout, closing the connection\r\n");
    CHECK(server.acceptor.open_writers() == 0);
  }
  SECTION("but not while the server itself is slow") {
    policy.timeouts.command = 1h;
    policy.timeouts.block = 500ms;
    server_fixture server(policy);
    auto client = server.greeted();
    begin_mail(client);
    server.acceptor.hold();
    client.write("x\r\n.\r\n");
    server.settle(700ms);
    server.acceptor.let_go();
    CHECK(client.reply().substr(0, 3) == "250");
  }
}

TEST_CASE("a content that trickles in is cut off, however alive it looks", "[server]") {
  auto policy = test::trusting_loopback();
  policy.timeouts.content = 200ms;
  policy.timeouts.bytes_per_second = 1'000'000;
  server_fixture server(policy);
  auto client = server.greeted();
  begin_mail(client);
  int pieces = 0;
  for (; pieces < 400 && server.acceptor.open_writers() > 0; ++pieces) {
    client.write("x");
    server.settle(20ms);
  }
  CHECK(client.rest() == "421 4.4.2 Timeout, closing the connection\r\n");
  CHECK(pieces < 100);  // each of them took 20 ms, or more
}

TEST_CASE("a handshake that does not come to an end is cut off", "[server]") {
  auto policy = test::with_logins();
  policy.timeouts.tls = 100ms;
  server_fixture server(policy);
  auto client = server.greeted();
  client.say("STARTTLS\r\n");
  CHECK(client.rest().empty());
}

TEST_CASE("a mail comes in chunks, and an acceptor is told when one stops short", "[server]") {
  server_fixture server;
  auto client = server.greeted();
  const std::string names = "MAIL FROM:<ada@example.com>\r\nRCPT TO:<charles@example.org>\r\n";
  client.write(names + "BDAT 3\r\na\r\n");
  for (int i = 0; i < 3; ++i) CHECK(client.reply().substr(0, 3) == "250");
  CHECK(server.acceptor.open_writers() == 1);
  CHECK(client.say("RSET\r\n").substr(0, 3) == "250");
  CHECK(server.acceptor.open_writers() == 0);
  client.write(names + "BDAT 15\r\nSubject: x\r\n\r\n.BDAT 100000 LAST\r\n" + std::string(100'000, 'x'));
  for (int i = 0; i < 4; ++i) CHECK(client.reply().substr(0, 3) == "250");
  REQUIRE(server.acceptor.mails().size() == 1);
  CHECK(server.acceptor.mails()[0].content.ends_with("\r\nSubject: x\r\n\r\n." + std::string(100'000, 'x')));
}

TEST_CASE("a session ends when its time is over, whatever the client may still want", "[server]") {
  auto policy = test::trusting_loopback();
  policy.timeouts.session = 1ms;
  server_fixture server(policy);
  auto client = server.connect();
  CHECK(client.rest().ends_with("421 4.4.2 Timeout, closing the connection\r\n"));
}

TEST_CASE("a session does not end within a mail, though its time be over", "[server]") {
  auto policy = test::trusting_loopback();
  policy.timeouts.session = 1s;
  server_fixture server(policy);
  auto client = server.greeted();
  if (begin_mail(client).substr(0, 3) != "354") return;  // the machine took its time to get here: nothing to see
  server.settle(1100ms);                                 // now the session's time is over
  CHECK(client.say("x\r\n.\r\n").substr(0, 3) == "250");
  CHECK(client.reply() == "421 4.4.2 Timeout, closing the connection\r\n");
  CHECK(client.rest().empty());
}

}  // namespace session_tests
