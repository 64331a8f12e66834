#include <postrider/storage/due_queue.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace due_queue_tests {

using namespace postrider;

namespace {
spool_time at(int seconds) {
  return spool_time(std::chrono::seconds(seconds));
}
using ids = std::vector<mail_id>;
}  // namespace

TEST_CASE("The oldest due comes first, and nobody else gets it") {
  storage::due_queue queue;
  queue.put(mail_id{1}, at(30));
  queue.put(mail_id{2}, at(10));
  queue.put(mail_id{3}, at(20));
  queue.put(mail_id{4}, at(40));
  CHECK(queue.next_due() == at(10));
  CHECK(queue.claim("a", at(30), 2) == ids{mail_id{2}, mail_id{3}});
  CHECK(queue.next_due() == at(30));
  CHECK(queue.claim("b", at(30), 9) == ids{mail_id{1}});
  CHECK(queue.claim("b", at(30), 9).empty());
  CHECK(queue.next_due() == at(40));
}

TEST_CASE("A released mail is due when it was; a settled one when it was said") {
  storage::due_queue queue;
  for (std::uint64_t id = 1; id <= 4; ++id) queue.put(mail_id{id}, at(static_cast<int>(id)));
  CHECK(queue.claim("a", at(3), 9).size() == 3);
  queue.put(mail_id{1}, at(50));         // settled, comes again
  queue.put(mail_id{2}, at(60), false);  // others of its recipients are on their way
  queue.erase(mail_id{3});
  CHECK(queue.claim("b", at(99), 9) == ids{mail_id{4}, mail_id{1}});
  queue.release("a");
  CHECK(queue.claim("b", at(99), 9) == ids{mail_id{2}});
  queue.release(mail_id{4});
  queue.release(mail_id{3});
  queue.release(mail_id{77});
  queue.release("nobody");
  CHECK(queue.next_due() == at(4));
}

TEST_CASE("A claim outlives a hold") {
  storage::due_queue queue;
  queue.put(mail_id{1}, at(1));
  CHECK(queue.claim("a", at(1), 1).size() == 1);
  queue.put(mail_id{1}, std::nullopt, false);
  queue.put(mail_id{1}, at(1), false);
  CHECK(queue.claim("b", at(9), 1).empty());
  queue.release(mail_id{1});
  CHECK(queue.claim("b", at(9), 1) == ids{mail_id{1}});
}

TEST_CASE("Claiming costs what is claimed, however much waits") {
  storage::due_queue queue;
  constexpr std::uint64_t many = 300'000;  // if each claim looked at all of them, the test would run out of time
  for (std::uint64_t id = 1; id <= many; ++id) queue.put(mail_id{id}, at(static_cast<int>(id)));
  std::uint64_t claimed = 0;
  while (const auto count = queue.claim("a", at(static_cast<int>(many)), 10).size()) claimed += count;
  CHECK(claimed == many);
}

}  // namespace due_queue_tests
