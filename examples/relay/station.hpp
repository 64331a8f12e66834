// The relay's moving parts: the thread that takes and delivers mail, and what lives on it.
#pragma once

#include <postrider/delivery/pipeline.hpp>
#include <postrider/server/listener.hpp>
#include <postrider/server/registry_logins.hpp>
#include <postrider/storage/sqlite_registry_storage.hpp>
#include <postrider/storage/sqlite_spool.hpp>

#include "relay/office.hpp"
#include "relay/options.hpp"
#include "relay/relay_observer.hpp"
#include "relay/spool_queue.hpp"

#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <list>
#include <thread>
#include <unistd.h>

namespace postrider::examples {

class station {
  using relay_pipeline = pipeline<sqlite::spool, retry_schedule, relay_observer>;
  using relay_listener = listener<relay_pipeline>;

 public:
  /// `registry` outlives the station. Connections to servers have `sending_threads`, or the station's own if it is 0.
  station(server_registry& registry, sqlite::spool spool, const retry_schedule& retry, const pipeline_options& options,
          std::size_t sending_threads, relay_observer heard_by)
      : context_(1),
        signals_(context_, SIGTERM, SIGINT),
        pipeline_(context_.get_executor(), registry, std::move(spool), retry, spread(options, sending_threads),
                  std::move(heard_by)) {}
  station(const station&) = delete;
  station& operator=(const station&) = delete;
  ~station() { finish(); }

  /// Where passwords are checked.
  asio::any_io_executor worker() { return workers_.get_executor(); }

  result<void> listen(const asio::ip::tcp::endpoint& at, const server_policy& policy) {
    auto opened = relay_listener::open(context_.get_executor(), at, policy, pipeline_);
    if (!opened) return fail(std::move(opened.error()));
    listeners_.push_back(std::move(*opened));
    addresses_.push_back(text_of(listeners_.back().endpoint()));
    return {};
  }

  std::string listening() const {
    std::string all;
    for (const std::string& one : addresses_) (all += all.empty() ? "" : ", ") += one;
    return all;
  }

  spool_queue queue() {
    return {context_.get_executor(), pipeline_.spool(),
            [this](mail_id id, mail_edit how) { return pipeline_.edit(id, std::move(how)); }};
  }

  /// What happens here at this moment. From any thread but the station's own.
  json state() {
    auto told = asio::co_spawn(context_, tell(*this), asio::use_future);
    if (told.wait_for(std::chrono::seconds(10)) != std::future_status::ready) return json::object();
    return told.get();
  }

  /// The servers that mail of `from` may take, and how they fare now. From any thread but the station's own.
  result<std::vector<way_state>> ways(const submitter& from) {
    auto told = asio::co_spawn(context_, tell_ways(*this, from), asio::use_future);
    if (told.wait_for(std::chrono::seconds(10)) == std::future_status::ready) return told.get();
    return fail(cause::spool_failed, stage::queue, "the relay did not answer within 10 seconds");
  }

  /// From now on mail is taken and delivered, until a signal comes; then what is under way has `patience`.
  void start(std::chrono::milliseconds patience) {
    asio::co_spawn(context_, pipeline_.run(), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(std::move(error));
    });
    for (relay_listener& one : listeners_) asio::co_spawn(context_, one.run(), asio::detached);
    drained_ = asio::co_spawn(context_, drain_at_signal(*this, patience), asio::use_future);
    thread_ = std::thread([this] { work(); });
  }

  /// Until a signal came and all is drained.
  void wait() { drained_.get(); }

  /// Nobody waits for this thread any more.
  void finish() {
    if (!thread_.joinable()) return;
    guard_.reset();
    context_.stop();
    thread_.join();
    workers_.join();
    for (asio::thread_pool& one : senders_) one.stop();
  }

 private:
  void work() noexcept {
    try {
      context_.run();
    } catch (const std::exception& error) {
      // Out of memory, most likely. What was acknowledged is in the spool, for the next run.
      std::cerr << "postrider-relay: " << error.what() << std::endl;
      std::_Exit(1);
    }
  }

  pipeline_options spread(pipeline_options options, std::size_t threads) {
    while (senders_.size() < threads) options.connections_on.push_back(senders_.emplace_back(1).get_executor());
    return options;
  }

  static asio::awaitable<json> tell(station& s) {
    json held = json::array();
    for (const held_server& one : s.pipeline_.held())
      held.push_back({{"tenant", one.tenant},
                      {"server", one.server},
                      {"user", one.user},
                      {"sender", one.sender},
                      {"remaining_ms", one.remaining.count()},
                      {"failure", to_json(one.why)}});
    json state{{"pid", ::getpid()},
               {"listen", s.addresses_},
               {"in_flight", s.pipeline_.in_flight()},
               {"in_memory", s.pipeline_.waiting()},
               {"held_servers", std::move(held)}};
    co_return state;
  }

  static asio::awaitable<result<std::vector<way_state>>> tell_ways(station& s, submitter from) {
    co_return s.pipeline_.ways(from);
  }

  static asio::awaitable<void> drain_at_signal(station& s, std::chrono::milliseconds patience) {
    co_await s.signals_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    std::error_code ignored;
    s.signals_.clear(ignored);  // the next signal ends the process at once
    // All at the same time: a client that takes its time must not take that of the mail on its way out. What clients
    // bring meanwhile is durable, and goes out in the next run.
    asio::steady_timer all_stopped(s.context_, std::chrono::steady_clock::time_point::max());
    std::size_t left = s.listeners_.size() + 1;
    std::exception_ptr broken;
    const auto stopped = [&] {
      if (--left == 0) all_stopped.cancel();
    };
    for (relay_listener& one : s.listeners_)
      asio::co_spawn(s.context_, one.stop(patience), [stopped](const std::exception_ptr&) { stopped(); });
    asio::co_spawn(s.context_, s.pipeline_.stop(patience), [stopped, &broken](std::exception_ptr error) {
      broken = std::move(error);
      stopped();
    });
    while (left != 0) co_await all_stopped.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    if (broken) std::rethrow_exception(std::move(broken));
  }

  asio::thread_pool workers_{1};
  std::list<asio::thread_pool> senders_;  ///< of one thread each
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_{context_.get_executor()};
  asio::signal_set signals_;
  relay_pipeline pipeline_;
  std::list<relay_listener> listeners_;
  std::vector<std::string> addresses_;
  std::future<void> drained_;
  std::thread thread_;
};

}  // namespace postrider::examples
