// Any client, in chunks of any size: every reply is whole lines of printable text that begin with a code, what is
// committed was counted in a 250, content is canonical, and the session always comes to rest.
#include "fuzz/require.hpp"
#include "support/dialogue_host.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

/// Returns how many replies say that a mail is queued.
std::size_t check_replies(std::string_view said) {
  std::size_t queued = 0;
  while (!said.empty()) {
    const auto end = said.find("\r\n");
    require(end != said.npos && end >= 4);
    const auto line = said.substr(0, end);
    for (int i = 0; i < 3; ++i)
      require(line[static_cast<std::size_t>(i)] >= '0' && line[static_cast<std::size_t>(i)] <= '9');
    require(line[0] >= '2' && line[0] <= '5' && (line[3] == ' ' || line[3] == '-'));
    for (const char c : line) require(c >= ' ' && c <= '~');
    if (line.substr(0, 20) == "250 2.0.0 Queued as ") ++queued;
    said.remove_prefix(end + 2);
  }
  return queued;
}

void check_content(std::string_view content) {
  for (std::size_t i = 0; i < content.size(); ++i) {
    if (content[i] == '\n') require(i > 0 && content[i - 1] == '\r');
    if (content[i] == '\r') require(i + 1 < content.size() && content[i + 1] == '\n');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const unsigned how = data[0];
  const std::size_t chunk = data[1] == 0 ? size : data[1];
  std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);

  test::host_rules rules;
  rules.trusted = (how & 1) == 0;
  rules.offers.encrypted = (how & 2) != 0;
  rules.offers.starttls = true;
  rules.offers.auth = true;
  rules.passwords["ada"] = "secret";
  rules.settings.message_size = (how & 4) != 0 ? 100 : 0;
  rules.settings.piece = (how & 8) != 0 ? 16 : 65536;
  if ((how & 16) != 0) rules.failing = how >> 5;

  test::dialogue_host host(rules);
  std::size_t queued = check_replies(host.settle());
  while (!input.empty() && !host.closed()) {
    const std::string piece(input.substr(0, chunk));  // its own memory, so that reading past its end is seen
    input.remove_prefix(piece.size());
    queued += check_replies(host.say(piece));
    if (host.wants_tls()) host.tls_started();
  }
  require(queued == host.committed());
  for (const auto& mail : host.mails())
    if (mail.committed) check_content(mail.content);
  return 0;
}
