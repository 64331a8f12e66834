// How patient a pipeline is, how much it holds in memory, and on which threads.
#pragma once

#include <postrider/delivery/breaker.hpp>
#include <postrider/delivery/retry.hpp>

#include <asio/any_io_executor.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace postrider {

struct pipeline_options {
  breaker_pauses server_pauses{};  ///< for a server that does not answer, or asks for patience
  breaker_pauses account_pauses{std::chrono::minutes(15), std::chrono::hours(4)};  ///< where someone has to look
  std::chrono::milliseconds unknown_pause{std::chrono::minutes(15)};  ///< at least, before an unknown mail is repeated
  std::chrono::milliseconds unknown_stays{std::chrono::hours(1)};  ///< so long it is repeated to the same server only
  std::chrono::milliseconds delay_warning{std::chrono::hours(4)};  ///< at this age the sender is told that a mail waits
  std::chrono::milliseconds spool_pause{1'000};  ///< before a failed operation of the spool is repeated
  std::chrono::milliseconds settle_within{20};   ///< at most, an outcome waits for others that share its commit

  std::size_t mails_per_server = 256;      ///< most that are on their way to one server at once
  std::size_t records_per_server = 1'024;  ///< most waiting mails of one server whose records stay in memory
  std::size_t records = 10'000;            ///< most of all servers; of others only the ids are kept
  std::size_t waiting = 1'000'000;         ///< most mails that are claimed and wait for their server
  std::size_t claim_batch = 256;
  std::size_t unsettled = 4'096;  ///< most outcomes that wait for a failing spool before sending stops

  /// Executors of further threads, one for each, over which connections are spread: those of one server and account
  /// stay together. Empty: all live on the pipeline's own. Their contexts run, and have work to wait for, until `stop`
  /// has returned.
  std::vector<asio::any_io_executor> connections_on;

  std::string reporting_mta = "localhost";  ///< this host's name, for notifications

  /// Pauses in proportion to a schedule, so that the whole life of a failing mail fits what its owner has in mind.
  static pipeline_options scaled_to(const retry_schedule& schedule) {
    using std::chrono::milliseconds;
    const auto at_most = [&](milliseconds pause, milliseconds limit) {
      return std::max(std::min(pause, limit), milliseconds(1));
    };
    pipeline_options options;
    options.server_pauses.first = at_most(options.server_pauses.first, schedule.first);
    options.server_pauses.longest = at_most(options.server_pauses.longest, schedule.longest);
    options.account_pauses.first = at_most(options.account_pauses.first, 4 * schedule.first);
    options.account_pauses.longest = at_most(options.account_pauses.longest, schedule.longest);
    options.unknown_pause = at_most(options.unknown_pause, 4 * schedule.first);
    options.unknown_stays = at_most(options.unknown_stays, 16 * schedule.first);
    options.delay_warning = at_most(options.delay_warning, schedule.give_up / 2);
    return options;
  }

  /// `settle_within`, or less where pauses are short: a mail that tests a server would else be back only when the next
  /// test is due.
  std::chrono::milliseconds settles_within() const {
    return std::min({settle_within, server_pauses.first / 8, account_pauses.first / 8});
  }
};

}  // namespace postrider
