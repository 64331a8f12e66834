// What the client floor asks of others: an archetype that has exactly that, and near misses that have not.
#include <postrider/client/connection.hpp>

#include <catch2/catch.hpp>

#include <type_traits>

namespace concepts_tests {

using namespace postrider;

namespace {

struct only_a_stream {
  asio::awaitable<net::io_result> read_some(asio::mutable_buffer);
  asio::awaitable<net::io_result> write_some(std::span<const asio::const_buffer>);
  void close() noexcept;
  asio::any_io_executor get_executor();
};
struct archetype : only_a_stream {
  asio::awaitable<result<void>> handshake_client(net::tls_context, std::string);
  const char* tls_description();
  net::io_result try_write_some(std::span<const asio::const_buffer>);
};
static_assert(net::stream<only_a_stream>);
static_assert(client::upgradable_stream<archetype>);
static_assert(!std::copy_constructible<net::transport> && std::move_constructible<net::transport>);

struct returns_a_size : only_a_stream {
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer);
};
struct writes_one_buffer : only_a_stream {
  asio::awaitable<net::io_result> write_some(asio::const_buffer);
};
struct may_throw : only_a_stream {
  void close();
};
struct nowhere {
  asio::awaitable<net::io_result> read_some(asio::mutable_buffer);
  asio::awaitable<net::io_result> write_some(std::span<const asio::const_buffer>);
  void close() noexcept;
};
static_assert(!net::stream<returns_a_size>);
static_assert(!net::stream<writes_one_buffer>);
static_assert(!net::stream<may_throw>);
static_assert(!net::stream<nowhere>);

struct never_explains : archetype {
  asio::awaitable<bool> handshake_client(net::tls_context, std::string);
};
struct nameless : only_a_stream {
  asio::awaitable<result<void>> handshake_client(net::tls_context);
  std::string tls_description();
};
struct silent : only_a_stream {
  asio::awaitable<result<void>> handshake_client(net::tls_context, std::string);
};
static_assert(!client::upgradable_stream<only_a_stream>);
static_assert(!client::upgradable_stream<never_explains>);
static_assert(!client::upgradable_stream<nameless>);
static_assert(!client::upgradable_stream<silent>);

struct source_archetype final : client::mail_source {
  std::optional<client::queued_mail> pull() override { return std::nullopt; }
  void settled(protocol::settled_mail&&) override {}
};
struct never_told : client::mail_source {
  std::optional<client::queued_mail> pull() override { return std::nullopt; }
};
static_assert(std::is_default_constructible_v<source_archetype> && !std::is_copy_constructible_v<source_archetype>);
static_assert(std::is_abstract_v<never_told>);

}  // namespace

TEST_CASE("a source of mails needs to do no more than this", "[concepts]") {
  source_archetype source;
  client::mail_source& seen = source;
  seen.settled({});
  CHECK_FALSE(seen.pull());
}

}  // namespace concepts_tests
