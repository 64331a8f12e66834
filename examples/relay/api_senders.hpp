// Calls about the users and channels in whose name mail is sent.
#pragma once

#include "relay/api_tenants.hpp"

#include <optional>
#include <string>

namespace postrider::examples::api {

inline json to_json(const tenant_snapshot& tenant, const sender_record& sender) {
  const server_override* const own = sender.override ? &*sender.override : nullptr;
  return {{"kind", to_string(sender.kind)},
          {"name", sender.name},
          {"address", sender.address},
          {"server", own != nullptr ? own->server : tenant.default_server},
          {"override", own != nullptr},
          {"user", own != nullptr ? own->account.user : ""},
          {"has_password", own != nullptr && !own->password.empty()},
          {"revision", sender.revision}};
}

inline answer show_sender(office& on, const path_values& at, const std::string& address, int status) {
  const auto tenant = on.registry.snapshot(at.at("tenant"));
  const sender_record* const sender = tenant->find_sender(address);
  return sender != nullptr ? answer{status, to_json(*tenant, *sender)}
                           : refuse(404, "not_found", "the sender is gone", "address");
}

inline answer show_one_sender(office& on, const path_values& at, const json& given) {
  arguments(given, {});
  return show_sender(on, at, at.at("sender"), 200);
}

inline answer list_senders(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"limit", "cursor", "kind", "prefix"});
  page_request page(args);
  const auto kind = args.choice<sender_kind>("kind");
  const std::string prefix = sender_key(args.text("prefix").value_or(""));
  const auto tenant = tenant_of(on, at);
  const auto show = [&](const sender_record& sender) -> json {
    if (kind && *kind != sender.kind) return nullptr;
    return to_json(*tenant, sender);
  };
  if (prefix.empty()) return {200, page_of("senders", tenant->senders, page, show)};
  return {200, page_of("senders", records_with(tenant->senders, prefix), page, show)};
}

/// What is not given stays as it is, the revision too, so that an edit in between is told, not undone; an empty server
/// is the end of the override.
inline void edit(sender_record& sender, const arguments& args) {
  if (const auto kind = args.choice<sender_kind>("kind")) sender.kind = *kind;
  if (const auto name = args.text("name")) sender.name = *name;
  if (const auto server = args.text("server")) {
    if (server->empty()) sender.override.reset();
    else if (!sender.override || sender.override->server != *server)
      sender.override = server_override{.server = *server};
  }
  const auto user = args.text("user");
  const auto password = args.text("password");
  if ((user || password) && !sender.override)
    throw bad_argument("server", "a user or password of one's own needs a server that it is for");
  if (user) sender.override->account.user = *user;
  if (password) sender.override->account.password = secret(*password);
  if (const auto revision = args.number<std::uint64_t>("revision")) sender.revision = *revision;
}

inline answer add_sender(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"kind", "name", "address", "server", "user", "password"});
  sender_record sender;
  sender.address = args.demand_text("address");
  edit(sender, args);
  const std::string address = sender.address;
  const auto added = on.registry.add_sender(at.at("tenant"), std::move(sender));
  if (!added) return refuse(added.error(), "name");
  return show_sender(on, at, address, 201);
}

inline answer set_sender(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"kind", "name", "server", "user", "password", "revision"});
  const std::string& address = at.at("sender");
  const auto tenant = tenant_of(on, at);
  sender_record sender;
  if (const sender_record* const old = tenant->find_sender(address)) sender = *old;
  else sender.address = address;
  if (sender.override) sender.override->password = {};
  edit(sender, args);
  const auto changed = on.registry.set_sender(at.at("tenant"), std::move(sender));
  if (!changed) return refuse(changed.error(), "name");
  return show_sender(on, at, address, 200);
}

inline answer remove_sender(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"revision"});
  const auto removed = on.registry.remove_sender(at.at("tenant"), at.at("sender"), args.revision());
  if (!removed) return refuse(removed.error(), "address");
  return {200, {{"removed", at.at("sender")}}};
}

}  // namespace postrider::examples::api
