// One bad server must not slow another one down: ten servers in one process, seven healthy, one dead, one that never
// answers, one slow; against the same process without the bad three.
#include <postrider/client/pool.hpp>

#include "support/arguments.hpp"
#include "support/clients.hpp"
#include "support/output.hpp"

#include <asio/io_context.hpp>

#include <algorithm>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t healthy = 7;

/// A pool, and those who send through it until the time is over.
class lane {
 public:
  lane(asio::io_context& context, const postrider::server& where)
      : executor_(context.get_executor()), pool_(executor_, where) {}

  void begin(asio::io_context& context, const postrider::mail& what, std::size_t callers, const bool& over) {
    for (std::size_t i = 0; i < callers; ++i) asio::co_spawn(context, call(what, over), asio::detached);
  }

  asio::awaitable<void> close() { return pool_.close(2s); }

  std::uint64_t accepted = 0;
  std::uint64_t failed = 0;

 private:
  asio::awaitable<void> call(const postrider::mail& what, const bool& over) {
    const auto token = asio::experimental::as_tuple_t<asio::use_awaitable_t<>>(asio::use_awaitable_t<>());
    while (!over) {
      const postrider::receipt got = co_await pool_.send(what);
      if (got.ok()) {
        ++accepted;
        continue;
      }
      ++failed;
      asio::steady_timer pause(executor_, 100ms);  // as anybody would who sees a server fail
      co_await pause.async_wait(token);
    }
  }

  asio::any_io_executor executor_;
  postrider::client::pool pool_;
};

struct outcome {
  double mails_a_second = 0;  // of the healthy ones together
  std::vector<std::uint64_t> accepted;
  std::vector<std::uint64_t> failed;
};

/// How long both forms run: a time, or until each healthy server has taken so many mails.
struct measure_of_time {
  std::chrono::milliseconds most;
  std::uint64_t mails = 0;  // 0: the whole time
};

bool is_over(const std::vector<std::unique_ptr<lane>>& lanes, const measure_of_time& limit,
             std::chrono::duration<double> taken) {
  if (taken >= limit.most) return true;
  return limit.mails != 0 && std::all_of(lanes.begin(), lanes.begin() + healthy,
                                         [&](const auto& one) { return one->accepted >= limit.mails; });
}

outcome run_for(measure_of_time limit, const std::vector<std::uint16_t>& ports, const postrider::mail& what,
                std::uint64_t connections) {
  asio::io_context context(1);
  std::vector<std::unique_ptr<lane>> lanes;
  bool over = false;
  for (const std::uint16_t port : ports) {
    postrider::server where{
        .host = "127.0.0.1", .port = port, .security = postrider::security::none, .ehlo_name = "client.example.com"};
    where.limits.connections = static_cast<std::uint32_t>(connections);
    lanes.push_back(std::make_unique<lane>(context, where));
    lanes.back()->begin(context, what, static_cast<std::size_t>(connections) * 4, over);
  }
  const auto begun = std::chrono::steady_clock::now();
  asio::steady_timer clock(context);
  while (!over) {
    clock.expires_after(20ms);
    bool rung = false;
    clock.async_wait([&](const std::error_code&) { rung = true; });
    while (!rung) context.run_one();
    over = is_over(lanes, limit, std::chrono::steady_clock::now() - begun);
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  outcome got;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    got.accepted.push_back(lanes[i]->accepted);
    got.failed.push_back(lanes[i]->failed);
    if (i < healthy) got.mails_a_second += static_cast<double>(lanes[i]->accepted) / taken.count();
    asio::co_spawn(context, lanes[i]->close(), asio::detached);
  }
  context.run();
  return got;
}

int measure(const arguments& given) {
  const bool brief_form = given.given("--short");
  const measure_of_time time = brief_form
                                   ? measure_of_time{60s, 20}
                                   : measure_of_time{std::chrono::milliseconds(given.number("--milliseconds")), 0};
  const std::uint64_t rounds = brief_form ? 1 : given.number("--rounds");
  const scratch_folder folder;
  sink_process sink("plain,plain,plain,plain,plain,plain,plain,stalled,slow:200", folder.file("certificate.pem"));
  std::vector<std::uint16_t> good;
  for (std::size_t i = 0; i < healthy; ++i) good.push_back(sink.port(i));
  std::vector<std::uint16_t> all = good;
  all.push_back(sink.port(healthy));
  all.push_back(sink.port(healthy + 1));
  all.push_back(port_of(listen_on_loopback()));  // closed again: nobody is there

  postrider::envelope to(postrider::address::parse("ada@example.com").value(),
                         {postrider::recipient(postrider::address::parse("charles@example.org").value())});
  const task content{.content = folder.content(1024)};
  std::ifstream file(content.content, std::ios::binary);
  const postrider::mail what(std::move(to), postrider::content(std::string(std::istreambuf_iterator<char>(file), {})));

  const std::uint64_t connections = given.number("--connections");
  std::vector<outcome> alone;
  std::vector<outcome> together;
  {
    progress bar(rounds * 2);
    for (std::uint64_t round = 0; round < rounds; ++round) {
      bar.step("7 healthy servers");
      const outcome first = run_for(time, good, what, connections);
      bar.step("the same, and 3 bad ones");
      together.push_back(run_for(time, all, what, connections));
      alone.push_back(first);
    }
  }
  const auto sum = [](const std::vector<outcome>& of) {
    return std::accumulate(of.begin(), of.end(), 0.0, [](double s, const outcome& o) { return s + o.mails_a_second; });
  };
  const double without = sum(alone) / static_cast<double>(rounds);
  const double with = sum(together) / static_cast<double>(rounds);

  table counts({"server", "accepted", "failed"});
  std::vector<record> records;
  bool ok = true;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = i < healthy        ? "healthy " + std::to_string(i + 1)
                             : i == healthy     ? "stalled"
                             : i == healthy + 1 ? "slow (200 ms a reply)"
                                                : "dead";
    std::uint64_t accepted = 0;
    std::uint64_t failed = 0;
    for (const outcome& one : together) {
      accepted += one.accepted.at(i);
      failed += one.failed.at(i);
    }
    counts.add({name, std::to_string(accepted), std::to_string(failed)});
    records.push_back(record().with("server", name).with("accepted", accepted).with("failed", failed));
    const bool as_it_should = i < healthy ? accepted > 0 && failed == 0 : i == healthy + 1 || accepted == 0;
    if (!as_it_should) std::cout << "FAILED: " << name << ": " << accepted << " accepted, " << failed << " failed\n";
    ok = ok && as_it_should;
  }
  counts.print("Ten servers in one process, " + std::to_string(connections) + " connections each");
  const double kept = 100 * with / without;
  std::cout << "\nMails a second of the 7 healthy servers: " << rounded(without, 0) << " alone, " << rounded(with, 0)
            << " beside the other 3\n";
  if (brief_form) disclaim();
  else {
    table aims({"aim", "wanted", "measured", ""});
    aims.add({"throughput that the 7 keep", "at least 95%", rounded(kept, 1) + '%', kept >= 95 ? "reached" : "MISSED"});
    aims.print("Reach");
  }
  records.push_back(
      record().with("alone_mails_a_second", without).with("together_mails_a_second", with).with("kept_percent", kept));
  write_json(given.text("--json"), records);
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::program(argc, argv,
                        {{"--connections", "2", "at once, to each server"},
                         {"--milliseconds", "2000", "that a run lasts"},
                         {"--rounds", "5", "of both, in turn"},
                         {"--json", "servers.json", "file"},
                         {"--short", "", "a moment, to prove that it works", true}},
                        &bench::measure);
}
