#include <postrider/client/explain.hpp>

#include <catch2/catch.hpp>

#include <set>

using namespace postrider;

namespace {

failure refused(cause why, stage where, int code, std::string words) {
  failure f(why, where);
  f.server = "smtp.example.com:587";
  f.code = code;
  f.reply.push_back(std::move(words));
  return f;
}

}  // namespace

TEST_CASE("every cause has a sentence and a next step of its own, in plain words", "[explain]") {
  std::set<std::string> sentences;
  for (std::size_t i = 0; i < spellings<cause>.size(); ++i) {
    const failure why(static_cast<cause>(i), stage::mail);
    const explanation got = explain(why);
    INFO(to_string(why.cause) << ": " << got.sentence);
    CHECK(got.sentence.size() > 20);
    CHECK(got.sentence.back() == '.');
    CHECK(got.next_step.size() > 10);
    CHECK(got.next_step.back() == '.');
    CHECK(sentences.insert(got.sentence).second);
    CHECK(got.look_at == why.field);
    CHECK(got.sentence.find('{') == std::string::npos);
    CHECK((got.sentence.front() >= 'A' && got.sentence.front() <= 'Z'));
    for (const char* jargon :
         {"EOF", "errno", "socket", "SASL", "ESMTP", "5xx", "4xx", "handshake", "_", "MTA ", "null"})
      CHECK(got.sentence.find(jargon) == std::string::npos);
  }
}

TEST_CASE("the server and its words are named", "[explain]") {
  failure why = refused(cause::credentials_rejected, stage::auth, 535, "Username and Password not accepted");
  why.enhanced = {5, 7, 8};
  const explanation got = explain(why);
  CHECK(got.sentence ==
        "smtp.example.com:587 does not accept this user name and password; it said: \"535 5.7.8 Username "
        "and Password not accepted\".");
  CHECK(got.look_at == field::password);
}

TEST_CASE("a server's words stay on one line and within bounds", "[explain]") {
  const explanation got =
      explain(refused(cause::spam, stage::final, 554, "a\r\nb\x1b[31m\x7f" + std::string(5000, 'x')));
  CHECK(got.sentence.find('\n') == std::string::npos);
  CHECK(got.sentence.find('\x1b') == std::string::npos);
  CHECK(got.sentence.size() < 500);
  const explanation cut =
      explain(refused(cause::spam, stage::final, 554, std::string(294, 'x') + "\xc3\xa4\xc3\xa4\xc3\xa4"));
  CHECK(cut.sentence.find("...") != std::string::npos);
  CHECK((static_cast<unsigned char>(cut.sentence[cut.sentence.find("...") - 1]) & 0xc0) != 0xc0);
}

TEST_CASE("what is no UTF-8, and what would move a terminal's cursor, is replaced", "[explain]") {
  const explanation got = explain(refused(cause::spam, stage::final, 554,
                                          "b\xfcro \xc2\x9b"
                                          "2J gr\xc3\xbc\xc3\x9f"));
  CHECK(got.sentence.find("b\xef\xbf\xbdro  2J gr\xc3\xbc\xc3\x9f") != std::string::npos);
  CHECK(is_utf8(got.sentence));
}

TEST_CASE("the sender's domain is not blamed on the recipient", "[explain]") {
  failure why(cause::domain_invalid, stage::mail);
  why.field = field::sender;
  CHECK(explain(why).sentence.find("sender's domain") != std::string::npos);
  CHECK(explain(failure(cause::domain_invalid, stage::rcpt)).sentence.find("recipient's domain") != std::string::npos);
}

TEST_CASE("an unknown outcome says that the mail may have arrived", "[explain]") {
  failure why(cause::connection_reset, stage::final);
  why.outcome = outcome::unknown;
  CHECK(explain(why).next_step.find("may have been delivered") != std::string::npos);
}

TEST_CASE("a receipt is told in a few sentences", "[explain]") {
  receipt all;
  all.server = "smtp.example.com:587";
  all.recipients.emplace_back("a@example.org", outcome::accepted);
  CHECK(explain(all) == "The mail was accepted by smtp.example.com:587.");
  all.recipients.emplace_back("b@example.org", outcome::accepted);
  CHECK(explain(all) == "The mail was accepted by smtp.example.com:587 for all 2 recipients.");
  const failure unknown = refused(cause::mailbox_unknown, stage::rcpt, 550, "no");
  all.recipients.emplace_back("c@example.org", unknown);
  all.recipients.emplace_back("d@example.org", unknown);
  all.recipients.emplace_back("e@example.org", refused(cause::mailbox_full, stage::rcpt, 452, "full"));
  const std::string text = explain(all);
  CHECK(
      text.starts_with("The mail was accepted by smtp.example.com:587 for 2 of 5 recipients. c@example.org, "
                       "d@example.org: There is no mailbox"));
  CHECK(text.find("e@example.org: The recipient's mailbox is full") != std::string::npos);
  CHECK(explain(receipt{}) == "The mail has no recipients.");
}
