// A stream in memory whose other end is a server that follows a script, and whose operations can fail.
#pragma once

#include <postrider/client/connection.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace test {

enum class fault : std::uint8_t { none, read_error, write_error, short_write_then_error, end_of_file, handshake_fails };

/// What fails, and how large reads and writes are. Behind a failure of writing, what the server has said is still read.
struct fault_plan {
  fault kind = fault::none;
  std::size_t at = std::numeric_limits<std::size_t>::max();  ///< the operation that fails; a failure stays
  std::size_t read_size = 1 << 20;
  std::size_t write_size = 1 << 20;
  bool eager = false;  ///< writes need not be waited for; otherwise each one would block at first
};

/// A server that reads lines: `extensions` in its reply to EHLO, RCPT with "no" in it refused.
class line_server {
 public:
  explicit line_server(std::string extensions) : extensions_(std::move(extensions)) { say("220 mx.example.org\r\n"); }

  void hear(std::string_view bytes) {
    heard += bytes;
    partial_ += bytes;
    for (;;) {
      if (chunk_ && partial_.size() < *chunk_) return;
      if (chunk_) {
        take_chunk(partial_.substr(0, *chunk_));
        continue;
      }
      const std::string_view end = in_content_ ? "\r\n.\r\n" : "\r\n";
      const std::size_t at = partial_.find(end);
      if (at == std::string::npos) return;
      const std::string text = partial_.substr(0, at);
      partial_.erase(0, at + end.size());
      if (in_content_) take_content(text);
      else take_command(text);
    }
  }

  std::string said;  // not yet read by the client
  std::string heard;
  std::vector<std::string> contents;
  std::size_t mails_answered = 0;             ///< final replies that were read to their end
  std::vector<std::size_t> final_reply_ends;  // counted in bytes said
  std::size_t all_said = 0;
  bool tls = false;

 private:
  void say(std::string_view text) {
    said += text;
    all_said += text.size();
  }

  void take_command(const std::string& line) {
    if (line.starts_with("EHLO")) {
      std::string reply = "250-mx.example.org\r\n";
      if (!tls && extensions_.find("STARTTLS") != std::string::npos) reply += "250-STARTTLS\r\n";
      if (extensions_.find("PIPELINING") != std::string::npos) reply += "250-PIPELINING\r\n";
      if (extensions_.find("CHUNKING") != std::string::npos) reply += "250-CHUNKING\r\n";
      if (tls) reply += "250-AUTH PLAIN LOGIN\r\n";
      say(reply + "250 SIZE 100000000\r\n");
    } else if (line == "STARTTLS") {
      say("220 go\r\n");
    } else if (line.starts_with("AUTH")) {
      say("235 2.7.0 welcome\r\n");
    } else if (line.starts_with("MAIL") || line == "RSET") {
      recipients_ = 0;
      say("250 2.1.0 Ok\r\n");
    } else if (line.starts_with("RCPT")) {
      const bool unknown = line.find("<no") != std::string::npos;
      recipients_ += unknown ? 0 : 1;
      say(unknown ? "550 5.1.1 nobody\r\n" : "250 2.1.5 Ok\r\n");
    } else if (line == "DATA" && recipients_ == 0) {
      say("554 5.5.1 no recipients\r\n");
    } else if (line == "DATA") {
      recipients_ = 0;
      say("354 go\r\n");
      partial_.insert(0, "\r\n");  // so that an empty content ends with the same bytes
      in_content_ = true;
    } else if (line.starts_with("BDAT ")) {
      chunk_ = std::stoul(line.substr(5));
    } else if (line == "QUIT") {
      say("221 2.0.0 Bye\r\n");
    } else {
      say("500 5.5.1 what?\r\n");
    }
  }

  void take_content(const std::string& text) {
    in_content_ = false;
    contents.push_back(text.size() > 2 ? text.substr(2) + "\r\n" : "");
    say("250 2.0.0 queued\r\n");
    final_reply_ends.push_back(all_said);
  }

  void take_chunk(std::string octets) {
    partial_.erase(0, *chunk_);
    chunk_.reset();
    if (recipients_ == 0) return say("503 5.5.1 no recipients\r\n");
    recipients_ = 0;
    contents.push_back(std::move(octets));
    say("250 2.0.0 queued\r\n");
    final_reply_ends.push_back(all_said);
  }

  std::string extensions_;
  std::string partial_;
  std::optional<std::size_t> chunk_;  // octets of BDAT that are still to come
  int recipients_ = 0;
  bool in_content_ = false;
};

/// Satisfies `client::upgradable_stream`. Its server hears at once what is written; operations are counted.
class fault_stream {
 public:
  fault_stream(asio::any_io_executor executor, line_server server, fault_plan plan)
      : state_(std::make_shared<state>(std::move(executor), std::move(server), plan)) {}

  struct state {
    state(asio::any_io_executor e, line_server s, fault_plan p)
        : executor(e), readable(e, asio::steady_timer::time_point::max()), server(std::move(s)), plan(p) {}

    /// Whether the operation that begins now is to fail.
    bool due() { return operations++ >= plan.at && plan.kind != fault::none; }
    void fail() {
      failed = true;
      readable.cancel();
    }

    asio::any_io_executor executor;
    asio::steady_timer readable;
    line_server server;
    fault_plan plan;
    std::size_t operations = 0;
    std::size_t read = 0;
    bool failed = false;
    bool closed = false;
    std::string password_in_clear;
  };
  const std::shared_ptr<state>& shared() const noexcept { return state_; }

  asio::any_io_executor get_executor() const { return state_->executor; }
  asio::awaitable<postrider::net::io_result> read_some(asio::mutable_buffer into) { return read(state_, into); }
  asio::awaitable<postrider::net::io_result> write_some(std::span<const asio::const_buffer> from) {
    return write(state_, from);
  }
  postrider::net::io_result try_write_some(std::span<const asio::const_buffer> from) {
    if (!state_->plan.eager) return {asio::error::would_block, 0};
    return written(*state_, from, state_->due());
  }
  asio::awaitable<postrider::result<void>> handshake_client(postrider::net::tls_context, std::string) {
    return encrypt(state_);
  }
  std::string tls_description() const { return "in memory"; }
  void close() noexcept {
    state_->closed = true;
    state_->readable.cancel();
  }

 private:
  using io_result = postrider::net::io_result;
  static constexpr auto token = asio::experimental::as_tuple_t<asio::use_awaitable_t<>>(asio::use_awaitable_t<>());

  static asio::awaitable<io_result> read(std::shared_ptr<state> s, asio::mutable_buffer into) {
    const bool fails = s->due() && (s->plan.kind == fault::read_error || s->plan.kind == fault::end_of_file);
    co_await asio::post(s->executor, asio::use_awaitable);
    while (s->server.said.empty() && !s->closed && !s->failed) {
      const auto woken = co_await s->readable.async_wait(token);
      static_cast<void>(woken);
    }
    if (s->closed) co_return io_result(asio::error::operation_aborted, 0);
    if (fails) s->fail();  // instead of what would have been read
    if (fails && s->plan.kind == fault::read_error) co_return io_result(asio::error::connection_reset, 0);
    if (fails || s->server.said.empty()) co_return io_result(asio::error::eof, 0);
    const std::size_t count = std::min({into.size(), s->plan.read_size, s->server.said.size()});
    std::copy_n(s->server.said.data(), count, static_cast<char*>(into.data()));
    s->server.said.erase(0, count);
    s->read += count;
    s->server.mails_answered =
        static_cast<std::size_t>(std::count_if(s->server.final_reply_ends.begin(), s->server.final_reply_ends.end(),
                                               [&](std::size_t end) { return end <= s->read; }));
    co_return io_result(std::error_code(), count);
  }

  static asio::awaitable<io_result> write(std::shared_ptr<state> s, std::span<const asio::const_buffer> from) {
    const bool due = s->due();
    co_await asio::post(s->executor, asio::use_awaitable);
    co_return written(*s, from, due);
  }

  static io_result written(state& s, std::span<const asio::const_buffer> from, bool due) {
    const bool fails = due && (s.plan.kind == fault::write_error || s.plan.kind == fault::short_write_then_error);
    const bool partly = fails && s.plan.kind == fault::short_write_then_error && !s.failed;
    if (s.closed) return {asio::error::operation_aborted, 0};
    if (fails) s.fail();
    if (s.failed && !partly) return {asio::error::broken_pipe, 0};
    std::string text;
    for (const auto& buffer : from) text.append(static_cast<const char*>(buffer.data()), buffer.size());
    text.resize(std::min(text.size(), partly ? (text.size() + 1) / 2 : s.plan.write_size));
    if (!s.server.tls) s.password_in_clear += text;
    s.server.hear(text);
    s.readable.cancel();
    return {std::error_code(), text.size()};
  }

  static asio::awaitable<postrider::result<void>> encrypt(std::shared_ptr<state> s) {
    const bool fails = s->due();
    co_await asio::post(s->executor, asio::use_awaitable);
    if (fails) co_return postrider::fail(postrider::cause::tls_handshake, postrider::stage::tls, "as planned");
    s->server.tls = true;
    co_return postrider::result<void>();
  }

  std::shared_ptr<state> state_;
};

static_assert(postrider::client::upgradable_stream<fault_stream>);

}  // namespace test
