// The storages that every rule is tested over, and a registry to test it with.
#pragma once

#include <postrider/registry/registry.hpp>
#include <postrider/storage/memory_registry_storage.hpp>
#include <postrider/storage/sqlite_registry_storage.hpp>

#include "support/temporary_folder.hpp"

#include <string>
#include <utility>

namespace postrider::test {

/// Each call of `open` gives another handle to the same data.
struct in_memory {
  memory::registry_storage data{};
  any_registry_storage open() { return data; }
};
struct in_sqlite {
  temporary_folder folder{};
  any_registry_storage open() { return sqlite::registry_storage::open(folder / "registry.db").value(); }
};

inline server_record custom(std::string name, std::string user = "relay@example.com",
                            std::string password = "swordfish") {
  return {.name = std::move(name),
          .settings = {.host = "mail.example.com", .account = {std::move(user), secret(std::move(password))}}};
}
inline sender_record user(std::string address) {
  return {.name = "Ada", .address = std::move(address)};
}
inline sender_record channel(std::string address) {
  return {.kind = sender_kind::channel, .name = "Support", .address = std::move(address)};
}
inline sender_record overriding(sender_record sender, std::string server, account own = {}) {
  sender.override = {.server = std::move(server), .account = std::move(own)};
  return sender;
}

/// A registry with the tenant "acme".
template <class Storage>
struct house {
  explicit house(registry_options options = {})
      : registry(server_registry::open(storage.open(), vault::in_memory(), std::move(options)).value()) {
    registry.add_tenant("acme").value();
  }
  std::shared_ptr<const tenant_snapshot> acme() const { return registry.snapshot("acme"); }

  Storage storage{};
  server_registry registry;
};

/// Whether `outcome` was refused as invalid configuration, pointing at `look_at`, in words that contain `words`.
template <class T>
bool refused(const result<T>& outcome, field look_at, const std::string& words) {
  if (outcome) return false;
  const failure& why = outcome.error();
  return why.cause == cause::invalid_configuration && why.field == look_at &&
         why.detail.find(words) != std::string::npos;
}

}  // namespace postrider::test
