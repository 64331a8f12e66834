// Awaiting what a storage's own thread does.
#pragma once

#include <postrider/net/completion.hpp>

#include <asio/awaitable.hpp>

#include <type_traits>

namespace postrider::storage {

using net::complete;
using net::completion;

/// For what needs no other thread: does `work` once awaited.
template <class Work>
asio::awaitable<std::invoke_result_t<Work&>> immediately(Work work) {
  co_return work();
}

}  // namespace postrider::storage
