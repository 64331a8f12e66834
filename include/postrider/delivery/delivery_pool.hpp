// What a pipeline needs to know of a pool.
#pragma once

#include <postrider/core/receipt.hpp>
#include <postrider/core/server.hpp>
#include <postrider/mail/mail.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include <chrono>
#include <concepts>

namespace postrider {

/// Connections to one server, as the pipeline uses them. Lives on its executor.
template <class P>
concept delivery_pool = std::constructible_from<P, asio::any_io_executor, const server&> &&
    requires(P& pool, mail what, std::chrono::milliseconds patience) {
  { pool.send(what) } -> std::same_as<asio::awaitable<receipt>>;
  // Ends idle connections politely; what is not done when patience ends completes with a failure.
  { pool.close(patience) } -> std::same_as<asio::awaitable<void>>;
};

}  // namespace postrider
