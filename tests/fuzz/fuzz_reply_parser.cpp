// Any bytes: the replies that are read from them, and whether there comes an end of replies, do not depend on how they
// are cut; what is read keeps to its limits.
#include <postrider/protocol/reply.hpp>

#include "fuzz/require.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using postrider::protocol::reply_parser;

struct reading {
  std::vector<std::string> replies;
  bool malformed = false;

  friend bool operator==(const reading&, const reading&) = default;
};

/// Cuts behind 1 + (the next byte of `cuts` modulo `most`) bytes; whole if there are no cuts.
reading read(std::string_view bytes, std::string_view cuts, std::size_t most) {
  reading found;
  reply_parser parser;
  for (std::size_t n = 0; !bytes.empty(); ++n) {
    const std::size_t size = cuts.empty() ? bytes.size() : 1 + static_cast<unsigned char>(cuts[n % cuts.size()]) % most;
    const std::string own(bytes.substr(0, size));  // its own memory, so that reading past its end is seen
    bytes.remove_prefix(own.size());
    for (std::string_view input = own; !input.empty();) {
      const std::size_t before = input.size();
      const auto status = parser.parse(input);
      require(input.size() <= before);
      if (status == reply_parser::status::malformed) {
        require(parser.evidence().size() <= 2 * reply_parser::max_line && !parser.complaint().empty());
        require(parser.parse(input) == status);
        found.malformed = true;
        return found;
      }
      if (status == reply_parser::status::incomplete) {
        require(input.empty() && parser.evidence().size() <= reply_parser::max_line);
        continue;
      }
      require(input.size() < before);
      const auto& reply = parser.value();
      require(reply.code >= 200 && reply.code <= 599 && !reply.lines.empty());
      require(!reply.enhanced || reply.enhanced.category == reply.code / 100);
      std::string words = std::to_string(reply.code) + ' ' + to_string(reply.enhanced);
      for (const auto& line : reply.lines) {
        require(line.size() <= reply_parser::max_line && line.find('\n') == line.npos);
        words += '\n' + line;
      }
      require(words.size() <= 4 * reply_parser::max_reply);
      found.replies.push_back(std::move(words));
    }
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view cuts = all.substr(0, 3), bytes = all.substr(3);
  const reading whole = read(bytes, {}, 1);
  require(read(bytes, std::string_view("\0", 1), 1) == whole);
  require(read(bytes, cuts, 7) == whole);
  require(read(bytes, cuts, 256) == whole);
  return 0;
}
