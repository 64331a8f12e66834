// The test of a server: a real session, and a real mail if it is wanted, with each stage told.
#pragma once

#include <postrider/client/explain.hpp>
#include <postrider/client/probe_watcher.hpp>
#include <postrider/client/report.hpp>
#include <postrider/client/second_look.hpp>
#include <postrider/client/send.hpp>
#include <postrider/mail/message.hpp>
#include <postrider/protocol/trace.hpp>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::client {

namespace detail {

/// Listens to a session and writes the report of it.
class recorder : public protocol::trace {
 public:
  explicit recorder(probe_watcher* watcher = nullptr) : watcher_(watcher) {}

  void stage_passed(stage passed, std::string_view detail) override {
    written.stages.emplace_back(passed, lap(), presentable(detail, 2000));
    if (watcher_ != nullptr) watcher_->stage(written.stages.back());
  }
  void line(protocol::direction from, std::string_view text) override {
    written.transcript.push_back((from == protocol::direction::from_client ? "C: " : "S: ") + presentable(text, 2000));
    if (watcher_ != nullptr) watcher_->line(written.transcript.back());
  }

  /// A failure of the session, or of one recipient: stands after the stages that came before it.
  void failed(failure why) {
    auto after = written.stages.end();
    while (after != written.stages.begin() && std::prev(after)->stage > why.stage && !written.stages.empty()) --after;
    if (!written.failure) written.failure = why;
    const auto at = written.stages.emplace(after, lap(), std::move(why));
    if (watcher_ != nullptr) watcher_->stage(*at);
  }

  report written;

 private:
  std::chrono::milliseconds lap() {
    const auto now = std::chrono::steady_clock::now();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - since_);
    since_ = now;
    return took;
  }

  probe_watcher* watcher_;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

/// What a certificate that was not believed says of itself: the session goes as far as TLS once more, without an
/// account.
inline asio::awaitable<std::string> certificate_of(server where) {
  where.account = account();
  where.tls.dangerously_skip_verification = true;
  recorder notes;
  auto passed = co_await client::check(where, notes);
  static_cast<void>(passed);
  for (const stage_report& s : notes.written.stages)
    if (s.stage == stage::tls && s.ok && s.detail.find("; ") != std::string::npos)
      co_return s.detail.substr(s.detail.find("; ") + 2);
  co_return std::string();
}

inline asio::awaitable<void> record_failure(recorder& notes, const server& where, failure why) {
  if (worth_a_second_look(where, why)) {
    failure closer = co_await look_again(where, why);
    why = std::move(closer);
  }
  if (why.cause == cause::certificate_name || why.cause == cause::certificate_expired ||
      why.cause == cause::certificate_untrusted) {
    const std::string shown = co_await certificate_of(where);
    if (!shown.empty()) why.detail += "; " + shown;
  }
  notes.failed(std::move(why));
}

/// The Message-ID in the header of `what`, if its content lies in memory.
inline std::string message_id_of(const mail& what) {
  const std::string_view bytes = what.content().bytes().value_or(std::string_view());
  const std::string_view header = bytes.substr(0, bytes.find("\r\n\r\n"));
  constexpr std::string_view name = "\r\nMessage-ID: ";
  const std::size_t at = header.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view id = header.substr(at + name.size());
  return std::string(id.substr(0, id.find("\r\n")));
}

inline asio::awaitable<report> probe(server where, probe_watcher* watcher) {
  recorder notes(watcher);
  auto passed = co_await client::check(where, notes);
  notes.written.ok = passed.has_value();
  if (!passed) co_await record_failure(notes, where, std::move(passed.error()));
  co_return std::move(notes.written);
}

inline asio::awaitable<report> probe(server where, mail what, probe_watcher* watcher) {
  recorder notes(watcher);
  const std::string id = message_id_of(what);
  receipt got = co_await client::send(std::move(what), where, notes);
  notes.written.ok = got.ok();
  if (got.mail_id.empty()) got.mail_id = id;
  std::vector<const failure*> told;
  for (const recipient_outcome& r : got.recipients) {
    if (!r.failure) continue;
    const bool session = r.failure->stage != stage::rcpt;  // one trouble of all recipients is told once
    const bool again = session && std::any_of(told.begin(), told.end(),
                                              [&](const failure* f) { return f->cause == r.failure->cause; });
    if (again) continue;
    told.push_back(&*r.failure);
    co_await record_failure(notes, where, *r.failure);
  }
  notes.written.receipt = std::move(got);
  co_return std::move(notes.written);
}

}  // namespace detail

/// A readable mail that says what it is for.
inline result<mail> test_mail(std::string_view from, const std::vector<std::string>& to, const server& where) {
  message letter;
  letter.from(from).subject("Test mail through " + where.host);
  for (const std::string& address : to) letter.to(address);
  const std::string_view security = where.security == security::none  ? "no encryption"
                                    : where.security == security::tls ? "SSL/TLS"
                                                                      : "STARTTLS";
  std::string text = "This is a test mail.\n\nIt was sent to find out whether " + where.endpoint() + " (";
  text += security;
  text += ") takes mail from ";
  text += from;
  text += ".\nSince you are reading it, it does. Nothing needs to be done, and this mail can be deleted.\n";
  return letter.text(text).header("Auto-Submitted", "auto-generated").build();
}

/// Tests `where` as far as a session goes without a mail: resolve, connect, greeting, EHLO, TLS, authentication.
/// The first failure is looked at twice where that tells more. Runs on the caller's executor; may be cancelled.
/// `watcher`, if there is one, lives until the end.
inline asio::awaitable<report> probe(const server& where, probe_watcher* watcher = nullptr) {
  return detail::probe(where, watcher);
}

/// The same, and gives `what` to the server: the same code as a real delivery.
inline asio::awaitable<report> probe(const server& where, const mail& what, probe_watcher* watcher = nullptr) {
  return detail::probe(where, what, watcher);
}

}  // namespace postrider::client
