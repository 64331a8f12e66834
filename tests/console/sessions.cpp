// Who is logged in at the console, for how long, and who has tried too often.
#include "relay/sessions.hpp"

#include "relay/access.hpp"

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <vector>

using namespace postrider::examples;
using namespace std::chrono_literals;

namespace {

const session_book::time_point start{1'000h};

}  // namespace

TEST_CASE("a session lasts as long as it is used, and a day at most") {
  session_book book;
  book.set_idle(10min);
  const std::string token = book.begin("ada", "acme", start);
  const auto session = book.find(token, start + 9min);
  REQUIRE(session);
  CHECK(session->name == "ada");
  CHECK(session->tenant == "acme");
  CHECK(book.left(*session, start + 9min) == 10min);
  CHECK(book.find(token, start + 18min));
  CHECK_FALSE(book.find(token, start + 28min + 1ms));
  CHECK_FALSE(book.find(token, start + 18min));  // it does not come back

  const std::string busy = book.begin("ada", "", start);
  for (auto at = start; at <= start + 24h; at += 5min) CHECK(book.find(busy, at));
  CHECK_FALSE(book.find(busy, start + 24h + 1ms));

  const std::string late = book.begin("ada", "", start);
  for (auto at = start; at < start + 24h; at += 9min) book.find(late, at);
  const auto last = book.find(late, start + 23h + 57min);
  REQUIRE(last);
  CHECK(book.left(*last, start + 23h + 57min) == 3min);
}

TEST_CASE("sessions are told apart, and end one by one or for one person") {
  session_book book;
  const std::string one = book.begin("ada", "", start), two = book.begin("ada", "", start),
                    other = book.begin("bob", "", start);
  CHECK(one != two);
  CHECK(book.find(one, start)->csrf != book.find(two, start)->csrf);
  CHECK_FALSE(book.find("", start));
  CHECK_FALSE(book.find(one + "x", start));
  book.end_all_of("ada", two);
  CHECK_FALSE(book.find(one, start));
  CHECK(book.find(two, start));
  CHECK(book.find(other, start));
  book.end(two);
  CHECK_FALSE(book.find(two, start));
  book.end_all_of("bob");
  CHECK_FALSE(book.find(other, start));
}

TEST_CASE("the session that was idle longest makes room") {
  session_book book;
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < session_book::most; ++i)
    tokens.push_back(book.begin("ada", "", start + std::chrono::seconds(i)));
  CHECK(book.find(tokens[0], start + 1h));
  book.begin("eve", "", start + 1h);
  CHECK(book.find(tokens[0], start + 1h));
  CHECK_FALSE(book.find(tokens[1], start + 1h));
  CHECK(book.find(tokens[2], start + 1h));
}

TEST_CASE("who tries too often waits, longer each time") {
  attempt_limit<std::string> limit(3);
  auto now = start;
  const auto wait = [&](const std::string& who) { return login_attempt<std::string>(limit, who, now).wait(); };
  for (int i = 0; i < 2; ++i) limit.failed("ada", now);
  CHECK(wait("ada") == 0s);
  std::vector<std::chrono::seconds> waits;
  for (int i = 0; i < 8; ++i) {
    limit.failed("ada", now);
    waits.push_back(wait("ada"));
    now += waits.back();
    CHECK(wait("ada") == 0s);
  }
  CHECK(waits == std::vector<std::chrono::seconds>{30s, 60s, 120s, 240s, 480s, 960s, 960s, 960s});
  CHECK(wait("bob") == 0s);
  limit.failed("ada", now);
  limit.succeeded("ada");
  CHECK(wait("ada") == 0s);
  // What was long ago does not count.
  for (int i = 0; i < 2; ++i) limit.failed("eve", now);
  now += 31min;
  limit.failed("eve", now);
  CHECK(wait("eve") == 0s);
}

TEST_CASE("attempts under way count as failed until they end") {
  attempt_limit<std::string> limit(2);
  std::optional<login_attempt<std::string>> one, two;
  CHECK(one.emplace(limit, "ada", start).wait() == 0s);
  CHECK(two.emplace(limit, "ada", start).wait() == 0s);
  CHECK(login_attempt<std::string>(limit, "ada", start).wait() == 1s);
  CHECK(login_attempt<std::string>(limit, "bob", start).wait() == 0s);
  two.reset();
  CHECK(login_attempt<std::string>(limit, "ada", start).wait() == 0s);
  one->failed(start);
  CHECK(login_attempt<std::string>(limit, "ada", start).wait() == 1s);
  one->succeeded();
  one.reset();
  CHECK(login_attempt<std::string>(limit, "ada", start).wait() == 0s);
}

TEST_CASE("whom a caller sees, and what he may do") {
  const caller shell;
  CHECK(shell.sees_all());
  CHECK(shell.sees("acme"));
  for (std::size_t i = 0; i < postrider::spellings<access_scope>.size(); ++i)
    CHECK(shell.scopes.has(static_cast<access_scope>(i)));
  const caller one{.tenant = "acme", .scopes = {}};
  CHECK_FALSE(one.sees_all());
  CHECK(one.sees("acme"));
  CHECK_FALSE(one.sees("globex"));
  CHECK_FALSE(one.sees(""));
  CHECK_FALSE(one.scopes.has(access_scope::read));
  access_scopes some;
  some.add(access_scope::queue);
  CHECK(some.has(access_scope::queue));
  CHECK_FALSE(some.has(access_scope::content));
}
