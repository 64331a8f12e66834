// Asks the spool's thread, and waits for it.
#include "relay/spool_queue.hpp"

#include <postrider/storage/sqlite_spool.hpp>

#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>

#include <chrono>
#include <future>

namespace postrider::examples {
namespace {

template <class T>
result<T> wait(std::future<result<T>> done) {
  if (done.wait_for(std::chrono::seconds(60)) != std::future_status::ready)
    return fail(cause::spool_failed, stage::queue, "the queue did not answer within 60 seconds");
  return done.get();
}

template <class T>
std::future<result<T>> begin(const asio::any_io_executor& on, asio::awaitable<result<T>> what) {
  return asio::co_spawn(on, std::move(what), asio::use_future);
}

}  // namespace

result<std::optional<spooled_mail>> spool_queue::find(mail_id id) {
  return wait(begin(executor_, spool_.find(id)));
}

result<std::vector<spooled_mail>> spool_queue::list(mail_filter filter, mail_id after, std::size_t limit) {
  return wait(begin(executor_, spool_.list(std::move(filter), after, limit)));
}

result<std::optional<mail_id>> spool_queue::skip(mail_id after, std::size_t count) {
  return wait(begin(executor_, spool_.skip(after, count)));
}

result<std::vector<attempt_record>> spool_queue::history(mail_id id) {
  return wait(begin(executor_, spool_.history(id)));
}

result<spool_counts> spool_queue::counts() {
  return wait(begin(executor_, spool_.counts()));
}

result<counts_of_some> spool_queue::counts_by_tenant(mail_id after, std::size_t limit) {
  return wait(begin(executor_, spool_.counts_by_tenant(after, limit)));
}

result<bool> spool_queue::edit(mail_id id, mail_edit how) {
  return wait(begin(executor_, edit_(id, std::move(how))));
}

std::size_t spool_queue::edit(const std::vector<mail_id>& ids, const mail_edit& how) {
  std::vector<std::future<result<bool>>> begun;
  for (const mail_id id : ids) begun.push_back(begin(executor_, edit_(id, how)));
  std::size_t done = 0;
  for (auto& one : begun) {
    const auto changed = wait(std::move(one));
    if (changed && *changed) ++done;
  }
  return done;
}

}  // namespace postrider::examples
