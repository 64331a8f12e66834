// The power fails at any moment: what the spool has acknowledged is there afterwards, and nothing torn is taken for
// whole.
#include <postrider/storage/sqlite_spool.hpp>

#include "storage/power_cut_disk.hpp"
#include "storage/spool_fixture.hpp"

#include <asio/use_future.hpp>

#include <cstdlib>
#include <future>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace postrider;
using test::await;

namespace {

/// Its own number is what a mail says, as often as it takes.
std::string content_of(unsigned number) {
  const std::size_t size = number % 9 == 0 ? 300'000 : number % 3 == 0 ? 70'000 : 40 + number % 4'000;
  std::string content;
  while (content.size() < size) content += "this is mail " + std::to_string(number) + "\r\n";
  return content;
}

std::string states(const spooled_mail& mail) {
  std::string text;
  for (const auto& r : mail.recipients) text += std::string(to_string(r.state)) + std::to_string(r.attempts) + ' ';
  return text + std::to_string(mail.attempts);
}

/// What may be true of a mail: usually one thing; while an operation on it is not acknowledged, that or another.
struct expectation {
  mail_id id;
  std::set<std::string> allowed;  // of states(); empty text: the mail is not there
};

class life {
 public:
  life(std::uint64_t seed, sqlite::spool_options options) : chance_(seed), disk_(seed + 1), options_(options) {}

  /// What was lost or broken by one cut; empty if nothing was.
  std::vector<std::string> run() {
    // Set-up takes some dozens of operations, a large mail about a hundred; every log is written back now and then.
    disk_.cut_after(static_cast<long>(chance_() % (chance_() % 4 == 0 ? 120 : 1500)));
    {
      auto opened = sqlite::spool::open(where_ / "spool.db", options_);
      for (int step = 0; opened && !disk_.dark() && step < 400; ++step) act(*opened);
    }
    disk_.restore();
    return examine();
  }

 private:
  void act(sqlite::spool& spool) {
    if (chance_() % 3 != 0 || known_.empty()) put(spool, 1 + chance_() % 3);
    else settle(spool);
  }

  /// Several mails that may share a commit.
  void put(sqlite::spool& spool, std::size_t many) {
    std::vector<std::pair<unsigned, sqlite::spool::writer>> writers;
    for (; many != 0; --many) {
      auto writer = await(spool.begin(submitter("acme"), test::envelope_to({"a@example.org", "b@example.org"})));
      if (!writer) return;
      const std::string content = content_of(++last_);
      for (std::size_t at = 0; at < content.size(); at += 50'000)
        if (!await(writer->append(content.substr(at, 50'000)))) return;
      writers.emplace_back(last_, std::move(*writer));
      known_[last_].allowed = {"", fresh};
    }
    asio::io_context context(1);
    std::vector<std::future<result<mail_id>>> commits;
    for (auto& [number, writer] : writers)
      commits.push_back(asio::co_spawn(context, writer.commit(), asio::use_future));
    context.run();
    for (std::size_t i = 0; i < commits.size(); ++i)
      if (auto id = commits[i].get()) known_[writers[i].first] = {*id, {fresh}};
  }

  void settle(sqlite::spool& spool) {
    auto at = known_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(chance_() % known_.size()));
    auto& [number, mail] = *at;
    if (mail.allowed != std::set<std::string>{fresh}) return;
    settlement change(mail.id);
    change.attempt.emplace(spool_now(), receipt());
    const auto kind = chance_() % 3;
    std::string next = "accepted1 accepted1";
    if (kind == 0) {
      change.recipients = {recipient_change::accepted(0), recipient_change::accepted(1)};
      next.clear();
    } else if (kind == 1) {
      change.recipients = {recipient_change::accepted(0)};
      next = "accepted1 pending0 1";
    } else {
      change.recipients = {recipient_change::failed(0, failure(cause::mailbox_unknown, stage::rcpt), true)};
      next = "failed1 pending0 1";
      follow_up_[++last_] = number;
      change.follow_ups.emplace_back(
          submitter("acme"), postrider::mail(test::envelope_to({"a@example.com"}, ""), content(content_of(last_))));
    }
    mail.allowed.insert(next);
    if (await(spool.settle(std::span(&change, 1)))) mail.allowed = {next};
  }

  std::vector<std::string> examine() {
    std::vector<std::string> losses;
    auto opened = sqlite::spool::open(where_ / "spool.db", options_);
    if (!opened) return {"it cannot be opened: " + opened.error().detail};
    std::map<unsigned, const spooled_mail*> there;
    auto listed = await(opened->list(mail_filter(), {}, 100'000));
    if (!listed) return {"it cannot be listed: " + listed.error().detail};
    for (const auto& mail : *listed) {
      std::string bytes(mail.content.traits().size, '\0');
      const auto count = mail.content.read(0, bytes);
      const auto number = bytes.size() < 14 ? 0 : static_cast<unsigned>(std::strtoul(bytes.c_str() + 13, nullptr, 10));
      if (!count || *count != bytes.size() || bytes != content_of(number))
        losses.push_back("mail " + to_string(mail.id) + " is torn");
      else if (!there.emplace(number, &mail).second)
        losses.push_back("mail " + std::to_string(number) + " is there twice");
    }
    for (const auto& [number, mail] : known_) {
      const auto found = there.find(number);
      const std::string now = found == there.end() ? "" : states(*found->second);
      if (!mail.allowed.contains(now)) losses.push_back("mail " + std::to_string(number) + " is «" + now + "»");
    }
    for (const auto& [number, about] : follow_up_) {
      const auto found = there.find(about);
      const bool failed = found != there.end() && states(*found->second).starts_with("failed");
      if (failed != there.contains(number)) losses.push_back("a settlement is there by half");
    }
    std::erase_if(follow_up_, [&](const auto& one) { return !there.contains(one.first); });
    // What is there now is what the next cut must leave.
    std::map<unsigned, expectation> known;
    for (const auto& [number, mail] : there)
      if (!follow_up_.contains(number)) known[number] = {mail->id, {states(*mail)}};
    known_ = std::move(known);
    return losses;
  }

  static constexpr const char* fresh = "pending0 pending0 0";

  test::folder where_;
  std::mt19937_64 chance_;
  test::power_cut_disk disk_;
  sqlite::spool_options options_;
  std::map<unsigned, expectation> known_;
  std::map<unsigned, unsigned> follow_up_;  // a notification's number, and whom it is about
  unsigned last_ = 0;
};

/// Connections opened while it lives write their log back after a few pages and, if told so, never sync.
class habits {
 public:
  explicit habits(bool sync) {
    syncing() = sync;
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&apply));
  }
  habits(const habits&) = delete;
  habits& operator=(const habits&) = delete;
  ~habits() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&apply)); }

 private:
  static bool& syncing() {
    static bool sync = true;
    return sync;
  }

  static int apply(sqlite3* database, char**, const sqlite3_api_routines*) {
    sqlite3_wal_autocheckpoint(database, 60);
    if (syncing()) return SQLITE_OK;
    sqlite3_exec(database, "PRAGMA synchronous=OFF", nullptr, nullptr, nullptr);
    sqlite3_set_authorizer(
        database,
        [](void*, int action, const char* name, const char*, const char*, const char*) {
          return action == SQLITE_PRAGMA && std::string_view(name) == "synchronous" ? SQLITE_IGNORE : SQLITE_OK;
        },
        nullptr);
    return SQLITE_OK;
  }
};

unsigned seeds(unsigned usually, unsigned fully) {
  return std::getenv("POSTRIDER_FULL") != nullptr ? fully : usually;
}

/// How many of the seeds found a loss.
unsigned losses(unsigned many, sqlite::spool_options options, bool tolerated) {
  unsigned found = 0;
  for (unsigned seed = 1; seed <= many; ++seed) {
    life one(seed, options);
    for (int cut = 1; cut <= 4; ++cut) {
      const auto lost = one.run();
      if (lost.empty()) continue;
      ++found;
      if (!tolerated)
        FAIL_CHECK("seed " << seed << ", cut " << cut << ": " << lost.front() << ", " << lost.size() << " in all");
      break;
    }
  }
  return found;
}

}  // namespace

TEST_CASE("What was acknowledged survives the loss of power", "[power]") {
  const habits usual(true);
  CHECK(losses(seeds(60, 400), {}, false) == 0);
}

TEST_CASE("Without syncs the loss of power loses mail, and that is found", "[power]") {
  sqlite::spool_options options;
  SECTION("not at each commit") {
    options.sync_every_commit = false;
    const habits usual(true);
    CHECK(losses(20, options, true) > 0);
  }
  SECTION("never: synchronous=OFF") {
    const habits careless(false);
    CHECK(losses(20, options, true) > 0);
  }
}
