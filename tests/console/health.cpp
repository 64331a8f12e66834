// How servers have been: counted, written now and then, and known again after a restart.
#include <postrider/storage/memory_registry_storage.hpp>

#include "relay/health_keeper.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace postrider;
using namespace postrider::examples;
using namespace std::chrono_literals;

namespace {

void attempt(statistics& numbers, std::string_view server, std::optional<failure> why = std::nullopt) {
  receipt came;
  if (why) came.recipients.emplace_back("reader@example.org", *why);
  else came.recipients.emplace_back("reader@example.org", outcome::accepted);
  numbers.on(events::attempt_finished{mail_id{1}, "acme", "ada@acme.test", server, "user", 1, false, came});
}

failure refused() {
  failure why(cause::connection_refused, stage::connect, "Connection refused");
  why.server = "mail.example.com:587";
  return why;
}

struct house {
  house() {
    if (!registry.add_tenant("acme")) FAIL();
    for (const char* name : {"one", "two"}) {
      const server settings{.host = "mail.example.com", .account = {"u", "p"}};
      if (!registry.add_server("acme", {.name = name, .settings = settings})) FAIL();
    }
  }
  accounts open() { return std::move(accounts::open(folder / "console.db").value()); }

  test::temporary_folder folder{};
  server_registry registry = *server_registry::open(memory::registry_storage(), vault::in_memory());
};

}  // namespace

TEST_CASE("what changed of a server's health is told once") {
  statistics numbers;
  CHECK(numbers.take_changed().empty());
  attempt(numbers, "one");
  attempt(numbers, "one");
  attempt(numbers, "two", refused());
  const auto changed = numbers.take_changed();
  REQUIRE(changed.size() == 2);
  CHECK(changed[0].server == "one");
  CHECK(changed[0].last_success);
  CHECK_FALSE(changed[0].last_failure);
  CHECK(changed[1].last_failure->cause == cause::connection_refused);
  CHECK_FALSE(changed[1].last_success);
  CHECK(numbers.take_changed().empty());
  numbers.on(events::server_held{.tenant = "acme", .server = "one", .user = "user", .pause = 1s, .why = refused()});
  CHECK(numbers.take_changed().size() == 1);
  // A refusal that is the mail's own fault says that the server works.
  attempt(numbers, "two", failure(cause::mailbox_unknown, stage::rcpt));
  CHECK(numbers.take_changed().front().last_success);
  numbers.forget("acme", "two");
  CHECK_FALSE(numbers.find("acme", "two"));
}

TEST_CASE("a restart forgets nothing of how servers have been") {
  house h;
  health_record before;
  {
    accounts people = h.open();
    statistics numbers;
    health_keeper keeper(numbers, people, h.registry, 1h);
    attempt(numbers, "one");
    attempt(numbers, "one", refused());
    attempt(numbers, "gone", refused());
    before = *numbers.find("acme", "one");
    CHECK(people.health()->empty());  // written together, later
    keeper.stop();
    CHECK(people.health()->size() == 2);
  }
  accounts people = h.open();
  statistics numbers;
  const health_keeper keeper(numbers, people, h.registry, 1h);
  const auto known = numbers.find("acme", "one");
  REQUIRE(known);
  CHECK(known->last_success == before.last_success);
  CHECK(known->last_failure_at == before.last_failure_at);
  CHECK(known->last_failure->cause == cause::connection_refused);
  CHECK(known->last_failure->server == "mail.example.com:587");
  CHECK_FALSE(numbers.find("acme", "gone"));  // the registry does not know it any more
  CHECK(people.health()->size() == 1);
  CHECK(numbers.take_changed().empty());
  CHECK(numbers.counts("acme").all() == 0);
}

TEST_CASE("health is written every now and then, and again where that failed") {
  house h;
  accounts people = h.open();
  statistics numbers;
  const health_keeper keeper(numbers, people, h.registry, 5ms);
  attempt(numbers, "one");
  for (int i = 0; i < 2'000 && people.health()->empty(); ++i) std::this_thread::sleep_for(5ms);
  CHECK(people.health()->size() == 1);
  attempt(numbers, "two");
  for (int i = 0; i < 2'000 && people.health()->size() < 2; ++i) std::this_thread::sleep_for(5ms);
  CHECK(people.health()->size() == 2);
  REQUIRE(people.forget_health("acme", "two"));
  CHECK(people.health()->front().server == "one");
}
