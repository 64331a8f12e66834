#include <postrider/delivery/pipeline_options.hpp>

#include <catch2/catch.hpp>

namespace pipeline_options_tests {

using namespace postrider;
using namespace std::chrono_literals;

TEST_CASE("pauses fit the schedule that they are scaled to", "[delivery][pipeline_options]") {
  struct row {
    std::chrono::milliseconds first, longest;
    breaker_pauses server, account;
    std::chrono::milliseconds unknown;
  };
  for (const row& r : {
           row{24h, 24h, {10s, 10min}, {15min, 4h}, 15min},   // patience beyond all: as they are
           row{1min, 4h, {10s, 10min}, {4min, 4h}, 4min},     // the usual schedule
           row{10s, 10min, {10s, 10min}, {40s, 10min}, 40s},  // exactly at the limit
           row{9'999ms, 599'999ms, {9'999ms, 599'999ms}, {39'996ms, 599'999ms}, 39'996ms},  // just below
           row{1ms, 2ms, {1ms, 2ms}, {4ms, 2ms}, 4ms},                                      // a test's
           row{0ms, 0ms, {1ms, 1ms}, {1ms, 1ms}, 1ms},                                      // never without a pause
           row{-5ms, -5ms, {1ms, 1ms}, {1ms, 1ms}, 1ms},
       }) {
    CAPTURE(r.first.count(), r.longest.count());
    retry_schedule schedule;
    schedule.first = r.first;
    schedule.longest = r.longest;
    const auto scaled = pipeline_options::scaled_to(schedule);
    CHECK(scaled.server_pauses.first == r.server.first);
    CHECK(scaled.server_pauses.longest == r.server.longest);
    CHECK(scaled.account_pauses.first == r.account.first);
    CHECK(scaled.account_pauses.longest == r.account.longest);
    CHECK(scaled.unknown_pause == r.unknown);
    CHECK(scaled.unknown_stays >= scaled.unknown_pause);
  }
}

TEST_CASE("who is told that a mail is late is told before it is given up", "[delivery][pipeline_options]") {
  CHECK(pipeline_options::scaled_to(retry_schedule()).delay_warning == 4h);
  retry_schedule schedule;
  schedule.give_up = 5min;
  CHECK(pipeline_options::scaled_to(schedule).delay_warning == 150s);
}

TEST_CASE("a schedule changes nothing but pauses between attempts", "[delivery][pipeline_options]") {
  retry_schedule schedule;
  schedule.first = schedule.longest = 1ms;
  const auto scaled = pipeline_options::scaled_to(schedule);
  const pipeline_options usual;
  CHECK(scaled.spool_pause == usual.spool_pause);
  CHECK(scaled.mails_per_server == usual.mails_per_server);
  CHECK(scaled.records_per_server == usual.records_per_server);
  CHECK(scaled.records == usual.records);
  CHECK(scaled.waiting == usual.waiting);
  CHECK(scaled.claim_batch == usual.claim_batch);
  CHECK(scaled.unsettled == usual.unsettled);
  CHECK(scaled.reporting_mta == usual.reporting_mta);
}

TEST_CASE("outcomes are settled well before a pause ends, whoever chose the pause", "[delivery][pipeline_options]") {
  pipeline_options options;
  CHECK(options.settles_within() == options.settle_within);
  options.server_pauses.first = 24ms;
  CHECK(options.settles_within() == 3ms);
  options.account_pauses.first = 8ms;
  CHECK(options.settles_within() == 1ms);
  retry_schedule schedule;
  schedule.first = schedule.longest = 16ms;
  CHECK(pipeline_options::scaled_to(schedule).settles_within() == 2ms);
}

TEST_CASE("the defaults keep more ids than records, and more records than one server's",
          "[delivery][pipeline_options]") {
  const pipeline_options usual;
  CHECK(usual.server_pauses.first < usual.server_pauses.longest);
  CHECK(usual.account_pauses.first < usual.account_pauses.longest);
  CHECK(usual.mails_per_server < usual.records_per_server);
  CHECK(usual.records_per_server < usual.records);
  CHECK(usual.records < usual.waiting);
  CHECK(usual.spool_pause > 0ms);
}

}  // namespace pipeline_options_tests
