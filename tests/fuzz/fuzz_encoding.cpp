// Decoders take any bytes, encoders give them back, and the content scanner does not care where content is cut. The
// first byte chooses the cut.
#include <postrider/core/base64.hpp>
#include <postrider/mail/content_traits.hpp>
#include <postrider/mail/encoded_word.hpp>
#include <postrider/mail/header_field.hpp>
#include <postrider/mail/header_fields.hpp>
#include <postrider/mail/mime_parameter.hpp>
#include <postrider/mail/quoted_printable.hpp>

#include "fuzz/require.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace postrider;

namespace {

void scanner(std::string_view bytes, std::size_t cut) {
  const content_traits whole = content_traits::of(bytes);
  content_scanner pieces;
  for (std::size_t at = 0; at < bytes.size(); at += cut + 1) pieces.feed(bytes.substr(at, cut + 1));
  require(pieces.finish() == whole);
  const std::string lines = canonical(bytes);
  require(!content_traits::of(lines).has_bare_cr_or_lf && canonical(lines) == lines);
  if (!bytes.empty() && !whole.has_bare_cr_or_lf && whole.ends_with_crlf) require(lines == bytes);
}

void decoders(std::string_view bytes) {
  quoted_printable::decode(bytes);
  base64::decode(bytes);
  decode_words(bytes);
  std::string_view section = header_section(bytes);
  std::size_t length = 0;
  const std::string_view all = section;
  while (const auto field = next_field(section)) {
    length += field->size();
    require(field_value(*field).find('\n') == std::string::npos);
    field_name(*field);
  }
  require(length == all.size());
}

void encoders(std::string_view bytes) {
  const std::string lines = quoted_printable::encode(bytes);
  require(quoted_printable::decode(lines) == bytes && is_ascii(lines) && content_traits::of(lines).longest_line <= 76);
  require(base64::decode(base64::encode(bytes)) == bytes);
  const bool text =
      is_utf8(bytes) && std::none_of(bytes.begin(), bytes.end(), [](char c) { return is_control(c) && c != '\t'; });
  if (!text) return;
  const std::string field = unstructured_field("Subject", bytes);
  require(is_ascii(field) && content_traits::of(field).longest_line <= 998 &&
          !content_traits::of(field).has_bare_cr_or_lf);
  std::string_view section = field;
  require(next_field(section) == field && section.empty() && decode_words(field_value(field)) == bytes);
  for (const auto& piece : mime_parameter("filename", bytes))
    require(piece.size() <= 200 && is_ascii(piece) && !has_control(piece));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  scanner(bytes, data[0]);
  decoders(bytes);
  encoders(bytes);
  return 0;
}
