// A MIME entity (RFC 2045, RFC 2046) on its way into a content: a leaf with bytes, or a multipart of other parts.
#pragma once

#include <postrider/mail/header_field.hpp>
#include <postrider/mail/message_id.hpp>
#include <postrider/mail/mime_parameter.hpp>
#include <postrider/mail/transfer_encoding.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider {

/// Does not own its bytes: they must stay until it was written.
class mime_part {
 public:
  /// Canonical text, in the encoding that suits it. `media_type` carries its charset.
  static mime_part text(std::string_view media_type, std::string_view canonical_text) {
    return {media_type, canonical_text, best_encoding(canonical_text)};
  }
  /// Bytes of any kind, which arrive as they are.
  static mime_part binary(std::string_view media_type, std::string_view bytes) {
    return {media_type, bytes, transfer_encoding::base64};
  }
  /// Canonical lines that must not be encoded (message/*); at most 998 bytes each.
  static mime_part verbatim(std::string_view media_type, std::string_view lines) {
    return {media_type, lines, is_ascii(lines) ? transfer_encoding::seven_bit : transfer_encoding::eight_bit};
  }
  /// `media_type` is without the boundary: it is chosen here, and occurs in none of the parts.
  static mime_part multipart(std::string_view media_type, std::vector<mime_part> parts) {
    const bool eight_bit =
        std::any_of(parts.begin(), parts.end(), [](const mime_part& part) { return part.eight_bit(); });
    mime_part whole(media_type, {}, eight_bit ? transfer_encoding::eight_bit : transfer_encoding::seven_bit);
    whole.parts_ = std::move(parts);
    do whole.boundary_ = "=_" + random_token();
    while (whole.holds(whole.boundary_));
    whole.type_.back() += ';';
    whole.type_.push_back("boundary=\"" + whole.boundary_ + '"');
    return whole;
  }

  /// Adds a header field as `folded_field` wrote it.
  mime_part& field(std::string_view folded) {
    fields_ += folded;
    return *this;
  }

  /// Adds the header fields, the empty line and the body to the end of `out`.
  void write(std::string& out) const {
    out += folded_field("Content-Type", type_);
    if (parts_.empty() || eight_bit())
      out.append("Content-Transfer-Encoding: ").append(to_string(encoding_)).append("\r\n");
    out.append(fields_).append("\r\n");
    if (!parts_.empty()) {
      for (const auto& part : parts_) {
        out.append("--").append(boundary_).append("\r\n");
        part.write(out);
        out += "\r\n";
      }
      out.append("--").append(boundary_).append("--\r\n");
      return;
    }
    switch (encoding_) {
      case transfer_encoding::base64: return append_base64_lines(out, bytes_);
      case transfer_encoding::quoted_printable: out += quoted_printable::encode(bytes_); return;
      case transfer_encoding::seven_bit:
      case transfer_encoding::eight_bit: out += bytes_; return;
    }
  }

 private:
  mime_part(std::string_view media_type, std::string_view bytes, transfer_encoding encoding)
      : type_{std::string(media_type)}, bytes_(bytes), encoding_(encoding) {}

  bool eight_bit() const noexcept { return encoding_ == transfer_encoding::eight_bit; }

  /// Whether `text` is found in any body that is written as it is; encoded ones cannot hold "=_".
  bool holds(std::string_view text) const {
    const bool as_it_is = encoding_ == transfer_encoding::seven_bit || eight_bit();
    return (as_it_is && bytes_.find(text) != std::string_view::npos) ||
           std::any_of(parts_.begin(), parts_.end(), [&](const mime_part& part) { return part.holds(text); });
  }

  std::vector<std::string> type_;  // Content-Type in pieces
  std::string fields_;
  std::string_view bytes_;
  transfer_encoding encoding_;
  std::vector<mime_part> parts_;
  std::string boundary_;
};

}  // namespace postrider
