// What a session needs from the connection beneath it.
#pragma once

#include <postrider/core/config.hpp>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>
#include <tuple>

namespace postrider::net {

/// How an operation on a stream ends: an error, or how many bytes went through.
using io_result = std::tuple<std::error_code, std::size_t>;

/// A byte stream with at most one read and one write under way at a time.
template <class S>
concept stream = requires(S s, asio::mutable_buffer into, std::span<const asio::const_buffer> from) {
  // Completes with at least one byte, or an error (end of file included).
  { s.read_some(into) } -> std::same_as<asio::awaitable<io_result>>;
  // Gathers from all buffers; completes with at least one byte, or an error. The array of buffers stays the caller's.
  { s.write_some(from) } -> std::same_as<asio::awaitable<io_result>>;
  // Ends both directions at once; operations under way complete with an error. May be called twice.
  { s.close() }
  noexcept;
  {s.get_executor()};
};

}  // namespace postrider::net
