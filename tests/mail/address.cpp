#include <postrider/mail/address.hpp>
#include <postrider/mail/envelope.hpp>
#include <postrider/mail/mailbox.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

namespace address_tests {

using namespace postrider;
using Catch::Contains;

namespace {
address parsed(std::string_view text) {
  return address::parse(text).value();
}
}  // namespace

TEST_CASE("addresses that RFC 5321 allows", "[mail]") {
  for (const auto* text : {"ada@example.com", "a@b", "first.last+tag@sub.example.co.uk",
                           "!#$%&'*+-/=?^_`{|}~@example.com", "1@2.3", "a@xn--mller-kva.example", "a@[192.0.2.1]",
                           "a@[IPv6:2001:db8::1]", "a@[ipv6:::ffff:192.0.2.1]", "a@a-b.c", "postmaster@localhost"}) {
    const auto found = address::parse(text);
    INFO(text);
    REQUIRE(found);
    CHECK(found->str() == text);
    CHECK(found->str() == std::string(found->local_part()) + '@' + std::string(found->domain()));
    CHECK_FALSE(found->needs_smtputf8());
  }
}

TEST_CASE("a local part is quoted only if it needs to be", "[mail]") {
  const std::pair<const char*, const char*> cases[]{
      {R"("plain"@b)", "plain@b"},  {R"("a\b"@b)", "ab@b"},         {R"("two words"@b)", R"("two words"@b)"},
      {R"("a@b"@c)", R"("a@b"@c)"}, {R"("q\"q"@c)", R"("q\"q"@c)"}, {R"("b\\b"@c)", R"("b\\b"@c)"},
      {R"(""@c)", R"(""@c)"},       {R"("a..b"@c)", R"("a..b"@c)"}, {R"(">"@c)", R"(">"@c)"}};
  for (const auto& [text, written] : cases) {
    INFO(text);
    CHECK(parsed(text).str() == written);
    CHECK(parsed(written) == parsed(text));
  }
  CHECK(parsed(R"("two \"words\""@b)").local_part() == R"(two "words")");
  CHECK(parsed(R"("a@b"@c)").domain() == "c");
}

TEST_CASE("UTF-8 is allowed and told", "[mail]") {
  for (const auto* text : {"j\xC3\xBCrgen@example.com", "a@m\xC3\xBCller.example", "\"j \xC3\xBC\"@b"}) {
    const auto found = address::parse(text);
    REQUIRE(found);
    CHECK(found->needs_smtputf8());
    CHECK(found->str() == text);
  }
}

TEST_CASE("what is no address is refused, and the failure names it", "[mail]") {
  for (const auto* text : {"plain",
                           "@b",
                           "a@",
                           "a@@b",
                           "a b@c",
                           ".a@b",
                           "a.@b",
                           "a..b@c",
                           "<a@b>",
                           "a@b>",
                           "a@-b",
                           "a@b-",
                           "a@b..c",
                           "a@.b",
                           "a@b.",
                           "a@b_c",
                           "a@b c",
                           "a@b,c@d",
                           "\"a@b",
                           "\"a\"",
                           "\"a\"b@c",
                           "\"a\\",
                           "a@[",
                           "a@[]",
                           "a@[1.2.3]",
                           "a@[1.2.3.4",
                           "a@[IPv6:1.2.3.4]",
                           "a@[2001:db8::1]",
                           "a@[IPv6:fe80::1%eth0]",
                           "a@[x:y]",
                           "a\\b@c",
                           "a,b@c",
                           "a@b@c",
                           " a@b",
                           "a@b ",
                           "a(c)@b"}) {
    const auto refused = address::parse(text);
    INFO(text);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().cause == cause::invalid_configuration);
    CHECK(refused.error().field == field::recipient);
    CHECK_THAT(refused.error().detail, Contains('"' + printable(text) + '"'));
  }
  CHECK_THAT(address::parse("").error().detail, Contains("empty"));
  CHECK(address::parse("x", field::sender).error().field == field::sender);
}

TEST_CASE("no control character passes, quoted or not, and the failure shows it escaped", "[mail]") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (!is_control(c)) continue;
    for (const std::string& text :
         {std::string("a") + c + "@b", std::string("\"a") + c + "\"@b", std::string("\"\\") + c + "\"@b",
          std::string("a@b") + c, std::string("a@b") + c + "c", std::string("a@[1.2.3.4") + c + "]"}) {
      const auto refused = address::parse(text);
      REQUIRE_FALSE(refused);
      CHECK_FALSE(has_control(refused.error().detail));
    }
  }
  CHECK_THAT(address::parse("a\r\nRCPT TO:<x@y>@b").error().detail, Contains(R"(a\r\nRCPT)") && Contains("control"));
  CHECK_THAT(address::parse("a\xFF@b").error().detail, Contains(R"(\xff)"));
}

TEST_CASE("lengths are those of RFC 5321", "[mail]") {
  const std::string label(63, 'd');
  CHECK(address::parse(std::string(64, 'a') + "@b"));
  CHECK_FALSE(address::parse(std::string(65, 'a') + "@b"));
  CHECK(address::parse('"' + std::string(61, 'a') + " \"@b"));
  CHECK_FALSE(address::parse('"' + std::string(62, 'a') + " \"@b"));
  CHECK(address::parse("a@" + label));
  CHECK_FALSE(address::parse("a@" + label + "d"));
  const std::string domain = label + '.' + label + '.' + label;
  CHECK(address::parse(std::string(62, 'a') + '@' + domain));
  CHECK_THAT(address::parse(std::string(63, 'a') + '@' + domain).error().detail, Contains("254"));
  CHECK_THAT(address::parse("a@" + domain + '.' + label + ".e").error().detail, Contains("255"));
}

TEST_CASE("addresses are equal whatever the case of the domain, and that of the local part counts", "[mail]") {
  CHECK(parsed("ada@Example.COM") == parsed("ada@example.com"));
  CHECK_FALSE(parsed("Ada@example.com") == parsed("ada@example.com"));
  CHECK(parsed("\"ada\"@example.com") == parsed("ada@example.com"));
}

TEST_CASE("an address may be copied and moved", "[mail]") {
  address a = parsed("\"a b\"@c");
  address b = a;
  a = parsed("x@y");
  CHECK(b.local_part() == "a b");
  const address c = std::move(b);
  CHECK(c.local_part() == "a b");
  CHECK(a.local_part() == "x");
}

TEST_CASE("mailboxes are read as people write them", "[mail]") {
  const struct {
    const char* text;
    const char* name;
    const char* address;
  } cases[]{{"a@b", "", "a@b"},
            {"<a@b>", "", "a@b"},
            {" Ada Lovelace  <a@b> ", "Ada Lovelace", "a@b"},
            {"J\xC3\xBCrgen <a@b>", "J\xC3\xBCrgen", "a@b"},
            {R"("Lovelace, Ada" <a@b>)", "Lovelace, Ada", "a@b"},
            {R"("a \"b\" <c>"<a@b>)", "a \"b\" <c>", "a@b"},
            {R"(Ada <"odd > local"@b>)", "Ada", R"("odd > local"@b)"},
            {R"("odd"@b)", "", "odd@b"}};
  for (const auto& expected : cases) {
    INFO(expected.text);
    const auto box = mailbox::parse(expected.text);
    REQUIRE(box);
    CHECK(box->display_name() == expected.name);
    CHECK(box->address().str() == expected.address);
  }
  for (const auto* bad :
       {"", "Ada", "Ada <>", "Ada a@b>", "<a@b", "Ada <a@b> x", "a, b <c@d>", "A \"B\" <c@d>", "\"A <a@b>",
        "\"A\" x <a@b>", "A\r\n <a@b>", "A\t<a@b>", "A <a@b", "<<a@b>>", "<a@b>,<c@d>", "\xFF <a@b>", ">", "\"\">"}) {
    INFO(bad);
    CHECK_FALSE(mailbox::parse(bad));
  }
}

TEST_CASE("an envelope tells whether it needs SMTPUTF8", "[mail]") {
  const std::vector<recipient> plain{recipient(parsed("c@d"))};
  const std::vector<recipient> wide{recipient(parsed("c@d")), recipient(parsed("\xC3\xBC@d"))};
  CHECK_FALSE(envelope(std::nullopt, plain).needs_smtputf8());
  CHECK_FALSE(envelope(parsed("a@b"), plain).needs_smtputf8());
  CHECK(envelope(parsed("\xC3\xBC@b"), plain).needs_smtputf8());
  CHECK(envelope(std::nullopt, wide).needs_smtputf8());
}

TEST_CASE("notification wishes can be joined", "[mail]") {
  constexpr notify both = notify::success | notify::delay;
  STATIC_REQUIRE(has(both, notify::success));
  STATIC_REQUIRE(has(both, notify::delay));
  STATIC_REQUIRE_FALSE(has(both, notify::failure));
  STATIC_REQUIRE_FALSE(has(notify::unset, notify::never));
  CHECK(to_string(ret::headers) == "headers");
}

}  // namespace address_tests
