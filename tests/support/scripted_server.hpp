// A server on loopback whose every connection follows a script, written as a coroutine.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// One accepted connection. Everything that was read is in `heard`.
class peer {
 public:
  explicit peer(asio::ip::tcp::socket connected) : socket(std::move(connected)) {}

  asio::awaitable<void> say(std::string text) {
    const auto done = co_await asio::async_write(socket, asio::buffer(text), token);
    static_cast<void>(done);
  }

  /// The next line without CRLF; "<eof>" at the end.
  asio::awaitable<std::string> line() { return until("\r\n"); }

  /// Everything up to and without the final dot.
  asio::awaitable<std::string> content() { return until("\r\n.\r\n"); }

  /// EHLO and its reply with these extensions.
  asio::awaitable<void> greet(std::string extensions = "") {
    co_await say("220 mx.example.org ESMTP\r\n");
    co_await line();
    std::string reply = "250-mx.example.org\r\n";
    for (std::size_t at = 0; at < extensions.size();) {
      const std::size_t end = std::min(extensions.find(' ', at), extensions.size());
      reply += "250-" + extensions.substr(at, end - at) + "\r\n";
      at = end + 1;
    }
    co_await say(reply + "250 8BITMIME\r\n");
  }

  /// One mail in lock step, accepted; its content.
  asio::awaitable<std::string> accept_mail() {
    std::string command = co_await line();
    while (command.starts_with("MAIL") || command.starts_with("RCPT") || command.starts_with("RSET")) {
      co_await say("250 2.0.0 Ok\r\n");
      command = co_await line();
    }
    if (command != "DATA") co_return command;
    co_await say("354 go\r\n");
    std::string text = co_await content();
    co_await say("250 2.0.0 queued\r\n");
    co_return text;
  }

  /// Mails until QUIT or the end.
  asio::awaitable<int> accept_all() {
    int mails = 0;
    for (;;) {
      const std::string got = co_await accept_mail();
      if (got == "<eof>") break;
      if (got == "QUIT") {
        co_await say("221 2.0.0 Bye\r\n");
        break;
      }
      ++mails;
    }
    co_return mails;
  }

  asio::ip::tcp::socket socket;
  std::string heard;

 private:
  static constexpr auto token = asio::experimental::as_tuple_t<asio::use_awaitable_t<>>(asio::use_awaitable_t<>());

  asio::awaitable<std::string> until(std::string_view end) {
    const auto read = co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer_), end, token);
    const auto& [error, count] = read;
    if (error) co_return "<eof>";
    heard += buffer_.substr(0, count);
    std::string text = buffer_.substr(0, count - end.size());
    buffer_.erase(0, count);
    co_return text;
  }

  std::string buffer_;
};

class scripted_server {
 public:
  /// Called for each connection, with its number from zero.
  using script = std::function<asio::awaitable<void>(peer&, int)>;

  scripted_server(asio::io_context& context, script follow)
      : state_(std::make_shared<state>(context, std::move(follow))) {
    asio::co_spawn(context, accept(state_), asio::detached);
  }
  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;
  ~scripted_server() { stop(); }

  std::uint16_t port() const { return state_->acceptor.local_endpoint().port(); }
  int connections() const noexcept { return state_->accepted; }
  int open() const noexcept { return state_->open; }
  int most_open() const noexcept { return state_->most_open; }
  void stop() {
    std::error_code ignored;
    state_->acceptor.close(ignored);
  }

 private:
  struct state {
    state(asio::io_context& context, script follow)
        : acceptor(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)), run(std::move(follow)) {}
    asio::ip::tcp::acceptor acceptor;
    script run;
    int accepted = 0;
    int open = 0;
    int most_open = 0;
  };
  static constexpr auto token = asio::experimental::as_tuple_t<asio::use_awaitable_t<>>(asio::use_awaitable_t<>());

  static asio::awaitable<void> accept(std::shared_ptr<state> self) {
    for (;;) {
      auto accepted = co_await self->acceptor.async_accept(token);
      if (std::get<0>(accepted)) break;
      asio::co_spawn(self->acceptor.get_executor(), follow(self, std::move(std::get<1>(accepted)), self->accepted++),
                     asio::detached);
    }
  }

  static asio::awaitable<void> follow(std::shared_ptr<state> self, asio::ip::tcp::socket socket, int number) {
    peer connected(std::move(socket));
    self->most_open = std::max(self->most_open, ++self->open);
    co_await self->run(connected, number);
    --self->open;
  }

  std::shared_ptr<state> state_;
};

}  // namespace test
