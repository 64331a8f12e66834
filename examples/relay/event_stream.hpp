// One stream of server-sent events: of everything that happens, or of one test.
#pragma once

#include "relay/api_table.hpp"
#include "relay/arguments.hpp"
#include "relay/clock.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::examples {

/// Used by one thread. `next` waits, so it is none of the threads that deliver mail.
class event_stream {
 public:
  /// Ends after `lasts`; the browser comes again and says where it was.
  event_stream(office& on, std::chrono::seconds lasts) : on_(on), until_(std::chrono::steady_clock::now() + lasts) {}

  /// The refusal of a call that is no stream; one of status 204 if there is nothing more to tell. Throws bad_argument.
  std::optional<answer> begin(const call& what, std::string_view last_event_id) {
    std::uint64_t last = 0;
    const auto [end, error] = std::from_chars(last_event_id.data(), last_event_id.data() + last_event_id.size(), last);
    const bool resumed = error == std::errc{} && end == last_event_id.data() + last_event_id.size();
    if (what.path.size() == 1) return begin_feed(what, resumed ? std::optional(last) : std::nullopt);
    const auto at = match("tenants/{tenant}/tests/{test}/events", what.path);
    if (!at) return refuse(404, "not_found", "there is no such stream");
    if (auto none = detail::missing(on_, *at, what.by)) return none;
    if (!what.by.scopes.has(access_scope::registry)) return refuse(403, "forbidden", "this needs the scope registry");
    test_ = on_.live->tests.find(at->at("tenant"), at->at("test"));
    if (test_ == nullptr) return refuse(404, "not_found", "there is no test " + printable(at->at("test")), "test");
    last_ = resumed ? last : 0;
    if (test_->told_all(last_)) return answer{204, {}};
    return std::nullopt;
  }

  /// What is to be sent next; nothing when the stream is over.
  std::optional<std::string> next() {
    if (over_ || std::chrono::steady_clock::now() >= until_ || on_.live->feed.closed()) return std::nullopt;
    return test_ != nullptr ? next_of_test() : next_of_feed();
  }

 private:
  using clock = std::chrono::steady_clock;

  std::optional<answer> begin_feed(const call& what, std::optional<std::uint64_t> last) {
    const arguments args(what.arguments, {"tenant"});
    if (!what.by.scopes.has(access_scope::read)) return refuse(403, "forbidden", "this needs the scope read");
    tenant_ = args.text("tenant").value_or("");
    if (tenant_.empty()) tenant_ = what.by.tenant;
    if (!tenant_.empty() && (!what.by.sees(tenant_) || !on_.registry.snapshot(tenant_)->exists()))
      return refuse(404, "not_found", "tenant \"" + printable(tenant_) + "\" does not exist", "tenant");
    const std::uint64_t now = on_.live->feed.last();
    last_ = last && *last <= now ? *last : now;  // a number of another run means nothing here
    before_ = on_.live->numbers.counts(tenant_);
    return std::nullopt;
  }

  static std::string spelled(std::string_view name, std::string_view data, std::optional<std::uint64_t> id) {
    std::string text;
    if (id) text += "id: " + std::to_string(*id) + '\n';
    ((text += "event: ") += name) += '\n';
    ((text += "data: ") += data) += "\n\n";
    return text;
  }

  std::string next_of_test() {
    const auto events = test_->wait(last_, std::min(until_, clock::now() + std::chrono::seconds(1)));
    if (events.empty()) return ": still here\n\n";
    std::string text;
    for (const auto& one : events) text += spelled(one.name, one.data, ++last_);
    over_ = test_->told_all(last_);
    return text;
  }

  std::string next_of_feed() {
    std::string text;
    if (!ticked_ || clock::now() >= next_tick_) {
      text = tick();
      ticked_ = true;
      next_tick_ = clock::now() + std::chrono::seconds(1);
      return text;
    }
    for (const auto& one : on_.live->feed.wait(last_, tenant_, std::min(until_, next_tick_))) {
      text += spelled(one.name, one.data, one.id);
      last_ = one.id;
    }
    return text.empty() ? ":\n\n" : text;
  }

  /// The number of the last event goes with it, so that the browser knows where it was even if nothing happened.
  std::string tick() {
    const delivery_counts now = on_.live->numbers.counts(tenant_);
    json data{{"at", text_of(std::chrono::system_clock::now())},
              {"delivered", now.delivered - before_.delivered},
              {"deferred", now.deferred - before_.deferred},
              {"failed", now.failed - before_.failed},
              {"in_flight", on_.state ? on_.state().value("in_flight", 0) : 0}};
    before_ = now;
    spool_counts counts;
    if (auto queue = on_.queue())
      if (const auto counted = on_.live->census.of(**queue, tenant_)) counts = *counted;
    data["queue"] = {{"waiting", counts.waiting}, {"held", counts.held}, {"failed", counts.failed}};
    return spelled("tick", dump(data), last_);
  }

  office& on_;
  clock::time_point until_;
  std::shared_ptr<server_test> test_;
  std::string tenant_;
  std::uint64_t last_ = 0;
  delivery_counts before_{};
  bool ticked_ = false;
  bool over_ = false;
  clock::time_point next_tick_{};
};

}  // namespace postrider::examples
