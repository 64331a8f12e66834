#include <postrider/registry/validation.hpp>

#include "registry/storages.hpp"

#include <catch2/catch.hpp>

#include <functional>

namespace validation_tests {

using namespace postrider;
using postrider::test::refused;

namespace {

std::string times(std::size_t count, std::string_view text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("a name is shown as what can be shown", "[registry][validation]") {
  CHECK(detail::named("server", "smtp") == "server \"smtp\"");
  CHECK(detail::named("server", "a\r\nb") == "server \"a\\r\\nb\"");
  CHECK(detail::named("server", "\xff") == "server \"\\xff\"");
}

TEST_CASE("a text is well-formed, without control characters, and short enough", "[registry][validation]") {
  struct row {
    std::string text;
    const char* broken;  // null: fine
  };
  for (const row& r :
       {row{"", nullptr}, row{"Grace Hopper", nullptr}, row{"Jos\u00e9 \u4e2d \U0001f600", nullptr},
        row{times(255, "x"), nullptr}, row{times(256, "x"), "has more than 255 bytes"},
        row{times(127, "\u00e9") + 'x', nullptr},
        row{times(128, "\u00e9"), "has more than 255 bytes"},  // bytes, not characters
        row{"a\nb", "has a control character"}, row{"\x7f", "has a control character"},
        row{std::string("a\0", 2), "has a control character"}, row{"\xc2\x80", "has a control character"},
        row{"a\xc2\x9f", "has a control character"}, row{"\xc2\xa0", nullptr},
        row{"\xc3\x85\xe2\x82\x80", nullptr},  // bytes from 80 to 9F inside of other characters
        row{"\xc2", "is not UTF-8"}, row{"\x80", "is not UTF-8"}, row{"\xc0\xaf", "is not UTF-8"},
        row{"\xed\xa0\x80", "is not UTF-8"}}) {
    CAPTURE(r.text);
    const auto checked = detail::check_text("the note", r.text, field::host);
    CHECK(checked.has_value() == (r.broken == nullptr));
    if (r.broken != nullptr) {
      CHECK(refused(checked, field::host, r.broken));
      CHECK(refused(checked, field::host, detail::named("the note", r.text)));
      CHECK_FALSE(is_edit_conflict(checked.error()));
    }
  }
  CHECK(detail::check_text("the note", "abc", field::none, 3));
  CHECK(refused(detail::check_text("the note", "abcd", field::none, 3), field::none, "has more than 3 bytes"));
}

TEST_CASE("a name is there, has no blanks around it, and at most 128 bytes", "[registry][validation]") {
  for (const std::string& name : {std::string("a"), std::string("two words"), std::string("\u00e4"), times(128, "x")})
    CHECK(detail::check_name("server", name));
  CHECK(refused(detail::check_name("server", ""), field::none, "the name of a server is empty"));
  for (const char* name : {" a", "a ", " "})
    CHECK(refused(detail::check_name("login", name), field::none,
                  "login \"" + std::string(name) + "\": the name begins or ends with a blank"));
  CHECK(refused(detail::check_name("server", times(129, "x")), field::none, "has more than 128 bytes"));
  CHECK(refused(detail::check_name("server", "a\tb"), field::none, "server \"a\\tb\" has a control character"));
}

TEST_CASE("a host is a name or an address", "[registry][validation]") {
  for (const std::string& host :
       {std::string("mail.example.com"), std::string("LOCALHOST"), std::string("xn--bcher-kva.example"),
        std::string("192.0.2.1"), std::string("2001:db8::1"), std::string("fe80::1%eth0"), std::string("my_host"),
        times(255, "h")})
    CHECK(detail::check_host("server \"x\"", host));
  CHECK(refused(detail::check_host("server \"x\"", ""), field::host, "server \"x\" has no host"));
  for (const std::string& host :
       {std::string("two words"), std::string("a/b"), std::string("a@b"), std::string("[::1]"), std::string("a\n"),
        std::string("a\0b", 3), std::string("b\u00fccher.example"), std::string("a;b"), times(256, "h")}) {
    CAPTURE(host);
    const auto checked = detail::check_host("server \"x\"", host);
    CHECK(refused(checked, field::host, "server \"x\": \"" + printable(host) + "\" is no host"));
  }
}

TEST_CASE("addresses are checked for their role", "[registry][validation]") {
  CHECK(detail::check_address_or_none(""));
  CHECK(detail::check_address_or_none("ops@example.com"));
  CHECK(refused(detail::check_address_or_none("ops"), field::recipient, "\"ops\": has no @"));
  CHECK(detail::sender_address("Ada@EXAMPLE.com").value() == "Ada@example.com");
  CHECK(detail::sender_address("\"ada\"@Example.COM").value() == "ada@example.com");
  CHECK(refused(detail::sender_address(""), field::sender, "is empty"));
  CHECK(refused(detail::sender_address("ada@"), field::sender, "\"ada@\""));
}

TEST_CASE("a refused password is not told", "[registry][validation]") {
  CHECK(detail::check_password("x", secret("")));
  CHECK(detail::check_password("x", secret("p\u00e4ss w\xff")));
  CHECK(detail::check_password("x", secret(times(1024, "p"))));
  const auto control = detail::check_password("server \"x\"", secret("hunter2\n"));
  CHECK(refused(control, field::password, "server \"x\": the password has a control character"));
  CHECK_THAT(control.error().detail, !Catch::Contains("hunter2"));
  const auto long_one = detail::check_password("server \"x\"", secret(times(1025, "p")));
  CHECK(refused(long_one, field::password, "server \"x\": the password has more than 1024 bytes"));
  CHECK_THAT(long_one.error().detail, !Catch::Contains("ppp"));
}

TEST_CASE("settings are refused where they are wrong, insecure ones unless they are wanted", "[registry][validation]") {
  struct row {
    const char* words;
    field look_at;
    std::function<void(server&)> spoil;
    bool always;  // with the insecure policy, too
  };
  const auto good = [] {
    server s;
    s.host = "mail.example.com";
    s.account.user = "relay@example.com";
    return s;
  };
  constexpr auto secure = registry_policy::secure, insecure = registry_policy::dangerously_insecure;
  CHECK(detail::check_settings("server \"x\"", good(), true, secure));
  for (const row& r : std::initializer_list<row>{
           {"has no host", field::host, [](server& s) { s.host.clear(); }, true},
           {": the user", field::user, [](server& s) { s.account.user = "a\rb"; }, true},
           {": the user", field::user, [](server& s) { s.account.user.assign(256, 'u'); }, true},
           {": the CA file", field::security, [](server& s) { s.tls.ca_file = "/a\n"; }, true},
           {"more than 4096 bytes", field::security, [](server& s) { s.tls.ca_file.assign(4097, '/'); }, true},
           {": the TLS server name", field::host, [](server& s) { s.tls.server_name = "\xff"; }, true},
           {": the EHLO name", field::host, [](server& s) { s.ehlo_name = "a\r\nMAIL"; }, true},
           {": the local address", field::host, [](server& s) { s.local_address = "\x01"; }, true},
           {"needs TLS", field::security, [](server& s) { s.security = security::none; }, false},
           {"must verify certificates", field::security, [](server& s) { s.tls.dangerously_skip_verification = true; },
            false},
           {"needs TLS 1.2", field::security, [](server& s) { s.tls.allow_tls_1_1 = true; }, false},
           {"password in clear", field::security, [](server& s) { s.dangerously_allow_password_in_clear = true; },
            false},
           {"needs authentication", field::auth_method, [](server& s) { s.auth = auth_method::none; }, false},
           {"needs a user", field::user, [](server& s) { s.account.user.clear(); }, false}}) {
    CAPTURE(r.words);
    server spoilt = good();
    r.spoil(spoilt);
    const auto checked = detail::check_settings("server \"x\"", spoilt, true, secure);
    CHECK(refused(checked, r.look_at, r.words));
    CHECK(refused(checked, r.look_at, "server \"x\""));
    CHECK(detail::check_settings("server \"x\"", spoilt, true, insecure).has_value() == !r.always);
  }
  for (const auto policy : {secure, insecure})
    CHECK(refused(detail::check_settings("server \"x\"", good(), false, policy), field::password,
                  "server \"x\" has a user but no password"));
  server longest = good();
  longest.tls.ca_file.assign(4096, '/');
  longest.account.user.assign(255, 'u');
  longest.security = security::tls;
  CHECK(detail::check_settings("server \"x\"", longest, true, secure));
  server open = good();
  open.account.user.clear();
  CHECK(detail::check_settings("server \"x\"", open, false, insecure));
}

TEST_CASE("a collision of two editors is told from other refusals", "[registry][validation]") {
  const auto collided = detail::edited_meanwhile("server \"x\"").value();
  CHECK(is_edit_conflict(collided));
  CHECK(collided.outcome == outcome::transient);
  CHECK_THAT(collided.detail, Catch::StartsWith("server \"x\" was changed by somebody else"));
  const auto wrong = detail::refused(field::port, "no").value();
  CHECK_FALSE(is_edit_conflict(wrong));
  CHECK(wrong.field == field::port);
  CHECK(wrong.detail == "no");
  failure busy(cause::spool_failed);
  busy.action = action::retry;
  CHECK_FALSE(is_edit_conflict(busy));
}

}  // namespace validation_tests
