// The server's side of an SMTP session (RFC 5321), without a socket: bytes in, events and bytes out.
#pragma once

#include <postrider/core/base64.hpp>
#include <postrider/core/secret.hpp>
#include <postrider/mail/envelope.hpp>
#include <postrider/protocol/command_parser.hpp>
#include <postrider/protocol/content_receiver.hpp>
#include <postrider/protocol/ehlo_reply.hpp>
#include <postrider/protocol/envelope_commands.hpp>
#include <postrider/protocol/line_reader.hpp>
#include <postrider/protocol/login_exchange.hpp>
#include <postrider/protocol/server_event.hpp>
#include <postrider/protocol/server_settings.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::protocol {

/// The order of commands and replies, and nothing else: who may do what is asked by events, and what is accepted
/// is said only after the answer. The replies to commands that came together leave together.
class server_dialogue {
 public:
  /// `settings` outlive the dialogue.
  explicit server_dialogue(const server_settings& settings, server_offers offers = {})
      : settings_(settings), offers_(offers), encrypted_(offers.encrypted) {}

  // --- bytes -------------------------------------------------------------------------------------------------------

  /// Says the greeting; a client that has spoken before it is no SMTP client.
  void greet() {
    if (!reader_.rest().empty()) return hang_up("554 5.5.1", "The client spoke before the greeting");
    say("220", settings_.host_name + " ESMTP " + settings_.software);
  }

  /// `bytes` stay the caller's until `next` says `need_bytes`; only then more may be fed.
  void feed(std::string_view bytes) noexcept { reader_.feed(bytes); }

  server_event next() {
    for (;;) {
      if (closed_) return server_event::close;
      if (question_) return *question_;
      if (std::exchange(discard_due_, false)) return server_event::discard_mail;
      if (receiving_) {
        if (const auto event = receive_content()) return *event;
      } else {
        if (leaving_ && !transaction_) {
          hang_up("421 4.3.2", settings_.host_name + " is shutting down");
          continue;
        }
        std::string_view line;
        switch (reader_.next(line)) {
          case line_reader::status::line: auth_ ? take_auth_response(line) : take_command(line); break;
          case line_reader::status::incomplete: return server_event::need_bytes;
          case line_reader::status::too_long: take_overlong_line(); break;
          case line_reader::status::bare_lf: hang_up("554 5.5.2", "Lines end with CR LF, not with LF alone"); break;
          case line_reader::status::junk: hang_up("554 5.5.2", "This server speaks SMTP"); break;
          case line_reader::status::endless: hang_up("554 5.5.2", "Line too long"); break;
        }
      }
    }
  }

  /// What is to be written; the caller empties it.
  std::string& output() noexcept { return output_; }

  // --- questions ---------------------------------------------------------------------------------------------------

  struct login_attempt {
    const std::string& user;
    const secret& password;
    bool proved;  ///< the client knows the password of the keys it was challenged with, and did not say it
  };
  login_attempt login() const noexcept { return {auth_->user(), auth_->password(), auth_->proved()}; }
  /// Nothing is the null reverse-path.
  const std::optional<address>& sender() const noexcept { return transaction_->mail.reverse_path; }
  const address& recipient() const noexcept { return transaction_->mail.recipients.back().forward_path; }
  const envelope& mail() const noexcept { return transaction_->mail; }
  envelope take_mail() noexcept { return std::move(transaction_->mail); }
  std::string take_piece() noexcept { return content_.take_piece(); }

  /// Yes; `words` end the reply ("queued as 1a2b").
  void accept(std::string_view words = {}) {
    switch (answer()) {
      case server_event::verify_login:
        authenticated_ = true;
        auth_.reset();
        return say("235 2.7.0", "Authentication succeeded");
      case server_event::check_sender: return say("250 2.1.0", "Sender accepted");
      case server_event::check_recipient: return say("250 2.1.5", "Recipient accepted");
      case server_event::finish_mail:
        commands_ = 0;
        finish_transaction();
        return say("250 2.0.0", words.empty() ? "Accepted" : words);
      default: return;
    }
  }

  /// The answer to `find_login`. For a name that is nobody's, keys that look like any others.
  void challenge_login(sasl::scram_keys keys) {
    if (answer() != server_event::find_login) return;
    auth_->challenge_with(std::move(keys));
    ask(auth_->challenge());
  }

  /// Yes to `begin_mail`: the client may send the content, which `first` (a Received field) is put before.
  void accept_content(std::string first) {
    if (answer() != server_event::begin_mail) return;
    using framing = content_receiver::framing;
    const std::uint64_t expected = std::max(transaction_->declared_size, chunk_ ? chunk_->size : 0);
    content_ = content_receiver(settings_, std::move(first), expected, chunk_ ? framing::chunks : framing::dot);
    receiving_ = true;
    transaction_->begun = true;
    if (!chunk_) say("354", "End data with <CR><LF>.<CR><LF>");
  }

  /// No; `code` is "550 5.7.1"; one that begins with 421 ends the session. A refused piece of content is told to the
  /// client after the content.
  void refuse(std::string_view code, std::string_view words) {
    if (code.substr(0, 3) == "421") return hang_up(code, words);
    switch (answer()) {
      case server_event::find_login:
      case server_event::verify_login:
        auth_.reset();
        if (code.substr(0, 3) == "535") ++rejected_logins_;
        say(code, words);
        if (++failed_logins_ >= settings_.failed_logins) hang_up("421 4.7.0", "Too many failed logins");
        return;
      case server_event::check_sender: refuse_mail(); return say(code, words);
      case server_event::check_recipient: transaction_->mail.recipients.pop_back(); return say(code, words);
      case server_event::content: return refuse_content(code, words);
      case server_event::begin_mail:
        if (chunk_) return refuse_content(code, words);
        end_transaction();
        return say(code, words);
      case server_event::finish_mail: finish_transaction(); return say(code, words);
      default: return;
    }
  }

  /// The handshake succeeded: what the client said and was told before is forgotten (RFC 3207 section 4.2).
  void tls_started() {
    answer();
    encrypted_ = true;
    extended_ = false;
    helo_.clear();
    end_transaction();
  }

  // --- from outside ------------------------------------------------------------------------------------------------

  /// The session ends after the transaction under way, if there is one.
  void shut_down() noexcept { leaving_ = true; }
  /// The client took too long.
  void time_out() { hang_up("421 4.4.2", "Timeout, closing the connection"); }

  // --- what is known -----------------------------------------------------------------------------------------------

  bool in_transaction() const noexcept { return transaction_.has_value(); }
  /// The content of a mail is on its way: what comes next is a part of it, or the command that says how large that is.
  bool receiving() const noexcept { return receiving_ || (transaction_ && transaction_->begun); }
  bool closed() const noexcept { return closed_; }
  bool extended() const noexcept { return extended_; }
  bool encrypted() const noexcept { return encrypted_; }
  bool authenticated() const noexcept { return authenticated_; }
  /// How often a name or its password was wrong.
  std::size_t rejected_logins() const noexcept { return rejected_logins_; }
  /// What the client calls itself.
  const std::string& helo() const noexcept { return helo_; }

 private:
  struct incoming {
    envelope mail;
    std::uint64_t declared_size = 0;
    std::uint64_t octets = 0;  ///< in the chunks so far
    bool begun = false;        ///< its content has begun: nothing but chunks and RSET may follow
    std::string refusal{};     ///< the content is refused, and this is said at its end
  };

  // --- replies -----------------------------------------------------------------------------------------------------

  void say(std::string_view code, std::string_view words) { add_reply(output_, code, words); }

  /// One line; what could end it or is not ASCII becomes a question mark.
  static void add_reply(std::string& to, std::string_view code, std::string_view words) {
    to.append(code).append(1, ' ');
    for (const char c : words.substr(0, 480)) to += c >= ' ' && c <= '~' ? c : '?';
    to += "\r\n";
  }

  /// A reply to a command that a proper client does not send.
  void bad(std::string_view code, std::string_view words) {
    say(code, words);
    if (++bad_commands_ >= settings_.bad_commands) hang_up("421 4.7.0", "Too many errors");
  }

  void hang_up(std::string_view code, std::string_view words) {
    say(code, words);
    close();
  }

  void close() noexcept {
    closed_ = true;
    question_.reset();
    end_transaction();
  }

  server_event answer() noexcept { return std::exchange(question_, std::nullopt).value_or(server_event::need_bytes); }

  void end_transaction() noexcept {
    discard_due_ = transaction_ && transaction_->begun && transaction_->refusal.empty();
    transaction_.reset();
    chunk_.reset();
    receiving_ = false;
    mail_refused_ = false;
  }

  /// The mail is its acceptor's, or its acceptor gave it up: there is nothing to discard.
  void finish_transaction() noexcept {
    transaction_->begun = false;
    end_transaction();
  }

  void refuse_mail() noexcept {
    end_transaction();
    mail_refused_ = true;
  }

  // --- commands ----------------------------------------------------------------------------------------------------

  void take_overlong_line() {
    auth_.reset();
    bad("500 5.5.2", "Line too long");
  }

  void take_command(std::string_view line) {
    const command said = parse_command(line);
    if (said.name != verb::quit && settings_.commands != 0 && ++commands_ > settings_.commands)
      return hang_up("421 4.7.0", "Too many commands without a mail");
    if (said.name == verb::foreign) return hang_up("554 5.5.1", "This server speaks SMTP");
    const bool must_wait = ends_group(said.name) || !extended_;
    if (must_wait && said.name != verb::quit && !reader_.rest().empty())
      return hang_up("554 5.5.1", "The client went on before it had read the reply");
    if (said.name == verb::bdat) return bdat(said.argument);
    if (line.size() + 2 > longest_line(said.name)) return bad("500 5.5.2", "Line too long");
    if (has_control(line)) return bad("500 5.5.2", "A command has no control characters");
    switch (said.name) {
      case verb::ehlo:
      case verb::helo: return hello(said);
      case verb::starttls: return starttls(said.argument);
      case verb::auth: return auth(said.argument);
      case verb::mail: return mail(said.argument);
      case verb::rcpt: return rcpt(said.argument);
      case verb::data: return data(said.argument);
      case verb::rset:
        if (!said.argument.empty()) return bad("501 5.5.4", "RSET takes no argument");
        end_transaction();
        return say("250 2.0.0", "Reset");
      case verb::noop: return say("250 2.0.0", "OK");
      case verb::vrfy:
        if (said.argument.empty()) return bad("501 5.5.4", "VRFY needs an address");
        return say("252 2.1.5", "Send a mail and see");
      case verb::help:
        return say("214 2.0.0", "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT; RFC 5321");
      case verb::bdat: return;
      case verb::quit: say("221 2.0.0", settings_.host_name + " closes the connection"); return close();
      case verb::expn: return bad("502 5.5.1", "EXPN is not offered");
      case verb::foreign:
      case verb::unknown: break;
    }
    bad("500 5.5.1", "Unknown command");
  }

  void hello(const command& said) {
    if (!acceptable_name(said.argument)) return bad("501 5.5.4", "A name is needed, printable and without blanks");
    end_transaction();
    helo_ = said.argument;
    extended_ = said.name == verb::ehlo;
    if (!extended_) return say("250", settings_.host_name);
    append_ehlo_reply(output_, settings_, offers_, encrypted_);
  }

  void starttls(std::string_view argument) {
    if (encrypted_) return bad("503 5.5.1", "TLS is already there");
    if (!offers_.starttls) return bad("502 5.5.1", "STARTTLS is not offered");
    if (!argument.empty()) return bad("501 5.5.4", "STARTTLS takes no argument");
    say("220 2.0.0", "Ready to start TLS");
    question_ = server_event::start_tls;
  }

  void auth(std::string_view argument) {
    if (!offers_.auth) return bad("502 5.5.1", "AUTH is not offered");
    if (!encrypted_) return bad("538 5.7.11", "AUTH needs TLS: STARTTLS first");
    if (!extended_ || authenticated_ || transaction_)
      return bad("503 5.5.1", "AUTH comes once, after EHLO and before MAIL");
    const std::size_t blank = argument.find(' ');
    auth_ = login_exchange::begin(argument.substr(0, blank), offers_.scram);
    if (!auth_) return bad("504 5.5.4", "That mechanism is not offered");
    if (blank == argument.npos) return ask(auth_->challenge());
    const std::string_view initial = detail::without_blanks(argument.substr(blank));
    take_auth_response(initial == "=" ? std::string_view() : initial);
  }

  void ask(std::string_view challenge) { output_.append("334 ").append(base64::encode(challenge)).append("\r\n"); }

  void take_auth_response(std::string_view text) {
    if (!reader_.rest().empty()) return hang_up("554 5.5.1", "The client went on before it had read the reply");
    if (text == "*") {
      auth_.reset();
      return bad("501 5.7.0", "Authentication cancelled");
    }
    auto decoded = base64::decode(text);
    if (!decoded) {
      auth_.reset();
      return bad("501 5.5.2", "That is not base64");
    }
    switch (auth_->respond(secret(std::move(*decoded)))) {
      case login_exchange::step::challenge: return ask(auth_->challenge());
      case login_exchange::step::look_up: question_ = server_event::find_login; return;
      case login_exchange::step::complete: question_ = server_event::verify_login; return;
      case login_exchange::step::refused: break;
    }
    question_ = server_event::verify_login;
    refuse("535 5.7.8", "Authentication credentials invalid");
  }

  void mail(std::string_view argument) {
    if (helo_.empty()) return bad("503 5.5.1", "EHLO first");
    if (transaction_) return bad("503 5.5.1", "A mail is already under way");
    if (settings_.mails != 0 && ++mails_ > settings_.mails)
      return hang_up("421 4.5.3", "Too many mails in one session, the next one in another");
    auto from = parse_mail_from(argument, {.extended = extended_,
                                           .auth = extended_ && offers_.auth && encrypted_,
                                           .message_size = settings_.message_size});
    if (!from) {
      refuse_mail();
      return refuse_command(from.error());
    }
    end_transaction();
    transaction_.emplace(incoming{envelope(std::move(from->sender), {}), from->size});
    transaction_->mail.ret = from->ret;
    transaction_->mail.envid = std::move(from->envid);
    question_ = server_event::check_sender;
  }

  void rcpt(std::string_view argument) {
    if (!transaction_) return no_transaction();
    if (transaction_->begun) return bad("503 5.5.1", "The content has begun");
    auto to = parse_rcpt_to(argument, settings_.host_name, extended_);
    if (!to) return refuse_command(to.error());
    if (transaction_->mail.recipients.size() >= settings_.recipients) return say("452 4.5.3", "Too many recipients");
    transaction_->mail.recipients.push_back(std::move(*to));
    question_ = server_event::check_recipient;
  }

  void refuse_command(const command_refusal& why) { why.blame ? bad(why.code, why.words) : say(why.code, why.words); }

  /// After a refused MAIL, a client that pipelines cannot know: it is not to be blamed for going on.
  void no_transaction() { mail_refused_ ? say("503 5.5.1", "MAIL was refused") : bad("503 5.5.1", "MAIL first"); }

  void data(std::string_view argument) {
    if (!transaction_) return no_transaction();
    if (transaction_->begun) return bad("503 5.5.1", "The content has begun with BDAT");
    if (!argument.empty()) return bad("501 5.5.4", "DATA takes no argument");
    if (transaction_->mail.recipients.empty()) return say("554 5.5.1", "No valid recipients");
    question_ = server_event::begin_mail;
  }

  /// Its octets follow whatever is said to it. Where it is unknown how many there are, there is no way on.
  void bdat(std::string_view argument) {
    chunk_ = parse_chunk(argument);
    if (!chunk_ || !extended_) return hang_up("501 5.5.4", "The syntax is BDAT size [LAST], after EHLO");
    chunk_left_ = chunk_->size;
    receiving_ = true;
    if (lost()) return;
    const bool first = !std::exchange(transaction_->begun, true);
    if (first && transaction_->mail.recipients.empty()) return refuse_content("554 5.5.1", "No valid recipients");
    const std::uint64_t most = settings_.message_size == 0 ? UINT64_MAX : settings_.message_size;
    if (chunk_->size > most - transaction_->octets) {
      discard_due_ = !first;
      return refuse_content("552 5.3.4", "The mail is too big");
    }
    transaction_->octets += chunk_->size;
    --commands_;  // a part of a mail is no idle talk
    if (first) question_ = server_event::begin_mail;
  }

  // --- content -----------------------------------------------------------------------------------------------------

  /// What comes of it from now on is dropped, and this is said at its end.
  void refuse_content(std::string_view code, std::string_view words) {
    content_.drop();
    add_reply(transaction_->refusal, code, words);
  }

  /// There is nothing to keep of a content, or not any more.
  bool lost() const noexcept { return !transaction_ || !transaction_->refusal.empty(); }

  std::optional<server_event> receive_content() {
    const bool dropping = lost();
    take_octets(dropping);
    if (!dropping && content_.judgement() != content_receiver::verdict::fine) {
      refuse_judged();
      return server_event::discard_mail;
    }
    if (!chunk_ && content_.ended_wrongly()) {
      hang_up("554 5.6.0", "A bare CR or LF; content ends with CR LF . CR LF");
      return std::nullopt;
    }
    const bool ended = chunk_ ? chunk_left_ == 0 : content_.ended();
    if (!dropping && (content_.full() || (ended && content_.ended() && !content_.empty())))
      question_ = server_event::content;
    else if (!ended) return server_event::need_bytes;
    else if (chunk_ && !(chunk_->last && transaction_)) end_chunk();
    else if (!dropping) question_ = server_event::finish_mail;
    else say_refusal();
    return question_;
  }

  /// Of a chunk its length is known; the end of other content is found by reading it, even if it is dropped.
  void take_octets(bool dropping) {
    std::string_view octets = reader_.rest();
    if (!chunk_) return reader_.use(content_.take(octets));
    octets = octets.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, octets.size())));
    const std::size_t used = dropping ? octets.size() : content_.take(octets);
    reader_.use(used);
    chunk_left_ -= used;
    if (!dropping && chunk_->last && chunk_left_ == 0) content_.end_chunks();
  }

  /// A chunk behind which more will come, or one that belongs to no mail.
  void end_chunk() {
    const std::uint64_t size = std::exchange(chunk_, std::nullopt)->size;
    receiving_ = false;
    if (!transaction_) return no_transaction();
    if (lost()) output_ += transaction_->refusal;
    else say("250 2.0.0", std::to_string(size) + " octets received");
  }

  void refuse_judged() {
    using verdict = content_receiver::verdict;
    switch (content_.judgement()) {
      case verdict::too_big: return refuse_content("552 5.3.4", "The mail is too big");
      case verdict::bare_line_end: return refuse_content("554 5.6.0", "A bare CR or LF; lines end with CR LF");
      case verdict::loop: return refuse_content("554 5.4.6", "Too many Received fields: a mail loop");
      case verdict::continuation: return refuse_content("554 5.6.0", "The header begins with a blank");
      case verdict::fine: return;
    }
  }

  void say_refusal() {
    output_ += transaction_->refusal;
    end_transaction();
  }

  const server_settings& settings_;
  server_offers offers_;
  line_reader reader_;
  std::string output_;
  std::string helo_;
  std::optional<incoming> transaction_;
  std::optional<login_exchange> auth_;
  content_receiver content_;
  std::optional<chunk_argument> chunk_;  // the one whose octets come
  std::uint64_t chunk_left_ = 0;
  std::optional<server_event> question_;
  std::size_t bad_commands_ = 0;
  std::size_t failed_logins_ = 0;
  std::size_t rejected_logins_ = 0;
  std::size_t commands_ = 0;  // since the last mail that was taken
  std::size_t mails_ = 0;
  bool encrypted_;
  bool extended_ = false;
  bool authenticated_ = false;
  bool receiving_ = false;
  bool discard_due_ = false;  // the acceptor is to be told that nothing will come of its mail
  bool mail_refused_ = false;
  bool leaving_ = false;
  bool closed_ = false;
};

}  // namespace postrider::protocol
