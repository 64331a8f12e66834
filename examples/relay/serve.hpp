// postrider-relay serve.
#pragma once

#include "relay/options.hpp"

namespace postrider::examples {

/// Takes mail and delivers it until SIGTERM or SIGINT. Throws usage_error for options that cannot be meant; returns the
/// exit code otherwise, after having said on standard error what is wrong.
int serve(const serve_options& options);

}  // namespace postrider::examples
