// How a server of a tenant has been lately.
#pragma once

#include <postrider/core/failure.hpp>
#include <postrider/delivery/spooled_mail.hpp>

#include <optional>
#include <string>

namespace postrider::examples {

struct health_record {
  std::string tenant{};
  std::string server{};
  std::optional<spool_time> last_success{};
  std::optional<spool_time> last_failure_at{};
  std::optional<failure> last_failure{};  ///< of scope server, account or local
};

}  // namespace postrider::examples
