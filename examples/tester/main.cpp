// postrider-tester: what happens when a mail is sent through a server, stage by stage, in plain words.
#include <postrider/client/probe.hpp>

#include "common/json.hpp"
#include "tester/options.hpp"
#include "tester/print.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <exception>
#include <iostream>
#include <optional>

namespace {

using namespace postrider;
using namespace postrider::examples;

int usage(bool json, const std::string& option, const std::string& message) {
  if (json) std::cout << dump(error_json("usage", message, option)) << '\n';
  else std::cerr << "postrider-tester: " << message << "\nRun postrider-tester --help for the options.\n";
  return 2;
}

client::report run(const server& where, const std::optional<mail>& what) {
  asio::io_context context;
  client::report tested;
  std::exception_ptr thrown;
  asio::co_spawn(context, what ? client::probe(where, *what) : client::probe(where),
                 [&](std::exception_ptr error, client::report done) {
                   thrown = error;
                   tested = std::move(done);
                   context.stop();  // a look-up that never ends keeps nobody waiting
                 });
  context.run();
  if (thrown) std::rethrow_exception(thrown);
  return tested;
}

int test(tester_options& options) {
  const server where = make_server(options);
  std::optional<mail> what;
  if (!options.to.empty()) {
    auto built = client::test_mail(options.from, options.to, where);
    if (!built) throw usage_error(built.error().field == field::sender ? "--from" : "--to", built.error().detail);
    what = std::move(*built);
  }
  const client::report tested = run(where, what);
  if (options.json) {
    json shown = to_json(tested);
    if (options.transcript) shown["transcript"] = tested.transcript;
    std::cout << dump(shown) << '\n';
  } else {
    print(std::cout, where, tested, options.transcript);
  }
  return tested.ok ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  tester_options options;
  CLI::App app(
      "Tests a mail server: connects, encrypts, logs in, sends a mail if asked to, and explains what happened.",
      "postrider-tester");
  declare(app, options);
  const bool json = asks_for_json(argc, argv);
  try {
    parse(app, argc, argv);
    return test(options);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return usage(json, option_in(error.what(), "HOST[:PORT]"), error.what());
  } catch (const usage_error& error) {
    return usage(json, error.option, error.what());
  } catch (const std::exception& error) {
    std::cerr << "postrider-tester: " << error.what() << '\n';
    return 1;
  }
}
