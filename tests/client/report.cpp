#include <postrider/client/report.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace report_tests {

using namespace postrider;
using client::report;
using client::stage_report;
using std::chrono::milliseconds;

TEST_CASE("a stage that was passed says what it brought", "[report]") {
  const stage_report passed(stage::ehlo, milliseconds(12), "PIPELINING SIZE=1000");
  CHECK(passed.stage == stage::ehlo);
  CHECK(passed.ok);
  CHECK(passed.elapsed == milliseconds(12));
  CHECK(passed.detail == "PIPELINING SIZE=1000");
  CHECK_FALSE(passed.failure);
}

TEST_CASE("a stage that failed is the failure's, which is kept whole", "[report]") {
  // Long enough to live on the heap: the stage is read before the failure moves.
  failure why(cause::credentials_rejected, stage::auth, std::string(100, 'x'));
  why.code = 535;
  why.enhanced = enhanced_status{5, 7, 8};
  why.reply = {"no", "never"};
  why.server = "mx.example.org:587";
  const stage_report failed(milliseconds(0), std::move(why));
  CHECK(failed.stage == stage::auth);
  CHECK_FALSE(failed.ok);
  CHECK(failed.elapsed == milliseconds(0));
  CHECK(failed.detail.empty());
  REQUIRE(failed.failure);
  CHECK(failed.failure->cause == cause::credentials_rejected);
  CHECK(failed.failure->stage == stage::auth);
  CHECK(failed.failure->code == 535);
  CHECK(failed.failure->enhanced == enhanced_status{5, 7, 8});
  CHECK(failed.failure->reply == std::vector<std::string>{"no", "never"});
  CHECK(failed.failure->server == "mx.example.org:587");
  CHECK(failed.failure->detail == std::string(100, 'x'));
}

TEST_CASE("a report that nothing was written in is no success", "[report]") {
  const report empty;
  CHECK_FALSE(empty.ok);
  CHECK(empty.stages.empty());
  CHECK_FALSE(empty.failure);
  CHECK_FALSE(empty.receipt);
  CHECK(empty.transcript.empty());
}

TEST_CASE("a stage may appear more than once, in the order of the test", "[report]") {
  report tested;
  tested.stages.emplace_back(stage::ehlo, milliseconds(1), "STARTTLS");
  tested.stages.emplace_back(stage::ehlo, milliseconds(2), "AUTH PLAIN");
  tested.stages.emplace_back(milliseconds(3), failure(cause::credentials_rejected, stage::auth));
  const report copy = tested;
  REQUIRE(copy.stages.size() == 3);
  CHECK(copy.stages[0].detail == "STARTTLS");
  CHECK(copy.stages[1].detail == "AUTH PLAIN");
  CHECK(copy.stages[2].stage == stage::auth);
  CHECK_FALSE(copy.stages[2].ok);
}

}  // namespace report_tests
