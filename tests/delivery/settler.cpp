#include <postrider/delivery/pipeline_options.hpp>
#include <postrider/delivery/settler.hpp>

#include "hand_clock.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>

namespace settler_tests {

using namespace postrider;
using namespace std::chrono_literals;
using detail::settled_news;
using detail::settler;

using ::test::hand_clock;

namespace {

/// A spool that can only settle: fails as often as told, and waits at its gate if it has one.
class settling_spool {
 public:
  class writer {
   public:
    asio::awaitable<result<void>> append(std::string piece);
    asio::awaitable<result<mail_id>> commit();
  };
  struct state {
    std::vector<std::vector<std::uint64_t>> asked;  // the mails of each call
    int failures = 0;
    std::unique_ptr<detail::signal> gate;
  };

  bool durable() const noexcept;
  asio::awaitable<result<writer>> begin(submitter from, envelope to);
  asio::awaitable<result<std::vector<spooled_mail>>> claim(std::string owner, spool_time now, std::size_t limit);
  void release(const std::string& owner);
  void release(mail_id id);
  std::optional<spool_time> next_due() const;
  asio::awaitable<result<std::optional<spooled_mail>>> find(mail_id id);
  asio::awaitable<result<std::vector<spooled_mail>>> list(mail_filter filter, mail_id after, std::size_t limit);
  asio::awaitable<result<std::vector<attempt_record>>> history(mail_id id);
  asio::awaitable<result<bool>> edit(mail_id id, mail_edit edit);
  asio::awaitable<result<spool_counts>> counts();

  asio::awaitable<result<void>> settle(std::span<const settlement> all) {
    auto& mails = now->asked.emplace_back();
    for (const settlement& one : all) mails.push_back(one.mail.value);
    if (now->gate) co_await now->gate->wait();
    if (now->failures > 0) {
      --now->failures;
      co_return fail(cause::spool_failed, stage::queue, "disk full");
    }
    co_return result<void>();
  }

  std::unique_ptr<state> now = std::make_unique<state>();
};
static_assert(spool<settling_spool>);

/// Writes down what it hears.
struct listener : no_observer {
  using no_observer::on;
  void on(const events::deferred& e) {
    heard.push_back("deferred " + to_string(e.id) + ' ' + std::string(e.tenant) + ' ' + std::to_string(e.recipients) +
                    ' ' + std::to_string(e.retry_after.count()) + ' ' + e.why.detail);
  }
  void on(const events::failed& e) {
    heard.push_back("failed " + to_string(e.id) + ' ' + std::string(e.tenant) + ' ' + e.recipients[0].address);
  }
  void on(const events::notified& e) {
    heard.push_back("notified " + to_string(e.about) + ' ' + std::string(e.to) + ' ' + std::to_string(e.recipients));
  }
  void on(const events::spool_trouble& e) { heard.push_back(std::string(e.operation) + ": " + e.why.detail); }
  std::vector<std::string> heard{};
};

/// A settler at work.
template <observer Observer>
struct house {
  explicit house(std::chrono::milliseconds pause = 1h, std::chrono::milliseconds within = 0h)
      : settling(context.get_executor(), spool, heard, pause, within) {}

  void start() {
    asio::co_spawn(context, settling.run([this, alive = alive] { ++batches; }), [this](std::exception_ptr error) {
      ended = true;
      if (error) std::rethrow_exception(error);
    });
    poll();
  }
  void poll() {
    context.restart();
    context.poll();
  }
  void add(std::uint64_t id) { settling.add(settlement(mail_id{id}), settled_news()); }
  const auto& asked() const { return spool.now->asked; }

  std::shared_ptr<int> alive = std::make_shared<int>();
  asio::io_context context{1};
  settling_spool spool{};
  Observer heard{};
  settler<settling_spool, Observer> settling;
  int batches = 0;
  bool ended = false;
};

using batch = std::vector<std::uint64_t>;
using batches = std::vector<batch>;

}  // namespace

TEST_CASE("what has come together is settled together, in its order", "[delivery][settler]") {
  house<no_observer> h;
  h.add(3);
  h.add(1);
  h.add(2);
  CHECK(h.settling.unsettled() == 3);
  h.start();
  CHECK(h.asked() == batches{{3, 1, 2}});
  CHECK(h.settling.unsettled() == 0);
  CHECK(h.batches == 1);
  h.add(4);
  CHECK(h.asked().size() == 1);  // not from within `add`
  h.poll();
  CHECK(h.asked().back() == batch{4});
  CHECK(h.batches == 2);
  CHECK_FALSE(h.ended);
  h.settling.finish();
  h.poll();
  CHECK(h.ended);
  CHECK(h.asked().size() == 2);
}

TEST_CASE("an outcome waits for no clock before it is written, only for those that are being written",
          "[delivery][settler]") {
  // `poll` runs what is ready and lets no time pass: what is asked for within it is asked for at once, far within the
  // 50 ms that an outcome has.
  house<no_observer> h;
  h.start();
  for (std::uint64_t id = 1; id <= 20; ++id) {
    h.add(id);
    h.poll();
    REQUIRE(h.asked().back() == batch{id});
    REQUIRE(h.settling.unsettled() == 0);
  }
  h.spool.now->gate = std::make_unique<detail::signal>(h.context.get_executor());
  h.add(21);
  h.poll();
  h.add(22);
  h.poll();
  h.add(23);
  h.poll();
  CHECK(h.asked().back() == batch{21});
  h.spool.now->gate->raise();
  h.poll();
  CHECK(h.asked().back() == batch{22, 23});
}

TEST_CASE("a settler without work ends when it is told to", "[delivery][settler]") {
  house<no_observer> before, after, abandoned;
  before.settling.finish();
  before.start();
  CHECK(before.ended);
  after.start();
  CHECK_FALSE(after.ended);
  after.settling.finish();
  after.poll();
  CHECK(after.ended);
  abandoned.add(1);
  abandoned.settling.abandon();
  abandoned.start();
  CHECK(abandoned.ended);
  CHECK(abandoned.asked().empty());
  CHECK(abandoned.settling.unsettled() == 1);
  for (const auto* h : {&before, &after, &abandoned}) CHECK(h->batches == 0);
}

TEST_CASE("finish comes after what was added", "[delivery][settler]") {
  house<no_observer> h;
  h.add(1);
  h.settling.finish();
  h.add(2);
  h.start();
  CHECK(h.ended);
  CHECK(h.asked() == batches{{1, 2}});
}

TEST_CASE("an outcome waits for others, but not for too many, not at the end, and not for ever",
          "[delivery][settler]") {
  {
    house<no_observer> h(1h, 1h);
    h.start();
    for (std::uint64_t id = 1; id < 256; ++id) {
      h.add(id);
      h.poll();
    }
    CHECK(h.asked().empty());
    h.add(256);
    h.poll();
    REQUIRE(h.asked().size() == 1);
    CHECK(h.asked().back().size() == 256);
    h.add(257);
    h.poll();
    CHECK(h.asked().size() == 1);
    h.settling.finish();
    h.poll();
    CHECK(h.asked().back() == batch{257});
    CHECK(h.ended);
  }
  house<no_observer> h(1h, 1ms);
  h.start();
  h.add(1);
  while (h.asked().empty()) h.context.run_one();
  CHECK(h.asked() == batches{{1}});
}

TEST_CASE("an outcome is written within 50 ms of the clock that the settler is given", "[delivery][settler]") {
  asio::io_context context{1};
  settling_spool spool;
  no_observer nobody;
  settler<settling_spool, no_observer, hand_clock> settling(context.get_executor(), spool, nobody, 1h,
                                                            pipeline_options().settle_within);
  asio::co_spawn(context, settling.run([] {}), asio::detached);
  const auto run = [&](int patience) {
    for (int i = 0; i < patience && spool.now->asked.empty(); ++i) context.run_one_for(10ms);
  };
  settling.add(settlement(mail_id{1}), settled_news());
  run(5);
  CHECK(spool.now->asked.empty());  // its time has not begun to pass
  hand_clock::current += 30ms;
  settling.add(settlement(mail_id{2}), settled_news());
  hand_clock::current += 20ms;
  run(1'000);
  CHECK(spool.now->asked == batches{{1, 2}});
}

TEST_CASE("what comes while the spool works goes into the next batch", "[delivery][settler]") {
  house<no_observer> h;
  h.spool.now->gate = std::make_unique<detail::signal>(h.context.get_executor());
  h.add(1);
  h.start();
  h.add(2);
  h.add(3);
  h.settling.finish();
  h.poll();
  CHECK(h.asked() == batches{{1}});
  CHECK(h.settling.unsettled() == 3);
  CHECK(h.batches == 0);
  h.spool.now->gate->raise();
  h.poll();
  CHECK(h.asked() == batches{{1}, {2, 3}});
  CHECK(h.settling.unsettled() == 2);
  CHECK(h.batches == 1);
  CHECK_FALSE(h.ended);
  h.spool.now->gate->raise();
  h.poll();
  CHECK(h.settling.unsettled() == 0);
  CHECK(h.ended);
}

TEST_CASE("what a spool could not settle is repeated until it can", "[delivery][settler]") {
  house<listener> h(0ms);
  h.spool.now->failures = 3;
  h.add(1);
  h.add(2);
  h.settling.finish();
  h.start();
  h.context.run();
  CHECK(h.ended);
  CHECK(h.asked() == batches{{1, 2}, {1, 2}, {1, 2}, {1, 2}});
  CHECK(h.heard.heard == std::vector<std::string>(3, "settle: disk full"));
  CHECK(h.batches == 1);
  CHECK(h.settling.unsettled() == 0);
}

TEST_CASE("more work does not shorten the pause of a spool that failed", "[delivery][settler]") {
  house<listener> h(1h);
  h.spool.now->gate = std::make_unique<detail::signal>(h.context.get_executor());
  h.spool.now->failures = 2;
  h.add(1);
  h.start();
  h.add(2);  // while it works
  h.spool.now->gate->raise();
  h.poll();
  CHECK(h.asked() == batches{{1}});
  for (std::uint64_t id = 3; id < 8; ++id) {
    h.add(id);  // while it pauses
    h.poll();
  }
  CHECK(h.asked() == batches{{1}});
  CHECK(h.heard.heard.size() == 1);
  CHECK(h.settling.unsettled() == 7);

  h.spool.now->gate.reset();
  h.settling.finish();  // the last chance comes at once, but only one
  h.poll();
  CHECK(h.asked() == batches{{1}, {1}});
  CHECK(h.heard.heard.size() == 2);
  CHECK_FALSE(h.ended);
}

TEST_CASE("an abandoned settler ends in the middle of a pause", "[delivery][settler]") {
  house<listener> h(1h);
  h.spool.now->failures = 1;
  h.add(1);
  h.start();
  REQUIRE(h.asked().size() == 1);
  h.settling.abandon();
  h.poll();
  CHECK(h.ended);
  CHECK(h.asked().size() == 1);
  CHECK(h.batches == 0);
  CHECK(h.settling.unsettled() == 1);
}

TEST_CASE("who abandons hears nothing of what the spool still did", "[delivery][settler]") {
  for (const int failures : {0, 1}) {
    house<listener> h(1h);
    h.spool.now->gate = std::make_unique<detail::signal>(h.context.get_executor());
    h.spool.now->failures = failures;
    settled_news news;
    news.mail = mail_id{1};
    news.failed.emplace_back("b@example.com", failure(cause::mailbox_full, stage::rcpt));
    h.settling.add(settlement(mail_id{1}), std::move(news));
    h.start();
    h.settling.abandon();
    h.poll();
    CHECK_FALSE(h.ended);  // the spool has the last word
    h.spool.now->gate->raise();
    h.poll();
    CHECK(h.ended);
    CHECK(h.heard.heard.empty());
    CHECK(h.batches == 0);
    CHECK(h.settling.unsettled() == static_cast<std::size_t>(failures));
  }
}

TEST_CASE("news are told once they are durable, and only those there are", "[delivery][settler]") {
  house<listener> h(1h);
  h.spool.now->gate = std::make_unique<detail::signal>(h.context.get_executor());
  const auto add = [&](std::uint64_t id, auto change) {
    settled_news news;
    news.mail = mail_id{id};
    news.tenant = "acme";
    change(news);
    h.settling.add(settlement(news.mail), std::move(news));
  };
  const failure busy(cause::mailbox_full, stage::rcpt, "busy");
  add(1, [](settled_news&) {});
  add(2, [&](settled_news& n) {
    n.deferred = 3;
    n.retry_after = 250ms;
    n.why_deferred = busy;
  });
  add(3, [&](settled_news& n) { n.why_deferred = busy; });                   // nobody was deferred
  add(4, [](settled_news& n) { n.deferred = 1; });                           // nobody knows why
  add(5, [&](settled_news& n) { n.failed.emplace_back("b@x.org", busy); });  // nobody was told
  add(6, [&](settled_news& n) {
    n.failed.emplace_back("c@x.org", busy);
    n.failed.emplace_back("d@x.org", busy);
    n.notified = "ada@example.com";
  });
  add(7, [](settled_news& n) { n.notified = "ada@example.com"; });  // about nobody
  add(8, [&](settled_news& n) {
    n.deferred = 1;
    n.why_deferred = busy;
    n.failed.emplace_back("e@x.org", busy);
  });
  h.start();
  CHECK(h.heard.heard.empty());
  h.spool.now->gate->raise();
  h.poll();
  CHECK(h.heard.heard == std::vector<std::string>{"deferred 2 acme 3 250 busy", "failed 5 acme b@x.org",
                                                  "failed 6 acme c@x.org", "notified 6 ada@example.com 2",
                                                  "deferred 8 acme 1 0 busy", "failed 8 acme e@x.org"});
}

TEST_CASE("nothing is collected for those who do not listen", "[delivery][settler]") {
  STATIC_REQUIRE_FALSE(settler<settling_spool, no_observer>::tells);
  STATIC_REQUIRE(settler<settling_spool, listener>::tells);
}

TEST_CASE("a settler may be destroyed wherever it waits", "[delivery][settler]") {
  enum class where { work, spool, pause };
  for (const where place : {where::work, where::spool, where::pause}) {
    CAPTURE(static_cast<int>(place));
    std::weak_ptr<int> alive;
    {
      house<listener> h(1h);
      alive = h.alive;
      if (place == where::spool) h.spool.now->gate = std::make_unique<detail::signal>(h.context.get_executor());
      if (place == where::pause) h.spool.now->failures = 1;
      if (place != where::work) h.add(1);
      h.start();
      CHECK_FALSE(h.ended);
      CHECK(h.alive.use_count() > 1);
      CHECK(h.asked().size() == (place == where::work ? 0u : 1u));
    }
    CHECK(alive.expired());
  }
}

}  // namespace settler_tests
