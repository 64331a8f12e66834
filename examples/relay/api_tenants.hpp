// Calls about tenants, their logins, and the way that mail takes.
#pragma once

#include <postrider/delivery/routing.hpp>
#include <postrider/mail/printable.hpp>

#include "relay/api_table.hpp"
#include "relay/arguments.hpp"
#include "relay/paging.hpp"
#include "relay/route_health.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace postrider::examples::api {

/// The tenant of a path, which was found to exist.
inline std::shared_ptr<const tenant_snapshot> tenant_of(const office& on, const path_values& at) {
  return on.registry.snapshot(at.at("tenant"));
}

inline json to_json(const tenant_snapshot& tenant) {
  return {{"name", tenant.tenant},
          {"default_server", tenant.default_server},
          {"notify_address", tenant.notify_address},
          {"servers", tenant.servers.size()},
          {"senders", tenant.senders.size()},
          {"logins", tenant.logins.size()},
          {"revision", tenant.revision}};
}

inline answer list_tenants(office& on, const path_values&, const json& given, const caller& by) {
  const arguments args(given, {"limit", "cursor"});
  const page_request page(args);
  json all = json::array();
  json next = nullptr;
  const std::vector<std::string> names = by.sees_all() ? on.registry.tenants() : std::vector<std::string>{by.tenant};
  for (auto at = std::upper_bound(names.begin(), names.end(), page.after); at != names.end(); ++at) {
    if (all.size() == page.limit) {
      next = *std::prev(at);
      break;
    }
    if (const auto tenant = on.registry.snapshot(*at); tenant->exists()) all.push_back(to_json(*tenant));
  }
  return {200, {{"tenants", std::move(all)}, {"next_cursor", std::move(next)}}};
}

inline answer show_tenant(office& on, const path_values& at, const json& given) {
  arguments(given, {});
  return {200, to_json(*tenant_of(on, at))};
}

inline answer set_tenant(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"notify_address", "revision"});
  const auto tenant = tenant_of(on, at);
  const auto revision = args.number<std::uint64_t>("revision").value_or(tenant->revision);
  const auto changed =
      on.registry.set_tenant(tenant->tenant, args.text("notify_address").value_or(tenant->notify_address), revision);
  if (!changed) return refuse(changed.error(), "notify_address");
  return {200, to_json(*tenant_of(on, at))};
}

inline answer add_tenant(office& on, const path_values&, const json& given) {
  const arguments args(given, {"name", "notify_address"});
  const std::string name = args.demand_text("name");
  const auto added = on.registry.add_tenant(name, args.text("notify_address").value_or(""));
  if (!added) return refuse(added.error(), "name");
  return {201, to_json(*on.registry.snapshot(name))};
}

/// Another tenant of its name is none of their business who saw this one.
inline result<void> forget_tenant(office& on, const std::string& tenant) {
  if (on.people) {
    const auto people = on.people();
    if (!people) return fail(people.error());
    if (auto done = (*people)->forget_tenant(tenant); !done) return done;
  }
  if (on.live != nullptr) {
    on.live->sessions.end_all_within(tenant);
    on.live->numbers.forget(tenant);
  }
  return {};
}

inline answer remove_tenant(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"revision"});
  const std::string& name = at.at("tenant");
  auto queue = on.queue();
  if (!queue) return refuse(queue.error());
  mail_filter of_tenant;
  of_tenant.tenant = name;
  const auto mails = (*queue)->list(of_tenant, mail_id(), 1);
  if (!mails) return refuse(mails.error());
  if (!mails->empty())
    return refuse(409, "in_use", "tenant \"" + printable(name) + "\" has mail in the queue: deliver or remove it first",
                  "tenant");
  if (const auto allowed = evaluate(*tenant_of(on, at), postrider::remove_tenant{args.revision()}); !allowed)
    return refuse(allowed.error(), "tenant");
  if (const auto forgotten = forget_tenant(on, name); !forgotten) return refuse(forgotten.error());
  const auto removed = on.registry.remove_tenant(name, args.revision());
  if (!removed) return refuse(removed.error(), "tenant");
  return {200, {{"removed", name}}};
}

inline json to_json(const login_record& login) {
  return {{"name", login.name}, {"senders", login.senders}, {"revision", login.revision}};
}

inline answer list_logins(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"limit", "cursor"});
  return {200, page_of("logins", tenant_of(on, at)->logins, page_request(args),
                       [](const login_record& login) { return to_json(login); })};
}

inline answer show_login(office& on, const path_values& at, const std::string& name, int status) {
  const auto tenant = on.registry.snapshot(at.at("tenant"));
  const login_record* const login = tenant->find_login(name);
  return login != nullptr ? answer{status, to_json(*login)} : refuse(404, "not_found", "the login is gone", "name");
}

inline answer show_one_login(office& on, const path_values& at, const json& given) {
  arguments(given, {});
  return show_login(on, at, at.at("login"), 200);
}

inline answer add_login(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"name", "password", "senders"});
  login_record login;
  login.name = args.demand_text("name");
  login.senders = args.texts("senders").value_or(std::vector<std::string>());
  const std::string name = login.name;
  const auto added =
      on.registry.add_login(at.at("tenant"), std::move(login), secret(args.text("password").value_or("")));
  if (!added) return refuse(added.error(), "name");
  return show_login(on, at, name, 201);
}

inline answer set_login(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"password", "senders", "revision"});
  const std::string& name = at.at("login");
  const auto tenant = tenant_of(on, at);
  login_record login;
  login.name = name;
  if (const login_record* const old = tenant->find_login(name)) {
    login.senders = old->senders;
    login.revision = old->revision;
  }
  if (auto senders = args.texts("senders")) login.senders = std::move(*senders);
  if (const auto revision = args.number<std::uint64_t>("revision")) login.revision = *revision;
  const auto changed =
      on.registry.set_login(at.at("tenant"), std::move(login), secret(args.text("password").value_or("")));
  if (!changed) return refuse(changed.error(), "name");
  return show_login(on, at, name, 200);
}

inline answer remove_login(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"revision"});
  const auto removed = on.registry.remove_login(at.at("tenant"), at.at("login"), args.revision());
  if (!removed) return refuse(removed.error(), "name");
  return {200, {{"removed", at.at("login")}}};
}

/// The way of mail from an address, and why. An empty address is the null reverse-path.
inline answer explain_route(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"address", "pin"});
  const auto tenant = tenant_of(on, at);
  const submitter from(at.at("tenant"), args.demand_text("address"), {}, args.text("pin").value_or(""));
  if (!from.sender.empty())
    if (const auto parsed = address::parse(from.sender, field::sender); !parsed)
      return refuse(parsed.error(), "address");
  const auto way = find_route(*tenant, from);
  if (!way) return refuse(way.error(), "pin");
  const server_record& server = *tenant->find_server(way->server);
  const auto ways = ways_of(on, *tenant, from);
  if (!ways) return refuse(ways.error(), "pin");
  const json held = sender_held(on, from);
  std::string words = postrider::explain_route(*tenant, from, *ways);
  if (!held.is_null())
    words += " Mail of this sender alone waits: " + held["failure"]["explanation"].get<std::string>();
  return {200,
          {{"tenant", from.tenant},
           {"address", from.sender},
           {"server", way->server},
           {"reason", to_string(way->why)},
           {"account_of", way->account_of},
           {"endpoint", server.internal ? std::string() : server.settings.endpoint()},
           {"ways", ways_json(*tenant, *ways, static_cast<bool>(on.ways))},
           {"sender_held", held},
           {"explanation", std::move(words)}}};
}

inline answer rotate_key(office& on, const path_values&, const json& given) {
  arguments(given, {});
  const auto done = on.registry.rotate_key();
  if (!done) return refuse(done.error(), "key-file");
  return {200, {{"rotated", true}}};
}

}  // namespace postrider::examples::api
