// Does a page of the console take longer when there is more? Every list and every look that a page asks the relay for,
// over growing numbers of mails, senders and notes: time, and the steps that SQLite took, which no busy machine
// changes.
#include <postrider/storage/memory_registry_storage.hpp>
#include <postrider/storage/sqlite_spool.hpp>

#include "relay/held_list.hpp"
#include "relay/spool_queue.hpp"
#include "support/arguments.hpp"
#include "support/clients.hpp"
#include "support/output.hpp"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bench {
namespace {

using namespace postrider;
using namespace postrider::examples;

template <class T>
T demand(result<T> made) {
  if (!made) throw std::runtime_error(made.error().detail);
  if constexpr (!std::is_void_v<T>) return std::move(*made);
}

/// What SQLite does in this process, in every connection.
class sqlite_work {
 public:
  struct counts {
    std::uint64_t steps = 0;
    std::uint64_t scanned = 0;  ///< rows that a query went through for want of an index
  };

  static void watch() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(&sqlite_work::opened)); }
  static counts take() { return {steps_.exchange(0), scanned_.exchange(0)}; }

 private:
  static int opened(sqlite3* database, const char**, const sqlite3_api_routines*) {
    return sqlite3_trace_v2(database, SQLITE_TRACE_PROFILE, &sqlite_work::done, nullptr);
  }
  static int done(unsigned, void*, void* statement, void*) {
    auto* const of = static_cast<sqlite3_stmt*>(statement);
    steps_ += static_cast<std::uint64_t>(sqlite3_stmt_status(of, SQLITE_STMTSTATUS_VM_STEP, 1));
    scanned_ += static_cast<std::uint64_t>(sqlite3_stmt_status(of, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1));
    return 0;
  }

  static inline std::atomic<std::uint64_t> steps_{0};
  static inline std::atomic<std::uint64_t> scanned_{0};
};

constexpr std::size_t server_count = 100;
const std::string tenant = "acme";

std::string server_name(std::size_t i) {
  return "server-" + std::to_string(i);
}
std::string sender_address(std::size_t i) {
  return "sender-" + std::to_string(i) + "@acme.test";
}

/// So many mails, a tenth as many senders, as many notes, and the servers.
class house {
 public:
  house(const std::string& folder, std::size_t mails)
      : folder_(folder), mails_(mails), senders_(std::max<std::size_t>(mails / 10, 100)) {
    fill_registry();
    fill_spool();
    fill_notes();
    spool_.emplace(demand(sqlite::spool::open(folder_ + "/spool.db", {.sync_every_commit = false})));
    people_.emplace(demand(accounts::open(folder_ + "/console.db")));
    queue_.emplace(context_.get_executor(), *spool_,
                   [this](mail_id id, mail_edit how) { return spool_->edit(id, std::move(how)); });
    on.people = [this]() -> result<accounts*> { return &*people_; };
    on.state = [this] { return state_; };
    on.live = &live_;
    fill_figures();
    demand(live_.census.of(*queue_, {}));  // the first count is waited for, by whoever asks first
  }
  house(const house&) = delete;
  house& operator=(const house&) = delete;
  ~house() {
    live_.census.stop();
    work_.reset();
    context_.stop();
    thread_.join();
  }

  std::size_t senders() const noexcept { return senders_; }
  std::size_t mails() const noexcept { return mails_; }
  static mail_id id_of(std::size_t i) noexcept { return mail_id{i + 1}; }

 private:
  void fill_registry() {
    demand(registry_.add_tenant(tenant));
    for (std::size_t i = 0; i < server_count; ++i) {
      const server settings{.host = "mail-" + std::to_string(i) + ".example.com", .account = {"user", "password"}};
      demand(registry_.add_server(tenant, {.name = server_name(i), .settings = settings}, i == 0));
    }
    for (std::size_t i = 0; i < senders_; ++i) {
      sender_record one;
      one.kind = i % 2 == 0 ? sender_kind::user : sender_kind::channel;
      one.name = "Sender " + std::to_string(i);
      one.address = sender_address(i);
      if (i % 4 != 0) one.override = server_override{.server = server_name(i % server_count)};
      demand(registry_.add_sender(tenant, std::move(one)));
    }
  }

  static failure refusal(cause why, std::size_t i) {
    failure made(why, stage::connect, "connection refused");
    made.server = "mail-" + std::to_string(i % server_count) + ".example.com:587";
    return made;
  }

  /// Most wait because a server is down, some were refused for good. One, in the middle, is like no other.
  void fill_spool() {
    const sqlite::open_options fast{.sync_every_commit = false};
    const std::string path = folder_ + "/spool.db";
    auto contents =
        demand(sqlite::database::open(path, sqlite::spool_schema, fast).and_then(sqlite::content_store::over));
    sqlite::spool_tables tables(demand(sqlite::database::open(path, sqlite::spool_schema, fast)), contents);
    auto filling = demand(sqlite::transaction::begin(tables.connection()));
    const std::string text(500, 'x');
    const auto now = spool_now();
    for (std::size_t i = 0; i < mails_; ++i) {
      const bool rare = i == mails_ / 2;
      const std::string sender = rare ? "rare@acme.test" : sender_address(i % senders_);
      envelope to(*address::parse(sender), {recipient(*address::parse("reader@example.org"))});
      spooled_mail mail(id_of(i), submitter(tenant, sender), to, content(text), now - std::chrono::hours(1));
      auto& r = mail.recipients.front();
      r.state = i % 50 == 0 ? recipient_state::failed : recipient_state::pending;
      r.next_attempt = now + std::chrono::hours(24);
      r.failure = refusal(rare          ? cause::mailbox_full
                          : i % 50 == 0 ? cause::mailbox_unknown
                                        : cause::connection_refused,
                          i);
      mail.attempts = 1;
      demand(tables.put_pieces(mail.id, 0, text));
      demand(tables.insert(mail));
      demand(tables.update(mail, 0));
      receipt tried;
      tried.server = r.failure->server;
      tried.recipients.emplace_back("reader@example.org", *r.failure);
      demand(tables.record(mail.id, 1, {now, tried}));
    }
    demand(filling.commit());
  }

  void fill_notes() {
    auto into = demand(sqlite::database::open(folder_ + "/console.db", accounts_schema, {.sync_every_commit = false}));
    auto filling = demand(sqlite::transaction::begin(into));
    auto add = demand(into.prepare(
        "INSERT INTO audit (at, who, address, action, tenant, object, ok, details) VALUES (?, ?, '', 'server.set', ?, "
        "'one', 1, '')"));
    for (std::size_t i = 0; i < mails_; ++i)
      demand(add.run(std::int64_t{0}, i == mails_ / 2 ? "rare" : "ada", i % 2 == 0 ? tenant : std::string("other")));
    demand(filling.commit());
  }

  /// An hour in which every server was used all the time, and a tenth of them are down.
  void fill_figures() {
    receipt sent;
    sent.recipients.emplace_back("reader@example.org", outcome::accepted);
    json held = json::array();
    for (std::size_t i = 0; i < server_count; ++i) {
      const std::string name = server_name(i);
      live_.numbers.on(events::attempt_finished{id_of(0), tenant, "", name, "user", 1, false, sent});
      if (i % 10 == 0)
        held.push_back({{"tenant", tenant},
                        {"server", name},
                        {"user", "user"},
                        {"sender", ""},
                        {"remaining_ms", 1000},
                        {"failure", examples::to_json(refusal(cause::connection_refused, i))}});
    }
    state_["held_servers"] = std::move(held);
  }

  std::string folder_;
  std::size_t mails_;
  std::size_t senders_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread thread_{[this] { context_.run(); }};
  server_registry registry_ = demand(server_registry::open(memory::registry_storage(), vault::in_memory()));
  std::optional<sqlite::spool> spool_;
  std::optional<accounts> people_;
  std::optional<spool_queue> queue_;
  live_relay live_{};
  json state_ = json::object();

 public:
  office on{registry_, [this]() -> result<mail_queue*> { return &*queue_; }};
};

struct question {
  std::string page;
  std::string target;
};

/// What the pages ask for. `last` is near the end of what is there.
std::vector<question> questions(const house& of) {
  const std::string t = "/tenants/" + tenant, queue = "/queue?limit=50&tenant=" + tenant;
  const std::string last = to_string(house::id_of(of.mails() - 60));
  const std::string late_sender = "sender-" + std::to_string(of.senders() * 9 / 10);
  return {
      {"overview", "/overview?minutes=60&tenant=" + tenant},
      {"servers", t + "/servers"},
      {"one server", t + "/servers/" + server_name(7)},
      {"used by: by override", t + "/servers/" + server_name(7) + "/used-by?limit=50&by=override&kind=channel"},
      {"used by: by default", t + "/servers/" + server_name(0) + "/used-by?limit=50&by=default&kind=user"},
      {"users and channels", t + "/senders?limit=50"},
      {"users and channels, a late page", t + "/senders?limit=50&cursor=" + late_sender},
      {"channels that begin with", t + "/senders?limit=50&kind=channel&prefix=sender-9"},
      {"explain route", t + "/route?address=" + percent_encode(sender_address(3))},
      {"queue", queue},
      {"queue, the last page", queue + "&cursor=" + last},
      {"queue by state", queue + "&state=failed"},
      {"queue by cause", queue + "&cause=connection_refused"},
      {"queue by a cause that one has", queue + "&cause=mailbox_full"},
      {"queue by server", queue + "&server=" + server_name(1)},
      {"queue by a sender that one has", queue + "&sender=rare%40acme.test"},
      {"queue by recipient", queue + "&recipient=nobody"},
      {"queue by age", queue + "&older_than=30m"},
      {"one mail", "/queue/" + to_string(house::id_of(of.mails() / 2))},
      {"audit log", "/audit?limit=50"},
      {"audit log of a tenant", "/audit?limit=50&tenant=" + tenant},
      {"audit log of somebody rare", "/audit?limit=50&who=rare&tenant=" + tenant},
  };
}

struct measured {
  double milliseconds = 0;  ///< the median
  sqlite_work::counts work{std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max()};
};

measured ask(house& of, const question& what, std::uint64_t times) {
  const auto call_of = parse_target("GET", std::string(api_root) + what.target);
  if (!call_of) throw std::runtime_error("no call: " + what.target);
  measured got;
  std::vector<double> taken;
  for (std::uint64_t i = 0; i < times; ++i) {
    sqlite_work::take();
    const auto before = std::chrono::steady_clock::now();
    const answer said = perform(of.on, *call_of);
    const std::string text = dump(said.body);
    const std::chrono::duration<double, std::milli> one = std::chrono::steady_clock::now() - before;
    if (!said.ok()) throw std::runtime_error(what.target + ": " + text);
    taken.push_back(one.count());
    // The least: somebody may have counted the queue meanwhile.
    const sqlite_work::counts work = sqlite_work::take();
    got.work.steps = std::min(got.work.steps, work.steps);
    got.work.scanned = std::min(got.work.scanned, work.scanned);
  }
  std::sort(taken.begin(), taken.end());
  got.milliseconds = taken[taken.size() / 2];
  return got;
}

int measure(const arguments& given) {
  const bool brief_form = given.given("--short");
  const std::uint64_t times = brief_form ? 2 : given.number("--times");
  const auto sizes = brief_form ? std::vector<std::uint64_t>{6'000, 12'000} : given.numbers("--mails");
  if (sizes.size() < 2) throw std::invalid_argument("--mails: at least two sizes");
  sqlite_work::watch();

  std::vector<std::string> pages;
  std::vector<std::vector<measured>> all;  // by size, then by page
  {
    progress bar(sizes.size());
    for (const std::uint64_t size : sizes) {
      bar.step(std::to_string(size) + " mails");
      const scratch_folder folder;
      house one(folder.file(""), size);
      pages.clear();
      all.emplace_back();
      for (const question& what : questions(one)) {
        pages.push_back(what.page);
        all.back().push_back(ask(one, what, times));
      }
    }
  }

  std::vector<std::string> head{"page"};
  for (const std::uint64_t size : sizes) head.push_back(std::to_string(size) + ", ms");
  for (const std::uint64_t size : sizes) head.push_back(std::to_string(size) + ", steps");
  table shown(head);
  std::vector<record> records;
  bool steady = true;
  double most = 0;
  for (std::size_t page = 0; page < pages.size(); ++page) {
    std::vector<std::string> row{pages[page]};
    record of_page = std::move(record().with("page", pages[page]));
    for (const auto& size : all) row.push_back(rounded(size[page].milliseconds, 2));
    for (const auto& size : all) row.push_back(std::to_string(size[page].work.steps));
    for (std::size_t i = 0; i < sizes.size(); ++i)
      of_page.with("ms_" + std::to_string(sizes[i]), all[i][page].milliseconds)
          .with("steps_" + std::to_string(sizes[i]), all[i][page].work.steps);
    shown.add(std::move(row));
    records.push_back(std::move(of_page));
    const measured& before = all[all.size() - 2][page];
    const measured& after = all.back()[page];
    most = std::max(most, after.milliseconds);
    // Deeper trees and longer numbers cost a little.
    const bool grows = after.work.steps > before.work.steps + before.work.steps / 20 + 50;
    if (grows || after.work.scanned != 0) {
      steady = false;
      std::cout << "FAILED: " << pages[page]
                << (grows ? " takes more steps where there is more\n" : " scans a table\n");
    }
  }
  shown.print(std::to_string(server_count) + " servers, a sender for ten mails, a note for each mail; medians of " +
              std::to_string(times));
  if (brief_form) disclaim();
  else {
    table aims({"aim", "wanted", "measured", ""});
    aims.add({"steps of SQLite, the largest number of mails against the one before it", "the same",
              steady ? "the same" : "more", steady ? "reached" : "MISSED"});
    aims.add({"the slowest page, ms", "at most 100", rounded(most, 1), most <= 100 ? "reached" : "MISSED"});
    aims.print("Reach");
  }
  write_json(given.text("--json"), records);
  return steady ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::program(argc, argv,
                        {{"--mails", "1000,10000,100000", "in the queue; a tenth as many senders, as many notes"},
                         {"--times", "21", "that each page is asked for"},
                         {"--json", "console.json", "file"},
                         {"--short", "", "a moment, to prove that it works", true}},
                        &bench::measure);
}
