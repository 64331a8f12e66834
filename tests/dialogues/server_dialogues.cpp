// Every dialogue of server/ is replayed whole, byte by byte, and cut at every position.
//
// Settings of a file: @tls (encrypted from the start), @starttls, @login NAME:PASSWORD (AUTH is offered; nobody is
// trusted), @sender ADDRESS (the only one allowed), @refuse ADDRESS (a recipient), @message-size N, @recipients N,
// @bad-commands N, @commands N, @mail-max N (in a session), @fail N (operation N of the acceptor), @mails N (how many
// are taken in the end), @content TEXT (of the last one), @whole REASON (the file is about what comes together: it is
// replayed whole only).
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <support/dialogue_file.hpp>
#include <support/dialogue_host.hpp>

namespace {

test::host_rules rules_of(const test::dialogue_file& file) {
  test::host_rules rules;
  const auto number = [&](std::string_view key, auto& value) {
    if (file.has(key)) value = static_cast<std::remove_reference_t<decltype(value)>>(std::stoull(file.setting(key)));
  };
  rules.settings.host_name = "mx.example.org";
  rules.offers.encrypted = file.has("tls");
  rules.offers.starttls = file.has("starttls");
  if (file.has("login")) {
    const std::string login = file.setting("login");
    const auto colon = login.find(':');
    rules.passwords[login.substr(0, colon)] = login.substr(colon + 1);
    rules.offers.auth = true;
    rules.trusted = false;
  }
  if (file.has("sender")) rules.senders.insert(file.setting("sender"));
  if (file.has("refuse")) rules.refused_recipients.insert(file.setting("refuse"));
  number("message-size", rules.settings.message_size);
  number("recipients", rules.settings.recipients);
  number("bad-commands", rules.settings.bad_commands);
  number("commands", rules.settings.commands);
  number("mail-max", rules.settings.mails);
  if (file.has("fail")) rules.failing = std::stoull(file.setting("fail"));
  return rules;
}

/// Feeds one turn of the client; `from` counts the client's bytes before it.
using feeder = std::function<std::string(test::dialogue_host&, std::string_view bytes, std::size_t from)>;

void replay(const test::dialogue_file& file, const feeder& feed) {
  test::dialogue_host host(rules_of(file));
  std::string said = host.settle();
  std::size_t fed = 0;
  for (const test::turn& turn : file.turns) {
    INFO(file.name << ".txt, line " << turn.line);
    switch (turn.kind) {
      case test::turn_kind::client:
        said += feed(host, turn.bytes, fed);
        fed += turn.bytes.size();
        break;
      case test::turn_kind::server:
        REQUIRE(said == turn.bytes);
        said.clear();
        break;
      case test::turn_kind::tls:
        REQUIRE(host.wants_tls());
        host.tls_started();
        break;
      case test::turn_kind::server_closes: REQUIRE(host.closed()); break;
      case test::turn_kind::client_closes: break;
    }
  }
  INFO(file.name << ".txt, at the end");
  CHECK(said.empty());
  CHECK(host.committed() == std::stoull(file.setting("mails", "0")));
  if (file.has("content")) {
    REQUIRE_FALSE(host.mails().empty());
    CHECK(host.mails().back().content == test::detail::unescape(file.setting("content")));
  }
}

std::string whole(test::dialogue_host& host, std::string_view bytes, std::size_t) {
  return host.say(bytes);
}

std::string byte_by_byte(test::dialogue_host& host, std::string_view bytes, std::size_t) {
  std::string said;
  for (std::size_t i = 0; i < bytes.size() && !host.closed(); ++i) said += host.say(bytes.substr(i, 1));
  return said;
}

feeder cut_at(std::size_t position) {
  return [position](test::dialogue_host& host, std::string_view bytes, std::size_t from) {
    if (position <= from || position >= from + bytes.size()) return host.say(bytes);
    std::string said = host.say(bytes.substr(0, position - from));
    if (!host.closed()) said += host.say(bytes.substr(position - from));
    return said;
  };
}

}  // namespace

TEST_CASE("dialogues of the server", "[server][dialogues]") {
  const auto paths = test::dialogues_in(POSTRIDER_DIALOGUES);
  REQUIRE(paths.size() > 20);
  for (const auto& path : paths) {
    const auto file = test::read_dialogue(path);
    replay(file, whole);
    if (file.has("whole")) continue;
    replay(file, byte_by_byte);
    std::size_t length = 0;
    for (const auto& turn : file.turns) length += turn.kind == test::turn_kind::client ? turn.bytes.size() : 0;
    for (std::size_t position = 1; position < length; ++position) replay(file, cut_at(position));
  }
}

TEST_CASE("a dialogue that says something else is found out", "[dialogues]") {
  test::dialogue_file file;
  test::detail::add_line(file, "S: 220 mx.example.org ESMTP postrider", 1);
  test::detail::add_line(file, "C: NOOP \\*3(ab)\\x21", 2);
  CHECK(file.turns.back().bytes == "NOOP ababab!\r\n");
  test::dialogue_host host(rules_of(file));
  CHECK(host.settle() == file.turns.front().bytes);
  CHECK_THROWS(test::detail::add_line(file, "X: what", 3));
  CHECK_THROWS(test::detail::add_line(file, "C: \\q", 4));
}
