// Builds a mail from what people see of it: who, what about, text, HTML, attachments.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/mail/date.hpp>
#include <postrider/mail/header_field.hpp>
#include <postrider/mail/mail.hpp>
#include <postrider/mail/mailbox.hpp>
#include <postrider/mail/message_id.hpp>
#include <postrider/mail/mime_part.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider {

/// What is wrong with an argument is told by `build`: the failure of the first bad one, naming its header field. All
/// text is UTF-8; line ends may be of any kind. The mail that is built is ASCII, except for addresses that are not.
class message {
 public:
  /// One mailbox: "Ada <ada@example.com>", or its parts. The first one is the reverse-path of the envelope.
  message& from(std::string_view text) { return add(from_, "From", text, field::sender); }
  message& from(mailbox box) { return add(from_, "From", std::move(box)); }
  message& to(std::string_view text) { return add(to_, "To", text); }
  message& to(mailbox box) { return add(to_, "To", std::move(box)); }
  message& cc(std::string_view text) { return add(cc_, "Cc", text); }
  message& cc(mailbox box) { return add(cc_, "Cc", std::move(box)); }
  /// Recipients that no reader of the mail sees: they are in the envelope alone.
  message& bcc(std::string_view text) { return add(bcc_, "Bcc", text); }
  message& bcc(mailbox box) { return add(bcc_, "Bcc", std::move(box)); }
  message& reply_to(std::string_view text) { return add(reply_to_, "Reply-To", text); }
  message& reply_to(mailbox box) { return add(reply_to_, "Reply-To", std::move(box)); }

  message& subject(std::string_view text) {
    if (acceptable("Subject", text)) subject_ = text;
    return *this;
  }
  /// The body as plain text; with `html` too, readers choose.
  message& text(std::string_view body) {
    if (!is_utf8(body)) refuse("Content-Type", "the text is not UTF-8");
    text_ = canonical(body);
    return *this;
  }
  message& html(std::string_view body) {
    if (!is_utf8(body)) refuse("Content-Type", "the HTML is not UTF-8");
    html_ = canonical(body);
    return *this;
  }
  /// A file, byte for byte. A mail as attachment (message/rfc822) must have no line over 998 bytes, and its line ends
  /// become CRLF.
  message& attach(std::string_view filename, std::string_view media_type, std::string bytes) {
    if (acceptable("Content-Disposition", filename) && acceptable_type(media_type))
      attachments_.push_back({std::string(filename), std::string(media_type), std::move(bytes)});
    return *this;
  }
  /// An image or other part that the HTML shows as src="cid:content_id".
  message& embed(std::string_view content_id, std::string_view media_type, std::string bytes) {
    const bool valid = !content_id.empty() && content_id.size() <= 200 &&
                       std::all_of(content_id.begin(), content_id.end(),
                                   [](char c) { return detail::is_atext(c) && c >= 0 ? true : c == '@' || c == '.'; });
    if (!valid) refuse("Content-ID", "\"" + printable(content_id) + "\" is not letters, digits, dots and @");
    else if (acceptable_type(media_type))
      embedded_.push_back({std::string(content_id), std::string(media_type), std::move(bytes)});
    return *this;
  }
  /// A header field of free text. What the builder writes itself is refused.
  message& header(std::string_view name, std::string_view value) {
    constexpr std::array<std::string_view, 11> own{"From",       "Sender",       "To",         "Cc",
                                                   "Bcc",        "Reply-To",     "Subject",    "Date",
                                                   "Message-ID", "MIME-Version", "Return-Path"};
    const auto same = [&](std::string_view other) { return equal_ignoring_case(name, other); };
    if (!is_field_name(name)) refuse(printable(name), "this is not the name of a header field");
    else if (std::any_of(own.begin(), own.end(), same) || equal_ignoring_case(name.substr(0, 8), "Content-"))
      refuse(name, "the builder writes this header field itself");
    else if (acceptable(name, value)) headers_ += unstructured_field(name, value);
    return *this;
  }
  /// With or without its angle brackets. Chosen by `build` if it is not said.
  message& message_id(std::string_view id) {
    message_id_ = id.starts_with('<') ? std::string(id) : '<' + std::string(id) + '>';
    if (!is_message_id(message_id_))
      refuse("Message-ID", "\"" + printable(id) + "\" is not left@right in visible ASCII");
    return *this;
  }
  /// The time of `build` if it is not said.
  message& date(std::chrono::system_clock::time_point when) {
    date_ = when;
    return *this;
  }

  /// The mail, or what is wrong: the first bad argument, no From, no recipient. May be called again: only what was
  /// not said (date, Message-ID, boundaries) differs.
  result<mail> build() const;

 private:
  struct file {
    std::string name;  // file name or content id
    std::string media_type;
    std::string bytes;
  };

  static failure refusal(std::string_view header, std::string_view why, field look_at = field::message) {
    failure refused(cause::invalid_configuration, stage::queue, "header ");
    refused.detail.append(header).append(": ").append(why);
    refused.field = look_at;
    return refused;
  }
  void refuse(std::string_view header, std::string_view why, field look_at = field::message) {
    if (!refused_) refused_ = refusal(header, why, look_at);
  }

  /// The one place that keeps header injection out: tabs are the only control characters that pass.
  bool acceptable(std::string_view header, std::string_view text, field look_at = field::message) {
    const bool control = std::any_of(text.begin(), text.end(), [](char c) { return is_control(c) && c != '\t'; });
    if (control) refuse(header, "\"" + printable(text) + "\" has a control character", look_at);
    else if (!is_utf8(text)) refuse(header, "\"" + printable(text) + "\" is not UTF-8", look_at);
    return !control && is_utf8(text);
  }
  bool acceptable_type(std::string_view media_type) {
    const std::string_view essence = media_type.substr(0, media_type.find(';'));
    const std::size_t slash = essence.find('/');
    const bool valid = slash != std::string_view::npos && detail::is_token(essence.substr(0, slash)) &&
                       detail::is_token(essence.substr(slash + 1)) && is_ascii(media_type) &&
                       !has_control(media_type) && media_type.size() <= 200 &&
                       !equal_ignoring_case(essence.substr(0, slash), "multipart");
    if (!valid) refuse("Content-Type", "\"" + printable(media_type) + "\" is not the media type of a file");
    return valid;
  }

  message& add(std::vector<mailbox>& boxes, std::string_view header, std::string_view text,
               field look_at = field::recipient) {
    auto box = mailbox::parse(text, look_at);
    if (box) boxes.push_back(std::move(*box));
    else refuse(header, box.error().detail, look_at);
    return *this;
  }
  message& add(std::vector<mailbox>& boxes, std::string_view header, mailbox box) {
    if (acceptable(header, box.display_name())) boxes.push_back(std::move(box));
    return *this;
  }

  postrider::envelope make_envelope() const;
  mime_part body() const;
  result<mime_part> attachment(const file& attached, std::string& canonical_lines) const;

  std::vector<mailbox> from_, to_, cc_, bcc_, reply_to_;
  std::optional<std::string> subject_, text_, html_;
  std::vector<file> attachments_, embedded_;
  std::string headers_;
  std::string message_id_;
  std::optional<std::chrono::system_clock::time_point> date_;
  std::optional<failure> refused_;
};

inline result<mail> message::build() const {
  if (refused_) return fail(*refused_);
  if (from_.empty()) return fail(refusal("From", "a mail needs a sender", field::sender));
  if (to_.empty() && cc_.empty() && bcc_.empty())
    return fail(refusal("To", "a mail needs a recipient", field::recipient));
  if (!embedded_.empty() && !html_)
    return fail(
        refusal("Content-ID", "\"" + embedded_.front().name + "\" is embedded, but there is no HTML to show it"));
  postrider::envelope envelope = make_envelope();
  for (const auto& [header, boxes] : {std::pair("From", &from_), std::pair("Reply-To", &reply_to_)})
    for (const auto& box : *boxes)
      if (box.address().needs_smtputf8() && !envelope.needs_smtputf8())
        return fail(refusal(header, "\"" + box.address().str() + "\" is not ASCII, while sender and recipients are"));

  std::string bytes = "Date: " + internet_date(date_.value_or(std::chrono::system_clock::now())) + "\r\n";
  bytes += address_field("From", from_);
  if (from_.size() > 1) bytes += address_field("Sender", std::span(from_).first(1));
  if (!reply_to_.empty()) bytes += address_field("Reply-To", reply_to_);
  if (!to_.empty()) bytes += address_field("To", to_);
  if (!cc_.empty()) bytes += address_field("Cc", cc_);
  if (to_.empty() && cc_.empty()) bytes += "To: undisclosed-recipients:;\r\n";
  if (subject_) bytes += unstructured_field("Subject", *subject_);
  bytes +=
      "Message-ID: " + (message_id_.empty() ? make_message_id(from_.front().address().domain()) : message_id_) + "\r\n";
  bytes += headers_;
  bytes += "MIME-Version: 1.0\r\n";

  std::vector<std::string> mails_attached(attachments_.size());  // what a part refers to lives until it is written
  std::vector<mime_part> parts{body()};
  for (std::size_t i = 0; i < attachments_.size(); ++i) {
    auto part = attachment(attachments_[i], mails_attached[i]);
    if (!part) return fail(std::move(part.error()));
    parts.push_back(std::move(*part));
  }
  if (parts.size() == 1) parts.front().write(bytes);
  else mime_part::multipart("multipart/mixed", std::move(parts)).write(bytes);
  return mail(std::move(envelope), postrider::content(std::move(bytes)));
}

/// Who stands in two fields is one recipient.
inline postrider::envelope message::make_envelope() const {
  std::vector<recipient> recipients;
  for (const auto* boxes : {&to_, &cc_, &bcc_})
    for (const auto& box : *boxes) {
      const auto same = [&](const recipient& other) { return other.forward_path == box.address(); };
      if (std::none_of(recipients.begin(), recipients.end(), same)) recipients.emplace_back(box.address());
    }
  return {from_.front().address(), std::move(recipients)};
}

/// Text and HTML with what the HTML shows, nested no deeper than needed.
inline mime_part message::body() const {
  constexpr std::string_view plain_type = "text/plain; charset=utf-8";
  constexpr std::string_view html_type = "text/html; charset=utf-8";
  if (!html_) return mime_part::text(plain_type, text_ ? std::string_view(*text_) : std::string_view());
  mime_part shown = mime_part::text(html_type, *html_);
  if (text_) {
    std::vector<mime_part> choices{mime_part::text(plain_type, *text_), std::move(shown)};
    shown = mime_part::multipart("multipart/alternative", std::move(choices));
  }
  if (embedded_.empty()) return shown;
  const std::string root_type = text_ ? "multipart/alternative" : "text/html";
  std::vector<mime_part> related{std::move(shown)};
  for (const auto& image : embedded_) {
    mime_part part = mime_part::binary(image.media_type, image.bytes);
    part.field("Content-ID: <" + image.name + ">\r\n").field("Content-Disposition: inline\r\n");
    related.push_back(std::move(part));
  }
  return mime_part::multipart("multipart/related; type=\"" + root_type + '"', std::move(related));
}

inline result<mime_part> message::attachment(const file& attached, std::string& canonical_lines) const {
  const bool is_mail =
      equal_ignoring_case(attached.media_type.substr(0, attached.media_type.find(';')), "message/rfc822");
  if (is_mail) {  // RFC 2046 section 5.2.1 forbids to encode it
    canonical_lines = canonical(attached.bytes);
    if (content_traits::of(canonical_lines).longest_line > longest_mail_line)
      return fail(refusal("Content-Type", "the mail \"" + attached.name +
                                              "\" has a line over 998 bytes: attach it as application/octet-stream"));
  }
  mime_part part = is_mail ? mime_part::verbatim(attached.media_type, canonical_lines)
                           : mime_part::binary(attached.media_type, attached.bytes);
  std::vector<std::string> disposition{"attachment;"};
  for (auto& piece : mime_parameter("filename", attached.name)) disposition.push_back(std::move(piece));
  part.field(folded_field("Content-Disposition", disposition));
  return part;
}

}  // namespace postrider
