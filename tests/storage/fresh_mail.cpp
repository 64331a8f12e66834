#include <postrider/storage/fresh_mail.hpp>

#include "delivery/spooled.hpp"

#include <catch2/catch.hpp>

namespace fresh_mail_tests {

using namespace postrider;
using postrider::storage::fresh_mail;
using postrider::test::at;

namespace {

spooled_mail sized(std::uint64_t id, std::size_t bytes, std::size_t recipients = 1) {
  const envelope to(at("ada@example.com"), std::vector(recipients, recipient(at("b@example.com"))));
  return {mail_id{id}, submitter("acme"), to, content(std::string(bytes, 'x')), spool_time()};
}

constexpr std::size_t record = sizeof(spooled_mail) + sizeof(spooled_recipient);

}  // namespace

TEST_CASE("a kept mail is taken once, whole", "[storage][fresh_mail]") {
  fresh_mail kept(10 * record);
  CHECK_FALSE(kept.take(mail_id{1}));
  kept.keep(sized(1, 5));
  kept.keep(sized(2, 6));
  CHECK_FALSE(kept.take(mail_id{3}));
  const auto second = kept.take(mail_id{2});
  REQUIRE(second);
  CHECK(second->id == mail_id{2});
  CHECK(second->content.bytes() == "xxxxxx");
  CHECK(second->recipients.size() == 1);
  CHECK_FALSE(kept.take(mail_id{2}));
  CHECK(kept.take(mail_id{1}));
}

TEST_CASE("the budget is kept to the byte", "[storage][fresh_mail]") {
  struct row {
    std::size_t budget, bytes, recipients;
    bool kept;
  };
  for (const row& r : {row{record + 100, 100, 1, true}, row{record + 99, 100, 1, false}, row{record, 0, 1, true},
                       row{record - 1, 0, 1, false}, row{0, 0, 1, false}, row{record + 100, 100, 2, false},
                       row{record + sizeof(spooled_recipient) + 100, 100, 2, true}}) {
    CAPTURE(r.budget, r.bytes, r.recipients);
    fresh_mail kept(r.budget);
    kept.keep(sized(1, r.bytes, r.recipients));
    CHECK(kept.take(mail_id{1}).has_value() == r.kept);
  }
}

TEST_CASE("who comes too late is not kept, and who was there stays", "[storage][fresh_mail]") {
  fresh_mail kept(2 * record + 10);
  kept.keep(sized(1, 5));
  kept.keep(sized(2, 6));  // one byte too many
  kept.keep(sized(3, 5));
  CHECK(kept.take(mail_id{1}));
  CHECK_FALSE(kept.take(mail_id{2}));
  CHECK(kept.take(mail_id{3}));
}

TEST_CASE("what is taken makes room", "[storage][fresh_mail]") {
  fresh_mail kept(record + 10);
  for (std::uint64_t id = 1; id <= 5; ++id) {
    kept.keep(sized(id, 10));
    CHECK(kept.take(mail_id{id}));
  }
}

TEST_CASE("a mail that is kept twice costs once", "[storage][fresh_mail]") {
  fresh_mail kept(2 * record);
  kept.keep(sized(1, 0));
  kept.keep(sized(1, 0));
  CHECK(kept.take(mail_id{1}));
  CHECK_FALSE(kept.take(mail_id{1}));
  kept.keep(sized(2, 0));
  kept.keep(sized(3, 0));
  CHECK(kept.take(mail_id{2}));
  CHECK(kept.take(mail_id{3}));
}

TEST_CASE("a content elsewhere costs its record only", "[storage][fresh_mail]") {
  struct nothing final : content_source {
    result<std::size_t> read(std::uint64_t, std::span<char>) const override { return std::size_t{0}; }
  };
  const envelope to(at("ada@example.com"), {recipient(at("b@example.com"))});
  content_traits traits;
  traits.size = 1'000'000;
  fresh_mail kept(record);
  kept.keep({mail_id{1}, submitter("acme"), to, content(std::make_shared<nothing>(), traits), spool_time()});
  CHECK(kept.take(mail_id{1}));
}

}  // namespace fresh_mail_tests
