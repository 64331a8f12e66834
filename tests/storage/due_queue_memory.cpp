// What a hundred thousand waiting mails cost in memory.
#include <postrider/storage/due_queue.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <malloc.h>

namespace due_queue_memory_tests {

using namespace postrider;

TEST_CASE("A waiting mail costs a small fixed record, whatever it holds", "[storage][due_queue]") {
  constexpr std::uint64_t many = 100'000;
  const spool_time start{std::chrono::hours(1)};
  storage::due_queue queue;
  const auto before = mallinfo2().uordblks;
  for (std::uint64_t id = 1; id <= many; ++id) queue.put(mail_id{id}, start + std::chrono::milliseconds(id % 1000));
  const auto each = (mallinfo2().uordblks - before) / many;
  INFO("a waiting mail: " << each << " bytes");
  CHECK(each < 200);
  // Those that went leave nothing behind.
  for (std::uint64_t id = 1; id <= many; ++id) queue.erase(mail_id{id});
  CHECK(mallinfo2().uordblks - before < 2 * many * sizeof(void*) + 100'000);
  CHECK(!queue.next_due());
}

}  // namespace due_queue_memory_tests
