// A pool on whichever thread its key was given to.
#pragma once

#include <postrider/delivery/delivery_pool.hpp>
#include <postrider/delivery/distant_pool.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace postrider::detail {

/// A pool on the pipeline's executor or on another one: `at` says where.
template <delivery_pool Pool>
class placed_pool {
 public:
  placed_pool(const asio::any_io_executor& home, const asio::any_io_executor& at, const server& where) {
    if (at == home) near_.emplace(home, where);
    else far_ = distant_pool<Pool>::make(home, at, where);
  }
  placed_pool(const placed_pool&) = delete;
  placed_pool& operator=(const placed_pool&) = delete;
  ~placed_pool() {
    if (far_) far_->leave();
  }

  asio::awaitable<receipt> send(mail what) {
    return near_ ? near_->send(std::move(what)) : distant_pool<Pool>::send(far_, std::move(what));
  }
  asio::awaitable<void> close(std::chrono::milliseconds patience) {
    return near_ ? near_->close(patience) : distant_pool<Pool>::close(far_, patience);
  }

 private:
  std::optional<Pool> near_;
  std::shared_ptr<distant_pool<Pool>> far_;
};

}  // namespace postrider::detail
