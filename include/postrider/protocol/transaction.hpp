// One mail on its way through a session: which of its recipients still may be accepted, and how its commands read.
#pragma once

#include <postrider/core/receipt.hpp>
#include <postrider/mail/mail.hpp>
#include <postrider/protocol/capabilities.hpp>
#include <postrider/protocol/command.hpp>
#include <postrider/protocol/notification_parameters.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::protocol {

/// A mail that left the session.
struct settled_mail {
  std::uint64_t ticket = 0;
  receipt outcome;
  bool untouched = false;  ///< the session ended before a byte of its content was written: another one may take it
};

class transaction {
 public:
  transaction(std::uint64_t ticket, postrider::mail mail) : ticket_(ticket), mail_(std::move(mail)) {}

  const postrider::mail& mail() const noexcept { return mail_; }
  std::size_t recipients() const noexcept { return mail_.envelope().recipients.size(); }

  /// Why this session cannot take the mail at all, before anything of it is written.
  std::optional<failure> unfit(const capabilities& offered) const {
    const content_traits& traits = mail_.content().traits();
    const auto because = [](cause why, std::string detail) {
      failure unfit(why, stage::mail, std::move(detail));
      if (why == cause::invalid_configuration) unfit.field = field::message;  // nobody else's mail has this trouble
      return unfit;
    };
    if (recipients() == 0) return because(cause::invalid_configuration, "the mail has no recipient");
    if (traits.has_bare_cr_or_lf)
      return because(cause::invalid_configuration, "the content has a CR or LF that is not CRLF");
    if (traits.eight_bit && !offered.eight_bit_mime)
      return because(cause::eight_bit_unsupported, "the content has 8-bit text, the server does not offer 8BITMIME");
    if (mail_.needs_smtputf8() && !offered.smtputf8)
      return because(cause::smtputf8_unsupported, "an address is not ASCII, the server does not offer SMTPUTF8");
    if (offered.size && offered.size_limit != 0 && traits.size > offered.size_limit)
      return because(cause::message_too_big, "the mail has " + std::to_string(traits.size) +
                                                 " bytes, the server takes " + std::to_string(offered.size_limit));
    return std::nullopt;
  }

  /// Appends MAIL (RFC 5321 section 4.1.1.2 with RFC 1870, 6152, 6531, 3461).
  result<void> append_mail(std::string& commands, const capabilities& offered) const {
    using namespace std::string_view_literals;
    const std::size_t start = commands.size();
    commands += "MAIL FROM:<"sv;
    if (mail_.envelope().reverse_path) commands += mail_.envelope().reverse_path->str();
    commands += '>';
    if (offered.size) (commands += " SIZE="sv) += std::to_string(mail_.content().traits().size);
    if (mail_.content().traits().eight_bit) commands += " BODY=8BITMIME"sv;
    if (mail_.needs_smtputf8()) commands += " SMTPUTF8"sv;
    if (auto said = append_wishes(commands, start, mail_.envelope(), offered); !said) return said;
    return finish_command(commands, start, stage::mail);
  }

  /// Appends RCPT for recipient `index` (RFC 5321 section 4.1.1.3 with RFC 3461).
  result<void> append_rcpt(std::string& commands, std::size_t index, const capabilities& offered) const {
    using namespace std::string_view_literals;
    const std::size_t start = commands.size();
    commands += "RCPT TO:<"sv;
    commands += mail_.envelope().recipients[index].forward_path.str();
    commands += '>';
    if (auto said = append_wishes(commands, start, mail_.envelope().recipients[index], offered); !said) return said;
    return finish_command(commands, start, stage::rcpt);
  }

  bool refused(std::size_t index) const noexcept { return !failures_.empty() && failures_[index].has_value(); }
  void refuse(std::size_t index, failure why) {
    if (failures_.empty()) failures_.resize(recipients());
    if (!failures_[index]) failures_[index] = std::move(why);
  }
  /// Refuses every recipient that was not refused before.
  void refuse_rest(const failure& why) {
    if (failures_.empty()) failures_.resize(recipients());
    for (auto& known : failures_)
      if (!known) known = why;
  }
  /// Whatever was known of the recipients does not hold any more.
  void replace_failures(const failure& why) { failures_.assign(recipients(), why); }
  void accept() noexcept { ++accepted_; }
  std::size_t accepted() const noexcept { return accepted_; }

  /// Its sender wants it back: its content is not to be written.
  bool withdrawn = false;

  /// The number of its content in the session's output, once it is there.
  std::optional<std::uint64_t> content_number;

  std::uint64_t ticket() const noexcept { return ticket_; }

  /// Ends it with its session, which failed as `why` says; contents with numbers below `begun` had begun to be written,
  /// those below `arrived` may have arrived to the last byte.
  settled_mail interrupted(failure why, std::uint64_t begun, std::uint64_t arrived) {
    const bool touched = content_number && begun > *content_number;
    why.outcome = outcome::transient;  // the session failed, not the mail
    if (touched) why.stage = stage::data;
    if (touched && arrived > *content_number) {
      why.stage = stage::final;
      why.outcome = outcome::unknown;
      why.action = action::retry;
    }
    refuse_rest(why);
    settled_mail done = settle(why.server);
    done.untouched = !touched;
    return done;
  }

  /// Ends it. Recipients without a failure count as accepted.
  settled_mail settle(const std::string& server, std::vector<std::string> final_reply = {}) {
    settled_mail done;
    done.ticket = ticket_;
    done.outcome.server = server;
    done.outcome.final_reply = std::move(final_reply);
    done.outcome.recipients.reserve(recipients());
    for (std::size_t i = 0; i < recipients(); ++i) {
      const std::string& address = mail_.envelope().recipients[i].forward_path.str();
      if (refused(i)) done.outcome.recipients.emplace_back(address, std::move(*failures_[i]));
      else done.outcome.recipients.emplace_back(address, outcome::accepted);
    }
    return done;
  }

 private:
  /// What a server without DSN is not told. Nothing is left of a command that cannot be said.
  template <class Wishes>
  static result<void> append_wishes(std::string& commands, std::size_t start, const Wishes& of,
                                    const capabilities& offered) {
    if (!offered.dsn) return {};
    auto said = append_notification_parameters(commands, of);
    if (!said) commands.resize(start);
    return said;
  }

  std::uint64_t ticket_;
  postrider::mail mail_;
  std::vector<std::optional<failure>> failures_;  // empty as long as nobody was refused
  std::size_t accepted_ = 0;
};

}  // namespace postrider::protocol
