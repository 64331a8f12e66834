// postrider-relay: takes mail, keeps it, and delivers it through the servers of its tenants; and the commands to run
// it.
#include "relay/folder_calls.hpp"
#include "relay/print.hpp"
#include "relay/serve.hpp"
#include "relay/shell_queue.hpp"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <sys/stat.h>

namespace {

using namespace postrider;
using namespace postrider::examples;

int complain(bool as_json, int exit_code, const json& error) {
  const json& e = error["error"];
  if (as_json) std::cout << dump(error) << '\n';
  else {
    std::cerr << "postrider-relay: " << e.value("message", "") << '\n';
    if (exit_code == 2)
      std::cerr << "postrider-relay --help lists the commands, and each command's --help its options.\n";
  }
  return exit_code;
}

int usage(bool as_json, const std::string& option, const std::string& message) {
  return complain(as_json, 2, error_json("usage", message, option));
}

/// 0: done; 1: not done; 2: not understood.
int exit_code_of(const answer& given) {
  if (!given.ok()) return given.status == 400 ? 2 : 1;
  return given.body.value("stages", json()).is_array() && !given.body.value("ok", true) ? 1 : 0;
}

/// Page after page, until there are `most` entries (0: as many as there are), or a bulk action is done with all mails.
answer perform_whole(const shell_command& command, call what) {
  const bool reads = what.method == "GET";
  std::size_t have = 0;
  answer whole;
  while (true) {
    constexpr std::size_t page = 1'000;
    if (reads && command.limit != 0) what.arguments["limit"] = std::min(page, command.limit - have);
    answer got = perform_on(command.data, what);
    if (!got.ok() || !got.body.is_object() || !got.body.contains("next_cursor")) return got;
    if (whole.body.empty()) {
      whole = std::move(got);
    } else {
      for (auto& [name, value] : whole.body.items()) {
        json& more = got.body[name];
        if (value.is_array() && name != "fallback_of") value.insert(value.end(), more.begin(), more.end());
        else if (name == "done" || name == "failed") value = value.get<std::uint64_t>() + more.get<std::uint64_t>();
        else if (name == "next_cursor") value = more;
      }
    }
    for (const auto& [name, value] : whole.body.items())
      if (value.is_array() && name != "fallback_of") have = value.size();
    const json& next = whole.body["next_cursor"];
    if (!next.is_string() || (reads && command.limit != 0 && have >= command.limit)) return whole;
    what.arguments["cursor"] = next;
  }
}

int run(const shell_command& command) {
  ::umask(S_IRWXG | S_IRWXO);
  std::signal(SIGPIPE, SIG_IGN);
  const auto calls = command.calls();
  int worst = 0;
  json results = json::array();
  for (const call& one : calls) {
    const answer given = perform_whole(command, one);
    const int code = exit_code_of(given);
    worst = std::max(worst, code);
    if (command.as_json) results.push_back(given.body);
    else if (!given.ok()) complain(false, code, given.body);
    else print(std::cout, given.body);
  }
  if (command.as_json) std::cout << dump(results.size() == 1 ? results[0] : json{{"results", results}}) << '\n';
  return worst;
}

int main_of(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "serve") {
    serve_options options;
    CLI::App app("Takes mail, keeps it until it is delivered, and delivers it through the servers of its tenants.",
                 "postrider-relay serve");
    declare(app, options);
    try {
      parse(app, argc - 1, argv + 1);
    } catch (const CLI::CallForHelp& help) {
      return app.exit(help);
    }
    return serve(options);
  }
  CLI::App app(
      "A relay for many tenants: serve runs it, the other commands work on its data folder while it runs or not.",
      "postrider-relay");
  shell commands(app);
  commands.demand_known(argc, argv);
  try {
    parse(app, argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  }
  return run(commands.chosen());
}

}  // namespace

int main(int argc, char** argv) {
  const bool as_json = asks_for_json(argc, argv);
  try {
    return main_of(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage(as_json, option_in(error.what()), error.what());
  } catch (const usage_error& error) {
    return usage(as_json, error.option, error.what());
  } catch (const std::exception& error) {
    return complain(as_json, 1, error_json("internal", error.what()));
  }
}
