// The queue of operators over a spool in SQLite.
#pragma once

#include "relay/mail_queue.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace postrider::sqlite {
class spool;
}

namespace postrider::examples {

/// What is asked for is done on `executor`, whose thread must not ask. `spool` outlives this.
class spool_queue final : public mail_queue {
 public:
  using edit_function = std::function<asio::awaitable<result<bool>>(mail_id, mail_edit)>;

  spool_queue(asio::any_io_executor executor, sqlite::spool& spool, edit_function edit)
      : executor_(std::move(executor)), spool_(spool), edit_(std::move(edit)) {}

  result<std::optional<spooled_mail>> find(mail_id id) override;
  result<std::vector<spooled_mail>> list(mail_filter filter, mail_id after, std::size_t limit) override;
  result<std::optional<mail_id>> skip(mail_id after, std::size_t count) override;
  result<std::vector<attempt_record>> history(mail_id id) override;
  result<spool_counts> counts() override;
  result<counts_of_some> counts_by_tenant(mail_id after, std::size_t limit) override;
  result<bool> edit(mail_id id, mail_edit how) override;
  std::size_t edit(const std::vector<mail_id>& ids, const mail_edit& how) override;

 private:
  asio::any_io_executor executor_;
  sqlite::spool& spool_;
  edit_function edit_;
};

}  // namespace postrider::examples
