// How much mail each tenant has: counted some at a time, by a thread of its own, not more often than it is worth.
#include "relay/queue_census.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace postrider;
using namespace postrider::examples;
using namespace std::chrono_literals;

namespace {

/// A queue of so many waiting mails, every third of them another tenant's. It can be told to take its time, or to fail.
class counted_queue final : public mail_queue {
 public:
  explicit counted_queue(std::uint64_t mails) : mails_(mails) {}

  std::atomic<int> asked{0};
  std::atomic<bool> failing{false};

  void block() {
    const std::scoped_lock lock(mutex_);
    blocked_ = true;
  }
  void unblock() {
    const std::scoped_lock lock(mutex_);
    blocked_ = false;
    changed_.notify_all();
  }

  result<counts_of_some> counts_by_tenant(mail_id after, std::size_t limit) override {
    ++asked;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !blocked_; });
    }
    if (failing) return fail(cause::spool_failed, stage::queue, "the disk is gone");
    counts_of_some some;
    std::uint64_t id = after.value;
    for (; id < mails_ && id - after.value < limit; ++id) ++some.by_tenant[id % 3 == 0 ? "globex" : "acme"].waiting;
    if (id < mails_) some.next = mail_id{id};
    return some;
  }

  result<std::optional<spooled_mail>> find(mail_id) override { return std::nullopt; }
  result<std::vector<spooled_mail>> list(mail_filter, mail_id, std::size_t) override { return {}; }
  result<std::optional<mail_id>> skip(mail_id, std::size_t) override { return std::nullopt; }
  result<std::vector<attempt_record>> history(mail_id) override { return {}; }
  result<spool_counts> counts() override { return {}; }
  result<bool> edit(mail_id, mail_edit) override { return false; }
  std::size_t edit(const std::vector<mail_id>&, const mail_edit&) override { return 0; }

 private:
  const std::uint64_t mails_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool blocked_ = false;
};

}  // namespace

TEST_CASE("a census counts all mails, some at a time") {
  counted_queue queue(12'000);
  queue_census census;
  CHECK(census.of(queue, "")->waiting == 12'000);
  CHECK(census.of(queue, "acme")->waiting == 8'000);
  CHECK(census.of(queue, "globex")->waiting == 4'000);
  CHECK(census.of(queue, "nobody")->waiting == 0);
  CHECK(queue.asked == 3);  // one count served all
}

TEST_CASE("who asks does not wait for a count that takes long, but for the first") {
  counted_queue queue(10);
  queue_census census;
  queue.block();
  census.prime(queue);
  std::thread soon([&] {
    std::this_thread::sleep_for(20ms);
    queue.unblock();
  });
  CHECK(census.of(queue, "")->waiting == 10);
  soon.join();
  queue.block();
  while (queue.asked < 2) {  // until that count is old
    CHECK(census.of(queue, "")->waiting == 10);
    std::this_thread::sleep_for(1ms);
  }
  CHECK(census.of(queue, "")->waiting == 10);  // the last count: the next one does not come to an end
  queue.unblock();
  census.stop();
  CHECK(census.of(queue, "")->waiting == 10);
  CHECK(queue.asked == 2);  // a census that has stopped asks no more
}

TEST_CASE("a count that fails says so") {
  counted_queue queue(10);
  queue.failing = true;
  queue_census census;
  const auto none = census.of(queue, "");
  REQUIRE_FALSE(none);
  CHECK(none.error().detail == "the disk is gone");
}
