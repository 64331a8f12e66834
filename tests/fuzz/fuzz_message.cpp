// Whatever the builder is told: it refuses, or it writes a content that every server can take, with the header fields
// that were asked for and no others. The input is a row of calls with NUL between them: one letter, then its argument.
#include <postrider/mail/delivery_status.hpp>
#include <postrider/mail/header_fields.hpp>
#include <postrider/mail/message.hpp>

#include "fuzz/require.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace postrider;

namespace {

void well_formed(const mail& built) {
  const content_traits& traits = built.content().traits();
  require(!traits.has_bare_cr_or_lf && traits.longest_line <= longest_mail_line);
  const std::string_view section = header_section(built.content().bytes().value());
  for (const auto* name : {"Date", "From", "To", "Message-ID", "MIME-Version", "Content-Type"}) {
    const bool no_to = std::string_view(name) == "To" && count_fields(section, "Cc") == 1;
    require(count_fields(section, name) == 1 || (no_to && count_fields(section, name) == 0));
  }
  require(count_fields(section, "Bcc") == 0 && count_fields(section, "Injected") == 0);
  std::string_view left = section;
  while (const auto field = next_field(left)) require(is_field_name(field_name(*field)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  message m;
  m.from("ada@example.com").to("charles@example.org");
  delivery_status report("relay.example.com", address::parse("ada@example.com").value());
  report.recipients.emplace_back(address::parse("charles@example.org").value(), delivery_action::failed,
                                 enhanced_status{});
  recipient_status& about = report.recipients.front();
  while (!input.empty()) {
    const std::size_t end = input.find('\0');
    const std::string_view call = input.substr(0, end);
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
    if (call.empty()) continue;
    const std::string_view text = call.substr(1);
    switch (call.front()) {
      case 'f': m.from(text); break;
      case 't': m.to(text); break;
      case 'c': m.cc(text); break;
      case 'b': m.bcc(text); break;
      case 'r': m.reply_to(text); break;
      case 's':
        m.subject(text);
        report.subject = text;
        break;
      case 'x':
        m.text(text);
        report.explanation = text;
        break;
      case 'h': m.html(text); break;
      case 'a': m.attach(text, "text/plain", std::string(text)); break;
      case 'm':
        m.attach("mail", "message/rfc822", std::string(text));
        report.original = text;
        break;
      case 'y': m.attach("file", text, "bytes"); break;
      case 'e': m.embed(text, "image/png", std::string(text)); break;
      case 'n': m.header(text.substr(0, text.find('=')), text); break;
      case 'v':
        m.header("X-Value", text);
        about.diagnostic = text;
        break;
      case 'i':
        m.message_id(text);
        report.message_id = text;
        break;
      case 'o': about.original_recipient = about.remote_mta = report.envid = text; break;
      case 'w': report.returned = text.size() % 2 == 0 ? ret::full : ret::none; break;
      default: break;
    }
  }
  if (const auto built = m.build()) well_formed(*built);
  else require(!has_control(built.error().detail));
  if (const auto built = report.build()) well_formed(*built);
  else require(!has_control(built.error().detail));
  return 0;
}
