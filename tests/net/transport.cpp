#include "loopback.hpp"

#include <asio/write.hpp>
#include <catch2/catch.hpp>

#include <cstring>
#include <random>
#include <vector>

using namespace postrider;
using net::io_result;
using net::tls_context;
using net::transport;

namespace {

asio::awaitable<void> accept_tls(transport& end) {
  auto context = tls_context::server(::test::ca().issue("DNS:mx.example.org"), ::test::ca().key_file());
  const auto done = co_await end.handshake_server(std::move(*context));
  if (!done) end.close();
}

void encrypt(asio::io_context& context, ::test::two_ends& ends) {
  tls_options options;
  options.ca_file = ::test::ca().ca_file();
  asio::co_spawn(context, accept_tls(ends.server), asio::detached);
  REQUIRE(::test::run(context, ends.client.handshake_client(tls_context::client(options).value(), "mx.example.org")));
}

asio::awaitable<void> write_all(transport& end, std::vector<std::string> pieces, std::size_t& calls) {
  std::vector<asio::const_buffer> buffers;
  for (const auto& piece : pieces) buffers.push_back(asio::buffer(piece));
  std::size_t first = 0;
  while (first < buffers.size()) {
    if (buffers[first].size() == 0) {
      ++first;
      continue;
    }
    ++calls;
    const io_result done = co_await end.write_some(std::span<const asio::const_buffer>(buffers).subspan(first));
    if (std::get<0>(done)) break;
    for (std::size_t left = std::get<1>(done); left > 0 && first < buffers.size();) {
      const std::size_t part = std::min(left, buffers[first].size());
      buffers[first] += part;
      left -= part;
      if (buffers[first].size() == 0) ++first;
    }
  }
}

asio::awaitable<std::string> read_all(transport& end, std::size_t size, std::size_t room) {
  std::string all;
  std::vector<char> buffer(room);
  while (all.size() < size) {
    const io_result got = co_await end.read_some(asio::buffer(buffer));
    if (std::get<0>(got)) break;
    all.append(buffer.data(), std::get<1>(got));
  }
  co_return all;
}

std::string through(bool tls, const std::vector<std::string>& pieces, std::size_t room, std::size_t* calls = nullptr) {
  asio::io_context context(1);
  ::test::two_ends ends(context);
  if (tls) encrypt(context, ends);
  std::size_t counted = 0;
  asio::co_spawn(context, write_all(ends.client, pieces, calls ? *calls : counted), asio::detached);
  std::size_t size = 0;
  for (const auto& piece : pieces) size += piece.size();
  return ::test::run(context, read_all(ends.server, size, room));
}

}  // namespace

TEST_CASE("what is gathered from many buffers arrives byte for byte", "[transport]") {
  const bool tls = GENERATE(false, true);
  std::mt19937 random(5);
  for (const std::size_t largest : {1U, 10U, 300U, 5000U, 40'000U}) {
    std::vector<std::string> pieces;
    std::string expected;
    for (int i = 0; i < 150; ++i) {
      std::string piece(random() % (largest + 1), '\0');
      for (char& c : piece) c = static_cast<char>(random());
      expected += piece;
      pieces.push_back(std::move(piece));
    }
    INFO("tls " << tls << ", pieces of up to " << largest);
    REQUIRE((through(tls, pieces, 8192) == expected));  // in brackets: not printed
  }
  CHECK(
      through(tls,
              {std::string(16 * 1024, 'a'), std::string(16 * 1024 - 1, 'b'), "", std::string(16 * 1024 + 1, 'c'), "d"},
              1000) ==
      std::string(16 * 1024, 'a') + std::string(16 * 1024 - 1, 'b') + std::string(16 * 1024 + 1, 'c') + "d");
  CHECK(through(tls, {"one byte at a time"}, 1) == "one byte at a time");
}

TEST_CASE("small buffers share a record", "[transport]") {
  std::size_t calls = 0;
  const std::vector<std::string> pieces(1000, "0123456789");
  CHECK(through(true, pieces, 8192, &calls).size() == 10'000);
  CHECK(calls == 1);
}

TEST_CASE("a plain transport says nothing of TLS, an encrypted one everything", "[transport]") {
  asio::io_context context(1);
  ::test::two_ends ends(context);
  CHECK_FALSE(ends.client.encrypted());
  CHECK(ends.client.tls_description().empty());
  CHECK(ends.client.tls_version().empty());
  CHECK(ends.client.tls_cipher().empty());
  encrypt(context, ends);
  CHECK(ends.client.encrypted());
  CHECK(ends.client.tls_version() == "TLSv1.3");
  CHECK_THAT(std::string(ends.client.tls_cipher()), Catch::StartsWith("TLS_"));
}

TEST_CASE("close ends a read and a write under way, and may be called again", "[transport]") {
  const bool tls = GENERATE(false, true);
  asio::io_context context(1);
  ::test::two_ends ends(context);
  if (tls) encrypt(context, ends);
  std::error_code read_error, write_error;
  int ended = 0;
  const auto read = [&]() -> asio::awaitable<void> {
    char byte = 0;
    const io_result got = co_await ends.client.read_some(asio::buffer(&byte, 1));
    read_error = std::get<0>(got);
    ++ended;
  };
  const std::string much(1 << 20, 'x');
  const auto write = [&]() -> asio::awaitable<void> {
    const asio::const_buffer all = asio::buffer(much);
    while (!write_error) {
      const io_result done = co_await ends.client.write_some(std::span(&all, 1));
      write_error = std::get<0>(done);
    }
    ++ended;
  };
  asio::co_spawn(context, read(), asio::detached);
  asio::co_spawn(context, write(), asio::detached);
  for (int i = 0; i < 50; ++i) context.run_for(std::chrono::milliseconds(2));
  CHECK(ended == 0);
  ends.client.close();
  ends.client.close();
  context.restart();
  context.run_for(std::chrono::seconds(5));
  CHECK(ended == 2);
  CHECK(read_error);
  CHECK(write_error);
}

TEST_CASE("a transport that is moved goes on with what is under way", "[transport]") {
  const bool tls = GENERATE(false, true);
  asio::io_context context(1);
  ::test::two_ends ends(context);
  if (tls) encrypt(context, ends);
  std::string got;
  const auto read = [&]() -> asio::awaitable<void> { got = co_await read_all(ends.server, 5, 100); };
  asio::co_spawn(context, read(), asio::detached);
  context.poll();
  transport moved(std::move(ends.client));
  std::size_t calls = 0;
  context.restart();
  ::test::run(context, write_all(moved, {"hello"}, calls));
  context.restart();
  context.run_for(std::chrono::seconds(5));
  CHECK(got == "hello");
}

TEST_CASE("the peer's close is an end of file, in clear and within TLS", "[transport]") {
  const bool tls = GENERATE(false, true);
  asio::io_context context(1);
  ::test::two_ends ends(context);
  if (tls) encrypt(context, ends);
  ends.server.close();
  char byte = 0;
  const io_result got = ::test::run(context, ends.client.read_some(asio::buffer(&byte, 1)));
  const std::error_code expected =
      tls ? std::error_code(asio::ssl::error::stream_truncated) : std::error_code(asio::error::eof);
  CHECK(std::get<0>(got) == expected);
}
