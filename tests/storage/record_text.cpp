#include <postrider/storage/record_text.hpp>

#include "storage/spool_fixture.hpp"

namespace record_text_tests {

using namespace postrider;

TEST_CASE("A failure becomes text and back, every member of it") {
  const failure why = test::odd_failure();
  CHECK(test::same(storage::failure_from_text(storage::to_text(why)), why));
  const failure plain(cause::mailbox_unknown, stage::rcpt);
  CHECK(test::same(storage::failure_from_text(storage::to_text(plain)), plain));
}

TEST_CASE("The text of a failure is for people too") {
  failure why(cause::mailbox_unknown, stage::rcpt);
  why.code = 550;
  why.reply = {"no such user"};
  CHECK(storage::to_text(why) ==
        "cause mailbox_unknown\noutcome permanent\nstage rcpt\nscope recipient\naction bounce\nfield recipient\n"
        "code 550\nreply no such user\n");
}

TEST_CASE("Unknown lines and damaged text give a failure all the same") {
  CHECK(storage::failure_from_text("colour green\ncause spam\n").cause == cause::spam);
  CHECK(storage::failure_from_text("cause\n\n\\\ncode x").code == 0);
  CHECK(storage::receipt_from_text("cause spam\nto").recipients.size() == 1);
}

TEST_CASE("A receipt becomes text and back") {
  receipt result;
  result.mail_id = "1a";
  result.server = "mx.example.org:25";
  result.elapsed = std::chrono::milliseconds(77);
  result.final_reply = {"queued as 17", ""};
  result.recipients.emplace_back("a@example.org", outcome::accepted);
  result.recipients.emplace_back("b@example.org", test::odd_failure());
  result.recipients.emplace_back("", failure(cause::spam, stage::final));
  const receipt back = storage::receipt_from_text(storage::to_text(result));
  CHECK(back.mail_id == result.mail_id);
  CHECK(back.server == result.server);
  CHECK(back.elapsed == result.elapsed);
  CHECK(back.final_reply == result.final_reply);
  REQUIRE(back.recipients.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(back.recipients[i].address == result.recipients[i].address);
    CHECK(back.recipients[i].outcome == result.recipients[i].outcome);
    REQUIRE(back.recipients[i].failure.has_value() == result.recipients[i].failure.has_value());
    if (back.recipients[i].failure) CHECK(test::same(*back.recipients[i].failure, *result.recipients[i].failure));
  }
}

}  // namespace record_text_tests
