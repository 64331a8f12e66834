// Whether an execution context is still there: for what two contexts share, whichever of them ends first.
#pragma once

#include <postrider/core/config.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/post.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace postrider::net {

/// Holds what must not outlive the context whose sockets and timers it uses.
class context_lodger {
 public:
  virtual ~context_lodger() = default;
  /// The context ends, nothing runs on it any more: give up what uses it.
  virtual void context_ends() noexcept = 0;
};

/// Outlives the context. Safe to use from many threads.
class context_lifetime {
 public:
  explicit context_lifetime(const asio::any_io_executor& executor)
      : executor_(executor), state_(service::of(asio::query(executor, asio::execution::context)).known) {}

  const asio::any_io_executor& executor() const noexcept { return executor_; }

  /// Has `function` run there; false, and it never runs, if the context has ended.
  template <class Function>
  bool post(Function function) const {
    const std::lock_guard lock(state_->mutex);
    if (state_->ended) return false;
    asio::post(executor_, std::move(function));
    return true;
  }

  /// `lodger` hears of the context's end, if it is still there then.
  void tell(std::weak_ptr<context_lodger> lodger) const {
    const std::lock_guard lock(state_->mutex);
    std::erase_if(state_->lodgers, [](const auto& one) { return one.expired(); });
    state_->lodgers.push_back(std::move(lodger));
  }

 private:
  struct state {
    std::mutex mutex;
    bool ended = false;
    std::vector<std::weak_ptr<context_lodger>> lodgers;
  };

  class service final : public asio::execution_context::service {
   public:
    using key_type = service;
    static inline asio::execution_context::id id;

    explicit service(asio::execution_context& context) : asio::execution_context::service(context) {}

    static service& of(asio::execution_context& context) { return asio::use_service<service>(context); }

    const std::shared_ptr<state> known = std::make_shared<state>();

   private:
    void shutdown() override {
      std::vector<std::weak_ptr<context_lodger>> lodgers;
      {
        const std::lock_guard lock(known->mutex);
        known->ended = true;
        lodgers.swap(known->lodgers);
      }
      for (const auto& one : lodgers)
        if (const auto lodger = one.lock()) lodger->context_ends();
    }
  };

  asio::any_io_executor executor_;
  std::shared_ptr<state> state_;
};

}  // namespace postrider::net
