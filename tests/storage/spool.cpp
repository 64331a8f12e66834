// What every spool does, whatever it keeps its mail in.
#include <postrider/delivery/spool.hpp>

#include "storage/spool_fixture.hpp"

#include <algorithm>

namespace spool_tests {

using namespace postrider;
using namespace std::chrono_literals;
using test::await;
using test::good;

namespace {

constexpr spool_time late = spool_time(std::chrono::years(500));

/// Reopens a spool that keeps its mail; what follows must hold all the same.
template <class Storage>
void reopen(Storage& storage, std::optional<typename Storage::spool>& spool) {
  if constexpr (Storage::keeps) {
    spool.reset();
    spool.emplace(storage.open());
  }
}

template <class Spool>
std::vector<spooled_mail> claim(Spool& spool, const std::string& owner = "a", std::size_t limit = 100,
                                spool_time now = late) {
  return good(await(spool.claim(owner, now, limit)));
}

template <class Spool>
std::optional<spooled_mail> find(Spool& spool, mail_id id) {
  return good(await(spool.find(id)));
}

template <class Spool>
void settle(Spool& spool, const settlement& one) {
  good(await(spool.settle(std::span(&one, 1))));
}

}  // namespace

#define SPOOLS test::memory_storage, test::sqlite_storage, test::cold_sqlite_storage

TEMPLATE_TEST_CASE("All of a mail comes back as it was given", "", SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  envelope given = test::envelope_to({"b@example.org", "\"odd one\"@example.org"});
  given.envid = "env+id";
  given.ret = ret::headers;
  given.recipients[1].notify = notify::failure | notify::delay;
  given.recipients[1].orcpt = "rfc822;odd@example.org";
  const submitter from("acme", "ada@example.com", "app", "backup");
  const auto before = spool_now();
  const mail_id id = test::put(*spool, given, {"Subject: \xc3\xa9\r\n\r\n", ".dot\r\n"}, from);
  const auto check = [&](const spooled_mail& mail) {
    CHECK(mail.id == id);
    CHECK(mail.from == from);
    CHECK(mail.created >= before);
    CHECK(mail.created <= spool_now());
    CHECK(mail.attempts == 0);
    CHECK(mail.next_attempt() == mail.created);
    CHECK(mail.envelope_for(std::vector<std::size_t>{0, 1}) == given);
    CHECK(test::read_all(mail.content) == "Subject: \xc3\xa9\r\n\r\n.dot\r\n");
    CHECK(mail.content.traits() == content_traits::of("Subject: \xc3\xa9\r\n\r\n.dot\r\n"));
    for (const auto& r : mail.recipients) CHECK((r.state == recipient_state::pending && !r.failure && r.attempts == 0));
  };
  check(find(*spool, id).value());
  check(claim(*spool).at(0));
  reopen(storage, spool);
  check(find(*spool, id).value());
  CHECK(good(await(spool->counts())) == spool_counts{1, 0, 0});
  const mail_id next = test::put(*spool, test::envelope_to({"c@example.org"}, ""));
  CHECK(next > id);
  CHECK(!find(*spool, next)->reverse_path);
  CHECK(!find(*spool, mail_id{12345}));
}

TEMPLATE_TEST_CASE("A large content in odd pieces is kept byte for byte", "", SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  std::string all;
  for (int line = 0; all.size() < 1'500'000; ++line)
    all += std::to_string(line) + (line % 7 == 0 ? ".\xff\r\n" : " text\r\n");
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65'535}, std::size_t{65'536},
                                 std::size_t{65'537}, std::size_t{262'144}, all.size()}) {
    const std::string bytes = all.substr(0, size);
    std::vector<std::string> pieces;
    for (std::size_t at = 0, step = 1; at < size; at += step, step = step * 3 % 100'003)
      pieces.push_back(bytes.substr(at, step));
    const mail_id id = test::put(*spool, test::envelope_to({"b@example.org"}), pieces);
    const auto claimed = claim(*spool);
    REQUIRE(claimed.size() == 1);
    CHECK(test::read_all(claimed[0].content) == bytes);
    const auto stored = find(*spool, id).value();
    CHECK(stored.content.traits() == content_traits::of(bytes));
    for (const std::size_t step : {std::size_t{7'919}, std::size_t{65'536}, std::size_t{200'000}})
      CHECK(test::read_all(stored.content, step) == bytes);
    reopen(storage, spool);
    CHECK(test::read_all(find(*spool, id)->content, 65'536) == bytes);
    good(await(spool->edit(id, mail_edit::remove())));
  }
}

TEMPLATE_TEST_CASE("A mail that is not committed never was", "", SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  {
    auto writer = good(await(spool->begin(submitter("acme"), test::envelope_to({"b@example.org"}))));
    good(await(writer.append(std::string(600'000, 'x'))));
  }
  reopen(storage, spool);
  CHECK(good(await(spool->counts())) == spool_counts{});
  CHECK(claim(*spool).empty());
  CHECK(!await(spool->begin(submitter("acme"), envelope(std::nullopt, {}))));
}

TEMPLATE_TEST_CASE("Two owners never have the same mail", "", SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  std::vector<mail_id> all;
  for (int i = 0; i < 10; ++i) all.push_back(test::put(*spool, test::envelope_to({"b@example.org"})));
  auto a = test::ids(claim(*spool, "a", 4)), b = test::ids(claim(*spool, "b", 100));
  CHECK(a.size() == 4);
  CHECK(b.size() == 6);
  std::vector<mail_id> both = a;
  both.insert(both.end(), b.begin(), b.end());
  std::sort(both.begin(), both.end());
  CHECK(both == all);
  CHECK(claim(*spool, "a").empty());
  spool->release("a");
  spool->release(b[0]);
  CHECK(claim(*spool, "c").size() == 5);
  CHECK(!spool->next_due());
  if constexpr (TestType::keeps) {
    reopen(storage, spool);
    CHECK(test::ids(claim(*spool, "d")).size() == 10);
  }
}

TEMPLATE_TEST_CASE("Claims come by age, up to the limit, not before they are due", "", SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  const auto now = spool_now() + 1min;
  std::vector<mail_id> all;
  for (int i = 0; i < 4; ++i) all.push_back(test::put(*spool, test::envelope_to({"b@example.org"})));
  CHECK(claim(*spool).size() == 4);
  const int due[] = {40, 20, 30, 10};
  for (std::size_t i = 0; i < 4; ++i) {
    settlement change(all[i]);
    change.recipients.push_back(
        recipient_change::deferred(0, test::odd_failure(), now + std::chrono::minutes(due[i]), 5min));
    settle(*spool, change);
  }
  reopen(storage, spool);
  CHECK(spool->next_due() == now + 10min);
  CHECK(claim(*spool, "a", 9, now + 9min).empty());
  CHECK(test::ids(claim(*spool, "a", 9, now + 20min)) == std::vector{all[3], all[1]});
  CHECK(spool->next_due() == now + 30min);
  CHECK(test::ids(claim(*spool, "a", 1, now + 50min)) == std::vector{all[2]});
}

TEMPLATE_TEST_CASE("A settlement changes what it names, and nothing else", "", SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  const mail_id id = test::put(*spool, test::envelope_to({"a@example.org", "b@example.org", "c@example.org"}));
  REQUIRE(claim(*spool).size() == 1);
  const auto next = spool_now() + 1h;

  settlement change(id);
  change.recipients.push_back(recipient_change::accepted(0));
  change.recipients.push_back(recipient_change::deferred(2, test::odd_failure(), next, 60min));
  receipt said;
  said.server = "mx.example.org:25";
  said.recipients.emplace_back("a@example.org", outcome::accepted);
  said.recipients.emplace_back("c@example.org", test::odd_failure());
  change.attempt.emplace(spool_now(), said);
  change.release = false;
  settle(*spool, change);
  CHECK(claim(*spool, "b").empty());  // the second recipient is still on its way

  const auto mail = find(*spool, id).value();
  CHECK(mail.attempts == 1);
  CHECK(mail.recipients[0].state == recipient_state::accepted);
  CHECK(mail.recipients[1].state == recipient_state::pending);
  CHECK(mail.recipients[1].attempts == 0);
  CHECK(mail.recipients[2].state == recipient_state::pending);
  CHECK(mail.recipients[2].attempts == 1);
  CHECK(mail.recipients[2].next_attempt == next);
  CHECK(mail.recipients[2].last_delay == 60min);
  CHECK(mail.recipients[2].possible_duplicate);
  CHECK(test::same(mail.recipients[2].failure.value(), test::odd_failure()));

  settlement uncounted(id);
  uncounted.recipients.push_back(
      recipient_change::deferred(1, failure(cause::unreachable, stage::connect), next + 1h, 2h, false));
  uncounted.attempt.emplace(spool_now(), receipt());
  settle(*spool, uncounted);
  reopen(storage, spool);
  CHECK(spool->next_due() == next);
  const auto later = find(*spool, id).value();
  CHECK(later.attempts == 2);
  CHECK(later.recipients[1].attempts == 0);
  CHECK(later.recipients[1].failure->cause == cause::unreachable);
  const auto history = good(await(spool->history(id)));
  REQUIRE(history.size() == 2);
  CHECK(history[0].at == change.attempt->at);
  CHECK(history[0].receipt.server == "mx.example.org:25");
  REQUIRE(history[0].receipt.recipients.size() == 2);
  CHECK(test::same(history[0].receipt.recipients[1].failure.value(), test::odd_failure()));
}

TEMPLATE_TEST_CASE("A mail that everybody accepted is gone", "", SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  const mail_id id = test::put(*spool, test::envelope_to({"a@example.org", "b@example.org"}));
  claim(*spool);
  settlement change(id);
  change.recipients.push_back(recipient_change::accepted(0));
  change.recipients.push_back(recipient_change::accepted(1));
  change.recipients.push_back(recipient_change::accepted(9));  // nobody
  change.attempt.emplace(spool_now(), receipt());
  settle(*spool, change);
  reopen(storage, spool);
  CHECK(!find(*spool, id));
  CHECK(claim(*spool).empty());
  CHECK(good(await(spool->history(id))).empty());
  settle(*spool, change);  // nothing happens
}

TEMPLATE_TEST_CASE("A failure that was notified, or was not to be, ends the mail; another one stays listed", "",
                   SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  const failure unknown_user(cause::mailbox_unknown, stage::rcpt);
  const auto fail_all = [&](mail_id id, bool notified, std::vector<follow_up> follow_ups = {}) {
    settlement change(id);
    change.recipients.push_back(recipient_change::failed(0, unknown_user, notified));
    change.follow_ups = std::move(follow_ups);
    settle(*spool, change);
  };
  const mail notice(test::envelope_to({"ada@example.com"}, ""), content("Subject: failed\r\n\r\n"));

  const mail_id notified = test::put(*spool, test::envelope_to({"b@example.org"}));
  fail_all(notified, true, {follow_up(submitter("acme"), notice)});
  CHECK(!find(*spool, notified));
  const auto follow_ups = claim(*spool);
  REQUIRE(follow_ups.size() == 1);
  CHECK(!follow_ups[0].reverse_path);
  CHECK(follow_ups[0].from == submitter("acme"));
  CHECK(test::read_all(follow_ups[0].content) == "Subject: failed\r\n\r\n");

  envelope silent = test::envelope_to({"b@example.org"});
  silent.recipients[0].notify = notify::never;
  const mail_id never = test::put(*spool, silent);
  fail_all(never, false);
  CHECK(!find(*spool, never));

  const mail_id forgotten = test::put(*spool, test::envelope_to({"b@example.org"}));
  fail_all(forgotten, false);         // nobody was told: it must not vanish
  fail_all(follow_ups[0].id, false);  // the null reverse-path
  reopen(storage, spool);
  CHECK(find(*spool, forgotten)->recipients[0].state == recipient_state::failed);
  CHECK(find(*spool, follow_ups[0].id)->recipients[0].state == recipient_state::failed);
  CHECK(good(await(spool->counts())) == spool_counts{0, 0, 2});
  CHECK(claim(*spool).empty());

  good(await(spool->edit(follow_ups[0].id, mail_edit::retry())));
  CHECK(test::ids(claim(*spool)) == std::vector{follow_ups[0].id});
  good(await(spool->edit(forgotten, mail_edit::remove())));
  CHECK(!find(*spool, forgotten));
}

TEMPLATE_TEST_CASE("Operators hold, release, retry, move and remove", "", SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  const mail_id id = test::put(*spool, test::envelope_to({"a@example.org", "b@example.org"}));
  const auto edit = [&](const mail_edit& what) {
    const bool done = good(await(spool->edit(id, what)));
    reopen(storage, spool);
    return done;
  };
  CHECK(edit(mail_edit::hold()));
  CHECK(claim(*spool).empty());
  CHECK(!spool->next_due());
  CHECK(good(await(spool->counts())) == spool_counts{0, 1, 0});
  CHECK(edit(mail_edit::unhold()));
  CHECK(spool->next_due());

  CHECK(edit(mail_edit::pin("backup")));
  CHECK(find(*spool, id)->from.pin == "backup");
  CHECK(claim(*spool).at(0).from.pin == "backup");
  CHECK(edit(mail_edit::unpin()));
  CHECK(find(*spool, id)->from.pin.empty());

  claim(*spool);
  settlement change(id);
  change.recipients.push_back(recipient_change::accepted(0));
  change.recipients.push_back(recipient_change::deferred(1, test::odd_failure(), late, 1h));
  settle(*spool, change);
  CHECK(claim(*spool, "a", 9, spool_now()).empty());
  CHECK(edit(mail_edit::retry()));
  CHECK(claim(*spool, "a", 9, spool_now()).size() == 1);
  CHECK(find(*spool, id)->recipients[0].state == recipient_state::accepted);
  CHECK(edit(mail_edit::remove()));
  CHECK(!edit(mail_edit::remove()));
  CHECK(good(await(spool->counts())) == spool_counts{});
}

TEMPLATE_TEST_CASE("What an operator does to a mail on its way holds when it comes back", "", SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  const mail_id id = test::put(*spool, test::envelope_to({"a@example.org", "b@example.org"}));
  REQUIRE(claim(*spool).size() == 1);
  good(await(spool->edit(id, mail_edit::hold())));
  settlement change(id);
  change.recipients.push_back(recipient_change::accepted(0));
  change.recipients.push_back(recipient_change::deferred(1, test::odd_failure(), spool_now(), 1h));
  settle(*spool, change);
  CHECK(find(*spool, id)->recipients[0].state == recipient_state::accepted);
  CHECK(find(*spool, id)->recipients[1].state == recipient_state::held);
  CHECK(claim(*spool).empty());

  good(await(spool->edit(id, mail_edit::unhold())));
  REQUIRE(claim(*spool).size() == 1);
  good(await(spool->edit(id, mail_edit::remove())));
  settle(*spool, change);
  CHECK(!find(*spool, id));
  CHECK(claim(*spool).empty());
}

TEMPLATE_TEST_CASE("Lists are filtered and come in pages", "", SPOOLS) {
  TestType storage;
  std::optional<typename TestType::spool> spool(storage.open());
  std::vector<mail_id> all;
  for (int i = 0; i < 6; ++i)
    all.push_back(test::put(*spool, test::envelope_to({"x" + std::to_string(i) + "@example.org", "y@example.net"}),
                            {"a: b\r\n"},
                            submitter(i % 2 != 0 ? "acme" : "other", i < 3 ? "ada@example.com" : "bob@example.com")));
  claim(*spool);
  settlement change(all[1]);
  change.recipients.push_back(recipient_change::accepted(0));
  change.recipients.push_back(recipient_change::deferred(1, test::odd_failure(), late, 1h));
  settle(*spool, change);
  good(await(spool->edit(all[2], mail_edit::hold())));
  good(await(spool->edit(all[3], mail_edit::pin("backup"))));
  reopen(storage, spool);

  const auto list = [&](const mail_filter& filter, mail_id after = {}, std::size_t limit = 100) {
    return test::ids(good(await(spool->list(filter, after, limit))));
  };
  using ids = std::vector<mail_id>;
  CHECK(list({}) == all);
  CHECK(list({}, {}, 2) == ids{all[0], all[1]});
  CHECK(list({}, all[1], 2) == ids{all[2], all[3]});
  CHECK(list({}, all[5]).empty());
  mail_filter by;
  by.tenant = "acme";
  CHECK(list(by) == ids{all[1], all[3], all[5]});
  by.sender = "ada@example.com";
  CHECK(list(by) == ids{all[1]});
  by = {};
  by.pin = "backup";
  CHECK(list(by) == ids{all[3]});
  by = {};
  by.recipient = "x4@";
  CHECK(list(by) == ids{all[4]});
  by = {};
  by.cause = cause::greylisted;
  CHECK(list(by) == ids{all[1]});
  by.server = "[::1]:25";
  CHECK(list(by) == ids{all[1]});
  by.recipient = "x1@";  // not the one that failed
  CHECK(list(by).empty());
  by = {};
  by.state = recipient_state::held;
  CHECK(list(by) == ids{all[2]});
  by = {};
  by.created_before = spool_time(1s);
  CHECK(list(by).empty());
  by.created_before = late;
  CHECK(list(by) == all);
}

TEMPLATE_TEST_CASE("A spool chosen at run time does the same", "", SPOOLS) {
  TestType storage;
  const bool durable = TestType::keeps;
  any_spool spool(storage.open());
  CHECK(spool.durable() == durable);
  const mail_id id = test::put(spool, test::envelope_to({"a@example.org"}));
  CHECK(spool.next_due());
  CHECK(test::ids(claim(spool)) == std::vector{id});
  spool.release("a");
  CHECK(test::ids(claim(spool)) == std::vector{id});
  spool.release(id);
  CHECK(good(await(spool.list(mail_filter(), {}, 9))).size() == 1);
  CHECK(good(await(spool.edit(id, mail_edit::hold()))));
  CHECK(good(await(spool.counts())) == spool_counts{0, 1, 0});
  CHECK(good(await(spool.history(id))).empty());
  settlement change(id);
  change.recipients.push_back(recipient_change::accepted(0));
  settle(spool, change);
  CHECK(!find(spool, id));
}

TEMPLATE_TEST_CASE("Every function survives being spawned with temporaries", "", SPOOLS) {
  TestType storage;
  asio::io_context context(1);
  auto spool = storage.open();
  const mail_id id = test::put(spool, test::envelope_to({"a@example.org"}));
  const auto spawn = [&](auto work) {
    asio::co_spawn(context, std::move(work), [](std::exception_ptr error, auto) { CHECK(!error); });
  };
  spawn(spool.begin(submitter("acme", std::string(100, 'x')), test::envelope_to({"b@example.org", "c@example.org"})));
  spawn(spool.claim(std::string(100, 'o'), spool_now(), 5));
  {
    std::vector<settlement> changes(3, settlement(id));
    changes[1].recipients.push_back(recipient_change::deferred(0, test::odd_failure(), late, 1h));
    spawn(spool.settle(changes));
  }
  spawn(spool.list(mail_filter(), mail_id(), 5));
  spawn(spool.edit(id, mail_edit::pin(std::string(100, 'p'))));
  spawn(spool.find(id));
  spawn(spool.history(id));
  spawn(spool.counts());
  context.run();
  CHECK(find(spool, id)->from.pin == std::string(100, 'p'));
}

}  // namespace spool_tests
