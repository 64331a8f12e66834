// The call that shows how the relay does: rates, latency, failures by cause, alerts.
#pragma once

#include "relay/api_servers.hpp"
#include "relay/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <sys/statvfs.h>
#include <utility>
#include <vector>

namespace postrider::examples::api {

/// A stretch of time in equal parts.
class bucket_row {
 public:
  bucket_row(spool_time now, std::int64_t minutes)
      : slices_(minutes <= 10 ? 1 : 6),
        last_(statistics::slice_of(now) / slices_),
        counts_(static_cast<std::size_t>(minutes * 60 / (slices_ * statistics::slice.count()))) {}

  std::int64_t seconds() const noexcept { return slices_ * statistics::slice.count(); }
  bool covers(const time_slice& one) const noexcept { return position(one) >= 0; }
  void add(const time_slice& one) { counts_[static_cast<std::size_t>(position(one))] += one.counts; }

  json shown() const {
    json all = json::array();
    const std::int64_t first = last_ - static_cast<std::int64_t>(counts_.size()) + 1;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const delivery_counts& c = counts_[i];
      const std::chrono::seconds at((first + static_cast<std::int64_t>(i)) * seconds());
      all.push_back({{"at", text_of(std::chrono::system_clock::time_point(at))},
                     {"delivered", c.delivered},
                     {"deferred", c.deferred},
                     {"failed", c.failed},
                     {"latency_ms", latency(c)}});
    }
    return all;
  }

  static json latency(const delivery_counts& c) {
    return c.attempts == 0 ? json(nullptr) : json(c.latency_ms / c.attempts);
  }

 private:
  /// Of the bucket; negative if it lies outside.
  std::int64_t position(const time_slice& one) const noexcept {
    const auto size = static_cast<std::int64_t>(counts_.size());
    const std::int64_t at = size - 1 - (last_ - one.number / slices_);
    return at < size ? at : -1;
  }

  std::int64_t slices_;
  std::int64_t last_;
  std::vector<delivery_counts> counts_;
};

inline json alert(std::string_view kind, bool critical, json tenant, json server, json sender, json since,
                  std::string message, std::string next_step, std::string link) {
  return {{"kind", kind},
          {"severity", critical ? "critical" : "warning"},
          {"tenant", std::move(tenant)},
          {"server", std::move(server)},
          {"sender", std::move(sender)},
          {"since", std::move(since)},
          {"message", std::move(message)},
          {"next_step", std::move(next_step)},
          {"link", std::move(link)}};
}

/// What somebody should look at, the relay's own trouble first.
inline json alerts_of(office& on, const std::string& tenant, const held_list& held) {
  constexpr std::size_t most = 100;
  json all = json::array();
  struct statvfs disk {};
  if (!on.folder.empty() && ::statvfs(on.folder.c_str(), &disk) == 0 && disk.f_blocks != 0) {
    const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    const std::uint64_t size = std::uint64_t{disk.f_blocks} * disk.f_frsize;
    constexpr std::uint64_t mib = 1024 * 1024;
    if (free < 1024 * mib && free < size / 10)
      all.push_back(alert("disk_low", free < 100 * mib, nullptr, nullptr, nullptr, nullptr,
                          "The disk of the data folder has " + std::to_string(free / mib) + " MiB left",
                          "Make room: without it the relay takes no more mail.", "#/overview"));
  }
  const statistics::totals sums = on.live->numbers.sums();
  if (sums.last_spool_error && spool_now() - *sums.last_spool_error < std::chrono::minutes(5))
    all.push_back(alert("spool_trouble", true, nullptr, nullptr, nullptr, text_of(*sums.last_spool_error),
                        explain(*sums.spool_error).sentence, explain(*sums.spool_error).next_step, "#/overview"));
  const auto add = [&](const held_list::entry& one) {
    if (all.size() == most || (!tenant.empty() && one.tenant != tenant)) return;
    const bool account = one.failure["action"] == "suspend_account";
    const bool sender = !one.sender.empty();
    json since = nullptr;
    if (const auto known = on.live->numbers.find(one.tenant, one.server); known && known->last_failure_at)
      since = text_of(*known->last_failure_at);
    const std::string place = "#/tenants/" + percent_encode(one.tenant);
    all.push_back(alert(
        sender    ? "sender_refused"
        : account ? "account_suspended"
                  : "server_down",
        !sender, one.tenant, one.server.empty() ? json(nullptr) : json(one.server),
        sender ? json(one.sender) : json(nullptr), std::move(since), one.failure["explanation"].get<std::string>(),
        one.failure["next_step"].get<std::string>(),
        sender ? place + "/senders/" + percent_encode(one.sender) : place + "/servers/" + percent_encode(one.server)));
  };
  // What stops many before what stops one.
  held.each([&](const held_list::entry& one) {
    if (one.sender.empty()) add(one);
  });
  held.each([&](const held_list::entry& one) {
    if (!one.sender.empty()) add(one);
  });
  return all;
}

inline answer show_overview(office& on, const path_values&, const json& given, const caller& by) {
  const arguments args(given, {"tenant", "minutes"});
  if (on.live == nullptr) return refuse(503, "not_running", "no relay runs on this folder");
  std::string tenant = args.text("tenant").value_or("");
  if (tenant.empty()) tenant = by.tenant;
  if (!tenant.empty() && (!by.sees(tenant) || !on.registry.snapshot(tenant)->exists()))
    return refuse(404, "not_found", "tenant \"" + printable(tenant) + "\" does not exist", "tenant");
  const std::int64_t minutes = args.number<std::uint32_t>("minutes", 1, 60).value_or(60);
  auto queue = on.queue();
  if (!queue) return refuse(queue.error());
  const auto waiting = on.live->census.of(**queue, tenant);
  if (!waiting) return refuse(waiting.error());

  constexpr std::size_t most_servers = 20;
  const spool_time now = spool_now();
  bucket_row all(now, minutes);
  std::map<cause, std::uint64_t> failures;
  std::vector<std::tuple<std::uint64_t, statistics::server_key, delivery_counts, bucket_row>> servers;
  on.live->numbers.each(tenant, [&](const statistics::server_key& key, const server_statistics& server) {
    bucket_row row(now, minutes);
    delivery_counts sum;
    bool used = false;
    for (const time_slice& one : server.slices) {
      if (!row.covers(one)) continue;
      used = true;
      row.add(one);
      all.add(one);
      sum += one.counts;
      for (const auto& [why, count] : one.failures) failures[why] += count;
    }
    if (used) servers.emplace_back(sum.all(), key, sum, std::move(row));
  });
  std::sort(servers.begin(), servers.end(),
            [](const auto& a, const auto& b) { return std::get<0>(a) > std::get<0>(b); });
  if (servers.size() > most_servers) servers.erase(servers.begin() + most_servers, servers.end());

  json of_servers = json::array();
  for (const auto& [count, key, sum, row] : servers)
    of_servers.push_back({{"tenant", key.first},
                          {"server", key.second},
                          {"delivered", sum.delivered},
                          {"deferred", sum.deferred},
                          {"failed", sum.failed},
                          {"latency_ms", bucket_row::latency(sum)},
                          {"buckets", row.shown()}});
  std::vector<std::pair<cause, std::uint64_t>> causes(failures.begin(), failures.end());
  std::sort(causes.begin(), causes.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  json of_causes = json::array();
  for (const auto& [why, count] : causes)
    of_causes.push_back({{"cause", to_string(why)},
                         {"count", count},
                         {"explanation", explain(failure(why, stage::queue, {})).sentence}});
  const held_list held(on);
  const json state = on.state ? on.state() : json::object();
  return {200,
          {{"at", text_of(now)},
           {"started", text_of(on.live->numbers.started())},
           {"bucket_seconds", all.seconds()},
           {"queue", {{"waiting", waiting->waiting}, {"held", waiting->held}, {"failed", waiting->failed}}},
           {"in_flight", state.value("in_flight", 0)},
           {"buckets", all.shown()},
           {"servers", std::move(of_servers)},
           {"failures", std::move(of_causes)},
           {"alerts", alerts_of(on, tenant, held)}}};
}

}  // namespace postrider::examples::api
