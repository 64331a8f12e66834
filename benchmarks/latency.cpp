// What a round trip of 50 ms costs: mails a second through one connection and through ten, against libcurl.
#include "support/arguments.hpp"
#include "support/clients.hpp"
#include "support/output.hpp"

#include <iostream>
#include <map>
#include <optional>
#include <sched.h>
#include <string>
#include <vector>

namespace bench {
namespace {

using namespace std::chrono_literals;

/// Time between two processes of this machine: netem in a network namespace of this program's own where that works,
/// else a process that forwards everything later.
class slow_link {
 public:
  slow_link(const std::string& wanted, std::uint64_t milliseconds) : each_way_(std::to_string(milliseconds / 2)) {
    const std::string netem =
        "ip link set lo up && tc qdisc add dev lo root netem delay " + each_way_ + "ms limit 100000";
    const bool works = wanted != "proxy" && run({"unshare", "--net", "sh", "-c", netem}, 20s).ok;
    if (!works && wanted == "netem") throw std::runtime_error("no netem here (root, and the kernel's sch_netem)");
    if (!works) return;
    must(::unshare(CLONE_NEWNET), "unshare");
    if (!run({"sh", "-c", netem}, 20s).ok) throw std::runtime_error("netem failed");
    netem_ = true;
  }

  /// Where a server that listens on `port` is reached over the link.
  std::uint16_t to(std::uint16_t port) {
    if (netem_) return port;
    const std::vector<std::string> command{(program_folder() / "bench_delay").string(), "--to", std::to_string(port),
                                           "--milliseconds", each_way_};
    proxy_.emplace(command);
    return static_cast<std::uint16_t>(std::stoul(proxy_->line().substr(6)));  // after "ready "
  }

  std::string name() const { return netem_ ? "netem in a network namespace" : "a delaying proxy"; }

 private:
  std::string each_way_;
  bool netem_ = false;
  std::optional<child> proxy_;
};

struct contestant {
  std::string name;
  sender who;
  std::string pattern;
  double mails_a_round_trip;
};

struct result {
  double mails_a_second;
  bool other_commands;
};

int measure(const arguments& given) {
  const bool brief_form = given.given("--short");
  const std::uint64_t round_trip = given.number("--milliseconds");
  slow_link link(given.text("--link"), round_trip);
  const scratch_folder folder;
  sink_process sink("plain", folder.file("certificate.pem"));
  const std::uint16_t port = link.to(sink.port(0));

  std::vector<contestant> contestants{{"postrider pipelining", own_sender(), "pipelining", 1},
                                      {"postrider chunking", own_sender(), "chunking", 1},
                                      {"postrider window:8", own_sender(), "window:8", 8},
                                      {"postrider window:64", own_sender(), "window:64", 64},
                                      {"postrider lockstep", own_sender(), "lockstep", 0.25}};
  const sender curl = detail::libcurl();
  if (curl.missing.empty()) contestants.push_back({"libcurl", curl, "", 0.25});
  else std::cout << "libcurl takes no part: " << curl.missing << '\n';

  const std::vector<std::uint64_t> connections = given.numbers("--connections");
  std::map<std::pair<std::string, std::uint64_t>, result> results;
  std::vector<record> records;
  bool ok = true;
  {
    progress bar(contestants.size() * connections.size());
    for (const std::uint64_t count : connections)
      for (const contestant& one : contestants) {
        bar.step(one.name + " x" + std::to_string(count));
        const double round_trips = brief_form ? 4 : static_cast<double>(given.number("--round-trips"));
        const auto mails =
            static_cast<std::uint64_t>(static_cast<double>(count) * one.mails_a_round_trip * round_trips) + count;
        const task what{.port = port,
                        .content = folder.content(1024),
                        .size = 1024,
                        .connections = count,
                        .mails = mails,
                        .pattern = one.pattern};
        const run_result got = run_client(command_for(one.who, what), one.who, what, sink, 0, 300s);
        if (!got.trouble.empty()) {
          std::cout << "FAILED: " << one.name << ": " << got.trouble << '\n';
          ok = false;
          continue;
        }
        const bool wants_chunks = one.pattern == "chunking" || one.pattern.substr(0, 7) == "window:";
        const result seen{got.seen.mails_a_second(), wants_chunks && got.seen.chunked != got.seen.mails};
        results[{one.name, count}] = seen;
        records.push_back(record()
                              .with("client", one.name)
                              .with("connections", count)
                              .with("mails", mails)
                              .with("mails_a_second", seen.mails_a_second)
                              .with("other_commands", seen.other_commands)
                              .with("link", link.name())
                              .with("round_trip_ms", round_trip));
      }
  }

  std::vector<std::string> head{"mails/s"};
  for (const std::uint64_t count : connections) head.push_back("x" + std::to_string(count));
  table rates(head);
  for (const contestant& one : contestants) {
    std::vector<std::string> row{one.name};
    for (const std::uint64_t count : connections) {
      const auto got = results.find({one.name, count});
      row.push_back(got == results.end()
                        ? "failed"
                        : rounded(got->second.mails_a_second, 1) + (got->second.other_commands ? "*" : ""));
    }
    rates.add(row);
  }
  rates.print("1 KiB over a round trip of " + std::to_string(round_trip) + " ms (" + link.name() + ")");
  std::cout << "  * with DATA instead of BDAT\n";
  if (brief_form) disclaim();

  const auto peer = results.find({"libcurl", 1});
  if (!brief_form && peer != results.end()) {
    table aims({"aim (one connection)", "wanted", "measured", ""});
    const auto aim = [&](const std::string& name, const std::string& of, double least) {
      const auto own = results.find({of, 1});
      if (own == results.end()) return aims.add({name, "", "not measured"});
      const double ratio = own->second.mails_a_second / peer->second.mails_a_second;
      aims.add({name, "at least " + brief(least) + 'x', brief(ratio) + 'x', ratio >= least ? "reached" : "MISSED"});
    };
    aim("PIPELINING against libcurl", "postrider pipelining", 3.5);
    aim("window of 64 against libcurl", "postrider window:64", 100);
    aims.print("Reach");
  }
  write_json(given.text("--json"), records);
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::program(argc, argv,
                        {{"--connections", "1,10", "at once"},
                         {"--milliseconds", "50", "of a round trip"},
                         {"--round-trips", "60", "that a run lasts"},
                         {"--link", "auto", "auto, netem, proxy"},
                         {"--json", "latency.json", "file"},
                         {"--short", "", "few mails, to prove that it works", true}},
                        &bench::measure);
}
