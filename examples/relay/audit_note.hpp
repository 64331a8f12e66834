// One line of the audit log: who wanted to change what, and what came of it. Never a secret.
#pragma once

#include "relay/call.hpp"

#include <map>
#include <string>
#include <string_view>

namespace postrider::examples {

struct audit_note {
  std::string who;
  std::string address;
  std::string action;  ///< "server.set"
  std::string tenant;  ///< empty: it concerns the whole relay
  std::string object;  ///< what it was done to
  bool ok = false;
  std::string details;
};

namespace detail {

inline bool is_secret(std::string_view name) {
  return name.find("password") != std::string_view::npos || name == "token";
}

inline json without_secrets(const json& given) {
  if (given.is_array()) {
    json all = json::array();
    for (const json& one : given) all.push_back(without_secrets(one));
    return all;
  }
  if (!given.is_object()) return given;
  json all = json::object();
  for (const auto& [name, value] : given.items()) all[name] = is_secret(name) ? json("given") : without_secrets(value);
  return all;
}

}  // namespace detail

/// `at`: what stood in the path.
inline audit_note audit_note_of(std::string_view action, const std::map<std::string, std::string, std::less<>>& at,
                                const call& what, const answer& came) {
  constexpr std::size_t most = 1000;
  audit_note note{what.by.who, what.by.address, std::string(action), {}, {}, came.ok(), {}};
  for (const auto& [name, value] : at) {
    if (name == "tenant") note.tenant = value;
    else note.object = value;
  }
  const auto text = [](const json& from, const char* name) {
    return from.is_object() && from.contains(name) && from[name].is_string() ? from[name].get<std::string>()
                                                                             : std::string();
  };
  // A mail's tenant is known from the answer only.
  if (note.tenant.empty()) note.tenant = text(came.body, "tenant");
  if (note.tenant.empty()) note.tenant = text(what.arguments.value("filter", json()), "tenant");
  if (note.tenant.empty()) note.tenant = what.by.tenant;
  if (note.object.empty()) note.object = text(what.arguments, "name");
  if (note.object.empty()) note.object = text(what.arguments, "address");
  if (note.object.empty() && at.contains("tenant")) note.object = note.tenant;
  // The log of a tenant tells nothing of others, who might write anything into it.
  if (!what.by.sees(note.tenant)) note.tenant = what.by.tenant;
  // What was not even understood may have its secrets anywhere.
  if (came.status != 400) note.details = dump(detail::without_secrets(what.arguments));
  if (!came.ok()) (note.details += note.details.empty() ? "" : " ") += text(came.body.value("error", json()), "code");
  if (note.details == "{}") note.details.clear();
  if (note.object.size() > most) note.object.resize(most);
  if (note.details.size() > most) note.details.resize(most);
  return note;
}

}  // namespace postrider::examples
