// What parses as an address can stand in a command, and parses again to the same address.
#include <postrider/mail/address.hpp>
#include <postrider/mail/mailbox.hpp>

#include "fuzz/require.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace postrider;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto found = address::parse(text)) {
    require(!has_control(found->str()) && is_utf8(found->str()) && found->str().size() <= address::longest);
    const auto again = address::parse(found->str());
    require(again && *again == *found && again->str() == found->str());
    require(found->needs_smtputf8() == !is_ascii(found->str()));
    require(mailbox::parse(found->str())->address() == *found);
  } else {
    require(!found.error().detail.empty() && !has_control(found.error().detail) && is_utf8(found.error().detail));
  }
  if (const auto box = mailbox::parse(text)) require(!has_control(box->display_name()) && is_utf8(box->display_name()));
  return 0;
}
