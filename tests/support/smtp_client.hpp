// A client that says what a test tells it to, whatever a proper client would say.
#pragma once

#include <postrider/net/transport.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/run.hpp>
#include <utility>

namespace test {

/// Blocks its caller and drives the io_context meanwhile, so that a server on the same context answers.
class smtp_client {
 public:
  smtp_client(asio::io_context& context, const asio::ip::tcp::endpoint& to)
      : context_(context), connection_(connect(context, to)) {}

  /// Writes `text` and gives back the reply to it.
  std::string say(std::string text) {
    write(std::move(text));
    return reply();
  }
  void write(std::string text) { run(context_, write_all(std::move(text))); }

  /// The next whole reply, all its lines; what there is before the end if the server closes.
  std::string reply() { return run(context_, read_reply()); }

  /// Everything up to the end of the connection.
  std::string rest() { return run(context_, read_to_end()); }

  void start_tls() {
    auto context = postrider::net::tls_context::client({.dangerously_skip_verification = true});
    if (!context) throw std::runtime_error(context.error().detail);
    const auto done = run(context_, connection_.handshake_client(*context, "localhost"));
    if (!done) throw std::runtime_error("handshake: " + done.error().detail);
  }
  void close() { connection_.close(); }
  postrider::net::transport& connection() noexcept { return connection_; }

 private:
  static postrider::net::transport connect(asio::io_context& context, const asio::ip::tcp::endpoint& to) {
    asio::ip::tcp::socket socket(context);
    socket.connect(to);
    return postrider::net::transport(std::move(socket));
  }

  asio::awaitable<void> write_all(std::string text) {
    std::string_view left = text;
    while (!left.empty()) {
      const asio::const_buffer piece(left.data(), left.size());
      const auto done = co_await connection_.write_some(std::span(&piece, 1));
      if (std::get<0>(done)) co_return;
      left.remove_prefix(std::get<1>(done));
    }
  }

  asio::awaitable<bool> read_more() {
    char bytes[4096];
    const auto done = co_await connection_.read_some(asio::buffer(bytes));
    received_.append(bytes, std::get<1>(done));
    co_return !std::get<0>(done);
  }

  asio::awaitable<std::string> read_reply() {
    for (;;) {
      std::size_t at = 0;
      for (std::size_t end = received_.find("\r\n", at); end != std::string::npos; end = received_.find("\r\n", at)) {
        const bool last = end - at < 4 || received_[at + 3] == ' ';
        at = end + 2;
        if (!last) continue;
        std::string whole = received_.substr(0, at);
        received_.erase(0, at);
        co_return whole;
      }
      const bool more = co_await read_more();
      if (!more) co_return std::exchange(received_, {});
    }
  }

  asio::awaitable<std::string> read_to_end() {
    bool more = true;
    while (more) more = co_await read_more();
    co_return std::exchange(received_, {});
  }

  asio::io_context& context_;
  postrider::net::transport connection_;
  std::string received_;
};

}  // namespace test
