// Tests of servers that run while others watch: each on a thread of its own, told stage by stage, ended when asked to.
#pragma once

#include <postrider/client/probe_watcher.hpp>
#include <postrider/core/result.hpp>
#include <postrider/core/server.hpp>
#include <postrider/mail/mail.hpp>

#include "common/json.hpp"
#include "relay/password_hash.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace postrider::examples {

/// A readable mail that says what it is for.
result<mail> make_test_mail(const std::string& from, const std::vector<std::string>& to, const server& where);

/// Tests `where`, with a mail if there is one, on this thread, to the end.
client::report run_test(const server& where, const std::optional<mail>& what);

/// With the transcript, which contains no secret.
inline json to_json_with_transcript(const client::report& tested) {
  json shown = to_json(tested);
  shown["transcript"] = tested.transcript;
  return shown;
}

/// One test and what is known of it so far. Thread-safe.
class server_test : private client::probe_watcher {
 public:
  struct event {
    std::string name;  ///< stage, line, report
    std::string data;  ///< JSON
  };

  /// Begins at once.
  server_test(std::string tenant, std::string name, std::string as, server where, std::optional<mail> what)
      : tenant(std::move(tenant)), name(std::move(name)), as(std::move(as)) {
    thread_ = std::thread([this, where = std::move(where), what = std::move(what)] { run(where, what); });
  }
  server_test(const server_test&) = delete;
  server_test& operator=(const server_test&) = delete;
  ~server_test() override {
    cancel();
    thread_.join();
  }

  void cancel() {
    const std::scoped_lock lock(mutex_);
    if (done_) return;
    cancelled_ = true;
    if (stop_) stop_();
  }

  bool done() const {
    const std::scoped_lock lock(mutex_);
    return done_;
  }
  /// When it ended; the end of all time while it is under way.
  std::chrono::steady_clock::time_point ended_at() const {
    const std::scoped_lock lock(mutex_);
    return done_ ? ended_ : std::chrono::steady_clock::time_point::max();
  }

  /// {id, tenant, server, as, done, cancelled, report}
  json shown(const std::string& id) const {
    const std::scoped_lock lock(mutex_);
    return {{"id", id},
            {"tenant", tenant},
            {"server", name},
            {"as", as},
            {"done", done_},
            {"cancelled", cancelled_},
            {"report", to_json_with_transcript(so_far_)}};
  }

  /// The events from the one numbered `first` on; waits for one until `until`. Empty, too, when all were told.
  std::vector<event> wait(std::size_t first, std::chrono::steady_clock::time_point until) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [&] { return events_.size() > first || done_; });
    if (events_.size() <= first) return {};
    return {events_.begin() + static_cast<std::ptrdiff_t>(first), events_.end()};
  }

  /// True if it is done and had no more than `told` events.
  bool told_all(std::size_t told) const {
    const std::scoped_lock lock(mutex_);
    return done_ && told >= events_.size();
  }

  const std::string tenant;
  const std::string name;  ///< of the server; empty if it is not saved
  const std::string as;    ///< "server", a sender's address, or "none"

 private:
  void stage(const client::stage_report& done) override {
    const std::scoped_lock lock(mutex_);
    so_far_.stages.push_back(done);
    tell("stage", to_json(done));
  }
  void line(const std::string& text) override {
    const std::scoped_lock lock(mutex_);
    so_far_.transcript.push_back(text);
    tell("line", {{"text", text}});
  }
  void tell(std::string kind, const json& data) {
    events_.push_back({std::move(kind), dump(data)});
    changed_.notify_all();
  }

  void run(const server& where, const std::optional<mail>& what) noexcept;
  /// From now on `stop` ends the test. False if it was cancelled before.
  bool started(std::function<void()> stop) {
    const std::scoped_lock lock(mutex_);
    stop_ = std::move(stop);
    return !cancelled_;
  }
  void ended(client::report with);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<event> events_;
  client::report so_far_;
  bool done_ = false;
  bool cancelled_ = false;
  std::chrono::steady_clock::time_point ended_{};
  std::function<void()> stop_;
  std::thread thread_;
};

/// All of them. Thread-safe.
class server_tests {
 public:
  static constexpr std::size_t most_at_once = 8, most_kept = 64;
  static constexpr std::chrono::seconds kept{600};

  /// The new test's id; nothing if too many are under way.
  std::optional<std::string> begin(std::string tenant, std::string name, std::string as, server where,
                                   std::optional<mail> what) {
    const std::scoped_lock lock(mutex_);
    const auto long_ago = std::chrono::steady_clock::now() - kept;
    std::erase_if(all_, [&](const auto& one) { return one.second->ended_at() < long_ago; });
    const auto running = std::count_if(all_.begin(), all_.end(), [](const auto& one) { return !one.second->done(); });
    if (static_cast<std::size_t>(running) >= most_at_once) return std::nullopt;
    if (all_.size() >= most_kept)
      all_.erase(std::min_element(all_.begin(), all_.end(), [](const auto& a, const auto& b) {
        return a.second->ended_at() < b.second->ended_at();
      }));
    std::string id = random_text(8);
    all_.emplace(id, std::make_shared<server_test>(std::move(tenant), std::move(name), std::move(as), std::move(where),
                                                   std::move(what)));
    return id;
  }

  /// Null if there is no such test of that tenant.
  std::shared_ptr<server_test> find(std::string_view tenant, const std::string& id) {
    const std::scoped_lock lock(mutex_);
    const auto found = all_.find(id);
    return found != all_.end() && found->second->tenant == tenant ? found->second : nullptr;
  }

  void cancel_all() {
    const std::scoped_lock lock(mutex_);
    for (const auto& one : all_) one.second->cancel();
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<server_test>> all_;
};

}  // namespace postrider::examples
