// A tenant made by hand, for tests that need no registry.
#pragma once

#include <postrider/registry/model.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace postrider::test {

/// `rows` with `record`.
template <class Record>
void put(persistent_map<Record>& rows, Record record) {
  rows = rows.with(std::make_shared<const Record>(std::move(record)));
}

inline sender_record sender_of(sender_kind kind, std::string address, std::optional<std::string> server = {}) {
  sender_record made;
  made.kind = kind;
  made.address = std::move(address);
  if (server) made.override.emplace().server = std::move(*server);
  return made;
}

/// "acme": the servers internal, main (the default) and backup; Ada, Bob and Zoe, two channels, and the login "desk".
inline tenant_snapshot sample_tenant() {
  tenant_snapshot made;
  made.tenant = "acme";
  made.version = 3;
  made.default_server = "main";
  server_record internal, main, backup;
  internal.name = internal_server_name;
  internal.internal = true;
  internal.fallbacks = {"backup"};
  main.name = "main";
  main.settings.host = "main.example.com";
  main.settings.account.user = "main-user";
  main.fallbacks = {"internal", "backup"};
  backup.name = "backup";
  backup.settings.host = "backup.example.com";
  for (auto& server : {internal, main, backup}) put(made.servers, server);
  put(made.senders, sender_of(sender_kind::user, "zoe@example.com"));
  put(made.senders, sender_of(sender_kind::user, "Ada@example.com", "backup"));
  put(made.senders, sender_of(sender_kind::user, "bob@example.com"));
  put(made.senders, sender_of(sender_kind::channel, "alarm@example.com", "backup"));
  put(made.senders, sender_of(sender_kind::channel, "news@example.com", "main"));
  login_record desk;
  desk.name = "desk";
  put(made.logins, desk);
  return made;
}

}  // namespace postrider::test
