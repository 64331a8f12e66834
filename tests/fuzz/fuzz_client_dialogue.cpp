// Any server, cut anywhere, written to in pieces of any size: every mail is settled at most once, and once in the end;
// accepted means that its content was written to the last byte; the password is not said in clear and not told to
// anybody.
#include <postrider/protocol/client_dialogue.hpp>

#include "fuzz/require.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace postrider;

constexpr std::string_view password = "k9-Sesame-x";
constexpr unsigned most_mails = 5;

/// As "0.. ": each mail's content can be told from the others.
std::string text_of(std::uint64_t n) {
  return "Subject: " + std::to_string(n) + "\r\n\r\n." + std::string(n == 1 ? 700 : 20, static_cast<char>('a' + n)) +
         "\r\n" + (n == 2 ? "no line end" : "");
}

mail mail_number(std::uint64_t n) {
  std::vector<recipient> to(1, recipient(address::parse("charles@example.org").value()));
  if (n % 2 == 0) to.emplace_back(address::parse("mary@example.org").value());
  std::optional<address> from;
  if (n != 3) from = address::parse("ada@example.com").value();
  return mail(envelope(std::move(from), std::move(to)), content(text_of(n)));
}

/// With its end, as DATA and as BDAT carry it.
std::string wire_of(std::uint64_t n, bool chunked) {
  std::string text = text_of(n);
  if (!text.ends_with('\n')) text += "\r\n";
  if (chunked) return "BDAT " + std::to_string(text.size()) + " LAST\r\n" + text;
  text.insert(text.find("\r\n.") + 2, 1, '.');
  return text + ".\r\n";
}

struct listener final : protocol::trace {
  void stage_passed(stage, std::string_view detail) override { heard += std::string(detail) + '\n'; }
  void line(protocol::direction, std::string_view text) override { heard += std::string(text) + '\n'; }
  std::string heard;
};

class world {
 public:
  world(const server& where, std::size_t write_size)
      : secretive(!where.account.empty()), dialogue(where, "client.example.com", &ear), write_size_(write_size) {}

  /// Gives mails and writes at most `writes` times.
  void speak(std::size_t writes) {
    for (; writes > 0 && !dialogue.wants_tls(); --writes) {
      while (dialogue.accepts_mail() && pushed < most_mails) dialogue.push(pushed, mail_number(pushed)), ++pushed;
      if (pushed == most_mails) dialogue.quit();
      collect();
      if (!dialogue.has_output()) return;
      const auto pieces = dialogue.gather();
      std::size_t taken = 0;
      for (const auto piece : pieces) {
        const auto part = piece.substr(0, write_size_ - taken);
        (encrypted ? written : in_clear) += part;
        taken += part.size();
      }
      require(taken > 0);
      dialogue.consume(taken);
    }
  }

  void hear(std::string_view bytes) {
    dialogue.received(bytes);
    collect();
  }

  void collect() {
    while (auto done = dialogue.next_settled()) {
      require(done->ticket < pushed);
      require(!done->outcome.recipients.empty());
      for (const auto& r : done->outcome.recipients) {
        require(r.failure.has_value() == (r.outcome != outcome::accepted));
        const std::string all = in_clear + written;
        if (r.outcome == outcome::accepted)
          require(all.find(wire_of(done->ticket, dialogue.offered().chunking)) != all.npos);
        if (r.outcome == outcome::accepted) require(!done->untouched);
        if (r.outcome == outcome::unknown) require(all.find("Subject: " + std::to_string(done->ticket)) != all.npos);
        if (done->untouched) require(all.find("Subject: " + std::to_string(done->ticket)) == all.npos);
        if (r.failure) conceals(*r.failure);
      }
      for (const auto& line : done->outcome.final_reply) conceals(line);
      require(settled.emplace(done->ticket, true).second);
    }
  }

  void conceals(std::string_view text) const { require(!secretive || text.find(password) == text.npos); }
  void conceals(const failure& why) const {
    conceals(why.detail);
    for (const auto& line : why.reply) conceals(line);
  }

  const bool secretive;
  listener ear;
  protocol::client_dialogue dialogue;
  std::uint64_t pushed = 0;
  std::map<std::uint64_t, bool> settled;
  std::string in_clear, written;
  bool encrypted = false;

 private:
  std::size_t write_size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const unsigned how = data[0], chunk = data[1] == 0 ? 65536U : data[1], writes = data[2] % 8U, window = data[2] / 8U,
                 write_size = data[3] + 1U;
  std::string_view input(reinterpret_cast<const char*>(data) + 4, size - 4);

  server where{.host = "mx.example.org"};
  where.security = static_cast<security>(how % 3);
  if ((how & 4) != 0) where.account.user = "ada";
  if ((how & 4) != 0) where.account.password = secret(std::string(password));
  where.quirks.no_pipelining = (how & 8) != 0;
  where.quirks.no_initial_response = (how & 16) != 0;
  where.quirks.helo_only = (how & 32) != 0;
  where.quirks.no_rset = (how & 64) != 0;
  where.quirks.window = static_cast<std::uint16_t>(window % 6);
  where.quirks.no_chunking = window >= 24;
  const std::size_t at_once = (how & 128) != 0 ? 1000 : writes;  // writes between two reads; few leave output behind

  world all(where, write_size);
  const auto secure = [&] {
    if (!all.dialogue.wants_tls()) return;
    all.encrypted = true;
    all.dialogue.tls_established("TLS");
  };
  while (!input.empty() && !all.dialogue.closed()) {
    secure();
    all.speak(at_once);
    const std::string piece(input.substr(0, chunk));  // its own memory, so that reading past its end is seen
    input.remove_prefix(piece.size());
    all.hear(piece);
  }
  secure();
  all.speak(at_once);
  all.dialogue.lost(failure(cause::connection_closed));
  all.collect();

  require(all.dialogue.closed() && !all.dialogue.has_output() && !all.dialogue.accepts_mail());
  require(all.settled.size() == all.pushed);
  if (all.dialogue.ended_by()) all.conceals(*all.dialogue.ended_by());
  all.conceals(all.ear.heard);
  require(all.in_clear.find("AUTH PLAIN") == std::string::npos && all.in_clear.find("AUTH LOGIN") == std::string::npos);
  return 0;
}
