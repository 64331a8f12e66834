// A TCP connection that may become a TLS one in place.
#pragma once

#include <postrider/net/stream.hpp>
#include <postrider/net/tls.hpp>
#include <postrider/net/tls_layer.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_awaitable.hpp>

#include <cstdint>
#include <memory>
#include <optional>

namespace postrider::net {

/// A connected socket, plain or TLS. Used from the thread of its executor only; one read and one write at a time.
/// Not copied; moving it does not disturb operations under way.
class transport {
 public:
  explicit transport(asio::ip::tcp::socket socket) : state_(std::make_shared<state>(std::move(socket))) {}

  transport(transport&&) noexcept = default;
  transport& operator=(transport&&) noexcept = default;

  asio::any_io_executor get_executor() const { return state_->socket.get_executor(); }
  asio::ip::tcp::socket& socket() noexcept { return state_->socket; }
  bool encrypted() const noexcept { return state_->tls.has_value(); }

  /// Protocol, cipher and what the peer's certificate says; empty for a plain connection.
  std::string tls_description() const { return encrypted() ? detail::describe(state_->tls->native()) : std::string{}; }
  /// "TLSv1.3", or empty for a plain connection.
  std::string_view tls_version() const { return encrypted() ? SSL_get_version(state_->tls->native()) : ""; }
  /// The cipher suite's name, or empty for a plain connection.
  std::string_view tls_cipher() const { return encrypted() ? SSL_get_cipher_name(state_->tls->native()) : ""; }

  /// Whether the handshake went on where an earlier session had ended, without certificates.
  bool tls_resumed() const noexcept { return encrypted() && SSL_session_reused(state_->tls->native()) == 1; }

  asio::awaitable<io_result> read_some(asio::mutable_buffer into) {
    if (encrypted()) return read_encrypted(state_, into);
    return state_->socket.async_read_some(into, token);
  }

  /// Gathers from all buffers. Under TLS they pass one coalescing buffer, so that records are full.
  asio::awaitable<io_result> write_some(std::span<const asio::const_buffer> from) {
    if (!encrypted()) return state_->socket.async_write_some(from, token);
    return write_encrypted(state_, coalesced(from));
  }

  /// The same without waiting: would_block if nothing can be taken now. What is written next then begins with the same
  /// bytes.
  io_result try_write_some(std::span<const asio::const_buffer> from) {
    std::error_code error;
    if (!state_->socket.non_blocking()) state_->socket.non_blocking(true, error);
    if (!encrypted()) {
      const std::size_t count = state_->socket.write_some(from, error);
      return {error, count};
    }
    const tls_layer::step step = state_->tls->write(coalesced(from));
    if (step.waits_for != tls_layer::need::nothing) return {asio::error::would_block, 0};
    return {step.error, step.count};
  }

  /// TLS as the client; certificate and `server_name` are verified as `context` says. Nothing may have been read
  /// beyond the reply to STARTTLS. On failure the connection is of no further use.
  asio::awaitable<result<void>> handshake_client(tls_context context, std::string server_name) {
    return handshake(state_, side::client, std::move(context), std::move(server_name));
  }

  /// TLS as the server.
  asio::awaitable<result<void>> handshake_server(tls_context context) {
    return handshake(state_, side::server, std::move(context), std::string());
  }

  /// Ends both directions at once, without close_notify; operations under way complete with an error.
  void close() noexcept {
    std::error_code ignored;
    state_->socket.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    state_->socket.close(ignored);
  }

 private:
  enum class side : std::uint8_t { client, server };

  static constexpr auto token = asio::experimental::as_tuple_t<asio::use_awaitable_t<>>(asio::use_awaitable_t<>());
  static constexpr std::size_t record_size = 16 * 1024;  // RFC 8446 section 5.1

  struct state {
    explicit state(asio::ip::tcp::socket s) : socket(std::move(s)) {}

    asio::ip::tcp::socket socket;
    tls_context context;
    detail::ticket_owner tickets{};
    std::optional<tls_layer> tls;
    std::vector<char> coalesced;
  };

  /// At most a record: the first buffer if it fills one, else as much of all of them as there is room for.
  asio::const_buffer coalesced(std::span<const asio::const_buffer> from) {
    while (!from.empty() && from.front().size() == 0) from = from.subspan(1);
    if (!from.empty() && from.front().size() >= record_size) return asio::buffer(from.front(), record_size);
    const std::size_t staged = asio::buffer_copy(asio::buffer(state_->coalesced), from);
    return asio::buffer(state_->coalesced.data(), staged);
  }

  // Coroutines hold the state: the transport may be gone before what was begun on it has ended.

  static asio::awaitable<std::error_code> wait_until(std::shared_ptr<state> s, tls_layer::need ready) {
    const auto kind = ready == tls_layer::need::readable ? asio::socket_base::wait_read : asio::socket_base::wait_write;
    const auto waited = co_await s->socket.async_wait(kind, token);
    co_return std::get<0>(waited);
  }

  static asio::awaitable<io_result> read_encrypted(std::shared_ptr<state> s, asio::mutable_buffer into) {
    // What has not come yet is waited for before OpenSSL asks the socket in vain.
    if (!s->tls->has_pending()) {
      const std::error_code error = co_await wait_until(s, tls_layer::need::readable);
      if (error) co_return io_result(error, 0);
    }
    for (;;) {
      const tls_layer::step step = s->tls->read(into);
      if (step.waits_for == tls_layer::need::nothing) co_return io_result(step.error, step.count);
      const std::error_code error = co_await wait_until(s, step.waits_for);
      if (error) co_return io_result(error, 0);
    }
  }

  static asio::awaitable<io_result> write_encrypted(std::shared_ptr<state> s, asio::const_buffer from) {
    for (;;) {
      const tls_layer::step step = s->tls->write(from);
      if (step.waits_for == tls_layer::need::nothing) co_return io_result(step.error, step.count);
      const std::error_code error = co_await wait_until(s, step.waits_for);
      if (error) co_return io_result(error, 0);
    }
  }

  static asio::awaitable<result<void>> handshake(std::shared_ptr<state> s, side as, tls_context context,
                                                 std::string server_name) {
    std::error_code error;
    const auto remote = s->socket.remote_endpoint(error);
    s->socket.non_blocking(true, error);
    s->context = std::move(context);
    s->tls.emplace(s->socket, s->context.native().native_handle());
    s->coalesced.resize(record_size);
    SSL* const ssl = s->tls->native();
    if (as == side::client) {
      if (!detail::expect_name(ssl, server_name))
        co_return fail(cause::invalid_configuration, stage::tls,
                       "not a name that a certificate can have: \"" + server_name + '"');
      s->tickets = {&s->context.sessions(), server_name + ':' + std::to_string(remote.port())};
      SSL_set_ex_data(ssl, detail::ticket_owner_index(), &s->tickets);
      if (const tls_session known = s->tickets.store->take(s->tickets.peer)) SSL_set_session(ssl, known.get());
    }
    for (;;) {
      const tls_layer::step step = as == side::client ? s->tls->handshake_client() : s->tls->handshake_server();
      error = step.error;
      if (step.waits_for == tls_layer::need::nothing) break;
      error = co_await wait_until(s, step.waits_for);
      if (error) break;
    }
    if (error) co_return fail(detail::handshake_failure(ssl, error, server_name));
    co_return result<void>();
  }

  std::shared_ptr<state> state_;
};

static_assert(stream<transport>);

}  // namespace postrider::net
