// What sending costs over loopback: the library against a raw client with the same traffic (the floor) and against
// what one would use instead. One run, one sink; CPU of the client a mail, mails a second.
#include "support/arguments.hpp"
#include "support/clients.hpp"
#include "support/output.hpp"

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds longest_run = 120s;

/// What is measured of one client in one cell. CPU is what each further mail costs: a short run is subtracted, so that
/// the start of a process, of an interpreter and of connections does not count.
struct measurement {
  double cpu_us = 0;
  double mails_a_second = 0;
  double sink_busy = 0;         // of one core
  bool other_commands = false;  // DATA where BDAT was wanted
  bool fewer_connections = false;
};

struct cell {
  bool tls;
  std::uint64_t size;
  std::uint64_t connections;
  auto operator<=>(const cell&) const = default;

  std::string name() const {
    return std::string(tls ? "TLS" : "plain") + ' ' + std::to_string(size / 1024) + " KiB x" +
           std::to_string(connections);
  }
};

/// A client, and a pattern if it has a choice.
struct contestant {
  sender who;
  std::string pattern;
  std::string name() const { return who.peer ? who.name : who.name + ' ' + pattern; }
};

double middle(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

class wire {
 public:
  explicit wire(const arguments& given)
      : short_(given.given("--short")),
        box_(std::stod(given.text("--seconds"))),
        rounds_(given.number("--rounds")),
        sink_("plain,tls", folder_.file("certificate.pem")) {
    for (const std::string& word : given.words("--security"))
      for (const std::uint64_t size : given.numbers("--sizes"))
        for (const std::uint64_t connections : given.numbers("--connections"))
          cells_.push_back({word == "tls", size, connections});
    for (const std::string& pattern : given.words("--patterns")) {
      patterns_.push_back(pattern);
      contestants_.push_back({raw_sender(), pattern});
      contestants_.push_back({own_sender(), pattern});
    }
    for (sender& peer : all_peers(BENCHMARK_SCRIPTS)) {
      const std::vector<std::string> chosen = given.words("--peers");
      if (std::find(chosen.begin(), chosen.end(), peer.name) == chosen.end()) continue;
      peers_.push_back(peer);
      if (peer.missing.empty()) contestants_.push_back({peer, ""});
    }
  }

  void measure() {
    std::size_t steps = 1;
    for (const cell& where : cells_) steps += contestants_.size() * rounds_of(where);
    progress bar(steps);
    for (const cell& where : cells_) {
      std::map<std::string, std::vector<measurement>> all;
      for (std::uint64_t round = 0; round < rounds_of(where); ++round)
        for (const contestant& one : contestants_) {
          bar.step(where.name() + ' ' + one.name());
          if (where.tls && !one.who.knows_tls) continue;
          if (auto got = measure(where, one)) all[one.name()].push_back(*got);
        }
      for (const auto& [name, some] : all) results_[where][name] = summary(some);
    }
    bar.step("TLS 1.3, a connection for each mail");
    resume();
  }

  void print() const {
    std::vector<std::string> head{"CPU us/mail"};
    for (const std::string& pattern : patterns_) head.push_back(pattern + ": raw / own (ratio)");
    for (const sender& peer : peers_) head.push_back(peer.name);
    table costs(head);
    head[0] = "mails/s";
    for (std::size_t i = 0; i < patterns_.size(); ++i) head[i + 1] = patterns_[i] + ": raw / own";
    table rates(head);
    for (const auto& [where, of] : results_) {
      std::vector<std::string> cost{where.name()};
      std::vector<std::string> rate{where.name()};
      for (const std::string& pattern : patterns_) {
        const measurement* raw = find(where, "raw " + pattern);
        const measurement* own = find(where, "postrider " + pattern);
        cost.push_back(raw && own ? brief(raw->cpu_us) + " / " + brief(own->cpu_us) + mark(*own) + " (" +
                                        rounded(own->cpu_us / raw->cpu_us, 2) + ')'
                                  : "failed");
        rate.push_back(raw && own ? speed(*raw) + " / " + speed(*own) : "failed");
      }
      for (const sender& peer : peers_) {
        const measurement* got = find(where, peer.name);
        const std::string none = !peer.missing.empty() ? "-" : where.tls && !peer.knows_tls ? "no TLS" : "failed";
        cost.push_back(got ? brief(got->cpu_us) : none);
        rate.push_back(got ? speed(*got) : none);
      }
      costs.add(cost);
      rates.add(rate);
    }
    costs.print("CPU of the client a mail, in microseconds");
    rates.print("Mails a second (! the sink was the limit: it used more than nine tenths of a core)");
    std::cout << "\n  * with DATA instead of BDAT, + through fewer connections than allowed\n";
    for (const sender& peer : peers_)
      if (!peer.missing.empty()) std::cout << "  " << peer.name << " took no part: " << peer.missing << '\n';
    if (resumption_)
      std::cout << "\nA connection for each mail over TLS 1.3, " << resumption_connections
                << " at once: " << resumption_->resumed << " of " << resumption_->handshakes
                << " handshakes were resumed (" << rounded(resumed_percent(), 1) << "%), "
                << rounded(resumption_->mails_a_second(), 0) << " mails a second.\n";
    for (const std::string& one : troubles_) std::cout << "FAILED: " << one << '\n';
  }

  /// The aims, each with what was measured.
  void print_reach() const {
    table aims({"aim (CPU a mail)", "wanted", "measured", ""});
    const cell here{false, 1024, 10};
    const auto ratio = [&](const std::string& aim, const std::string& of, const std::string& to, double most) {
      const measurement* a = find(here, of);
      const measurement* b = find(here, to);
      if (!a || !b) return aims.add({aim, "", "not measured"});
      const double measured = a->cpu_us / b->cpu_us;
      const bool fewer = most >= 1;  // else: how many times less
      aims.add({aim, fewer ? "at most " + rounded(most, 1) + "x" : "at least " + rounded(1 / most, 0) + "x fewer",
                fewer ? rounded(measured, 2) + "x" : rounded(1 / measured, 1) + "x fewer",
                measured <= most ? "reached" : "MISSED"});
    };
    ratio("lock-step against raw", "postrider lockstep", "raw lockstep", 1.3);
    ratio("one round trip against raw", "postrider pipelining", "raw pipelining", 1.6);
    ratio("window of 8 against raw", "postrider window:8", "raw window:8", 2);
    ratio("one round trip against smtp-source", "postrider pipelining", "smtp-source", 1.0 / 4);
    ratio("window of 8 against smtp-source", "postrider window:8", "smtp-source", 1.0 / 12);
    std::vector<std::string> behind;
    std::size_t compared = 0;
    for (const auto& [where, of] : results_)
      for (const sender& peer : peers_)
        for (const std::string& pattern : patterns_) {
          const measurement* own = find(where, "postrider " + pattern);
          const measurement* its = find(where, peer.name);
          if (!own || !its) continue;
          ++compared;
          if (own->cpu_us >= its->cpu_us)
            behind.push_back(where.name() + ' ' + pattern + " behind " + peer.name + ": " + brief(own->cpu_us) + " / " +
                             brief(its->cpu_us));
        }
    aims.add({"ahead of every peer in every cell", "all",
              std::to_string(compared - behind.size()) + " of " + std::to_string(compared),
              compared == 0    ? ""
              : behind.empty() ? "reached"
                               : "MISSED"});
    if (resumption_)
      aims.add({"TLS 1.3 handshakes resumed, 100 connections at once", "at least 95%",
                rounded(resumed_percent(), 1) + '%', resumed_percent() >= 95 ? "reached" : "MISSED"});
    aims.print("Reach (1 KiB, 10 connections, plain, unless it says otherwise)");
    for (const std::string& one : behind) std::cout << "  " << one << '\n';
  }

  std::vector<record> records() const {
    std::vector<record> all;
    for (const auto& [where, of] : results_)
      for (const auto& [name, got] : of)
        all.push_back(record()
                          .with("security", where.tls ? "tls" : "plain")
                          .with("size", where.size)
                          .with("connections", where.connections)
                          .with("client", name)
                          .with("cpu_us_a_mail", got.cpu_us)
                          .with("mails_a_second", got.mails_a_second)
                          .with("sink_busy", got.sink_busy)
                          .with("other_commands", got.other_commands)
                          .with("fewer_connections", got.fewer_connections));
    if (resumption_)
      all.push_back(record()
                        .with("resumption_connections", resumption_connections)
                        .with("handshakes", resumption_->handshakes)
                        .with("resumed", resumption_->resumed)
                        .with("mails_a_second", resumption_->mails_a_second()));
    return all;
  }

  bool ok() const noexcept { return troubles_.empty(); }

 private:
  static constexpr std::uint64_t resumption_connections = 100;

  /// The cells of the aims are measured more than once.
  std::uint64_t rounds_of(const cell& where) const {
    return !short_ && !where.tls && where.size == 1024 && where.connections == 10 ? std::max<std::uint64_t>(3, rounds_)
                                                                                  : rounds_;
  }

  std::optional<run_result> run_once(const cell& where, const contestant& one, std::uint64_t mails) {
    const std::size_t listener = where.tls ? 1 : 0;
    const task what{.port = sink_.port(listener),
                    .content = folder_.content(where.size),
                    .size = where.size,
                    .connections = where.connections,
                    .mails = mails,
                    .pattern = one.pattern,
                    .certificate = where.tls ? sink_.certificate() : ""};
    run_result got = run_client(command_for(one.who, what), one.who, what, sink_, listener, longest_run);
    if (got.trouble.empty()) return got;
    troubles_.push_back(where.name() + ' ' + one.name() + ": " + got.trouble);
    return std::nullopt;
  }

  std::optional<measurement> measure(const cell& where, const contestant& one) {
    // Enough for every connection to be opened.
    const std::uint64_t few = where.connections * 4 + (short_ ? 0 : 60 + (one.who.peer ? 0 : where.connections * 6));
    const auto first = run_once(where, one, few);
    if (!first) return std::nullopt;
    if (short_) return measured(where, one, *first, *first, 0, few);
    // The first rate is a guess from few mails, a second look makes it better.
    std::uint64_t mails = mails_in(box_ / 10, first->seen.mails_a_second(), few);
    auto more = run_once(where, one, mails);
    if (!more) return std::nullopt;
    if (const double rate = more->seen.mails_a_second(); static_cast<double>(mails) / rate < box_ / 2) {
      mails = mails_in(box_, rate, few);
      more = run_once(where, one, mails);
      if (!more) return std::nullopt;
    }
    return measured(where, one, *first, *more, few, mails);
  }

  static std::uint64_t mails_in(double seconds, double rate, std::uint64_t few) {
    return std::clamp(static_cast<std::uint64_t>(rate * seconds), few * 3, std::uint64_t{3'000'000});
  }

  measurement measured(const cell& where, const contestant& one, const run_result& base, const run_result& run,
                       std::uint64_t base_mails, std::uint64_t mails) const {
    measurement got;
    const double base_cpu = base_mails == 0 ? 0 : base.cpu_us;
    got.cpu_us = std::max(0.001, (run.cpu_us - base_cpu) / static_cast<double>(mails - base_mails));
    got.mails_a_second = run.seen.mails_a_second();
    got.sink_busy = run.seen.seconds > 0 ? run.sink_cpu_us / 1e6 / run.seen.seconds : 0;
    const bool wants_chunks = one.pattern == "chunking" || one.pattern.substr(0, 7) == "window:";
    got.other_commands = wants_chunks && run.seen.chunked != run.seen.mails;
    got.fewer_connections = run.seen.connections < where.connections;
    return got;
  }

  static measurement summary(const std::vector<measurement>& some) {
    measurement all = some.front();
    std::vector<double> costs;
    std::vector<double> rates;
    for (const measurement& one : some) {
      costs.push_back(one.cpu_us);
      rates.push_back(one.mails_a_second);
      all.sink_busy = std::max(all.sink_busy, one.sink_busy);
      all.other_commands = all.other_commands || one.other_commands;
      all.fewer_connections = all.fewer_connections || one.fewer_connections;
    }
    all.cpu_us = middle(costs);
    all.mails_a_second = middle(rates);
    return all;
  }

  /// A connection for each mail: how many handshakes were abbreviated.
  void resume() {
    const std::uint64_t mails = short_ ? 20 : 10'000;
    const task what{.port = sink_.port(1),
                    .content = folder_.content(1024),
                    .size = 1024,
                    .connections = short_ ? 3 : resumption_connections,
                    .mails = mails,
                    .pattern = "pipelining",
                    .certificate = sink_.certificate()};
    const sender who = own_sender();
    std::vector<std::string> command = command_for(who, what);
    command.push_back("--reconnect");
    const run_result got = run_client(command, who, what, sink_, 1, longest_run);
    if (!got.trouble.empty()) troubles_.push_back("a connection for each mail: " + got.trouble);
    else if (got.seen.handshakes < mails) troubles_.push_back("a connection for each mail: too few handshakes");
    else resumption_ = got.seen;
  }

  double resumed_percent() const {
    return 100.0 * static_cast<double>(resumption_->resumed) / static_cast<double>(resumption_->handshakes);
  }

  const measurement* find(const cell& where, const std::string& name) const {
    const auto of = results_.find(where);
    if (of == results_.end()) return nullptr;
    const auto got = of->second.find(name);
    return got == of->second.end() ? nullptr : &got->second;
  }

  static std::string mark(const measurement& of) {
    return std::string(of.other_commands ? "*" : "") + (of.fewer_connections ? "+" : "");
  }
  static std::string speed(const measurement& of) {
    return rounded(of.mails_a_second, 0) + (of.sink_busy > 0.9 ? "!" : "");
  }

  bool short_;
  double box_;
  std::uint64_t rounds_;
  scratch_folder folder_;
  sink_process sink_;
  std::vector<cell> cells_;
  std::vector<std::string> patterns_;
  std::vector<contestant> contestants_;
  std::vector<sender> peers_;
  std::map<cell, std::map<std::string, measurement>> results_;
  std::optional<sink_count> resumption_;
  std::vector<std::string> troubles_;
};

int compare(const arguments& given) {
  wire measured(given);
  measured.measure();
  measured.print();
  if (given.given("--short")) disclaim();
  else measured.print_reach();
  write_json(given.text("--json"), measured.records());
  return measured.ok() ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::program(
      argc, argv,
      {{"--sizes", "1024,10240,102400", "bytes of a content"},
       {"--connections", "1,10,100", "at once"},
       {"--patterns", "lockstep,pipelining,chunking,window:8", "of the raw client and of the library"},
       {"--security", "plain,tls", ""},
       {"--peers", "smtp-source,libcurl,nodemailer,aiosmtplib", "who else takes part"},
       {"--seconds", "0.5", "for one client in one cell"},
       {"--rounds", "1", "of which the medians are shown; the cell of the aims has three at least"},
       {"--json", "wire.json", "file"},
       {"--short", "", "few mails, to prove that it works", true}},
      &bench::compare);
}
