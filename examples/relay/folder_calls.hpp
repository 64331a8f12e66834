// A call for a data folder, whoever owns it at the moment.
#pragma once

#include "relay/call.hpp"
#include "relay/options.hpp"

namespace postrider::examples {

/// Asks the relay that owns the folder; without one, owns the folder for the moment and does the same here.
answer perform_on(const data_options& folder, const call& what);

}  // namespace postrider::examples
