// Where a server puts the mail it is given: the concept.
#pragma once

#include <postrider/core/config.hpp>
#include <postrider/core/mail_id.hpp>
#include <postrider/core/result.hpp>
#include <postrider/mail/envelope.hpp>
#include <postrider/registry/submitter.hpp>

#include <asio/awaitable.hpp>

#include <concepts>
#include <string>
#include <utility>

namespace postrider {

namespace detail {

template <class T>
struct awaited_result;
template <class T>
struct awaited_result<asio::awaitable<result<T>>> {
  using type = T;
};

}  // namespace detail

/// What `begin` of an acceptor completes with.
template <class A>
using acceptor_writer = typename detail::awaited_result<decltype(std::declval<A&>().begin(
    std::declval<submitter>(), std::declval<envelope>()))>::type;

/// Takes mail in three steps: `begin`, `append` for each piece of the content, `commit`. A spool and a pipeline are
/// acceptors. Any failure is told to the client as a temporary one.
template <class A>
concept mail_acceptor = requires(A& acceptor, submitter from, envelope to, acceptor_writer<A>& writer,
                                 std::string piece) {
  // A mail begins. The writer is destroyed without `commit` if it does not come to its end: then it never was.
  { acceptor.begin(std::move(from), std::move(to)) } -> std::same_as<asio::awaitable<result<acceptor_writer<A>>>>;
  requires std::movable<acceptor_writer<A>>;
  // Canonical content (CRLF, not dot-stuffed), in order; nothing is read from the client while this waits.
  { writer.append(std::move(piece)) } -> std::same_as<asio::awaitable<result<void>>>;
  // Completes when the mail is safe; only then does the client get its 250.
  { writer.commit() } -> std::same_as<asio::awaitable<result<mail_id>>>;
};

}  // namespace postrider
