#include <postrider/client/probe.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

using namespace postrider;

namespace {

/// A server that nobody is behind: the port was free a moment ago.
server nobody() {
  asio::io_context context;
  asio::ip::tcp::acceptor taken(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  server where;
  where.host = "127.0.0.1";
  where.port = taken.local_endpoint().port();
  return where;
}

/// Spawned with temporaries that are gone before it runs.
template <class T, class Make>
T run_detached(Make make) {
  asio::io_context context;
  std::optional<T> got;
  asio::co_spawn(context, make(), [&](std::exception_ptr error, T value) {
    if (error) std::rethrow_exception(error);
    got = std::move(value);
  });
  context.run();
  REQUIRE(got);
  return std::move(*got);
}

mail any_mail() {
  auto built = client::test_mail("ada@example.com", {"charles@example.org"}, nobody());
  REQUIRE(built);
  return *built;
}

}  // namespace

TEST_CASE("a probe tells how far it came, and needs no argument to outlive the call", "[probe]") {
  const auto tested = run_detached<client::report>([] { return client::probe(nobody()); });
  CHECK_FALSE(tested.ok);
  REQUIRE(tested.stages.size() == 2);
  CHECK(tested.stages[0].stage == stage::resolve);
  CHECK(tested.stages[0].ok);
  CHECK(tested.stages[1].stage == stage::connect);
  CHECK_FALSE(tested.stages[1].ok);
  REQUIRE(tested.failure);
  CHECK(tested.failure->cause == cause::connection_refused);
  CHECK_FALSE(tested.receipt);
}

TEST_CASE("a probe with a mail gives a receipt for every recipient", "[probe]") {
  const auto tested = run_detached<client::report>([] { return client::probe(nobody(), any_mail()); });
  REQUIRE(tested.failure);
  CHECK(tested.failure->cause == cause::connection_refused);
  REQUIRE(tested.receipt);
  REQUIRE(tested.receipt->recipients.size() == 1);
  CHECK(tested.receipt->recipients[0].address == "charles@example.org");
  CHECK(tested.receipt->mail_id.ends_with("@example.com>"));
}

TEST_CASE("a second look that finds nobody keeps to the first", "[probe]") {
  const auto first = run_detached<failure>(
      [] { return client::second_look(nobody(), failure(cause::reply_timeout, stage::greeting, "as it was")); });
  CHECK(first.cause == cause::reply_timeout);
  CHECK(first.detail == "as it was");
}

TEST_CASE("only silence and missing TLS are worth a second look", "[probe]") {
  server where = nobody();
  CHECK(client::worth_a_second_look(where, failure(cause::reply_timeout, stage::greeting)));
  CHECK_FALSE(client::worth_a_second_look(where, failure(cause::reply_timeout, stage::rcpt)));
  CHECK_FALSE(client::worth_a_second_look(where, failure(cause::credentials_rejected, stage::auth)));
  where.security = security::tls;
  CHECK(client::worth_a_second_look(where, failure(cause::starttls_expected, stage::tls)));
  CHECK_FALSE(client::worth_a_second_look(where, failure(cause::reply_timeout, stage::greeting)));
}

TEST_CASE("a recorder keeps the order of stages, whatever fails when", "[probe]") {
  client::detail::recorder notes;
  notes.stage_passed(stage::mail, "a");
  notes.stage_passed(stage::rcpt, "b");
  notes.stage_passed(stage::final, "c");
  notes.failed(failure(cause::mailbox_unknown, stage::rcpt));
  notes.failed(failure(cause::mailbox_full, stage::rcpt));
  notes.line(protocol::direction::from_server, "250 a\x1b[0m");
  std::vector<stage> order;
  for (const auto& s : notes.written.stages) order.push_back(s.stage);
  CHECK(order == std::vector<stage>{stage::mail, stage::rcpt, stage::rcpt, stage::rcpt, stage::final});
  CHECK(notes.written.failure->cause == cause::mailbox_unknown);
  CHECK(notes.written.transcript == std::vector<std::string>{"S: 250 a [0m"});
}
