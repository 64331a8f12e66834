// The library under test: one pool, one thread, as many callers as keep its queue from running empty.
//
//   bench_postrider (the client's arguments) [--reconnect]
#include <postrider/client/pool.hpp>

#include "client_arguments.hpp"

#include <asio/io_context.hpp>

#include <iostream>

namespace bench {
namespace {

struct tally {
  std::uint64_t left;
  std::uint64_t callers = 0;
  std::uint64_t accepted = 0;
  std::string trouble{};
};

asio::awaitable<void> call(postrider::client::pool& pool, const postrider::mail& what, tally& count) {
  ++count.callers;
  while (count.left != 0) {
    --count.left;
    const postrider::receipt got = co_await pool.send(what);
    if (got.ok()) ++count.accepted;
    else if (count.trouble.empty()) count.trouble = got.recipients.at(0).failure->detail;
  }
  if (--count.callers == 0) co_await pool.close(std::chrono::seconds(10));
}

postrider::server make_server(const arguments& given) {
  postrider::server made{.host = "127.0.0.1",
                         .port = static_cast<std::uint16_t>(given.number("--port")),
                         .security = postrider::security::none,
                         .ehlo_name = "client.example.com"};
  const std::string& pattern = given.text("--pattern");
  made.quirks.no_pipelining = pattern == "lockstep";
  made.quirks.no_chunking = pattern == "lockstep" || pattern == "pipelining";
  if (pattern.substr(0, 7) == "window:") made.quirks.window = static_cast<std::uint16_t>(std::stoul(pattern.substr(7)));
  made.limits.connections = static_cast<std::uint32_t>(given.number("--connections"));
  if (given.given("--reconnect")) made.limits.mails_per_connection = 1;
  if (given.given("--certificate")) {
    made.security = postrider::security::tls;
    made.tls.ca_file = given.text("--certificate");
  }
  return made;
}

int send_all(const arguments& given) {
  postrider::envelope to(postrider::address::parse("ada@example.com").value(),
                         {postrider::recipient(postrider::address::parse("charles@example.org").value())});
  const postrider::mail what(std::move(to), postrider::content(content_in(given)));
  const postrider::server where = make_server(given);
  asio::io_context context(1);
  postrider::client::pool pool(context.get_executor(), where);
  tally count{given.number("--mails")};
  const std::uint64_t callers = where.limits.connections * (2ULL * where.quirks.window + 2);
  for (std::uint64_t i = 0; i < callers; ++i) asio::co_spawn(context, call(pool, what, count), asio::detached);
  context.run();
  std::cout << "accepted " << count.accepted << '\n';
  if (!count.trouble.empty()) std::cerr << "a mail was not accepted: " << count.trouble << '\n';
  return count.trouble.empty() ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  std::vector<bench::argument> known = bench::client_arguments();
  known.push_back({"--reconnect", "", "a connection for each mail", true});
  return bench::program(argc, argv, std::move(known), &bench::send_all);
}
