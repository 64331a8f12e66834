#include <postrider/protocol/classify.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace postrider;
using protocol::classify;
using protocol::classify_not_smtp;
using protocol::classify_silence;
using protocol::reply_context;

namespace {

protocol::reply parsed(std::string text) {
  for (std::size_t at = text.find("\\n"); at != std::string::npos; at = text.find("\\n", at))
    text.replace(at, 2, "\r\n");
  text += "\r\n";
  protocol::reply_parser parser;
  std::string_view input = text;
  REQUIRE(parser.parse(input) == protocol::reply_parser::status::complete);
  REQUIRE(input.empty());
  return parser.value();
}

failure classified(stage where, const std::string& text) {
  return classify(where, parsed(text), reply_context{true, true});
}

class category_named : public std::error_category {
 public:
  explicit category_named(const char* name) : name_(name) {}
  const char* name() const noexcept override { return name_; }
  std::string message(int) const override { return name_; }

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("real replies mean what the list says", "[classify]") {
  std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "replies.txt");
  REQUIRE(file);
  std::string line;
  int seen = 0;
  while (std::getline(file, line)) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string where, why, what, text;
    words >> where >> why >> what >> std::ws;
    std::getline(words, text);
    INFO(line);
    const bool bare = where.ends_with("-plain");
    if (bare) where.resize(where.size() - 6);
    const auto at = from_string<stage>(where);
    REQUIRE(at);
    REQUIRE(from_string<cause>(why));
    REQUIRE(from_string<outcome>(what));
    const auto said = parsed(text);
    const failure got = classify(*at, said, reply_context{!bare, !bare && *at > stage::auth});
    CHECK(to_string(got.cause) == why);
    CHECK(to_string(got.outcome) == what);
    CHECK(got.stage == *at);
    CHECK(got.code == said.code);
    CHECK(got.enhanced == said.enhanced);
    CHECK(got.reply == said.lines);
    ++seen;
  }
  CHECK(seen >= 200);
}

TEST_CASE("whatever a server says, the class of the reply, the scope and the action agree", "[classify]") {
  const std::string texts[] = {"",
                               "5.7.1 Sender rejected",
                               "over quota",
                               "spam",
                               "Greylisted",
                               "5.2.2 full",
                               "4.2.2 full",
                               "4.7.0 later",
                               "5.7.8 no",
                               "5.7.9 no",
                               "Relay access denied",
                               "rate limit",
                               "too many recipients",
                               "daily limit exceeded",
                               "5.1.1 user unknown",
                               "blocked using dnsbl",
                               "domain not found",
                               "5.6.3 no",
                               "must issue a STARTTLS",
                               "user is receiving mail too quickly"};
  for (std::size_t s = 0; s < spellings<stage>.size(); ++s) {
    for (int code = 400; code < 600; ++code) {
      for (const auto& text : texts) {
        const auto where = static_cast<stage>(s);
        const failure why = classified(where, std::to_string(code) + ' ' + text);
        INFO(to_string(where) << ' ' << code << ' ' << text << " -> " << to_string(why.cause));
        CHECK(why.stage == where);
        CHECK(why.outcome != outcome::accepted);
        if (why.scope == scope::account || why.scope == scope::server) {
          CHECK(why.outcome == outcome::transient);
          CHECK(why.action != action::bounce);
        } else {
          CHECK(why.scope != scope::local);
          const bool fewer = code == 552 && where == stage::rcpt && why.outcome == outcome::transient;
          if (why.cause != cause::too_many_recipients && !fewer)
            CHECK(why.outcome == (code < 500 ? outcome::transient : outcome::permanent));
          if (why.outcome == outcome::transient) CHECK(why.action != action::bounce);
          if (why.outcome == outcome::permanent) CHECK(why.action == action::bounce);
        }
        if (where == stage::auth) CHECK((why.scope == scope::account || why.scope == scope::server));
        if (where == stage::greeting || where == stage::ehlo || where == stage::starttls)
          CHECK(why.scope == scope::server);
      }
    }
  }
}

TEST_CASE("an account's trouble suspends the account and names its setting", "[classify]") {
  const failure rejected = classified(stage::auth, "535 5.7.8 Authentication credentials invalid");
  CHECK(rejected.scope == scope::account);
  CHECK(rejected.action == action::suspend_account);
  CHECK(rejected.field == field::password);
  const failure sender =
      classified(stage::rcpt, "553 5.7.1 <b@example.com>: Sender address rejected: not owned by user a");
  CHECK(sender.scope == scope::account);
  CHECK(sender.field == field::sender);
}

TEST_CASE("a sender's domain that does not exist is no trouble of the account", "[classify]") {
  const failure why =
      classified(stage::mail, "550 5.1.8 <a@nowhere.example>: Sender address rejected: Domain not found");
  CHECK(why.scope == scope::message);
  CHECK(why.action == action::bounce);
  CHECK(why.field == field::sender);
}

TEST_CASE("a limit that protects one recipient holds nobody else's mail", "[classify]") {
  const failure why =
      classified(stage::rcpt, "450 4.2.1 The user you are trying to contact is receiving mail too quickly.");
  CHECK(why.scope == scope::recipient);
  CHECK(why.action == action::retry);
  const failure all = classified(stage::final, "454 Throttling failure: Maximum sending rate exceeded.");
  CHECK(all.scope == scope::account);
  CHECK(all.action == action::hold_server);
}

TEST_CASE("words within addresses mean nothing", "[classify]") {
  CHECK(classified(stage::rcpt, "550 <spam.virus@mailbox-full.example>: rejected").cause == cause::recipient_refused);
  CHECK(classified(stage::rcpt, "550 'greylist@example.org' rejected").cause == cause::recipient_refused);
  CHECK(classified(stage::rcpt, "550 rejected: dmarc@example.org").cause == cause::recipient_refused);
}

TEST_CASE("phrases are lower case, or they would never be found", "[classify]") {
  const auto check = [](const auto& table) {
    for (const auto& p : table) {
      INFO(p.words);
      CHECK(protocol::detail::readable(p.words) == p.words);
      CHECK_FALSE(p.words.empty());
    }
  };
  check(protocol::detail::limit_phrases);
  check(protocol::detail::auth_phrases);
  check(protocol::detail::sender_phrases);
  check(protocol::detail::suspension_phrases);
  check(protocol::detail::greylist_phrases);
  check(protocol::detail::come_back_phrases);
  check(protocol::detail::recipient_phrases);
  check(protocol::detail::vague_recipient_phrases);
  check(protocol::detail::content_phrases);
}

TEST_CASE("a phrase with stars needs its parts in order", "[classify]") {
  using protocol::detail::says;
  CHECK(says("the account is disabled", "account*disabled"));
  CHECK_FALSE(says("disabled account", "account*disabled"));
  CHECK_FALSE(says("", "a"));
  CHECK_FALSE(says("aa", "aa*a"));
}

TEST_CASE("system errors have causes", "[classify]") {
  const auto cause_of = [](stage where, std::errc e) { return classify(where, std::make_error_code(e)).cause; };
  CHECK(cause_of(stage::connect, std::errc::connection_refused) == cause::connection_refused);
  CHECK(cause_of(stage::connect, std::errc::timed_out) == cause::connect_timeout);
  CHECK(cause_of(stage::greeting, std::errc::timed_out) == cause::reply_timeout);
  CHECK(cause_of(stage::connect, std::errc::network_unreachable) == cause::unreachable);
  CHECK(cause_of(stage::connect, std::errc::host_unreachable) == cause::unreachable);
  CHECK(cause_of(stage::connect, std::errc::permission_denied) == cause::port_blocked);
  CHECK(cause_of(stage::connect, std::errc::too_many_files_open) == cause::limited_here);
  CHECK(cause_of(stage::data, std::errc::connection_reset) == cause::connection_reset);
  CHECK(cause_of(stage::data, std::errc::broken_pipe) == cause::connection_reset);
  CHECK(cause_of(stage::rcpt, std::errc::operation_canceled) == cause::cancelled);
  CHECK(cause_of(stage::resolve, std::errc::timed_out) == cause::lookup_failed);

  const category_named system("asio.system");
  CHECK(classify(stage::connect, std::error_code(ECONNREFUSED, system)).cause == cause::connection_refused);
  CHECK(classify(stage::data, std::error_code(EPIPE, system)).cause == cause::connection_reset);
  const category_named netdb("asio.netdb"), misc("asio.misc"), ssl("asio.ssl"), stream("asio.ssl.stream");
  CHECK(classify(stage::resolve, std::error_code(1, netdb)).cause == cause::name_not_found);
  CHECK(classify(stage::resolve, std::error_code(2, netdb)).cause == cause::lookup_failed);
  CHECK(classify(stage::resolve, std::error_code(4, netdb)).cause == cause::no_address);
  CHECK(classify(stage::mail, std::error_code(2, misc)).cause == cause::connection_closed);
  CHECK(classify(stage::mail, std::error_code(1, stream)).cause == cause::connection_closed);
  CHECK(classify(stage::tls, std::error_code(1, ssl)).cause == cause::tls_handshake);
}

TEST_CASE("loss after the content is unknown, loss before it is transient", "[classify]") {
  const auto reset = std::make_error_code(std::errc::connection_reset);
  CHECK(classify(stage::final, reset).outcome == outcome::unknown);
  CHECK(classify(stage::data, reset).outcome == outcome::transient);
  CHECK(classify(stage::final, reset).detail == reset.message());
  CHECK(classify_not_smtp(stage::final, "junk", security::none).outcome == outcome::unknown);
}

TEST_CASE("silence at the port of implicit TLS means that TLS should have begun", "[classify]") {
  const auto cause_of = [](stage where, std::uint16_t port, security with) {
    return classify_silence(where, server{.host = "mx.example.org", .port = port, .security = with}).cause;
  };
  CHECK(cause_of(stage::greeting, 465, security::starttls) == cause::implicit_tls_expected);
  CHECK(cause_of(stage::greeting, 465, security::none) == cause::implicit_tls_expected);
  CHECK(cause_of(stage::greeting, 465, security::tls) == cause::reply_timeout);
  CHECK(cause_of(stage::greeting, 587, security::starttls) == cause::reply_timeout);
  CHECK(cause_of(stage::ehlo, 465, security::starttls) == cause::reply_timeout);
  CHECK(classify_silence(stage::final, server{}).outcome == outcome::unknown);
}

TEST_CASE("what is no reply is recognised by its first bytes", "[classify]") {
  const auto cause_of = [](std::string_view seen, security with = security::starttls) {
    return classify_not_smtp(stage::greeting, seen, with).cause;
  };
  CHECK(cause_of(std::string_view("\x15\x03\x01\x00\x02\x02\x46", 7)) == cause::implicit_tls_expected);
  CHECK(cause_of(std::string_view("\x16\x03\x03\x00\x02", 5), security::none) == cause::implicit_tls_expected);
  CHECK(cause_of("HTTP/1.1 400 Bad Request\r\n") == cause::not_smtp);
  CHECK(cause_of("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") == cause::not_smtp);
  CHECK(cause_of("+OK Dovecot ready.\r\n") == cause::not_smtp);
  CHECK(cause_of("* OK [CAPABILITY IMAP4rev1] ready.\r\n", security::tls) == cause::not_smtp);
  CHECK(cause_of("what is this?") == cause::not_smtp);
  CHECK(cause_of("") == cause::connection_closed);
  CHECK(classify_not_smtp(stage::greeting, "SSH-2.0-x", security::none).detail == "an SSH server answered: SSH-2.0-x");
  CHECK(classify_not_smtp(stage::rcpt, "garbage", security::tls).cause == cause::protocol_error);
  CHECK(classify_not_smtp(stage::greeting, std::string_view("a\0\n\x80", 4), security::tls).detail ==
        "the server sent: a\\x00\\x0a\\x80");
}
