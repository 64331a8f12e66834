// postrider-send: one mail or a load of them through one server, and what became of it.
#include <postrider/client/explain.hpp>

#include "common/json.hpp"
#include "send/load.hpp"
#include "send/options.hpp"

#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace {

using namespace postrider;
using namespace postrider::examples;

int usage(bool as_json, const std::string& option, const std::string& message) {
  if (as_json) std::cout << dump(error_json("usage", message, option)) << '\n';
  else std::cerr << "postrider-send: " << message << "\nRun postrider-send --help for the options.\n";
  return 2;
}

json to_json(const load_result& done) {
  json failures = json::array();
  for (const recipient_outcome& one : done.failures) {
    failures.push_back(postrider::examples::to_json(*one.failure));
    failures.back()["recipient"] = one.address;
  }
  return {
      {"sent", done.sent},
      {"failed", done.failed},
      {"unknown", done.unknown},
      {"seconds", done.seconds},
      {"per_second", done.seconds > 0 ? static_cast<double>(done.done()) / done.seconds : 0},
      {"latency_ms",
       {{"p50", done.latency(0.5)}, {"p90", done.latency(0.9)}, {"p99", done.latency(0.99)}, {"max", done.latency(1)}}},
      {"round_trips", done.round_trips},
      {"cpu_us_per_mail", done.cpu_us_per_mail},
      {"failures", std::move(failures)}};
}

/// A line on a terminal that is drawn again at most ten times a second.
class progress_bar {
 public:
  explicit progress_bar(std::uint64_t total) : total_(total), shown_(total > 1 && isatty(STDERR_FILENO) != 0) {}

  void operator()(const load_result& so_far) {
    const auto now = std::chrono::steady_clock::now();
    const bool last = so_far.done() == total_;
    if (!shown_ || (!last && now - drawn_ < std::chrono::milliseconds(100))) return;
    drawn_ = now;
    constexpr std::uint64_t width = 40;
    const auto filled = static_cast<std::size_t>(so_far.done() * width / total_);
    std::fprintf(stderr, "\r[%s%s] %llu of %llu, %llu failed%s", std::string(filled, '#').c_str(),
                 std::string(width - filled, ' ').c_str(), static_cast<unsigned long long>(so_far.done()),
                 static_cast<unsigned long long>(total_),
                 static_cast<unsigned long long>(so_far.failed + so_far.unknown), last ? "\n" : "");
  }

 private:
  std::uint64_t total_;
  bool shown_;
  std::chrono::steady_clock::time_point drawn_;
};

void print(const load_result& done) {
  std::printf(
      "%llu sent, %llu failed, %llu unknown in %.2f s (%.0f a second, p50 %.1f ms, p99 %.1f ms, %.0f us of CPU a "
      "mail)\n",
      static_cast<unsigned long long>(done.sent), static_cast<unsigned long long>(done.failed),
      static_cast<unsigned long long>(done.unknown), done.seconds,
      done.seconds > 0 ? static_cast<double>(done.done()) / done.seconds : 0, done.latency(0.5), done.latency(0.99),
      done.cpu_us_per_mail);
  for (const recipient_outcome& one : done.failures) {
    const explanation words = explain(*one.failure);
    if (one.failure->scope == scope::recipient) std::cout << one.address << ": ";
    std::cout << words.sentence << '\n';
    if (!words.next_step.empty()) std::cout << "  " << words.next_step << '\n';
  }
}

int run(const send_options& options) {
  const server where = make_server(options);
  load work(where, make_mail(options), options.count, options.connections, progress_bar(options.count));
  const load_result done = work.run();
  if (options.json) std::cout << dump(to_json(done)) << '\n';
  else print(done);
  return done.sent == options.count ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sends one mail, or a load of them, through one SMTP server.", "postrider-send");
  send_options options;
  declare(app, options);
  const bool as_json = asks_for_json(argc, argv);
  try {
    parse(app, argc, argv);
    return run(options);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& wrong) {
    return usage(as_json, option_in(wrong.what()), wrong.what());
  } catch (const usage_error& wrong) {
    return usage(as_json, wrong.option, wrong.what());
  } catch (const std::exception& unexpected) {
    std::cerr << "postrider-send: " << unexpected.what() << '\n';
    return 1;
  }
}
