// What operators may ask of the queue.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/delivery/mail_filter.hpp>
#include <postrider/delivery/settlement.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace postrider::examples {

/// The spool for operators. Calls come from any thread but the one that does what they ask for, and wait for that.
class mail_queue {
 public:
  virtual ~mail_queue() = default;

  virtual result<std::optional<spooled_mail>> find(mail_id id) = 0;
  virtual result<std::vector<spooled_mail>> list(mail_filter filter, mail_id after, std::size_t limit) = 0;
  virtual result<std::optional<mail_id>> skip(mail_id after, std::size_t count) = 0;
  virtual result<std::vector<attempt_record>> history(mail_id id) = 0;
  virtual result<spool_counts> counts() = 0;
  virtual result<counts_of_some> counts_by_tenant(mail_id after, std::size_t limit) = 0;
  virtual result<bool> edit(mail_id id, mail_edit how) = 0;
  /// How many of `ids` could be changed; all at once, so that they share what durability costs.
  virtual std::size_t edit(const std::vector<mail_id>& ids, const mail_edit& how) = 0;
};

}  // namespace postrider::examples
