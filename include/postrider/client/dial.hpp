// From a host name to a connected socket: every address is tried, each with its own deadline.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/core/server.hpp>
#include <postrider/net/transport.hpp>
#include <postrider/protocol/classify.hpp>
#include <postrider/protocol/trace.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace postrider::client {
namespace detail {

using asio::ip::tcp;
inline constexpr auto token = asio::experimental::as_tuple_t<asio::use_awaitable_t<>>(asio::use_awaitable_t<>());

struct lookup {
  explicit lookup(const asio::any_io_executor& executor) : resolver(executor), answered(executor) {}

  tcp::resolver resolver;
  asio::steady_timer answered;
  std::error_code error = asio::error::operation_aborted;
  std::vector<tcp::endpoint> endpoints;
};

/// A look-up of the system cannot be interrupted: it runs by itself, so that a caller need not wait for it.
inline asio::awaitable<void> look_up(std::shared_ptr<lookup> self, std::string host, std::string service) {
  const auto answer = co_await self->resolver.async_resolve(host, service, token);
  if (std::get<0>(answer) == asio::error::operation_aborted) co_return;  // nobody waits any more
  self->error = std::get<0>(answer);
  for (const auto& entry : std::get<1>(answer)) self->endpoints.push_back(entry.endpoint());
  self->answered.cancel();
}

inline asio::awaitable<result<std::vector<tcp::endpoint>>> resolve(std::string host, std::uint16_t port,
                                                                   std::chrono::milliseconds limit) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::error_code not_numeric;
  const asio::ip::address numeric = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) co_return std::vector<tcp::endpoint>(1, tcp::endpoint(numeric, port));
  const auto asked = std::make_shared<lookup>(executor);
  asio::co_spawn(executor, look_up(asked, host, std::to_string(port)), asio::detached);
  asked->answered.expires_after(limit);
  const auto waited = co_await asked->answered.async_wait(token);
  if (!std::get<0>(waited)) asked->error = asio::error::timed_out;
  asked->resolver.cancel();
  if (asked->error) {
    failure why = protocol::classify(stage::resolve, asked->error);
    why.detail = host + ": " + asked->error.message();
    co_return fail(std::move(why));
  }
  if (asked->endpoints.empty()) co_return fail(cause::no_address, stage::resolve, host);
  co_return std::move(asked->endpoints);
}

struct attempt {
  explicit attempt(const asio::any_io_executor& executor) : socket(executor), limit(executor) {}

  tcp::socket socket;
  asio::steady_timer limit;
  bool expired = false;
};

inline std::error_code prepare(tcp::socket& socket, const tcp::endpoint& remote, const std::string& local_address) {
  std::error_code error;
  socket.open(remote.protocol(), error);
  if (!error) socket.set_option(tcp::no_delay(true), error);
  if (error || local_address.empty()) return error;
  const asio::ip::address local = asio::ip::make_address(local_address, error);
  if (!error) socket.bind(tcp::endpoint(local, 0), error);
  return error;
}

/// A port that providers often block, at an address that is not near by.
inline bool probably_blocked(const tcp::endpoint& remote) {
  const bool mail_port = remote.port() == 25 || remote.port() == 465 || remote.port() == 587;
  if (!mail_port || remote.address().is_loopback()) return false;
  if (!remote.address().is_v4()) return !remote.address().to_v6().is_link_local();
  const std::uint32_t v4 = remote.address().to_v4().to_uint();
  const bool near_by = (v4 >> 24) == 10 || (v4 >> 20) == 0xAC1 || (v4 >> 16) == 0xC0A8;
  return !near_by;
}

inline std::string to_string(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(endpoint.port());
}

inline asio::awaitable<result<tcp::socket>> connect(tcp::endpoint remote, std::string local_address,
                                                    std::chrono::milliseconds limit) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto trying = std::make_shared<attempt>(executor);
  std::error_code error = prepare(trying->socket, remote, local_address);
  if (!error) {
    trying->limit.expires_after(limit);
    trying->limit.async_wait([trying](const std::error_code& cancelled) {
      std::error_code ignored;
      if (cancelled) return;
      trying->expired = true;
      trying->socket.close(ignored);
    });
    const auto connected = co_await trying->socket.async_connect(remote, token);
    error = std::get<0>(connected);
    trying->limit.cancel();
  }
  if (trying->expired) {
    const cause why = probably_blocked(remote) ? cause::port_blocked : cause::connect_timeout;
    co_return fail(why, stage::connect,
                   to_string(remote) + ": no answer within " + std::to_string(limit.count()) + " ms");
  }
  if (error == asio::error::operation_aborted) co_return fail(cause::cancelled, stage::connect, to_string(remote));
  if (error) {
    failure why = protocol::classify(stage::connect, error);
    why.detail = to_string(remote) + ": " + error.message();
    co_return fail(std::move(why));
  }
  co_return std::move(trying->socket);
}

inline asio::awaitable<result<net::transport>> dial(server where, protocol::trace* listener,
                                                    std::chrono::steady_clock::time_point due) {
  const auto within = [due](std::chrono::milliseconds limit) {
    const auto left = due - std::chrono::steady_clock::now();
    return left < limit ? std::chrono::ceil<std::chrono::milliseconds>(std::max(left, decltype(left)(0))) : limit;
  };
  auto found = co_await resolve(where.host, where.effective_port(), within(where.timeouts.resolve));
  if (!found) {
    found.error().server = where.endpoint();
    co_return fail(std::move(found.error()));
  }
  if (listener) {
    std::string list;
    for (const auto& endpoint : *found) list += (list.empty() ? "" : ", ") + endpoint.address().to_string();
    listener->stage_passed(stage::resolve, list);
  }
  failure last(cause::no_address, stage::resolve, where.host);
  for (const auto& endpoint : *found) {
    auto connected = co_await connect(endpoint, where.local_address, within(where.timeouts.connect));
    if (connected) {
      if (listener) listener->stage_passed(stage::connect, to_string(endpoint));
      co_return net::transport(std::move(*connected));
    }
    last = std::move(connected.error());
    if (last.cause == cause::cancelled) break;
  }
  last.server = where.endpoint();
  co_return fail(std::move(last));
}

}  // namespace detail

/// Connects to `where`: resolves the host (numeric addresses are taken as they are) and tries each address in turn,
/// within `timeouts.resolve` in all and `timeouts.connect` for each. `listener` may be null.
///
/// Fails with name_not_found, lookup_failed or no_address (stage resolve), or with what the last address said (stage
/// connect). Cancellation ends the attempt under way (cause cancelled). Runs on the caller's executor.
inline asio::awaitable<result<net::transport>> dial(const server& where, protocol::trace* listener = nullptr) {
  return detail::dial(where, listener, std::chrono::steady_clock::time_point::max());
}

}  // namespace postrider::client
