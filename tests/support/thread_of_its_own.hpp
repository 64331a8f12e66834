// A context that runs on a thread of its own.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <cstddef>
#include <optional>
#include <thread>

namespace test {

/// Runs until it is joined, when nothing is left to do, or stopped, when it does not matter.
struct thread_of_its_own {
  asio::io_context context{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> busy{context.get_executor()};
  std::size_t handlers = 0;  ///< that have run, once it was joined
  std::thread thread{[this] { handlers = context.run(); }};

  void join() {
    busy.reset();
    thread.join();
  }
  void stop() {
    context.stop();
    thread.join();
  }
};

}  // namespace test
