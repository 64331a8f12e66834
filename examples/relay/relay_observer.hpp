// Who hears what the pipeline does: the log, the figures, and those who watch.
#pragma once

#include "relay/log.hpp"
#include "relay/office.hpp"

#include <string>

namespace postrider::examples {

/// `live` outlives the pipeline.
class relay_observer {
 public:
  relay_observer(const std::string& log_level, live_relay& live) : log_(log_level), live_(&live) {}

  void on(const auto& event) {
    log_.on(event);
    live_->numbers.on(event);
    live_->feed.on(event);
  }

 private:
  log_observer log_;
  live_relay* live_;
};

static_assert(observer<relay_observer>);

}  // namespace postrider::examples
