// A load: the same mail many times through one pool, and what it cost.
#pragma once

#include <postrider/client/pool.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <sys/resource.h>
#include <utility>
#include <vector>

namespace postrider::examples {

struct load_result {
  std::uint64_t sent = 0;  // every recipient accepted
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;
  double seconds = 0;
  std::vector<double> latency_ms;  // one for each mail, sorted
  std::uint64_t round_trips = 0;
  double cpu_us_per_mail = 0;
  std::vector<recipient_outcome> failures;  // the first of each kind, of each recipient if it is about him

  std::uint64_t done() const noexcept { return sent + failed + unknown; }
  double latency(double quantile) const {
    if (latency_ms.empty()) return 0;
    return latency_ms[static_cast<std::size_t>(quantile * static_cast<double>(latency_ms.size() - 1))];
  }
};

class load {
 public:
  using progress = std::function<void(const load_result&)>;

  load(const server& where, mail what, std::uint64_t count, std::uint32_t connections, progress told)
      : pool_(context_.get_executor(), where), mail_(std::move(what)), left_(count), told_(std::move(told)) {
    // Enough senders to keep every connection busy, with one mail waiting behind each.
    senders_ = std::min<std::uint64_t>(count, (1 + std::uint64_t{where.quirks.window}) * connections);
    result_.latency_ms.reserve(count);
  }

  /// Sends everything; returns when the last outcome is known and the sessions have ended.
  load_result run() {
    const auto begun = std::chrono::steady_clock::now();
    const double cpu_before = cpu_us();
    running_ = senders_;
    for (std::uint64_t i = 0; i < senders_; ++i) asio::co_spawn(context_, send_some(), asio::detached);
    context_.run();
    result_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    result_.cpu_us_per_mail = (cpu_us() - cpu_before) / static_cast<double>(std::max<std::uint64_t>(1, result_.done()));
    result_.round_trips = pool_.round_trips();
    std::sort(result_.latency_ms.begin(), result_.latency_ms.end());
    return std::move(result_);
  }

 private:
  asio::awaitable<void> send_some() {
    while (left_ > 0) {
      --left_;
      const auto begun = std::chrono::steady_clock::now();
      const receipt outcome = co_await pool_.send(mail_);
      result_.latency_ms.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
      count(outcome);
      if (told_) told_(result_);
    }
    if (--running_ == 0) co_await pool_.close(std::chrono::seconds(10));
  }

  void count(const receipt& outcome) {
    const bool unknown = std::any_of(outcome.recipients.begin(), outcome.recipients.end(),
                                     [](const auto& r) { return r.outcome == outcome::unknown; });
    if (outcome.ok()) ++result_.sent;
    else if (unknown) ++result_.unknown;
    else ++result_.failed;
    for (const auto& r : outcome.recipients)
      if (r.failure) remember(r);
  }

  void remember(const recipient_outcome& failed) {
    const auto same = [&, &why = *failed.failure](const recipient_outcome& known) {
      return known.failure->cause == why.cause && known.failure->stage == why.stage &&
             known.failure->code == why.code && known.outcome == failed.outcome &&
             (why.scope != scope::recipient || known.address == failed.address);
    };
    if (std::none_of(result_.failures.begin(), result_.failures.end(), same)) result_.failures.push_back(failed);
  }

  static double cpu_us() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto us = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
    };
    return us(used.ru_utime) + us(used.ru_stime);
  }

  asio::io_context context_{1};
  client::pool pool_;
  mail mail_;
  std::uint64_t left_;
  std::uint64_t senders_ = 0;
  std::uint64_t running_ = 0;
  progress told_;
  load_result result_;
};

}  // namespace postrider::examples
