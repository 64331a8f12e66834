// What the calls of the API work on: the registry and the queue of one data folder.
#pragma once

#include <postrider/delivery/routing.hpp>
#include <postrider/registry/registry.hpp>

#include "relay/accounts.hpp"
#include "relay/audit_note.hpp"
#include "relay/call.hpp"
#include "relay/event_feed.hpp"
#include "relay/mail_queue.hpp"
#include "relay/queue_census.hpp"
#include "relay/server_tests.hpp"
#include "relay/sessions.hpp"
#include "relay/statistics.hpp"
#include "relay/usage_index.hpp"

#include <filesystem>
#include <functional>

namespace postrider::examples {

/// What is known only where a relay runs.
struct live_relay {
  statistics numbers{};
  event_feed feed{};
  server_tests tests{};
  queue_census census{};
  session_book sessions{};
};

struct office {
  server_registry& registry;
  std::function<result<mail_queue*>()> queue;        ///< opens it where it is not open yet
  std::function<json()> state = {};                  ///< of a relay that runs; empty where none does
  std::function<void(const audit_note&)> note = {};  ///< writes into the audit log
  std::function<result<accounts*>()> people = {};    ///< opens what it needs, as `queue` does
  std::filesystem::path folder = {};                 ///< whose free space is watched; empty: none
  live_relay* live = nullptr;                        ///< null where no relay runs
  registry_policy policy = registry_policy::secure;  ///< the registry's
  usage_index usage = {};
  /// The servers that mail takes, and how they fare; empty where no relay runs.
  std::function<result<std::vector<way_state>>(const submitter&)> ways = {};
};

/// Does what `what` asks for. Thread-safe, never throws for what a caller can get wrong, may take as long as a test of
/// a server does.
answer perform(office& on, const call& what);

}  // namespace postrider::examples
