// Calls about a tenant's servers.
#pragma once

#include "relay/api_tenants.hpp"
#include "relay/server_health.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace postrider::examples::api {

/// The switches of a server_quirks by name.
struct quirk {
  std::string_view name;
  std::string_view label;
  bool server_quirks::*flag;
};
inline constexpr std::array<quirk, 7> quirks{{
    {"no_pipelining", "Send one command at a time", &server_quirks::no_pipelining},
    {"no_chunking", "Send contents with DATA, not in chunks", &server_quirks::no_chunking},
    {"no_eight_bit_mime", "Send nothing but seven-bit text", &server_quirks::no_eight_bit_mime},
    {"no_size", "Do not announce the size of mails", &server_quirks::no_size},
    {"no_initial_response", "Log in without a word ahead of the first question", &server_quirks::no_initial_response},
    {"no_rset", "Do not reset the session between mails", &server_quirks::no_rset},
    {"helo_only", "Say HELO instead of EHLO, which knows no encryption and no login", &server_quirks::helo_only},
}};

/// Never a secret.
inline json to_json(office& on, const tenant_snapshot& tenant, const server_record& server, const held_list& held) {
  json shown{{"name", server.name}, {"internal", server.internal}, {"default", server.name == tenant.default_server}};
  if (!server.internal) {
    const postrider::server& s = server.settings;
    shown["host"] = s.host;
    shown["port"] = s.effective_port();
    shown["port_by_hand"] = s.port != 0;
    shown["security"] = to_string(s.security);
    shown["auth"] = to_string(s.auth);
    shown["user"] = s.account.user;
    shown["has_password"] = !server.password.empty();
    shown["ca_file"] = s.tls.ca_file;
    shown["server_name"] = s.tls.server_name;
    shown["ehlo_name"] = s.ehlo_name;
    shown["connections"] = s.limits.connections;
    shown["mails_per_connection"] = s.limits.mails_per_connection;
    shown["recipients_per_mail"] = s.limits.recipients_per_mail;
    shown["mails_per_second"] = s.limits.mails_per_second;
    shown["recipients_per_second"] = s.limits.recipients_per_second;
    json set = json::array();
    for (const quirk& one : quirks)
      if (s.quirks.*one.flag) set.push_back(one.name);
    shown["quirks"] = std::move(set);
  }
  shown["fallbacks"] = server.fallbacks;
  shown["weight"] = server.weight;
  shown["rank"] = server.rank;
  shown["notify_address"] = server.notify_address;
  on.usage.with(tenant, [&](const tenant_usage& usage) {
    shown["users"] = usage.count(tenant, server.name, sender_kind::user);
    shown["channels"] = usage.count(tenant, server.name, sender_kind::channel);
  });
  shown["revision"] = server.revision;
  shown["health"] = health_of(on, tenant.tenant, server.name, held);
  return shown;
}

inline answer show_server(office& on, const path_values& at, const std::string& name, int status) {
  const auto tenant = on.registry.snapshot(at.at("tenant"));
  const server_record* const server = tenant->find_server(name);
  return server != nullptr ? answer{status, to_json(on, *tenant, *server, held_list(on))}
                           : refuse(404, "not_found", "the server is gone", "name");
}

inline answer show_one_server(office& on, const path_values& at, const json& given) {
  arguments(given, {});
  return show_server(on, at, at.at("server"), 200);
}

inline answer list_servers(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"limit", "cursor"});
  const auto tenant = tenant_of(on, at);
  const held_list held(on);
  return {200, page_of("servers", tenant->servers, page_request(args),
                       [&](const server_record& server) { return to_json(on, *tenant, server, held); })};
}

inline constexpr std::string_view server_arguments[] = {"name",
                                                        "host",
                                                        "port",
                                                        "security",
                                                        "auth",
                                                        "user",
                                                        "password",
                                                        "ca_file",
                                                        "server_name",
                                                        "ehlo_name",
                                                        "connections",
                                                        "mails_per_connection",
                                                        "recipients_per_mail",
                                                        "mails_per_second",
                                                        "recipients_per_second",
                                                        "quirks",
                                                        "fallbacks",
                                                        "weight",
                                                        "rank",
                                                        "notify_address",
                                                        "default",
                                                        "revision"};

template <class T>
void take(T& into, std::optional<T> given) {
  if (given) into = std::move(*given);
}

/// What is not given stays as it is: the revision too, so that an edit in between is told, not undone.
inline void edit(server_record& server, const arguments& args) {
  postrider::server& s = server.settings;
  take(s.host, args.text("host"));
  take(s.port, args.number<std::uint16_t>("port"));
  take(s.security, args.choice<security>("security"));
  take(s.auth, args.choice<auth_method>("auth"));
  take(s.account.user, args.text("user"));
  s.account.password = secret(args.text("password").value_or(""));
  take(s.tls.ca_file, args.text("ca_file"));
  take(s.tls.server_name, args.text("server_name"));
  take(s.ehlo_name, args.text("ehlo_name"));
  take(s.limits.connections, args.number<std::uint32_t>("connections"));
  take(s.limits.mails_per_connection, args.number<std::uint32_t>("mails_per_connection"));
  take(s.limits.recipients_per_mail, args.number<std::uint32_t>("recipients_per_mail"));
  take(s.limits.mails_per_second, args.number<std::uint32_t>("mails_per_second"));
  take(s.limits.recipients_per_second, args.number<std::uint32_t>("recipients_per_second"));
  if (const auto names = args.texts("quirks")) {
    const std::uint16_t window = s.quirks.window;
    s.quirks = server_quirks();
    s.quirks.window = window;
    for (const std::string& name : *names) {
      const auto known = std::find_if(quirks.begin(), quirks.end(), [&](const quirk& one) { return one.name == name; });
      if (known == quirks.end()) throw bad_argument("quirks", "there is no quirk \"" + printable(name) + '"');
      s.quirks.*known->flag = true;
    }
  }
  take(server.fallbacks, args.texts("fallbacks"));
  take(server.weight, args.number<std::uint32_t>("weight"));
  take(server.rank, args.number<std::uint32_t>("rank"));
  take(server.notify_address, args.text("notify_address"));
  take(server.revision, args.number<std::uint64_t>("revision"));
  // Only a registry that was opened as insecure takes this; every other one refuses the missing encryption.
  s.dangerously_allow_password_in_clear = s.security == security::none && !s.account.empty();
}

inline answer add_server(office& on, const path_values& at, const json& given) {
  const arguments args(given, server_arguments);
  server_record server;
  server.name = args.demand_text("name");
  edit(server, args);
  const std::string name = server.name;
  const auto added = on.registry.add_server(at.at("tenant"), std::move(server), args.flag("default").value_or(false));
  if (!added) return refuse(added.error(), "name");
  return show_server(on, at, name, 201);
}

inline answer set_server(office& on, const path_values& at, const json& given) {
  const arguments args(given, server_arguments);
  const std::string& name = at.at("server");
  const auto tenant = tenant_of(on, at);
  server_record server;
  if (const server_record* const old = tenant->find_server(name)) server = *old;
  server.name = name;
  server.password = {};
  edit(server, args);
  const auto changed = on.registry.set_server(at.at("tenant"), std::move(server));
  if (!changed) return refuse(changed.error(), "name");
  if (args.flag("default").value_or(false))
    if (const auto moved = on.registry.set_default_server(at.at("tenant"), name); !moved)
      return refuse(moved.error(), "name");
  return show_server(on, at, name, 200);
}

inline answer set_default_server(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"name", "revision"});  // the tenant's
  const std::string name = args.demand_text("name");
  const auto changed = on.registry.set_default_server(at.at("tenant"), name, args.revision());
  if (!changed) return refuse(changed.error(), "name");
  return show_server(on, at, name, 200);
}

/// The mails of a tenant that must take `server`.
inline result<std::vector<mail_id>> pinned_to(mail_queue& queue, const std::string& tenant, const std::string& server) {
  mail_filter pinned;
  pinned.tenant = tenant;
  pinned.pin = server;
  std::vector<mail_id> all;
  while (true) {
    auto some = queue.list(pinned, all.empty() ? mail_id() : all.back(), 1000);
    if (!some) return fail(std::move(some.error()));
    for (const spooled_mail& mail : *some) all.push_back(mail.id);
    if (some->size() < 1000) return all;
  }
}

/// How many mails are pinned to `server` no more.
inline result<std::size_t> unpin_from(mail_queue& queue, const std::string& tenant, const std::string& server) {
  const auto pinned = pinned_to(queue, tenant, server);
  if (!pinned) return fail(pinned.error());
  for (const mail_id id : *pinned)
    if (auto done = queue.edit(id, mail_edit::unpin()); !done) return fail(std::move(done.error()));
  return pinned->size();
}

/// No mail stays pinned to a server that is gone: mails are unpinned before, and what was pinned meanwhile after.
inline answer remove_server(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"move_users", "revision"});
  const bool move = args.flag("move_users").value_or(false);
  const std::string& tenant = at.at("tenant");
  const std::string& name = at.at("server");
  auto queue = on.queue();
  if (!queue) return refuse(queue.error());
  const auto pinned = pinned_to(**queue, tenant, name);
  if (!pinned) return refuse(pinned.error());
  // A removal that is refused changes no mail.
  const postrider::remove_server change{name, move, pinned->size(), args.revision()};
  if (const auto allowed = evaluate(*on.registry.snapshot(tenant), change); !allowed)
    return refuse(allowed.error(), "name");
  const auto before = move ? unpin_from(**queue, tenant, name) : result<std::size_t>(0);
  if (!before) return refuse(before.error());
  const auto removed = on.registry.remove_server(tenant, name, move, 0, change.revision);
  if (!removed) return refuse(removed.error(), "name");
  forget_health(on, tenant, name);
  const auto after = unpin_from(**queue, tenant, name);
  if (!after) return refuse(after.error());
  return {200, {{"removed", name}, {"unpinned_mails", *before + *after}}};
}

/// Who uses a server now: counted, and a page of them in the order of their addresses, those by default after those by
/// override, channels after users.
inline answer server_used_by(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"limit", "cursor", "kind", "by"});
  const page_request page(args);
  const auto kind = args.choice<sender_kind>("kind");
  const auto how = args.text("by");
  if (how && *how != "default" && *how != "override") throw bad_argument("by", "by is none of default, override");
  const auto tenant = tenant_of(on, at);
  const std::string& name = at.at("server");
  json members = json::array();
  json next = nullptr;
  json shown{{"server", name}, {"default", tenant->default_server == name}};
  on.usage.with(*tenant, [&](const tenant_usage& usage) {
    int group = 0;
    for (const sender_kind of : {sender_kind::user, sender_kind::channel}) {
      const auto& own = usage.overriding(name).of(of);
      const auto& others = usage.by_default(*tenant, name).of(of);
      shown[of == sender_kind::user ? "users" : "channels"] = {
          {"count", own.size() + others.size()}, {"by_default", others.size()}, {"by_override", own.size()}};
      for (const auto* addresses : {&own, &others}) {
        const bool by_override = addresses == &own;
        ++group;
        if ((kind && *kind != of) || (how && (*how == "override") != by_override)) continue;
        // A cursor is the number of the group and the last address.
        const int reached = page.after.empty() ? 0 : page.after.front() - '0';
        if (group < reached) continue;
        auto one =
            group == reached ? addresses->upper_bound(std::string_view(page.after).substr(1)) : addresses->begin();
        for (; one != addresses->end() && next.is_null(); ++one) {
          if (members.size() == page.limit) {
            const json& last = members.back();
            next = std::to_string(2 * (last["kind"] == "channel") + (last["by"] == "default") + 1) +
                   last["address"].get<std::string>();
            break;
          }
          const sender_record* const sender = tenant->find_sender(*one);
          members.push_back({{"kind", to_string(of)},
                             {"address", *one},
                             {"name", sender != nullptr ? sender->name : std::string()},
                             {"by", by_override ? "override" : "default"}});
        }
      }
    }
  });
  json fallback_of = json::array();
  for (const server_record& server : tenant->servers)
    if (std::find(server.fallbacks.begin(), server.fallbacks.end(), name) != server.fallbacks.end())
      fallback_of.push_back(server.name);
  shown["fallback_of"] = std::move(fallback_of);
  shown["members"] = std::move(members);
  shown["next_cursor"] = std::move(next);
  return {200, std::move(shown)};
}

}  // namespace postrider::examples::api
