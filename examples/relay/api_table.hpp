// Which call does what, and who may make it: one table for control socket, console and shell.
#pragma once

#include <postrider/mail/printable.hpp>

#include "relay/office.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postrider::examples {

/// What stood in the path at the names in braces.
using path_values = std::map<std::string, std::string, std::less<>>;

/// What does a call; some want to know who makes it.
class handler {
 public:
  using plain = answer (*)(office& on, const path_values& at, const json& arguments);
  using knowing = answer (*)(office& on, const path_values& at, const json& arguments, const caller& by);

  constexpr handler(plain does) : plain_(does) {}
  constexpr handler(knowing does) : knowing_(does) {}

  answer operator()(office& on, const path_values& at, const json& arguments, const caller& by) const {
    return plain_ != nullptr ? plain_(on, at, arguments) : knowing_(on, at, arguments, by);
  }

 private:
  plain plain_ = nullptr;
  knowing knowing_ = nullptr;
};

/// Whom a call concerns: what the path or its arguments name, or the whole relay.
enum class reach : std::uint8_t { named, everybody };

struct endpoint {
  std::string_view method;
  std::string_view path;  ///< "tenants/{tenant}/servers"
  handler handle;
  access_scope scope = access_scope::read;
  std::string_view action{};  ///< under which it stands in the audit log; empty: it changes nothing
  reach concerns = reach::named;
};

/// The values of `path` if it is of the form `pattern`.
inline std::optional<path_values> match(std::string_view pattern, const std::vector<std::string>& path) {
  path_values values;
  for (const std::string& part : path) {
    if (pattern.empty()) return std::nullopt;
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(std::min(wanted.size() + 1, pattern.size()));
    if (wanted.starts_with('{')) values.emplace(wanted.substr(1, wanted.size() - 2), part);
    else if (wanted != part) return std::nullopt;
  }
  if (!pattern.empty()) return std::nullopt;
  return values;
}

namespace detail {

/// A refusal if a path names what does not exist, or what is none of the caller's business, which looks the same.
inline std::optional<answer> missing(const office& on, const path_values& at, const caller& by) {
  const auto tenant_name = at.find("tenant");
  if (tenant_name == at.end()) return std::nullopt;
  const auto absent = [&](std::string_view thing, const std::string& name) {
    return refuse(404, "not_found",
                  std::string(thing) + " \"" + printable(name) + "\" does not exist" +
                      (thing == "tenant" ? "" : " in tenant \"" + printable(tenant_name->second) + '"'),
                  thing);
  };
  const auto tenant = on.registry.snapshot(tenant_name->second);
  if (!by.sees(tenant_name->second) || !tenant->exists()) return absent("tenant", tenant_name->second);
  if (const auto name = at.find("server"); name != at.end() && tenant->find_server(name->second) == nullptr)
    return absent("server", name->second);
  if (const auto name = at.find("sender"); name != at.end() && tenant->find_sender(name->second) == nullptr)
    return absent("sender", name->second);
  if (const auto name = at.find("login"); name != at.end() && tenant->find_login(name->second) == nullptr)
    return absent("login", name->second);
  return std::nullopt;
}

inline answer allowed_call(const endpoint& one, office& on, const path_values& at, const call& what) {
  if (!what.by.scopes.has(one.scope))
    return refuse(403, "forbidden", "this needs the scope " + std::string(to_string(one.scope)));
  if (one.concerns == reach::everybody && !what.by.sees_all())
    return refuse(403, "forbidden", "this is for administrators of all tenants");
  if (auto none = missing(on, at, what.by)) return std::move(*none);
  try {
    if (const auto id = at.find("mail"); id != at.end() && !mail_id::parse(id->second))
      throw bad_argument("mail", '"' + printable(id->second) + "\" is no mail's id");
    return one.handle(on, at, what.arguments, what.by);
  } catch (const bad_argument& why) {
    return refuse(400, "usage", why.what(), why.field);
  }
}

}  // namespace detail

/// The answer of the table's entry for `what`, or why there is none. What was to be changed is noted in the audit log,
/// whatever came of it.
inline answer dispatch(std::span<const endpoint> table, office& on, const call& what) {
  bool known = false;
  for (const endpoint& one : table) {
    const auto values = match(one.path, what.path);
    if (!values) continue;
    known = true;
    if (one.method != what.method) continue;
    answer given = detail::allowed_call(one, on, *values, what);
    if (!one.action.empty() && on.note) on.note(audit_note_of(one.action, *values, what, given));
    return given;
  }
  if (known) return refuse(405, "method", "this cannot be done with " + printable(what.method));
  std::string name(api_root);
  for (const std::string& part : what.path) (name += '/') += part;
  return refuse(404, "not_found", "there is no call " + printable(what.method) + ' ' + printable(name));
}

}  // namespace postrider::examples
