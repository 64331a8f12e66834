// The JSON shapes that programs, console and logs share.
#pragma once

#include <postrider/client/explain.hpp>
#include <postrider/client/report.hpp>
#include <postrider/core/failure.hpp>
#include <postrider/core/receipt.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace postrider::examples {

using json = nlohmann::ordered_json;

/// {outcome, stage, cause, scope, action, code, enhanced, reply[], server, elapsed_ms, explanation, field, next_step}
inline json to_json(const failure& why) {
  const explanation words = explain(why);
  return {{"outcome", to_string(why.outcome)},
          {"stage", to_string(why.stage)},
          {"cause", to_string(why.cause)},
          {"scope", to_string(why.scope)},
          {"action", to_string(why.action)},
          {"code", why.code},
          {"enhanced", to_string(why.enhanced)},
          {"reply", why.reply},
          {"server", why.server},
          {"elapsed_ms", why.elapsed.count()},
          {"explanation", words.sentence},
          {"field", to_string(words.look_at)},
          {"next_step", words.next_step}};
}

/// {mail_id, server, elapsed_ms, recipients: [{address, outcome, failure}]}
inline json to_json(const receipt& what) {
  json recipients = json::array();
  for (const auto& r : what.recipients)
    recipients.push_back({{"address", r.address},
                          {"outcome", to_string(r.outcome)},
                          {"failure", r.failure ? to_json(*r.failure) : json(nullptr)}});
  return {{"mail_id", what.mail_id},
          {"server", what.server},
          {"elapsed_ms", what.elapsed.count()},
          {"recipients", std::move(recipients)}};
}

/// {stage, ok, elapsed_ms, detail, failure}
inline json to_json(const client::stage_report& s) {
  return {{"stage", to_string(s.stage)},
          {"ok", s.ok},
          {"elapsed_ms", s.elapsed.count()},
          {"detail", s.detail},
          {"failure", s.failure ? to_json(*s.failure) : json(nullptr)}};
}

/// {ok, stages: [...], failure, receipt}
inline json to_json(const client::report& tested) {
  json stages = json::array();
  for (const auto& s : tested.stages) stages.push_back(to_json(s));
  return {{"ok", tested.ok},
          {"stages", std::move(stages)},
          {"failure", tested.failure ? to_json(*tested.failure) : json(nullptr)},
          {"receipt", tested.receipt ? to_json(*tested.receipt) : json(nullptr)}};
}

/// {error: {code, message, field}}: what went wrong with a call or a command line. `field` names the setting or option.
inline json error_json(std::string_view code, std::string_view message, std::string_view field = {}) {
  return {{"error", {{"code", code}, {"message", message}, {"field", field}}}};
}

/// One line. What is no UTF-8 in a server's words is replaced, never an exception.
inline std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// For people.
inline std::string pretty(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace postrider::examples
