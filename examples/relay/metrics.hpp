// The relay's figures as Prometheus reads them.
#pragma once

#include "relay/office.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::examples {

/// Families of metrics, put together for one answer.
class metrics_page {
 public:
  using labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  metrics_page& counter(std::string name, std::string help) {
    return family(std::move(name), std::move(help), prometheus::MetricType::Counter);
  }
  metrics_page& gauge(std::string name, std::string help) {
    return family(std::move(name), std::move(help), prometheus::MetricType::Gauge);
  }
  /// A value of the family that was named last.
  metrics_page& value(double is, labels with = {}) {
    prometheus::ClientMetric one = labelled(with);
    (families_.back().type == prometheus::MetricType::Counter ? one.counter.value : one.gauge.value) = is;
    families_.back().metric.push_back(std::move(one));
    return *this;
  }
  metrics_page& histogram(std::string name, std::string help, double sum,
                          const std::array<std::uint64_t, latency_bounds.size() + 1>& cells) {
    family(std::move(name), std::move(help), prometheus::MetricType::Histogram);
    prometheus::ClientMetric one;
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      prometheus::ClientMetric::Bucket bucket;
      bucket.cumulative_count = so_far += cells[i];
      bucket.upper_bound =
          i < latency_bounds.size() ? latency_bounds[i] / 1000.0 : std::numeric_limits<double>::infinity();
      one.histogram.bucket.push_back(bucket);
    }
    one.histogram.sample_count = so_far;
    one.histogram.sample_sum = sum;
    families_.back().metric.push_back(std::move(one));
    return *this;
  }

  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  metrics_page& family(std::string name, std::string help, prometheus::MetricType type) {
    prometheus::MetricFamily one;
    one.name = std::move(name);
    one.help = std::move(help);
    one.type = type;
    families_.push_back(std::move(one));
    return *this;
  }
  static prometheus::ClientMetric labelled(labels with) {
    prometheus::ClientMetric one;
    for (const auto& [name, value] : with) {
      prometheus::ClientMetric::Label label;
      label.name = name;
      label.value = value;
      one.label.push_back(std::move(label));
    }
    return one;
  }

  std::vector<prometheus::MetricFamily> families_;
};

/// `on.live` is there.
inline std::string metrics_text(office& on) {
  metrics_page page;
  const statistics::totals sums = on.live->numbers.sums();
  page.counter("postrider_mails_accepted_total", "Mails that were made durable")
      .value(static_cast<double>(sums.accepted));
  page.counter("postrider_accepted_bytes_total", "Their contents").value(static_cast<double>(sums.accepted_bytes));
  page.counter("postrider_recipients_given_up_total", "Recipients that are not tried any more")
      .value(static_cast<double>(sums.given_up));
  page.counter("postrider_recipients_notified_total", "Recipients whose failure was reported to the sender")
      .value(static_cast<double>(sums.notified));
  page.counter("postrider_spool_errors_total", "Operations that the spool failed to do")
      .value(static_cast<double>(sums.spool_errors));

  std::map<cause, std::uint64_t> failures;
  std::array<std::uint64_t, latency_bounds.size() + 1> latency{};
  double latency_sum = 0;
  page.counter("postrider_recipients_total", "Recipients by what an attempt for them came to");
  on.live->numbers.each({}, [&](const statistics::server_key& key, const server_statistics& server) {
    const auto put = [&](std::string_view outcome, std::uint64_t count) {
      page.value(static_cast<double>(count), {{"tenant", key.first}, {"server", key.second}, {"outcome", outcome}});
    };
    put("delivered", server.totals.delivered);
    put("deferred", server.totals.deferred);
    put("failed", server.totals.failed);
    for (const auto& [why, count] : server.failures) failures[why] += count;
    for (std::size_t i = 0; i < latency.size(); ++i) latency[i] += server.latency[i];
    latency_sum += static_cast<double>(server.totals.latency_ms) / 1000;
  });
  page.counter("postrider_attempt_failures_total", "Attempts that failed, by cause");
  for (const auto& [why, count] : failures) page.value(static_cast<double>(count), {{"cause", to_string(why)}});
  page.histogram("postrider_delivery_duration_seconds", "From the beginning to the end of attempts that delivered",
                 latency_sum, latency);

  if (auto queue = on.queue()) {
    if (const auto counts = on.live->census.of(**queue, {})) {
      page.gauge("postrider_queue_mails", "Mails in the queue");
      page.value(static_cast<double>(counts->waiting), {{"state", "waiting"}});
      page.value(static_cast<double>(counts->held), {{"state", "held"}});
      page.value(static_cast<double>(counts->failed), {{"state", "failed"}});
    }
  }
  const json state = on.state ? on.state() : json::object();
  page.gauge("postrider_in_flight_mails", "Mails on their way to a server").value(state.value("in_flight", 0.0));
  page.gauge("postrider_mails_in_memory", "Mails that were taken up from the queue")
      .value(state.value("in_memory", 0.0));
  page.gauge("postrider_server_held", "Servers, and accounts on them, that get no mail now");
  for (const json& one : state.value("held_servers", json::array()))
    if (one["sender"] == "")
      page.value(1, {{"tenant", one["tenant"].get_ref<const std::string&>()},
                     {"server", one["server"].get_ref<const std::string&>()},
                     {"user", one["user"].get_ref<const std::string&>()},
                     {"cause", one["failure"]["cause"].get_ref<const std::string&>()}});
  const auto started = on.live->numbers.started().time_since_epoch();
  page.gauge("postrider_start_time_seconds", "When the relay started, since 1970")
      .value(std::chrono::duration<double>(started).count());
  return page.text();
}

}  // namespace postrider::examples
