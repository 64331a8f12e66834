// Whatever the other side of a login says, each mechanism answers or refuses in plain words, and nobody gets in.
#include <postrider/mail/ascii.hpp>
#include <postrider/registry/login_verifier.hpp>
#include <postrider/sasl/cram_md5.hpp>
#include <postrider/sasl/login.hpp>
#include <postrider/sasl/plain.hpp>
#include <postrider/sasl/scram_sha256.hpp>
#include <postrider/sasl/scram_sha256_server.hpp>

#include "fuzz/require.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace postrider;

namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

/// Many iterations are right, and take too long here.
bool takes_long(std::string_view challenge) {
  const std::size_t count = challenge.find(",i=");
  return count != challenge.npos && challenge.find_first_not_of("0123456789", count + 3) - (count + 3) > 4;
}

template <class Mechanism>
void answer(Mechanism mechanism, const std::vector<std::string_view>& challenges) {
  static_cast<void>(mechanism.initial_response());
  for (const std::string_view challenge : challenges) {
    if (takes_long(challenge)) return;
    const auto said = mechanism.respond(challenge);
    if (said) continue;
    require(!said.error().detail.empty() && !has_control(said.error().detail));
    require(said.error().detail.find("correct horse") == std::string::npos);
    return;
  }
}

void let_in(const std::vector<std::string_view>& messages) {
  static const login_verifier verifier = login_verifier::make(secret("correct horse"), 4096);
  sasl::scram_sha256_server side("known");
  if (!side.begin(messages.front())) return;
  require(!side.user().empty() && !has_control(side.user()));
  const std::string challenge = side.challenge(verifier.keys());
  require(!has_control(challenge));
  for (const std::string_view message : messages) require(!side.finish(message) && side.proof().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = lines_of(text);
  account who;
  who.user = "ada";
  who.password = secret("correct horse");
  answer(sasl::plain(who), lines);
  answer(sasl::login(who), lines);
  answer(sasl::cram_md5(who), lines);
  answer(sasl::scram_sha256(who, "known"), lines);
  let_in(lines);
  if (const auto name = sasl::detail::decode_name(text))
    require(sasl::detail::decode_name(sasl::detail::encode_name(*name)) == *name);
  if (const auto verifier = login_verifier::parse(text))
    require(login_verifier::parse(verifier->str())->keys() == verifier->keys());
  return 0;
}
