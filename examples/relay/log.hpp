// What the relay writes to its log: one JSON object a line, never a content, never a secret.
#pragma once

#include <postrider/delivery/events.hpp>

#include "common/json.hpp"
#include "relay/clock.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace postrider::examples {

/// Hears a pipeline and writes to standard error. Attempts that delivered are of level debug.
class log_observer {
 public:
  explicit log_observer(const std::string& level)
      : log_(std::make_shared<spdlog::logger>("relay", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
    log_->set_pattern("%v");
    log_->set_level(spdlog::level::from_str(level));
  }

  void on(const events::accepted& e) {
    write(spdlog::level::debug, "accepted", [&](json& line) {
      line["mail"] = to_string(e.id);
      line["tenant"] = e.tenant;
      line["sender"] = e.sender;
      line["recipients"] = e.recipients;
      line["size"] = e.size;
    });
  }

  void on(const events::attempt_finished& e) {
    const failure* const why = e.receipt.first_failure();
    write(why != nullptr || e.possible_duplicate ? spdlog::level::info : spdlog::level::debug, "attempt",
          [&](json& line) {
            line["mail"] = to_string(e.id);
            line["tenant"] = e.tenant;
            line["sender"] = e.sender;
            line["server"] = e.server;
            line["endpoint"] = e.receipt.server;
            line["user"] = e.user;
            line["number"] = e.number;
            line["possible_duplicate"] = e.possible_duplicate;
            line["elapsed_ms"] = e.receipt.elapsed.count();
            line["recipients"] = e.receipt.recipients.size();
            line["outcome"] = to_string(why != nullptr ? why->outcome : outcome::accepted);
            if (why != nullptr) describe(line, *why);
          });
  }

  void on(const events::deferred& e) {
    write(spdlog::level::info, "deferred", [&](json& line) {
      line["mail"] = to_string(e.id);
      line["tenant"] = e.tenant;
      line["recipients"] = e.recipients;
      line["retry_after_ms"] = e.retry_after.count();
      describe(line, e.why);
    });
  }

  void on(const events::failed& e) {
    for (const recipient_outcome& one : e.recipients)
      write(spdlog::level::warn, "given_up", [&](json& line) {
        line["mail"] = to_string(e.id);
        line["tenant"] = e.tenant;
        line["recipient"] = one.address;
        line["outcome"] = to_string(one.outcome);
        if (one.failure) describe(line, *one.failure);
      });
  }

  void on(const events::notified& e) {
    write(spdlog::level::info, "notified", [&](json& line) {
      line["mail"] = to_string(e.about);
      line["tenant"] = e.tenant;
      line["to"] = e.to;
      line["recipients"] = e.recipients;
    });
  }

  void on(const events::server_held& e) {
    write(spdlog::level::warn, "server_held", [&](json& line) { held(line, e); });
  }

  void on(const events::account_suspended& e) {
    write(spdlog::level::warn, "account_suspended", [&](json& line) {
      held(line, e);
      line["sender"] = e.sender;
    });
  }

  void on(const events::server_released& e) {
    write(spdlog::level::info, "server_released", [&](json& line) {
      line["tenant"] = e.tenant;
      line["server"] = e.server;
      line["user"] = e.user;
    });
  }

  void on(const events::spool_trouble& e) {
    write(spdlog::level::err, "spool_trouble", [&](json& line) {
      line["operation"] = e.operation;
      describe(line, e.why);
      line["detail"] = e.why.detail;
    });
  }

 private:
  template <class Fill>
  void write(spdlog::level::level_enum level, std::string_view event, Fill fill) {
    if (!log_->should_log(level)) return;
    const auto name = spdlog::level::to_string_view(level);
    json line{{"time", text_of(std::chrono::system_clock::now())},
              {"level", std::string_view(name.data(), name.size())},
              {"event", event}};
    fill(line);
    log_->log(level, dump(line));
  }

  static void describe(json& line, const failure& why) {
    line["cause"] = to_string(why.cause);
    line["stage"] = to_string(why.stage);
    line["code"] = why.code;
    line["explanation"] = explain(why).sentence;
  }

  template <class Event>
  static void held(json& line, const Event& e) {
    line["tenant"] = e.tenant;
    line["server"] = e.server;
    line["user"] = e.user;
    line["pause_ms"] = e.pause.count();
    describe(line, e.why);
  }

  std::shared_ptr<spdlog::logger> log_;
};

static_assert(observer<log_observer>);

}  // namespace postrider::examples
