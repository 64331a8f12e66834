// Somebody who watches the test of a server.
#pragma once

#include <postrider/client/report.hpp>

#include <string>

namespace postrider::client {

/// Watches a test while it goes on, on the test's thread. What comes is in the order of events; the report, which is
/// complete at the end, is in the order of stages.
class probe_watcher {
 public:
  virtual ~probe_watcher() = default;

  virtual void stage(const stage_report& done) { static_cast<void>(done); }
  /// "C: ..." or "S: ...", passwords replaced.
  virtual void line(const std::string& text) { static_cast<void>(text); }
};

}  // namespace postrider::client
