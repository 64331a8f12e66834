// Calls about those who use the console: administrators, tokens, and what they did.
#pragma once

#include "relay/api_tenants.hpp"
#include "relay/clock.hpp"

#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postrider::examples::api {

inline constexpr std::chrono::hours one_time_link_lasts{48};

/// The database of who may do what, or the refusal that says why there is none.
struct opened_accounts {
  explicit opened_accounts(const office& on) {
    if (!on.people) {
      refusal = refuse(503, "not_running", "this folder has no console");
      return;
    }
    auto opened = on.people();
    if (opened) people = *opened;
    else refusal = refuse(opened.error());
  }
  accounts* people = nullptr;
  answer refusal{};
};

inline json or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}
inline json or_null(const std::optional<spool_time>& at) {
  return at ? json(text_of(*at)) : json(nullptr);
}

inline json to_json(const administrator& one) {
  return {{"name", one.name},
          {"tenant", or_null(one.tenant)},
          {"has_password", !one.verifier.empty()},
          {"created", text_of(one.created)},
          {"last_login", or_null(one.last_login)}};
}

inline json to_json(const api_token& one) {
  json scopes = json::array();
  for (std::size_t i = 0; i < spellings<access_scope>.size(); ++i)
    if (one.scopes.has(static_cast<access_scope>(i))) scopes.push_back(spellings<access_scope>[i]);
  return {{"id", one.id},
          {"name", one.name},
          {"tenant", or_null(one.tenant)},
          {"scopes", std::move(scopes)},
          {"created", text_of(one.created)},
          {"created_by", one.created_by},
          {"expires", or_null(one.expires)},
          {"last_used", or_null(one.last_used)}};
}

inline json to_json(const audit_entry& one) {
  return {{"id", std::to_string(one.id)}, {"at", text_of(one.at)},     {"who", one.note.who},
          {"address", one.note.address},  {"action", one.note.action}, {"tenant", or_null(one.note.tenant)},
          {"object", one.note.object},    {"ok", one.note.ok},         {"details", one.note.details}};
}

/// A page of what `all` holds more than `limit` of if there is a next page.
template <class Records, class Key>
answer page_of_rows(std::string name, const Records& all, std::size_t limit, Key key) {
  json shown = json::array();
  for (const auto& one : all)
    if (shown.size() < limit) shown.push_back(to_json(one));
  const bool more = all.size() > limit;
  return {200,
          {{std::move(name), std::move(shown)}, {"next_cursor", more ? json(key(all[limit - 1])) : json(nullptr)}}};
}

/// A page of what `read` of the accounts gives, in the order of `key`.
template <class Record>
answer list_people(office& on, const json& given, std::string name,
                   result<std::vector<Record>> (accounts::*read)(std::string_view after, std::size_t limit),
                   std::string Record::*key) {
  const arguments args(given, {"limit", "cursor"});
  const page_request page(args);
  const opened_accounts at(on);
  if (at.people == nullptr) return at.refusal;
  const auto all = (at.people->*read)(page.after, page.limit + 1);
  if (!all) return refuse(all.error());
  return page_of_rows(std::move(name), *all, page.limit, [key](const Record& one) { return one.*key; });
}

inline answer list_administrators(office& on, const path_values&, const json& given) {
  return list_people(on, given, "administrators", &accounts::administrators, &administrator::name);
}

inline answer one_time_link(accounts& people, const std::string& name, int status) {
  const spool_time until = spool_now() + one_time_link_lasts;
  auto token = people.one_time_token(name, until);
  if (!token) return refuse(token.error());
  return {status,
          {{"name", name}, {"token", *token}, {"path", "/#/setup?token=" + *token}, {"expires", text_of(until)}}};
}

/// A name that people can read and a log line can hold.
inline void demand_person_name(const std::string& name) {
  const auto fit = postrider::detail::check_name("administrator", name);
  if (!fit) throw bad_argument("name", fit.error().detail);
  if (name.find(':') != std::string::npos || name == "shell") throw bad_argument("name", "this name is taken");
}

/// The tenant that an argument names; empty for all.
inline std::string demand_tenant(const office& on, const arguments& args) {
  const std::string tenant = args.text("tenant").value_or("");
  if (!tenant.empty() && !on.registry.snapshot(tenant)->exists())
    throw bad_argument("tenant", "tenant \"" + printable(tenant) + "\" does not exist");
  return tenant;
}

inline answer add_administrator(office& on, const path_values&, const json& given) {
  const arguments args(given, {"name", "tenant"});
  const std::string name = args.demand_text("name");
  demand_person_name(name);
  const std::string tenant = demand_tenant(on, args);
  const opened_accounts at(on);
  if (at.people == nullptr) return at.refusal;
  const auto added = at.people->add(name, tenant);
  if (!added) return refuse(added.error());
  if (!*added) return refuse(409, "exists", "administrator \"" + printable(name) + "\" exists already", "name");
  return one_time_link(*at.people, name, 201);
}

inline answer no_such_administrator(const path_values& at) {
  return refuse(404, "not_found", "there is no administrator \"" + printable(at.at("administrator")) + '"',
                "administrator");
}

inline answer reset_administrator(office& on, const path_values& at, const json& given) {
  arguments(given, {});
  const opened_accounts with(on);
  if (with.people == nullptr) return with.refusal;
  const std::string& name = at.at("administrator");
  const auto known = with.people->find(name);
  if (!known) return refuse(known.error());
  if (!*known) return no_such_administrator(at);
  // With the link the way in stays open, for the last one too.
  answer made = one_time_link(*with.people, name, 200);
  if (!made.ok()) return made;
  if (const auto done = with.people->forget_password(name); !done) return refuse(done.error());
  if (on.live != nullptr) on.live->sessions.end_all_of(name);
  return made;
}

inline answer remove_administrator(office& on, const path_values& at, const json& given) {
  arguments(given, {});
  const opened_accounts with(on);
  if (with.people == nullptr) return with.refusal;
  const std::string& name = at.at("administrator");
  const auto known = with.people->find(name);
  if (!known) return refuse(known.error());
  if (!*known) return no_such_administrator(at);
  const auto removed = with.people->remove(name);
  if (!removed) return refuse(removed.error());
  if (!*removed)
    return refuse(409, "last_administrator",
                  "\"" + printable(name) + "\" is the last administrator of all tenants: add another one first",
                  "administrator");
  if (on.live != nullptr) on.live->sessions.end_all_of(name);
  return {200, {{"removed", name}}};
}

inline answer list_tokens(office& on, const path_values&, const json& given) {
  return list_people(on, given, "tokens", &accounts::tokens, &api_token::id);
}

inline answer add_token(office& on, const path_values&, const json& given, const caller& by) {
  const arguments args(given, {"name", "scopes", "tenant", "days"});
  api_token made;
  made.name = args.demand_text("name");
  demand_person_name(made.name);
  made.tenant = demand_tenant(on, args);
  made.created = spool_now();
  made.created_by = by.who;
  if (const auto days = args.number<std::uint32_t>("days", 1, 3650))
    made.expires = made.created + std::chrono::hours(24) * *days;
  const auto names = args.texts("scopes");
  if (!names || names->empty())
    throw bad_argument("scopes", "a token needs a scope: some of " + choices<access_scope>());
  for (const std::string& name : *names) {
    const auto one = from_string<access_scope>(name);
    if (!one) throw bad_argument("scopes", '"' + printable(name) + "\" is none of " + choices<access_scope>());
    // Nobody gives away what he does not have.
    if (!by.scopes.has(*one)) return refuse(403, "forbidden", "this needs the scope " + name, "scopes");
    made.scopes.add(*one);
  }
  const opened_accounts at(on);
  if (at.people == nullptr) return at.refusal;
  const auto token = at.people->add(made);
  if (!token) return refuse(token.error());
  json shown = to_json(made);
  shown["token"] = *token;
  return {201, std::move(shown)};
}

inline answer revoke_token(office& on, const path_values& at, const json& given) {
  arguments(given, {});
  const opened_accounts with(on);
  if (with.people == nullptr) return with.refusal;
  const auto revoked = with.people->revoke(at.at("token"));
  if (!revoked) return refuse(revoked.error());
  if (!*revoked) return refuse(404, "not_found", "there is no token " + printable(at.at("token")), "token");
  return {200, {{"removed", at.at("token")}}};
}

inline answer list_audit(office& on, const path_values&, const json& given, const caller& by) {
  const arguments args(given, {"limit", "cursor", "tenant", "who"});
  const page_request page(args);
  std::string tenant = args.text("tenant").value_or("");
  if (tenant.empty()) tenant = by.tenant;
  std::optional<std::int64_t> before;
  if (!page.after.empty()) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(page.after.data(), page.after.data() + page.after.size(), id);
    if (error != std::errc{} || end != page.after.data() + page.after.size())
      throw bad_argument("cursor", "cursor is none of this list");
    before = id;
  }
  if (!by.sees(tenant))
    return refuse(404, "not_found", "tenant \"" + printable(tenant) + "\" does not exist", "tenant");
  const opened_accounts at(on);
  if (at.people == nullptr) return at.refusal;
  const auto all = at.people->notes(tenant, args.text("who").value_or(""), before, page.limit + 1);
  if (!all) return refuse(all.error());
  return page_of_rows("entries", *all, page.limit, [](const audit_entry& one) { return std::to_string(one.id); });
}

}  // namespace postrider::examples::api
