#include <postrider/mail/delivery_status.hpp>

#include <catch2/catch.hpp>

#include <string>

namespace delivery_status_tests {

using namespace postrider;
using Catch::Contains;

namespace {

address parsed(std::string_view text) {
  return address::parse(text).value();
}

delivery_status report() {
  delivery_status about("relay.example.com", parsed("ada@example.com"));
  about.explanation = "It did not arrive.\n";
  about.original = "Subject: x\r\nMessage-ID: <one@example.com>\r\n\r\nbody\r\n";
  about.recipients.emplace_back(parsed("charles@example.org"), delivery_action::failed, enhanced_status{5, 1, 1});
  return about;
}

std::string bytes(const delivery_status& about) {
  return std::string(about.build().value().content().bytes().value());
}

}  // namespace

TEST_CASE("a notification has three parts and comes from nobody", "[mail]") {
  const auto built = report().build();
  REQUIRE(built);
  CHECK_FALSE(built->envelope().reverse_path);
  REQUIRE(built->envelope().recipients.size() == 1);
  CHECK(built->envelope().recipients[0].forward_path.str() == "ada@example.com");
  const std::string content(built->content().bytes().value());
  CHECK_THAT(
      content,
      Contains("Auto-Submitted: auto-replied\r\n") &&
          Contains("From: Mail Delivery System <mailer-daemon@relay.example.com>\r\n") &&
          Contains("Content-Type: multipart/report; report-type=delivery-status;") &&
          Contains("Reporting-MTA: dns; relay.example.com\r\n\r\nFinal-Recipient: rfc822; charles@example.org\r\n"
                   "Action: failed\r\nStatus: 5.1.1\r\n") &&
          Contains("In-Reply-To: <one@example.com>\r\n") && Contains("Content-Type: text/rfc822-headers") &&
          !Contains("body"));
}

TEST_CASE("a status follows the action if there is none", "[mail]") {
  const std::pair<delivery_action, const char*> cases[]{
      {delivery_action::failed, "5.0.0"}, {delivery_action::delayed, "4.0.0"}, {delivery_action::delivered, "2.0.0"}};
  for (const auto& [action, status] : cases) {
    delivery_status about = report();
    about.recipients.clear();
    about.recipients.emplace_back(parsed("c@d"), action, enhanced_status{});
    CHECK_THAT(bytes(about), Contains("Action: " + std::string(to_string(action)) + "\r\nStatus: " + status + "\r\n"));
  }
}

TEST_CASE("a server's words cannot add fields", "[mail]") {
  delivery_status about = report();
  about.recipients[0].diagnostic = "550 no\r\nAction: delivered\r\n\r\n--=_\r\nX: y";
  about.recipients[0].remote_mta = "mx\r\nStatus: 2.0.0";
  about.recipients[0].original_recipient = "rfc822;a\nb";
  about.envid = "x\r\ny";
  const std::string content = bytes(about);
  CHECK_THAT(content, Contains("smtp; 550 no\\r\\nAction:") && !Contains("\r\nAction: delivered") &&
                          !Contains("\r\nStatus: 2.0.0") && !Contains("\r\nb") && !Contains("\r\ny"));
}

TEST_CASE("a forged Message-ID of the original is not repeated", "[mail]") {
  delivery_status about = report();
  about.original = "Message-ID: <a@b> (x) <c@d>\r\n\r\n";
  CHECK_THAT(bytes(about), !Contains("In-Reply-To"));
}

TEST_CASE("what a notification cannot say is refused", "[mail]") {
  delivery_status nobody = report();
  nobody.recipients.clear();
  CHECK_FALSE(nobody.build());
  for (const auto* name : {"", "a b", "a\r\nb", "host.", "m\xC3\xBCller.example"}) {
    delivery_status about = report();
    about.reporting_mta = name;
    CHECK_FALSE(about.build());
  }
  delivery_status about = report();
  about.subject = "x\r\nBcc: y";
  CHECK_THAT(about.build().error().detail, Contains(R"(x\r\nBcc)"));
  about = report();
  about.message_id = "<a@b>\r\n";
  CHECK_FALSE(about.build());
}

}  // namespace delivery_status_tests
