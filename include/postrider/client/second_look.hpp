// Who is really there, after a server stayed silent or spoke no TLS: proof where the first look only left a guess.
#pragma once

#include <postrider/client/dial.hpp>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace postrider::client {
namespace detail {

/// The first message of a TLS client, as bytes.
inline std::string client_hello(const server& where) {
  auto context = net::tls_context::client(where.tls);
  if (!context) return {};
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context->native().native_handle()), &SSL_free);
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), in, out);  // owns both
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  ERR_clear_error();
  std::string bytes(static_cast<std::size_t>(BIO_pending(out)), '\0');
  BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

/// The first bytes that come, or none within `limit`.
inline asio::awaitable<std::string> first_words(net::transport& stream, std::chrono::milliseconds limit) {
  asio::steady_timer timer(stream.get_executor(), limit);
  const auto listening = std::make_shared<net::transport*>(&stream);  // gone when this is over, even if the timer rang
  timer.async_wait([still = std::weak_ptr(listening)](const std::error_code& cancelled) {
    if (const auto on = still.lock(); on && !cancelled) (*on)->socket().cancel();
  });
  std::array<char, 256> buffer;
  const auto read = co_await stream.read_some(asio::buffer(buffer));
  timer.cancel();
  const auto& [error, count] = read;
  co_return std::string(buffer.data(), error ? 0 : count);
}

inline asio::awaitable<std::string> words_after(net::transport& stream, std::string said,
                                                std::chrono::milliseconds limit) {
  const std::array<asio::const_buffer, 1> buffers{asio::buffer(said)};
  const auto written = co_await stream.write_some(buffers);
  const std::error_code error = std::get<0>(written);
  if (error) co_return std::string();
  co_return co_await first_words(stream, limit);
}

inline asio::awaitable<failure> look_again(server where, failure first) {
  constexpr std::chrono::milliseconds patience{2'000};
  auto connected = co_await client::dial(where);
  if (!connected) co_return first;
  net::transport stream = std::move(*connected);
  std::string seen;
  if (where.security == security::tls) seen = co_await first_words(stream, std::min(patience, where.timeouts.greeting));
  if (seen.empty()) seen = co_await words_after(stream, client_hello(where), std::min(patience, where.timeouts.tls));
  stream.close();
  if (seen.empty()) co_return first;
  failure closer = protocol::classify_not_smtp(stage::greeting, seen, security::none);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool mail_server = seen.size() > 3 && std::all_of(seen.begin(), seen.begin() + 3, digit);  // perhaps a slow one
  if (closer.cause == cause::implicit_tls_expected) closer.detail = "it says nothing until TLS begins";
  else if (mail_server)
    closer = failure(first.cause, first.stage, "it answers without TLS: " + protocol::detail::first_bytes(seen));
  const bool plain_tls = closer.cause == cause::implicit_tls_expected && where.security == security::tls;
  if (plain_tls) co_return first;
  closer.stage = first.stage;
  closer.server = first.server;
  closer.elapsed = first.elapsed;
  co_return closer;
}

}  // namespace detail

/// True if another connection may show more than `first` does: silence instead of a greeting, or something else than
/// TLS where TLS was to begin.
inline bool worth_a_second_look(const server& where, const failure& first) {
  if (where.security == security::tls) return first.cause == cause::starttls_expected;
  return first.stage == stage::greeting &&
         (first.cause == cause::reply_timeout || first.cause == cause::implicit_tls_expected);
}

/// Connects once more, listens, offers TLS, and returns what that shows: `implicit_tls_expected`, `not_smtp`, or
/// `first` itself. Gives away nothing but a TLS client's first message; takes some seconds at most after connecting.
inline asio::awaitable<failure> second_look(const server& where, const failure& first) {
  return detail::look_again(where, first);
}

}  // namespace postrider::client
