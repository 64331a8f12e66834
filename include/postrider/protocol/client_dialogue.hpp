// The client's side of an SMTP session (RFC 5321) without a socket: the only place that knows the order of commands.
#pragma once

#include <postrider/core/ring.hpp>
#include <postrider/core/server.hpp>
#include <postrider/protocol/capabilities.hpp>
#include <postrider/protocol/classify.hpp>
#include <postrider/protocol/command.hpp>
#include <postrider/protocol/output.hpp>
#include <postrider/protocol/reply.hpp>
#include <postrider/protocol/reset_allowance.hpp>
#include <postrider/protocol/send_window.hpp>
#include <postrider/protocol/session_setup.hpp>
#include <postrider/protocol/spoken.hpp>
#include <postrider/protocol/step.hpp>
#include <postrider/protocol/transaction.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::protocol {

/// Ask it what may be written (`gather`), tell it what was written (`consume`) and what came in (`received`), give it
/// mails while it `accepts_mail`, and take what became of them (`next_settled`). It begins by wanting TLS if the
/// server's security is `tls`; whenever `wants_tls`, the driver makes a handshake and reports `tls_established`.
/// When it is `closed`, every mail given to it has been settled. Not for use by two threads at once.
class client_dialogue {
 public:
  /// `ehlo_name` is used unless the server's definition has one. `listener` may be null; it must outlive the dialogue.
  client_dialogue(server definition, std::string ehlo_name, trace* listener = nullptr)
      : server_(std::move(definition)),
        endpoint_(server_.endpoint()),
        spoken_(listener, server_.account.password),
        setup_(server_, std::move(ehlo_name)),
        window_(server_.quirks.window) {
    make(setup_.begin(server_));
  }

  // The session as a whole.
  bool ready() const noexcept { return phase_ == phase::ready; }
  bool closed() const noexcept { return phase_ == phase::closed; }
  bool wants_tls() const noexcept { return phase_ == phase::handshake; }
  bool idle() const noexcept { return ready() && transactions_.empty() && output_.empty() && expected_.empty(); }
  const capabilities& offered() const noexcept { return setup_.offered(); }
  /// Why the session ended; null while it lives and after a QUIT that was asked for.
  const failure* ended_by() const noexcept { return ended_by_ ? &*ended_by_ : nullptr; }

  /// The handshake succeeded.
  void tls_established(std::string_view description) {
    phase_ = phase::setup;
    spoken_.passed(stage::tls, description);
    make(setup_.tls_established(server_));
  }

  /// The connection is of no further use: lost, timed out, or given up by its driver. No write is under way any more,
  /// and all that was written has been consumed.
  void lost(failure why) {
    if (closed()) return;
    if (!expected_.empty() && why.stage == stage::queue) why.stage = stage_of(expected_.front().kind);
    end(std::move(why), output_.contents_written());
  }

  /// QUIT once everything that was begun has ended.
  void quit() {
    if (phase_ != phase::ready || quitting_) return;
    quitting_ = true;
    quit_when_idle();
  }

  // Mails.
  /// True if `push` may be called: the session is idle or, with PIPELINING, only contents stand before the next mail;
  /// one of them, or as many as the window admits.
  bool accepts_mail() const noexcept {
    if (phase_ != phase::ready || quitting_) return false;
    if (transactions_.empty()) return true;
    if (!offered().pipelining || !transactions_.back().content_number) return false;
    if (offered().chunking && server_.quirks.no_rset) return false;
    return !windowed() || window_.admits(transactions_.size(), unanswered_bytes_);
  }

  /// Takes `mail`; its outcome comes from `next_settled` under `ticket`.
  void push(std::uint64_t ticket, mail mail) {
    transaction taken(ticket, std::move(mail));
    if (auto unfit = taken.unfit(offered())) return settle_unsent(taken, std::move(*unfit));
    // What a refused BDAT leaves behind must not get this mail's recipients: RSET before a MAIL that is written ahead.
    const bool stale = transactions_.empty() ? transaction_open_ : offered().chunking;
    transactions_.push_back(std::move(taken));
    if (stale) reset();
    if (!stale || offered().pipelining) send_envelope(transactions_.back());
  }

  /// Keeps the mail under `ticket` from being delivered; false if its content may be on its way. It is settled all the
  /// same. Where DATA has been written already the session ends instead of going on: no other mail stands behind it.
  bool withdraw(std::uint64_t ticket) {
    for (std::size_t i = 0; i < transactions_.size(); ++i)
      if (transactions_[i].ticket() == ticket && !transactions_[i].content_number)
        return transactions_[i].withdrawn = true;
    return false;
  }

  /// The next mail that was settled, in the order in which they were.
  std::optional<settled_mail> next_settled() {
    if (settled_.empty()) return std::nullopt;
    settled_mail next = std::move(settled_.front());
    settled_.pop_front();
    return next;
  }

  // Writing.
  bool has_output() const noexcept { return !output_.empty() && !closed(); }
  std::uint64_t content_left() const noexcept { return output_.content_left(); }

  /// The pieces to write next, valid until all are consumed; empty if there is nothing or a content's source failed,
  /// in which case the session is closed.
  std::span<const std::string_view> gather() {
    if (closed()) return {};
    auto pieces = output_.gather();
    if (pieces) return *pieces;
    // A final dot now would deliver half a mail: closing is the only way out.
    end(std::move(pieces.error()));
    return {};
  }
  void consume(std::size_t count) {
    ++progress_;
    output_.consume(count);
  }

  // Reading.
  /// Bytes from the server, cut anywhere.
  void received(std::string_view bytes) {
    while (!bytes.empty() && !closed()) {
      switch (parser_.parse(bytes)) {
        case reply_parser::status::incomplete: return;
        case reply_parser::status::malformed: return malformed();
        case reply_parser::status::complete: break;
      }
      ++progress_;
      // In lock step nothing is answered before it was asked; but a server may say at any time that it goes.
      if (phase_ == phase::setup && has_output() && parser_.value().code != 421)
        return end(failure(cause::injected_reply, awaited(), "a reply came before its command"));
      const bool starttls = !expected_.empty() && expected_.front().kind == step::starttls;
      take(parser_.value());
      if (starttls && phase_ == phase::handshake && !bytes.empty())
        return end(failure(cause::injected_reply, stage::starttls, "bytes followed the reply to STARTTLS"));
    }
  }

  // Time.
  /// Changes with each step forward; while it stays the same the driver's clock runs against `patience`.
  std::uint64_t progress() const noexcept { return progress_; }
  bool waiting() const noexcept { return !expected_.empty() || wants_tls() || has_output(); }
  /// How long the present wait may last (RFC 5321 section 4.5.3.2).
  std::chrono::milliseconds patience() const noexcept {
    if (wants_tls()) return server_.timeouts.tls;
    if (has_output()) return server_.timeouts.block;
    if (expected_.empty()) return std::chrono::milliseconds::max();
    return patience_for(expected_.front().kind, server_.timeouts);
  }
  /// What is being waited for.
  stage awaited() const noexcept {
    if (wants_tls()) return stage::tls;
    return expected_.empty() ? stage::queue : stage_of(expected_.front().kind);
  }

 private:
  enum class phase : std::uint8_t { setup, handshake, ready, closed };

  struct expectation {
    step kind;
    std::uint64_t mail;  // its number in the session, from 1; 0: of none
    std::size_t recipient;
  };

  // What a reply means where it stands.
  void take(const reply& r) {
    spoken_.answer(r);
    if (expected_.empty()) {
      if (r.code == 421) return end(classified(stage::queue, r));
      return end(failure(cause::protocol_error, stage::queue, "a reply that nothing asked for: " + r.text()));
    }
    const expectation now = expected_.front();
    if (r.code == 421 && now.kind != step::quit) return closing(now, r);
    expected_.pop_front();
    switch (now.kind) {
      case step::reset: return on_reset(r);
      // Replies come in the order of commands: they are about the first mail.
      case step::mail: return on_mail(transactions_.front(), r);
      case step::rcpt: return on_rcpt(transactions_.front(), now.recipient, r);
      case step::data: return on_data(transactions_.front(), r);
      case step::final: return on_final(transactions_.front(), r);
      case step::empty_data: return on_empty_data(transactions_.front(), r);
      case step::quit: return end_quietly();
      default: return make(setup_.take(now.kind, r, server_, spoken_));
    }
  }

  /// A step of the set-up.
  void make(setup_move next) {
    switch (next.what) {
      case setup_move::kind::handshake: phase_ = phase::handshake; return;
      case setup_move::kind::done: phase_ = phase::ready; return;
      case setup_move::kind::fail: return end(std::move(next.why));
      case setup_move::kind::listen: return expect(next.awaited);
      case setup_move::kind::say: break;
    }
    if (send(next.line, stage_of(next.awaited))) expect(next.awaited);
  }

  void reset() {
    if (send("RSET", stage::mail)) expect(step::reset);
  }

  void on_reset(const reply& r) {
    if (!r.positive()) return end(classified(stage::mail, r));
    transaction_open_ = false;
    if (!resets_.reset()) quitting_ = true;
    if (!offered().pipelining) send_envelope(transactions_.front());
    quit_when_idle();  // what was to follow may be gone
  }

  void send_envelope(transaction& t) {
    auto written = t.append_mail(output_.commands(), offered());
    if (!written) {
      settle_unsent(t, std::move(written.error()));
      return transactions_.pop_back();
    }
    told();
    expect(step::mail, number_of(t));
    if (!offered().pipelining) return;
    bool asked = false;
    for (std::size_t i = 0; i < t.recipients(); ++i) asked = send_rcpt(t, i) || asked;
    if (!offered().chunking) send_data(t);
    else if (windowed() && asked) send_content(t);
  }

  /// Several mails are in flight, each with its content behind its envelope.
  bool windowed() const noexcept { return offered().chunking && offered().pipelining && server_.quirks.window > 1; }

  void on_mail(transaction& t, const reply& r) {
    if (r.positive()) {
      transaction_open_ = true;
      spoken_.passed(stage::mail, r);
    } else {
      t.refuse_rest(classified(stage::mail, r));
    }
    if (offered().pipelining) return consider_content(t);
    if (r.positive()) next_rcpt(t, 0);
    else finish(t);
  }

  void on_rcpt(transaction& t, std::size_t index, const reply& r) {
    if (!r.positive()) t.refuse(index, classified(stage::rcpt, r));
    else if (!t.refused(index)) t.accept();
    if (r.positive()) spoken_.passed(stage::rcpt, r);
    else if (r.transient()) window_.shrink();
    if (offered().pipelining) consider_content(t);
    else next_rcpt(t, index + 1);
  }

  /// With CHUNKING the content follows when the whole envelope has been answered (RFC 3030 section 4.2).
  void consider_content(transaction& t) {
    if (!offered().chunking || t.content_number) return;
    if (!expected_.empty() && expected_.front().mail == finished_ + 1) return;
    if (t.withdrawn) t.refuse_rest(failure(cause::cancelled, stage::rcpt));
    if (t.withdrawn || t.accepted() == 0) return finish(t);
    send_content(t);
  }

  /// Lock-step: one command, one reply.
  void next_rcpt(transaction& t, std::size_t index) {
    if (t.withdrawn) t.refuse_rest(failure(cause::cancelled, stage::rcpt));
    if (t.withdrawn) return finish(t);
    while (index < t.recipients() && !send_rcpt(t, index)) ++index;
    if (index < t.recipients()) return;
    if (t.accepted() == 0) return finish(t);
    if (offered().chunking) send_content(t);
    else send_data(t);
  }

  bool send_rcpt(transaction& t, std::size_t index) {
    auto written = t.append_rcpt(output_.commands(), index, offered());
    if (!written) {
      t.refuse(index, std::move(written.error()));
      return false;
    }
    told();
    expect(step::rcpt, number_of(t), index);
    return true;
  }

  void send_data(transaction& t) {
    if (send("DATA", stage::data)) expect(step::data, number_of(t));
  }

  void on_data(transaction& t, const reply& r) {
    if (!r.intermediate()) {
      t.refuse_rest(r.positive()
                        ? failure(cause::protocol_error, stage::data, "DATA answered with " + std::to_string(r.code))
                        : classified(stage::data, r));
      return finish(t);
    }
    if (t.accepted() == 0) {  // RFC 2920 section 3.1: the dot alone, and no mail
      output_.commands() += ".\r\n";
      return expect(step::empty_data, number_of(t));
    }
    // Neither a dot nor the content may follow now.
    if (t.withdrawn) return end(failure(cause::cancelled, stage::data));
    spoken_.passed(stage::data, r);
    send_content(t);
  }

  void send_content(transaction& t) {
    const content& body = t.mail().content();
    t.content_number = offered().chunking ? output_.push_bdat(body) : output_.push_data(body);
    unanswered_bytes_ += body.traits().size;
    if (offered().chunking && spoken_) spoken_.command("BDAT " + std::to_string(body.traits().size) + " LAST");
    expect(step::final, number_of(t));
  }

  void on_final(transaction& t, const reply& r) {
    unanswered_bytes_ -= t.mail().content().traits().size;
    transaction_open_ = offered().chunking && !r.positive();  // a refused BDAT leaves it so (RFC 3030 section 2)
    const bool complete = output_.contents_written() > *t.content_number;
    if (t.accepted() == 0) return on_final_of_nobody(t, r);
    if (r.positive() && complete) spoken_.passed(stage::final, r);
    if (!complete && !r.permanent()) t.refuse_rest(answered_early(t));
    else if (!r.positive()) t.refuse_rest(classified(stage::final, r));
    if (r.positive()) resets_.mail_accepted();
    if (r.positive()) window_.grow(t.mail().content().traits().size);
    else window_.shrink();
    finish(t, spoken_.without_secret(r.lines));
    // What follows on this connection could not be told apart from the content's rest.
    if (!complete || r.intermediate())
      end(failure(cause::protocol_error, stage::final, "the content was answered out of turn"));
  }

  /// Its content was written ahead, and its envelope refused. The rest of the octets goes on: they are counted.
  void on_final_of_nobody(transaction& t, const reply& r) {
    window_.shrink();
    if (r.transient() || r.permanent()) return finish(t);
    failure why(cause::protocol_error, stage::final, "the server took the content of a mail that it had refused");
    why.outcome = outcome::unknown;
    why.server = endpoint_;
    t.replace_failures(why);
    finish(t, spoken_.without_secret(r.lines));
    end(std::move(why));
  }

  /// Its last byte may be in a write that is under way: then nobody knows.
  failure answered_early(const transaction& t) const {
    const bool under_way = output_.contents_gathered() > *t.content_number;
    failure why(cause::protocol_error, under_way ? stage::final : stage::data, "answered before it was complete");
    if (under_way) why.outcome = outcome::unknown;
    return why;
  }

  void on_empty_data(transaction& t, const reply& r) {
    transaction_open_ = false;
    finish(t);
    if (r.positive()) end(failure(cause::protocol_error, stage::data, "the server accepted a mail without recipients"));
  }

  // Mails that end.
  void finish(transaction& t, std::vector<std::string> final_reply = {}) {
    settled_.push_back(t.settle(endpoint_, std::move(final_reply)));
    settled_.back().outcome.dsn_relayed = offered().dsn;
    transactions_.pop_front();
    ++finished_;
    if (transaction_open_ && server_.quirks.no_rset && transactions_.empty()) quitting_ = true;
    quit_when_idle();
  }

  void settle_unsent(transaction& t, failure why) {
    why.server = endpoint_;
    t.refuse_rest(why);
    settled_.push_back(t.settle(endpoint_));
  }

  /// 421 instead of the reply that was due (RFC 5321 section 3.8).
  void closing(const expectation& now, const reply& r) {
    failure why = classified(stage_of(now.kind), r);
    if (now.kind == step::final) {  // a final reply all the same: not accepted
      transactions_.front().refuse_rest(why);
      settled_.push_back(transactions_.front().settle(endpoint_));
      transactions_.pop_front();
      ++finished_;
    }
    end(std::move(why));
  }

  void malformed() {
    if (awaited() == stage::greeting)
      return end(classify_not_smtp(stage::greeting, parser_.evidence(), server_.security));
    // Once the password is on its way, what came may be a part of it, sent back.
    const std::string seen =
        setup_.has_spoken_of_password() ? "" : ": " + std::string(parser_.evidence().substr(0, 200));
    end(failure(cause::protocol_error, awaited(), std::string(parser_.complaint()) + seen));
  }

  void end(failure why) { end(std::move(why), output_.contents_gathered()); }

  /// Closes the session. What becomes of a mail depends on how much of it may have arrived: contents with numbers
  /// below `arrived` may have, to the last byte.
  void end(failure why, std::uint64_t arrived) {
    why = spoken_.without_secret(std::move(why));
    why.server = endpoint_;
    phase_ = phase::closed;
    for (std::size_t n = 0; n < transactions_.size(); ++n) {
      failure its = why;
      for (std::size_t due = expected_.size(); due-- > 0;)
        if (expected_[due].mail == finished_ + 1 + n) its.stage = stage_of(expected_[due].kind);  // the first still due
      settled_.push_back(transactions_[n].interrupted(std::move(its), output_.contents_begun(), arrived));
    }
    transactions_.clear();
    expected_.clear();
    ended_by_ = std::move(why);
  }

  void end_quietly() {
    phase_ = phase::closed;
    expected_.clear();
  }

  void quit_when_idle() {
    if (!quitting_ || !transactions_.empty() || closed()) return;
    if (expected_.empty() && send("QUIT", stage::quit)) expect(step::quit);
  }

  // Words.

  bool send(std::string_view command, stage where) {
    auto written = append_command(output_.commands(), command, where);
    if (!written) {
      end(std::move(written.error()));
      return false;
    }
    spoken_.command(command);
    return true;
  }

  bool send(const confidential_line& line, stage where) {
    if (line.hidden.empty()) return send(line.open, where);
    output_.commands() += line.open;
    output_.commands() += line.hidden.reveal();
    output_.commands() += "\r\n";
    output_.wipe_after_writing();
    spoken_.command(line.open + "***");
    return true;
  }

  std::uint64_t number_of(const transaction& t) const noexcept {
    return finished_ + (&t == &transactions_.front() ? 1 : transactions_.size());  // the first, or else the last
  }

  void expect(step kind, std::uint64_t mail = 0, std::size_t recipient = 0) {
    ++progress_;
    expected_.push_back({kind, mail, recipient});
  }

  failure classified(stage where, const reply& r) const {
    failure why = spoken_.without_secret(
        classify(where, r, reply_context{.encrypted = setup_.encrypted(), .authenticated = setup_.authenticated()}));
    why.server = endpoint_;
    return why;
  }

  /// The command that was appended last, without its CRLF.
  void told() {
    if (!spoken_) return;
    std::string_view line = output_.commands();
    line.remove_suffix(2);
    spoken_.command(line.substr(line.rfind('\n') + 1));
  }

  server server_;
  std::string endpoint_;
  spoken spoken_;
  session_setup setup_;
  phase phase_ = phase::setup;
  reply_parser parser_;
  output output_;
  ring<expectation> expected_;
  ring<transaction> transactions_;
  ring<settled_mail> settled_;
  std::optional<failure> ended_by_;
  send_window window_;
  reset_allowance resets_;
  std::uint64_t finished_ = 0;          // mails that were begun and have left
  std::uint64_t unanswered_bytes_ = 0;  // of contents
  std::uint64_t progress_ = 0;
  bool transaction_open_ = false;  // the server remembers a MAIL
  bool quitting_ = false;
};

}  // namespace postrider::protocol
