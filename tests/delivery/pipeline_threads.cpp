// Mail and changes of the registry come from other threads than the pipeline's.
#include "delivery/pipeline_house.hpp"

#include <thread>

namespace pipeline_threads_tests {

using namespace house;

TEST_CASE("mail is submitted, and the registry changed, from any thread") {
  running<> r;
  r.add_server("first", true);
  r.add_server("second");
  constexpr int each = 200;
  std::atomic<int> accepted = 0;
  const auto hand_in = [&](const std::string& sender) {
    asio::io_context context(1);
    for (int i = 0; i < each; ++i)
      asio::co_spawn(context, r.line->submit(submitter("acme", sender), letter(sender + ' ' + std::to_string(i))),
                     [&](std::exception_ptr, result<mail_id> id) { accepted += id ? 1 : 0; });
    context.run();
  };
  std::thread one([&] { hand_in("one@example.com"); });
  std::thread two([&] { hand_in("two@example.com"); });
  std::thread chooser([&] {
    for (int i = 0; i < 50; ++i) expect(r.registry.set_default_server("acme", i % 2 == 0 ? "second" : "first"));
  });
  const bool done = r.until([&] { return accepted == 2 * each && r.script.log.size() >= 2 * each && r.empty(); });
  one.join();
  two.join();
  chooser.join();
  REQUIRE(done);
  std::set<std::string> seen;
  for (const auto& mail : r.script.log) seen.insert(mail.content);
  CHECK(seen.size() == 2 * each);
  CHECK(r.script.log.size() == 2 * each);
}

}  // namespace pipeline_threads_tests
