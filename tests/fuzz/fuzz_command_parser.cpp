// Any line: nothing it parses to lies outside it, and what looks like a parameter is one.
#include <postrider/protocol/command_parser.hpp>
#include <postrider/protocol/notification_parameters.hpp>

#include "fuzz/require.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace postrider::protocol;

namespace {

bool within(std::string_view part, std::string_view line) {
  return part.empty() || (part.data() >= line.data() && part.data() + part.size() <= line.data() + line.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const command said = parse_command(line);
  require(within(said.argument, line));
  for (std::string_view keyword : {"FROM:", "TO:"}) {
    const auto path = parse_path(said.argument, keyword);
    if (!path) continue;
    require(within(path->path, line) && within(path->parameters, line));
    std::string_view rest = path->parameters;
    while (const auto given = next_parameter(rest)) {
      require(within(given->keyword, line) && within(given->value, line) && !given->keyword.empty());
      require(given->has_value == !given->value.empty());
      parse_number(given->value);
      parse_notify(given->value);
      parse_orcpt(given->value);
      if (const auto decoded = decode_xtext(given->value)) {
        std::string again;
        append_xtext(again, *decoded);
        require(decode_xtext(again) == decoded);
      }
    }
  }
  if (const auto chunk = parse_chunk(said.argument))
    require(parse_number(said.argument.substr(0, said.argument.find(' '))) == chunk->size);
  if (acceptable_name(said.argument)) require(said.argument.find_first_of("\r\n \t") == std::string_view::npos);
  return 0;
}
