// Tests of servers that were asked for at the console: how many are kept, and which one makes room.
#include "relay/server_tests.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace server_tests_tests {

using namespace postrider;
using namespace postrider::examples;
using namespace std::chrono_literals;

/// Begins a test of a server that has no valid address, and waits for its end.
std::optional<std::string> run_one(server_tests& tests) {
  const server nowhere{.host = "127.0.0.1", .port = 1, .security = security::none};
  const auto id = tests.begin("acme", "one", "none", nowhere, std::nullopt);
  if (!id) return id;
  const auto test = tests.find("acme", *id);
  while (!test->done()) test->wait(1'000, std::chrono::steady_clock::now() + 1s);
  return id;
}

TEST_CASE("a test that ended makes room for the next one, the oldest first") {
  server_tests tests;
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < server_tests::most_kept + 2; ++i) {
    const auto id = run_one(tests);
    REQUIRE(id);
    ids.push_back(*id);
  }
  CHECK(tests.find("acme", ids[0]) == nullptr);
  CHECK(tests.find("acme", ids[1]) == nullptr);
  for (std::size_t i = 2; i < ids.size(); ++i) CHECK(tests.find("acme", ids[i]) != nullptr);
}

}  // namespace server_tests_tests
