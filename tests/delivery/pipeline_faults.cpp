// The spool fails at each of its operations in turn: nothing that was acknowledged is lost.
#include "delivery/pipeline_house.hpp"

namespace pipeline_faults_tests {

using namespace house;

namespace {

/// A spool in memory whose n-th operation fails, and those after it for a while.
class failing_spool {
  struct plan {
    int operations = 0;
    int first = 0;  ///< 0: none fails
    int count = 1;
    bool fails() {
      ++operations;
      return first != 0 && operations >= first && operations < first + count;
    }
  };
  template <class T>
  static asio::awaitable<result<T>> now_or_never(std::shared_ptr<plan> p, asio::awaitable<result<T>> operation) {
    if (p->fails()) co_return fail(cause::spool_failed, stage::queue, "injected");
    auto done = co_await std::move(operation);
    co_return done;
  }

 public:
  class writer {
   public:
    writer() = default;
    writer(memory::spool::writer inner, std::shared_ptr<plan> p) : inner_(std::move(inner)), plan_(std::move(p)) {}
    asio::awaitable<result<void>> append(std::string piece) {
      return now_or_never(plan_, inner_.append(std::move(piece)));
    }
    asio::awaitable<result<mail_id>> commit() { return now_or_never(plan_, inner_.commit()); }

   private:
    memory::spool::writer inner_;
    std::shared_ptr<plan> plan_;
  };

  bool durable() const noexcept { return false; }
  asio::awaitable<result<writer>> begin(submitter from, envelope to) {
    return begun(now_or_never(plan_, inner_.begin(std::move(from), std::move(to))), plan_);
  }
  asio::awaitable<result<std::vector<spooled_mail>>> claim(std::string owner, spool_time now, std::size_t limit) {
    return now_or_never(plan_, inner_.claim(std::move(owner), now, limit));
  }
  void release(const std::string& owner) { inner_.release(owner); }
  void release(mail_id id) { inner_.release(id); }
  std::optional<spool_time> next_due() const { return inner_.next_due(); }
  asio::awaitable<result<void>> settle(std::span<const settlement> all) {
    return now_or_never(plan_, inner_.settle(all));
  }
  asio::awaitable<result<std::optional<spooled_mail>>> find(mail_id id) { return now_or_never(plan_, inner_.find(id)); }
  asio::awaitable<result<std::vector<spooled_mail>>> list(mail_filter filter, mail_id after, std::size_t limit) {
    return inner_.list(std::move(filter), after, limit);
  }
  asio::awaitable<result<std::vector<attempt_record>>> history(mail_id id) { return inner_.history(id); }
  asio::awaitable<result<bool>> edit(mail_id id, mail_edit edit) { return inner_.edit(id, std::move(edit)); }
  asio::awaitable<result<spool_counts>> counts() { return inner_.counts(); }

  void fail_at(int first, int count) {
    plan_->first = first;
    plan_->count = count;
  }
  int operations() const { return plan_->operations; }

 private:
  static asio::awaitable<result<writer>> begun(asio::awaitable<result<memory::spool::writer>> inner,
                                               std::shared_ptr<plan> p) {
    auto made = co_await std::move(inner);
    if (!made) co_return fail(std::move(made.error()));
    co_return writer(std::move(*made), std::move(p));
  }

  memory::spool inner_;
  std::shared_ptr<plan> plan_ = std::make_shared<plan>();
};

static_assert(postrider::spool<failing_spool>);

/// A spool in memory whose claims, like those of a disk, take their time after they have read.
class slow_spool : public memory::spool {
 public:
  asio::awaitable<result<std::vector<spooled_mail>>> claim(std::string owner, spool_time now, std::size_t limit) {
    return later(memory::spool::claim(std::move(owner), now, limit), times_);
  }
  asio::awaitable<result<std::optional<spooled_mail>>> find(mail_id id) {
    return found(memory::spool::find(id), times_);
  }
  void fail_to_find(int times) { times_->to_fail = times; }
  /// Claims that have read something wait until `let_go`.
  void hold_back() { times_->pause = 1h; }
  void let_go() {
    times_->pause = 0ms;
    if (times_->waits != nullptr) times_->waits->cancel();
  }
  int under_way() const { return times_->under_way; }

 private:
  struct times {
    std::chrono::milliseconds pause{0};
    asio::steady_timer* waits = nullptr;
    int under_way = 0;  ///< claims that have read something
    int to_fail = 0;    ///< the next so many calls of `find`
  };
  static asio::awaitable<result<std::optional<spooled_mail>>> found(
      asio::awaitable<result<std::optional<spooled_mail>>> find, std::shared_ptr<times> how) {
    auto mail = co_await std::move(find);
    asio::steady_timer timer(co_await asio::this_coro::executor, 10ms);
    co_await timer.async_wait(asio::use_awaitable);
    if (how->to_fail > 0) {
      --how->to_fail;
      co_return fail(cause::spool_failed, stage::queue, "injected");
    }
    co_return mail;
  }
  static asio::awaitable<result<std::vector<spooled_mail>>> later(
      asio::awaitable<result<std::vector<spooled_mail>>> claim, std::shared_ptr<times> how) {
    auto claimed = co_await std::move(claim);
    const bool waits = claimed && !claimed->empty();
    how->under_way += waits ? 1 : 0;
    asio::steady_timer timer(co_await asio::this_coro::executor, how->pause);
    how->waits = &timer;
    if (waits) {
      auto ended = co_await timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
      static_cast<void>(ended);
    }
    how->waits = nullptr;
    how->under_way -= waits ? 1 : 0;
    co_return claimed;
  }
  std::shared_ptr<times> times_ = std::make_shared<times>();
};

static_assert(postrider::spool<slow_spool>);

/// Eight mails: delivered at once, after a 4xx, after trouble of the server, or given up. Returns the operations used.
int story(int first, int count) {
  failing_spool spool;
  spool.fail_at(first, count);
  auto options = quick_options();
  options.records_per_server = 1;  // so that records are read again
  running<failing_spool> r(spool, quick(), options);
  r.add_server("first", true);
  int asked = 0;
  r.script.answers["first"] = [&](const mail& what) {
    ++asked;
    if (asked == 1) return refuse(what, failure(cause::connection_reset, stage::connect));
    if (asked == 3) return refuse(what, failure(cause::greylisted, stage::rcpt));
    if (what.envelope().recipients[0].forward_path.str() == "nobody@example.org")
      return refuse(what, failure(cause::mailbox_unknown, stage::rcpt));
    return accept(what);
  };
  for (int i = 0; i < 8; ++i)
    r.submit(letter("mail " + std::to_string(i), {i == 5 ? "nobody@example.org" : "charles@example.org"}));
  const bool done = r.until([&] { return r.empty() && r.script.log.size() >= r.acknowledged.size(); });
  CAPTURE(first, count, r.acknowledged.size(), asked);
  CHECK(done);
  CHECK(r.acknowledged.size() >= (first == 0 ? 8U : 8U - static_cast<unsigned>(count)));
  std::set<std::string> arrived;
  for (const auto& one : r.script.to("first")) arrived.insert(one.content);
  CHECK(arrived.size() >= r.acknowledged.size());
  const bool gave_up =
      std::any_of(arrived.begin(), arrived.end(), [](const auto& text) { return text.starts_with("Subject: mail 5"); });
  CHECK(r.script.to("internal").size() == (gave_up ? 1 : 0));
  r.stop();
  return spool.operations();
}

}  // namespace

TEST_CASE("a spool that fails once, at any operation, loses nothing") {
  const int operations = story(0, 0);
  REQUIRE(operations > 20);
  for (int n = 1; n <= operations; ++n) story(n, 1);
}

TEST_CASE("a spool that fails for a while, from any operation on, loses nothing") {
  for (int n = 1; n <= 40; n += 3) story(n, 5);
}

TEST_CASE("a settlement that failed is made again, and its mail is not sent again meanwhile") {
  failing_spool spool;
  running<failing_spool> r(spool);
  r.submit(letter("once"));
  REQUIRE(r.until([&] { return r.acknowledged.size() == 1; }));
  spool.fail_at(spool.operations() + 2, 6);
  r.pass(100ms);
  CHECK(r.script.log.size() == 1);
  CHECK(r.until([&] { return r.empty(); }));
  CHECK(r.script.log.size() == 1);
  CHECK(r.heard.all->spool_trouble > 0);
}

TEST_CASE("a mail whose record cannot be read when its turn comes is claimed again, though nothing else happens") {
  slow_spool spool;
  auto options = quick_options();
  options.records_per_server = 0;  // so that each record is read again
  running<slow_spool> r(spool, quick(), options);
  r.add_server("first", true);
  spool.fail_to_find(1);
  r.submit(letter("m"));
  REQUIRE(r.until([&] { return r.acknowledged.size() == 1 && r.empty(); }));
  CHECK(r.heard.all->spool_trouble == 1);
}

TEST_CASE("an edit that meets a claim under way counts") {
  slow_spool spool;
  running<slow_spool> r(spool);
  r.add_server("first", true);
  r.add_server("second");
  spool.hold_back();
  for (int i = 0; i < 3; ++i) r.submit(letter("m"));
  REQUIRE(r.until([&] { return r.acknowledged.size() == 3 && spool.under_way() == 1; }));
  CHECK(expect(r.get(r.line->edit(r.acknowledged[0], mail_edit::hold()))));
  CHECK(expect(r.get(r.line->edit(r.acknowledged[1], mail_edit::remove()))));
  CHECK(expect(r.get(r.line->edit(r.acknowledged[2], mail_edit::pin("second")))));
  REQUIRE(spool.under_way() == 1);
  spool.let_go();
  REQUIRE(r.until([&] { return r.counts().waiting == 0; }));
  CHECK(r.script.to("first").empty());
  CHECK(r.script.to("second").size() == 1);
  CHECK(r.counts().held == 1);
}

TEST_CASE("a mail that was changed is not asked for again and again before that is taken up") {
  struct counting_spool : memory::spool {
    asio::awaitable<result<std::vector<spooled_mail>>> claim(std::string owner, spool_time now, std::size_t limit) {
      if (++*claims > 1'000) throw std::runtime_error("asked again and again");
      return memory::spool::claim(std::move(owner), now, limit);
    }
    std::shared_ptr<int> claims = std::make_shared<int>(0);
  };
  counting_spool spool;
  running<counting_spool> r(spool);
  r.script.answers["internal"] = always(failure(cause::greylisted, stage::rcpt));
  r.submit(letter("one"));
  REQUIRE(r.until([&] { return !r.script.log.empty() && r.counts().waiting == 1; }));
  CHECK(expect(r.get(r.line->edit(r.acknowledged[0], mail_edit::hold()))));
  r.pass(100ms);
  r.script.answers.clear();
  r.submit(letter("two"));  // wakes up who claims, just before the change is told
  CHECK(expect(r.get(r.line->edit(r.acknowledged[0], mail_edit::retry()))));
  CHECK(r.until([&] { return r.empty() || *spool.claims > 1'000; }));
  CHECK(*spool.claims < 1'000);
}

TEST_CASE("each part of a mail that goes in parts is settled as soon as it is answered") {
  running<> r;
  auto small = at("small");
  small.limits.recipients_per_mail = 2;
  expect(r.registry.add_server("acme", server_record{.name = "small", .settings = small}, true));
  int asked = 0;
  r.script.answers["small"] = [&](const mail& what) {
    if (++asked == 2) r.script.delays["small"] = 1h;  // the third part is stuck
    return asked == 1 ? refuse(what, failure(cause::greylisted, stage::rcpt)) : accept(what);
  };
  r.submit(letter("five", {"a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org"}));
  REQUIRE(r.until([&] { return r.script.log.size() == 3; }));
  r.pass(100ms);  // the first ones are due again, but the mail is still on its way
  CHECK(r.script.log.size() == 3);
  REQUIRE(r.list().size() == 1);
  const auto recipients = r.list()[0].recipients;
  CHECK(recipients[0].attempts == 1);
  CHECK(recipients[1].state == recipient_state::pending);
  CHECK(recipients[2].state == recipient_state::accepted);
  CHECK(recipients[3].state == recipient_state::accepted);
  CHECK(recipients[4].attempts == 0);

  r.stop(20ms);
  r.script.delays.clear();
  r.start(quick(), quick_options());
  REQUIRE(r.until([&] { return r.empty(); }));
  REQUIRE(r.script.log.size() == 5);
  CHECK(r.script.log[3].recipients == std::vector<std::string>{"a@example.org", "b@example.org"});
  CHECK(r.script.log[4].recipients == std::vector<std::string>{"e@example.org"});
}

TEST_CASE("old mail is not given up while a probe is on its way") {
  bool impatient = false;
  running<memory::spool, until_told> r(memory::spool(), until_told{&impatient});
  r.add_server("first", true);
  r.script.answers["first"] = always(failure(cause::connection_refused, stage::connect));
  for (int i = 0; i < 5; ++i) r.submit(letter("m"));
  REQUIRE(r.until([&] { return r.heard.all->held.size() == 1 && r.line->waiting() == 5; }));
  r.script.answers.clear();
  r.script.delays["first"] = 500ms;
  REQUIRE(r.until([&] { return r.line->in_flight() == 1; }));
  impatient = true;  // the probe is on its way, and will succeed
  REQUIRE(r.until([&] { return r.empty(); }));
  CHECK(r.heard.all->failed.empty());
}

TEST_CASE("a settlement that fails for ever keeps no other from being made") {
  struct picky_spool : memory::spool {
    static asio::awaitable<result<void>> refuse() {
      co_return fail(cause::spool_failed, stage::queue, "mail 2 is damaged");
    }
    asio::awaitable<result<void>> settle(std::span<const settlement> all) {
      for (const auto& one : all)
        if (one.mail == mail_id{2}) return refuse();
      return memory::spool::settle(all);
    }
  };
  running<picky_spool> r;
  r.add_server("first", true);
  for (int i = 0; i < 6; ++i) r.submit(letter("m"));
  REQUIRE(r.until([&] { return r.script.log.size() == 6 && r.counts().waiting == 1; }));
  r.submit(letter("late"));
  REQUIRE(r.until([&] { return r.script.log.size() == 7 && r.counts().waiting == 1; }));
  CHECK(r.list()[0].id == mail_id{2});
}

}  // namespace pipeline_faults_tests
