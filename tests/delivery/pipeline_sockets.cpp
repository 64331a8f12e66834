// The whole way over real sockets: client, listener, pipeline, listener.
#include <postrider/client/send.hpp>
#include <postrider/delivery/pipeline.hpp>
#include <postrider/server/listener.hpp>
#include <postrider/storage/memory_registry_storage.hpp>
#include <postrider/storage/memory_spool.hpp>

#include "server/memory_acceptor.hpp"
#include "support/thread_of_its_own.hpp"

#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace pipeline_sockets_tests {

using namespace postrider;
using namespace std::chrono_literals;

namespace {

template <class T>
T expect(result<T> value) {
  if (!value) throw std::runtime_error(value.error().detail);
  return std::move(*value);
}

server_policy trusting() {
  server_policy policy;
  policy.smtp.host_name = "mx.example.org";
  policy.trusted = {*network::parse("127.0.0.0/8")};
  policy.trusted_tenant = "acme";
  return policy;
}

asio::ip::tcp::endpoint loopback(std::uint16_t port = 0) {
  return {asio::ip::make_address("127.0.0.1"), port};
}

/// A server at the end of the way.
struct sink {
  explicit sink(asio::io_context& on, std::uint16_t port = 0)
      : acceptor(on),
        listening(
            expect(listener<test::memory_acceptor>::open(on.get_executor(), loopback(port), trusting(), acceptor))) {
    asio::co_spawn(on, listening.run(), asio::detached);
  }
  std::uint16_t port() const { return listening.endpoint().port(); }

  test::memory_acceptor acceptor;
  listener<test::memory_acceptor> listening;
};

server at(std::uint16_t port) {
  server one;
  one.host = "127.0.0.1";
  one.port = port;
  one.security = security::none;
  return one;
}

mail letter(const std::string& text, const std::string& from) {
  std::vector<recipient> to;
  to.emplace_back(expect(address::parse("charles@example.org")));
  return mail(envelope(expect(address::parse(from)), std::move(to)),
              content("Subject: " + text + "\r\n\r\n.dots\r\n..and more\r\n"));
}

/// A server called `name`, and name@example.com, whose mail it takes.
void add_server_and_sender(server_registry& registry, const std::string& name, std::uint16_t port) {
  expect(registry.add_server("acme", server_record{.name = name, .settings = at(port)}));
  sender_record sender{.name = name, .address = name + "@example.com"};
  sender.override = server_override{.server = name};
  expect(registry.add_sender("acme", std::move(sender)));
}

std::uint16_t unused_port(asio::io_context& context) {
  asio::ip::tcp::acceptor taken(context, loopback());
  return taken.local_endpoint().port();
}

template <class F>
bool until(asio::io_context& context, F done) {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  context.restart();
  while (!done() && std::chrono::steady_clock::now() < deadline) context.run_one_for(5ms);
  return done();
}

}  // namespace

TEST_CASE("client, listener, pipeline, listener: each mail arrives where the registry says, byte for byte") {
  asio::io_context context(1);
  sink internal(context), second(context);
  const std::uint16_t dead = unused_port(context);

  registry_options options;
  options.policy = registry_policy::dangerously_insecure;
  options.internal_server = at(internal.port());
  auto registry = expect(server_registry::open(memory::registry_storage(), vault::in_memory(), options));
  expect(registry.add_tenant("acme"));
  add_server_and_sender(registry, "second", second.port());
  add_server_and_sender(registry, "dead", dead);

  const retry_schedule retry{.first = 100ms, .longest = 200ms, .give_up = 60s};
  pipeline line(context.get_executor(), registry, memory::spool(), retry, pipeline_options::scaled_to(retry));
  asio::co_spawn(context, line.run(), asio::detached);
  using door_type = listener<decltype(line)>;
  auto door = expect(door_type::open(context.get_executor(), loopback(), trusting(), line));
  asio::co_spawn(context, door.run(), asio::detached);

  const std::vector<std::string> senders{"anyone@example.com", "second@example.com", "dead@example.com"};
  constexpr std::size_t each = 20;
  std::size_t accepted = 0;
  client::pool into(context.get_executor(), at(door.endpoint().port()));
  for (std::size_t i = 0; i < each; ++i)
    for (const auto& from : senders)
      asio::co_spawn(context, into.send(letter(std::to_string(i), from)),
                     [&](std::exception_ptr error, receipt answer) {
                       if (error) std::rethrow_exception(error);
                       if (answer.ok()) ++accepted;
                     });
  REQUIRE(until(context, [&] { return accepted == senders.size() * each; }));
  REQUIRE(until(context,
                [&] { return internal.acceptor.mails().size() == each && second.acceptor.mails().size() == each; }));
  REQUIRE(until(context, [&] { return !line.held().empty() && line.held()[0].server == "dead"; }));
  CHECK(line.held()[0].why.cause == cause::connection_refused);

  sink revived(context, dead);
  REQUIRE(until(context, [&] { return revived.acceptor.mails().size() == each; }));
  for (const auto* one : {&internal, &second, &revived}) {
    std::set<std::string> subjects;
    for (const auto& got : one->acceptor.mails()) {
      CHECK(got.content.ends_with("\r\n\r\n.dots\r\n..and more\r\n"));
      const auto subject = got.content.find("Subject: ");
      REQUIRE(subject != std::string::npos);
      subjects.insert(got.content.substr(subject, got.content.find('\r', subject) - subject));
    }
    CHECK(subjects.size() == each);
  }
  for (const auto& got : second.acceptor.mails()) CHECK(got.to.reverse_path->str() == "second@example.com");

  bool stopped = false;
  asio::co_spawn(context, line.stop(5s), [&](std::exception_ptr) { stopped = true; });
  CHECK(until(context, [&] { return stopped; }));
  CHECK(line.held().empty());
}

TEST_CASE("a pipeline spreads its connections over threads, and each mail arrives once where it should") {
  constexpr std::size_t servers = 6, each = 40;
  std::array<::test::thread_of_its_own, 2> further;
  asio::io_context context(1);
  registry_options insecure;
  insecure.policy = registry_policy::dangerously_insecure;
  insecure.internal_server = at(unused_port(context));
  auto registry = expect(server_registry::open(memory::registry_storage(), vault::in_memory(), insecure));
  expect(registry.add_tenant("acme"));
  std::vector<std::unique_ptr<sink>> sinks;
  for (std::size_t i = 0; i < servers; ++i) {
    sinks.push_back(std::make_unique<sink>(context));
    add_server_and_sender(registry, "s" + std::to_string(i), sinks.back()->port());
  }

  const retry_schedule retry{.first = 100ms, .longest = 200ms, .give_up = 60s};
  auto options = pipeline_options::scaled_to(retry);
  for (auto& one : further) options.connections_on.push_back(one.context.get_executor());
  pipeline line(context.get_executor(), registry, memory::spool(), retry, options);
  asio::co_spawn(context, line.run(), asio::detached);
  for (std::size_t n = 0; n < each; ++n)
    for (std::size_t i = 0; i < servers; ++i) {
      const std::string from = "s" + std::to_string(i) + "@example.com";
      asio::co_spawn(context, line.submit(submitter("acme", from), letter(std::to_string(n), from)), asio::detached);
    }
  const auto all_there = [](const auto& one) { return one->acceptor.mails().size() >= each; };
  CHECK(until(context, [&] { return std::all_of(sinks.begin(), sinks.end(), all_there); }));

  bool stopped = false;
  asio::co_spawn(context, line.stop(20s), [&](std::exception_ptr) { stopped = true; });
  CHECK(until(context, [&] { return stopped; }));
  for (std::size_t i = 0; i < servers; ++i) {
    std::set<std::string> contents;
    for (const auto& got : sinks[i]->acceptor.mails()) {
      contents.insert(got.content.substr(got.content.find("Subject: ")));
      CHECK(got.to.reverse_path->str() == "s" + std::to_string(i) + "@example.com");
    }
    CHECK(contents.size() == each);
    CHECK(sinks[i]->acceptor.mails().size() == each);
  }
  std::size_t handlers = 0;
  for (auto& one : further) {
    one.stop();
    handlers += one.handlers;
  }
  CHECK(handlers > servers * each);
}

}  // namespace pipeline_sockets_tests
