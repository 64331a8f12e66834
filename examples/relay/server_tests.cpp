// Where tests of servers run.
#include "relay/server_tests.hpp"

#include <postrider/client/probe.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <exception>

namespace postrider::examples {
namespace {

/// Until the end, or until somebody stops `context`, which leaves an empty report.
client::report run_probe(asio::io_context& context, const server& where, const std::optional<mail>& what,
                         client::probe_watcher* watcher) {
  client::report tested;
  std::exception_ptr thrown;
  asio::co_spawn(context, what ? client::probe(where, *what, watcher) : client::probe(where, watcher),
                 [&](std::exception_ptr error, client::report done) {
                   thrown = std::move(error);
                   tested = std::move(done);
                   context.stop();
                 });
  context.run();
  if (thrown) std::rethrow_exception(thrown);
  return tested;
}

failure said_here(cause why, std::string detail) {
  return failure(why, stage::queue, std::move(detail));
}

}  // namespace

result<mail> make_test_mail(const std::string& from, const std::vector<std::string>& to, const server& where) {
  return client::test_mail(from, to, where);
}

client::report run_test(const server& where, const std::optional<mail>& what) {
  asio::io_context context(1);
  return run_probe(context, where, what, nullptr);
}

void server_test::run(const server& where, const std::optional<mail>& what) noexcept {
  client::report whole;
  {
    asio::io_context context(1);  // goes with the end of the test, and its sockets with it
    try {
      if (started([&context] { context.stop(); })) whole = run_probe(context, where, what, this);
    } catch (const std::exception& error) {
      whole.failure = said_here(cause::invalid_configuration, error.what());
    }
    started({});
  }
  ended(std::move(whole));
}

void server_test::ended(client::report with) {
  const std::scoped_lock lock(mutex_);
  if (!cancelled_) so_far_ = std::move(with);
  else so_far_.failure = said_here(cause::cancelled, "the test was cancelled");
  done_ = true;
  ended_ = std::chrono::steady_clock::now();
  tell("report", to_json_with_transcript(so_far_));
}

}  // namespace postrider::examples
