// Every dialogue of client/ is replayed whole, byte by byte, and cut at every position, with writes of any size; and
// the connection is lost at every position, where no outcome may claim more certainty than there is.
//
// Settings of a file: @security, @user, @password, @auth, @quirks (names of flags), @window N, @mailN FROM -> TO, TO :
// CONTENT, @ret, @envid (of each mail), @notify, @orcpt (of each recipient),
// @outcomeN OUTCOME [CAUSE STAGE]; ... (one for each recipient), @untouchedN (another session may take it), @quit (when
// there is nothing left to send), @end CAUSE STAGE (why the session ended), @secret TEXTS (none of which is found in a
// failure, a reply or a trace), @whole REASON (the file is about what comes together), @coarse (not at every position:
// it is long).
#include <postrider/protocol/client_dialogue.hpp>

#include <catch2/catch.hpp>

#include <map>
#include <sstream>
#include <support/dialogue_file.hpp>

namespace {

using namespace postrider;
using protocol::client_dialogue;

server definition_of(const test::dialogue_file& file) {
  server where{.host = "mx.example.org", .security = security::none};
  where.security = from_string<security>(file.setting("security", "none")).value();
  where.auth = from_string<auth_method>(file.setting("auth", "auto")).value();
  where.account.user = file.setting("user");
  where.account.password = secret(file.setting("password"));
  const std::string quirks = ' ' + file.setting("quirks") + ' ';
  where.quirks.no_pipelining = quirks.find(" no_pipelining ") != quirks.npos;
  where.quirks.no_chunking = quirks.find(" no_chunking ") != quirks.npos;
  where.quirks.no_rset = quirks.find(" no_rset ") != quirks.npos;
  where.quirks.window = static_cast<std::uint16_t>(std::stoi(file.setting("window", "1")));
  where.quirks.no_size = quirks.find(" no_size ") != quirks.npos;
  where.quirks.no_initial_response = quirks.find(" no_initial_response ") != quirks.npos;
  return where;
}

/// "ada@example.com -> a@example.org, b@example.org : content"
mail mail_of(const test::dialogue_file& file, std::uint64_t n) {
  const std::string text = file.setting("mail" + std::to_string(n));
  const auto arrow = text.find(" -> ");
  const auto colon = text.find(" : ", arrow);
  std::optional<address> from;
  if (arrow > 0) from = address::parse(text.substr(0, arrow)).value();
  std::vector<recipient> to;
  std::istringstream names(text.substr(arrow + 4, colon - arrow - 4));
  for (std::string name; std::getline(names >> std::ws, name, ',');) to.emplace_back(address::parse(name).value());
  for (recipient& one : to) {
    one.notify = protocol::parse_notify(file.setting("notify")).value_or(notify::unset);
    one.orcpt = file.setting("orcpt");
  }
  envelope around(from, to);
  around.ret = from_string<ret>(file.setting("ret", "none")).value();
  around.envid = file.setting("envid");
  return mail(around, content(test::detail::unescape(text.substr(colon + 3))));
}

std::string words(const protocol::settled_mail& done) {
  std::string text;
  for (const auto& r : done.outcome.recipients) {
    text += (text.empty() ? "" : "; ") + std::string(to_string(r.outcome));
    if (r.failure)
      text += ' ' + std::string(to_string(r.failure->cause)) + ' ' + std::string(to_string(r.failure->stage));
  }
  return text;
}

struct heard final : protocol::trace {
  void stage_passed(stage, std::string_view text) override { all += std::string(text) + '\n'; }
  void line(protocol::direction, std::string_view text) override { all += std::string(text) + '\n'; }
  std::string all;
};

/// A client that has the mails of a file, and what became of it.
class replayed {
 public:
  explicit replayed(const test::dialogue_file& from, std::size_t write_size = 1 << 20)
      : file(from), dialogue(definition_of(from), "client.example.com", &trace), write_size_(write_size) {}

  /// Everything the client may say now.
  std::string speak() {
    std::string said;
    while (true) {
      pump();
      if (!dialogue.has_output()) return said;
      const auto pieces = dialogue.gather();
      std::size_t taken = 0;
      for (const auto piece : pieces) {
        const auto part = piece.substr(0, write_size_ - taken);
        said += part;
        taken += part.size();
      }
      dialogue.consume(taken);
      written += said.substr(said.size() - taken);
    }
  }

  void hear(std::string_view bytes) {
    dialogue.received(bytes);
    collect();
  }

  void lose() {
    failure why(cause::connection_closed);
    why.outcome = outcome::unknown;  // whoever reports the loss does not know: the dialogue does
    dialogue.lost(std::move(why));
    collect();
  }

  void collect() {
    while (auto done = dialogue.next_settled()) {
      INFO("mail " << done->ticket << " is settled twice");
      REQUIRE(settled.emplace(done->ticket, std::move(*done)).second);
    }
  }

  const test::dialogue_file& file;
  heard trace;
  client_dialogue dialogue;
  std::map<std::uint64_t, protocol::settled_mail> settled;
  std::uint64_t pushed = 0;
  std::string written;

 private:
  void pump() {
    while (dialogue.accepts_mail()) {
      if (!file.has("mail" + std::to_string(pushed + 1))) break;
      ++pushed;
      dialogue.push(pushed, mail_of(file, pushed));
    }
    if (!file.has("mail" + std::to_string(pushed + 1)) && file.has("quit")) dialogue.quit();
    collect();
  }

  std::size_t write_size_;
};

/// All words that leave the session but for the trace.
std::string everything_told(const replayed& client) {
  std::string all;
  const auto add = [&](const failure& why) {
    all += why.detail + '\n';
    for (const auto& line : why.reply) all += line + '\n';
  };
  if (client.dialogue.ended_by()) add(*client.dialogue.ended_by());
  for (const auto& [n, done] : client.settled) {
    for (const auto& line : done.outcome.final_reply) all += line + '\n';
    for (const auto& r : done.outcome.recipients)
      if (r.failure) add(*r.failure);
  }
  return all;
}

void check_end(const replayed& client) {
  const auto& file = client.file;
  for (std::uint64_t n = 1; file.has("mail" + std::to_string(n)); ++n) {
    const std::string expected = file.setting("outcome" + std::to_string(n));
    INFO("mail " << n);
    const auto found = client.settled.find(n);
    REQUIRE((found == client.settled.end()) == expected.empty());
    if (expected.empty()) continue;
    CHECK(words(found->second) == expected);
    CHECK(found->second.untouched == file.has("untouched" + std::to_string(n)));
  }
  const failure* ended = client.dialogue.ended_by();
  const std::string end =
      ended ? std::string(to_string(ended->cause)) + ' ' + std::string(to_string(ended->stage)) : "";
  CHECK(end == file.setting("end"));
  std::istringstream secrets(file.setting("secret"));
  const std::string told = client.trace.all + everything_told(client);
  for (std::string text; secrets >> text;) CHECK_THAT(told, !Catch::Contains(text));
}

/// Replays `file`; the server's bytes are cut behind `cut` of them and every `piece` bytes.
void replay(const test::dialogue_file& file, std::size_t cut, std::size_t piece, std::size_t write_size) {
  replayed client(file, write_size);
  std::string said;
  std::size_t fed = 0;
  for (const test::turn& turn : file.turns) {
    INFO(file.name << ".txt, line " << turn.line << ", cut at " << cut);
    if (!client.dialogue.wants_tls()) said += client.speak();
    switch (turn.kind) {
      case test::turn_kind::client:
        REQUIRE(said == turn.bytes);
        said.clear();
        break;
      case test::turn_kind::server:
        REQUIRE(said.empty());
        for (std::string_view rest = turn.bytes; !rest.empty();) {
          std::size_t size = std::min(piece, rest.size());
          if (cut > fed && cut < fed + size) size = cut - fed;
          client.hear(rest.substr(0, size));
          rest.remove_prefix(size);
          fed += size;
          if (!client.dialogue.wants_tls()) said += client.speak();
        }
        break;
      case test::turn_kind::tls:
        REQUIRE(client.dialogue.wants_tls());
        client.dialogue.tls_established("TLS");
        break;
      case test::turn_kind::server_closes: client.lose(); break;
      case test::turn_kind::client_closes: REQUIRE(client.dialogue.closed()); break;
    }
  }
  CHECK(said.empty());
  check_end(client);
}

std::size_t server_bytes(const test::dialogue_file& file) {
  std::size_t all = 0;
  for (const auto& turn : file.turns)
    if (turn.kind == test::turn_kind::server) all += turn.bytes.size();
  return all;
}

/// Replays until the server has said `limit` bytes, then loses the connection.
void lose_at(const test::dialogue_file& file, std::size_t limit) {
  replayed client(file);
  for (const test::turn& turn : file.turns) {
    if (!client.dialogue.wants_tls()) client.speak();
    if (turn.kind == test::turn_kind::tls) client.dialogue.tls_established("TLS");
    if (turn.kind != test::turn_kind::server) continue;
    client.hear(std::string_view(turn.bytes).substr(0, limit));
    if (limit <= turn.bytes.size()) break;
    limit -= turn.bytes.size();
  }
  if (!client.dialogue.wants_tls()) client.speak();
  const bool over = client.dialogue.closed();
  client.lose();
  REQUIRE(client.dialogue.closed());
  REQUIRE(client.settled.size() == client.pushed);
  for (const auto& [n, done] : client.settled) {
    INFO("mail " << n << ": " << words(done));
    const mail what = mail_of(file, n);
    const std::string body(*what.content().bytes());
    const bool begun = client.written.find(body.substr(0, body.find("\r\n"))) != std::string::npos;
    for (const auto& r : done.outcome.recipients) {
      if (over || r.outcome == outcome::permanent) continue;
      if (done.untouched) CHECK(r.outcome == outcome::transient);
      if (r.outcome == outcome::unknown || r.outcome == outcome::accepted) CHECK(begun);
    }
  }
}

}  // namespace

TEST_CASE("client dialogues", "[dialogues]") {
  const auto paths = test::dialogues_in(POSTRIDER_DIALOGUES);
  REQUIRE(paths.size() >= 55);
  for (const auto& path : paths) {
    DYNAMIC_SECTION(path.stem().string()) {
      const test::dialogue_file file = test::read_dialogue(path);
      constexpr std::size_t all = 1 << 20;
      replay(file, 0, all, all);
      if (file.has("whole")) continue;
      replay(file, 0, all, 1);
      replay(file, 0, all, 7);
      if (!file.has("coarse")) replay(file, 0, 1, all);
      const std::size_t step = file.has("coarse") ? 997 : 1;
      for (std::size_t cut = 1; cut < server_bytes(file); cut += step) replay(file, cut, all, all);
      for (std::size_t limit = 0; limit < server_bytes(file); limit += step) lose_at(file, limit);
    }
  }
}
