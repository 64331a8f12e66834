// What a pipeline asks of its parts: exactly that is enough, and a little less is not.
#include <postrider/delivery/destination.hpp>
#include <postrider/delivery/events.hpp>

#include <catch2/catch.hpp>

namespace pipeline_concepts_tests {

using namespace postrider;

namespace {

struct hears_everything {
  void on(const events::accepted&) {}
  void on(const events::attempt_finished&) {}
  void on(const events::deferred&) {}
  void on(const events::failed&) {}
  void on(const events::notified&) {}
  void on(const events::server_held&) {}
  void on(const events::server_released&) {}
  void on(const events::account_suspended&) {}
  void on(const events::spool_trouble&) {}
};
struct forgets_suspensions {
  void on(const events::accepted&) {}
  void on(const events::attempt_finished&) {}
  void on(const events::deferred&) {}
  void on(const events::failed&) {}
  void on(const events::notified&) {}
  void on(const events::server_held&) {}
  void on(const events::server_released&) {}
  void on(const events::spool_trouble&) {}
};
struct hears_failures : no_observer {
  using no_observer::on;
  void on(const events::failed& e) { count += e.recipients.size(); }
  std::size_t count = 0;
};

static_assert(observer<hears_everything>);
static_assert(!observer<forgets_suspensions>);
static_assert(observer<hears_failures>);

struct least_pool {
  least_pool(asio::any_io_executor, const server&) {}
  asio::awaitable<receipt> send(mail);
  asio::awaitable<void> close(std::chrono::milliseconds);
};
struct impatient_pool {
  impatient_pool(asio::any_io_executor, const server&) {}
  asio::awaitable<receipt> send(mail);
  asio::awaitable<void> close();
};
struct silent_pool {
  silent_pool(asio::any_io_executor, const server&) {}
  asio::awaitable<void> send(mail);
  asio::awaitable<void> close(std::chrono::milliseconds);
};

static_assert(delivery_pool<least_pool>);
static_assert(!delivery_pool<impatient_pool>);
static_assert(!delivery_pool<silent_pool>);

}  // namespace

TEST_CASE("an observer hears what it has words for, and nothing else") {
  hears_failures some;
  const std::vector<recipient_outcome> failed{{"a@example.org", failure(cause::spam)},
                                              {"b@example.org", failure(cause::spam)}};
  some.on(events::failed{mail_id{1}, "acme", failed});
  some.on(events::server_released{"acme", "first", "relay"});
  CHECK(some.count == 2);
}

}  // namespace pipeline_concepts_tests
