// Tenants, their servers, senders and logins: read from any thread, changed by the rules, kept by a storage.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/core/secret.hpp>
#include <postrider/core/server.hpp>
#include <postrider/registry/change.hpp>
#include <postrider/registry/definition.hpp>
#include <postrider/registry/login_verifier.hpp>
#include <postrider/registry/model.hpp>
#include <postrider/registry/password_verifier.hpp>
#include <postrider/registry/rules.hpp>
#include <postrider/registry/sealing.hpp>
#include <postrider/registry/storage.hpp>
#include <postrider/registry/tenant_directory.hpp>
#include <postrider/registry/validation.hpp>
#include <postrider/registry/vault.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace postrider {

struct registry_options {
  registry_policy policy = registry_policy::secure;
  std::optional<postrider::server> internal_server{};  ///< what every tenant's internal server stands for
};

/// What a client has to know to be a login. For a name that is nobody's the tenant is empty, and the verifier one that
/// no password fits.
struct login_proof {
  std::string tenant{};
  std::string verifier{};

  friend bool operator==(const login_proof&, const login_proof&) = default;
};

/// Thread-safe. Reading costs a shared lock and a copied pointer; changes come one after the other. A change returns
/// the tenant's new version, which is the revision of the rows that it wrote.
class server_registry {
 public:
  /// Loads every tenant. The key file is made only if it is missing and the storage holds no secret; a missing key or
  /// another one than the secrets were sealed with is an error that names it.
  static result<server_registry> open(any_registry_storage storage, const key_file& key, registry_options options = {});
  static result<server_registry> open(any_registry_storage storage, vault keys, registry_options options = {});

  /// The tenant as it is now: never null; `exists()` is false if there is no such tenant.
  std::shared_ptr<const tenant_snapshot> snapshot(std::string_view tenant) const {
    return state_->directory.snapshot(tenant);
  }
  /// The names of all tenants, sorted.
  std::vector<std::string> tenants() const;

  /// Everything that a connection needs: the process's definition for the internal server, else the tenant's settings
  /// with the server's own account, or, on the server that `sender` overrides the default with, the sender's. Settings
  /// that this registry's policy would not store are a failure, whoever stored them.
  result<postrider::server> definition(std::string_view tenant, std::string_view server,
                                       std::string_view sender = {}) const;

  /// The tenant of the login `name`, if `password` is its password. A wrong name and a wrong password are one failure.
  /// Takes milliseconds of computing, but microseconds for a password that was right before.
  result<std::string> verify_login(std::string_view name, const secret& password) const;

  /// The tenant and the verifier of the login `name`. A name that is nobody's has the same verifier each time, until
  /// the key that seals is another one: who asks cannot tell it from a login.
  login_proof find_login(std::string_view name) const;

  /// Any change. Passwords come in `account.password`, in clear, and are sealed here.
  result<std::uint64_t> commit(std::string_view tenant, change what);

  result<std::uint64_t> add_tenant(std::string_view tenant, std::string notify_address = {}) {
    return commit(tenant, postrider::add_tenant{std::move(notify_address)});
  }
  result<std::uint64_t> set_tenant(std::string_view tenant, std::string notify_address, std::uint64_t revision = 0) {
    return commit(tenant, postrider::set_tenant{std::move(notify_address), revision});
  }
  result<std::uint64_t> remove_tenant(std::string_view tenant, std::uint64_t revision = 0) {
    return commit(tenant, postrider::remove_tenant{revision});
  }

  result<std::uint64_t> add_server(std::string_view tenant, server_record server, bool make_default = false) {
    return commit(tenant, postrider::add_server{std::move(server), make_default});
  }
  result<std::uint64_t> set_server(std::string_view tenant, server_record server) {
    return commit(tenant, postrider::set_server{std::move(server)});
  }
  result<std::uint64_t> set_default_server(std::string_view tenant, std::string name, std::uint64_t revision = 0) {
    return commit(tenant, postrider::set_default_server{std::move(name), revision});
  }
  /// Parameters as in `postrider::remove_server`.
  result<std::uint64_t> remove_server(std::string_view tenant, std::string name, bool move_users = false,
                                      std::uint64_t pinned_mails = 0, std::uint64_t revision = 0) {
    return commit(tenant, postrider::remove_server{std::move(name), move_users, pinned_mails, revision});
  }

  result<std::uint64_t> add_sender(std::string_view tenant, sender_record sender) {
    return commit(tenant, postrider::add_sender{std::move(sender)});
  }
  result<std::uint64_t> set_sender(std::string_view tenant, sender_record sender) {
    return commit(tenant, postrider::set_sender{std::move(sender)});
  }
  result<std::uint64_t> remove_sender(std::string_view tenant, std::string address, std::uint64_t revision = 0) {
    return commit(tenant, postrider::remove_sender{std::move(address), revision});
  }

  /// The verifier is made from `password`; left empty in `set_login`, the old one stays.
  result<std::uint64_t> add_login(std::string_view tenant, login_record login, const secret& password);
  result<std::uint64_t> set_login(std::string_view tenant, login_record login, const secret& password = {});
  result<std::uint64_t> remove_login(std::string_view tenant, std::string name, std::uint64_t revision = 0) {
    return commit(tenant, postrider::remove_login{std::move(name), revision});
  }

  /// Makes a new key, seals every secret again with it, and forgets the old ones. Interrupted, it can be repeated.
  result<void> rotate_key();

  /// Takes up what others changed in the storage.
  result<void> refresh();

  /// `listener` is called on the thread that makes a change, in the order of the changes. It must not change the
  /// registry; posting the snapshot elsewhere is what it is for.
  registry_subscription subscribe(registry_listener listener) {
    return state_->directory.subscribe(std::move(listener));
  }

 private:
  struct state {
    state(any_registry_storage storage, vault keys, registry_options options)
        : storage(std::move(storage)),
          options(std::move(options)),
          keys(std::make_shared<const vault>(std::move(keys))) {}

    any_registry_storage storage;
    registry_options options;
    std::mutex changing;  ///< held during a change; guards the storage
    tenant_directory directory;
    mutable std::shared_mutex keys_mutex;
    std::shared_ptr<const vault> keys;
    password_verifier passwords;
  };

  explicit server_registry(std::unique_ptr<state> s) : state_(std::move(s)) {}

  /// `get_keys(bool holds_secrets)` is called once it is known what the storage holds.
  template <class GetKeys>
  static result<server_registry> start(any_registry_storage storage, registry_options options, GetKeys get_keys);
  std::shared_ptr<const vault> keys() const {
    const std::shared_lock lock(state_->keys_mutex);
    return state_->keys;
  }
  void use_keys(vault keys) {
    auto next = std::make_shared<const vault>(std::move(keys));
    const std::unique_lock lock(state_->keys_mutex);
    state_->keys = std::move(next);
  }
  result<std::uint64_t> commit_locked(std::string_view tenant, const change& what);
  result<void> reload_locked(std::string_view tenant);
  static result<std::string> make_verifier(const std::string& name, const secret& password);

  std::unique_ptr<state> state_;
};

inline result<server_registry> server_registry::open(any_registry_storage storage, const key_file& key,
                                                     registry_options options) {
  return start(std::move(storage), std::move(options), [&](bool holds_secrets) {
    return vault::open(key, holds_secrets ? vault::if_missing::fail : vault::if_missing::create);
  });
}

inline result<server_registry> server_registry::open(any_registry_storage storage, vault keys,
                                                     registry_options options) {
  return start(std::move(storage), std::move(options), [&](bool) -> result<vault> { return std::move(keys); });
}

template <class GetKeys>
result<server_registry> server_registry::start(any_registry_storage storage, registry_options options,
                                               GetKeys get_keys) {
  auto names = storage.tenants();
  if (!names) return fail(std::move(names.error()));
  std::vector<std::shared_ptr<const tenant_snapshot>> tenants;
  bool holds_secrets = false;
  for (const std::string& name : *names) {
    auto tenant = storage.load(name);
    if (!tenant) return fail(std::move(tenant.error()));
    for_each_secret(*tenant, [&](const sealed_secret&) { holds_secrets = true; });
    tenants.push_back(std::make_shared<const tenant_snapshot>(std::move(*tenant)));
  }
  result<vault> keys = get_keys(holds_secrets);
  if (!keys) return fail(std::move(keys.error()));
  for (const auto& tenant : tenants) {
    bool known = true;
    for_each_secret(*tenant, [&](const sealed_secret& sealed) { known = known && keys->has_key_of(sealed); });
    if (!known)
      return fail(cause::invalid_configuration, stage::queue,
                  keys->location() + ": this is not the key that the secrets of " +
                      detail::named("tenant", tenant->tenant) + " were sealed with");
  }
  auto opened = std::make_unique<state>(std::move(storage), std::move(*keys), std::move(options));
  for (const auto& tenant : tenants) opened->directory.publish(tenant);
  return server_registry(std::move(opened));
}

inline std::vector<std::string> server_registry::tenants() const {
  std::vector<std::string> names;
  for (const auto& tenant : state_->directory.all()) names.push_back(tenant->tenant);
  return names;
}

inline result<postrider::server> server_registry::definition(std::string_view tenant, std::string_view server,
                                                             std::string_view sender) const {
  while (true) {
    const auto keys_now = keys();
    const auto now = snapshot(tenant);
    // It may have been stored under another policy.
    const server_record* const custom = now->find_server(server);
    if (custom != nullptr && !custom->internal) {
      const bool has_password = !custom->password.empty();
      auto ok = detail::check_settings(detail::named("server", server), custom->settings, has_password,
                                       state_->options.policy);
      if (!ok) return fail(std::move(ok.error()));
    }
    auto defined = define_server(*now, server, sender, *keys_now, state_->options.internal_server);
    if (defined || keys_now == keys()) return defined;  // otherwise the key was rotated between the two
  }
}

inline result<std::string> server_registry::verify_login(std::string_view name, const secret& password) const {
  std::string tenant = state_->directory.tenant_of_login(name);
  const auto now = snapshot(tenant);
  const login_record* login = now->find_login(name);
  if (!state_->passwords.verify(login != nullptr ? login->verifier : std::string(), password))
    return fail(cause::credentials_rejected, stage::auth, "the login or its password is wrong");
  return tenant;
}

inline login_proof server_registry::find_login(std::string_view name) const {
  std::string tenant = state_->directory.tenant_of_login(name);
  const auto now = snapshot(tenant);
  if (const login_record* login = now->find_login(name)) return {std::move(tenant), login->verifier};
  return {{}, login_verifier::nobody(keys()->derive("login of " + std::string(name))).str()};
}

inline result<std::uint64_t> server_registry::commit(std::string_view tenant, change what) {
  const std::scoped_lock lock(state_->changing);
  if (auto sealed = tenant_passwords(*keys(), tenant).seal_all(what); !sealed) return fail(std::move(sealed.error()));
  return commit_locked(tenant, what);
}

inline result<std::uint64_t> server_registry::commit_locked(std::string_view tenant, const change& what) {
  if (const auto* add = std::get_if<postrider::add_login>(&what)) {
    const std::string owner = state_->directory.tenant_of_login(add->login.name);
    if (!owner.empty() && owner != tenant)
      return detail::refused(field::user,
                             detail::named("login", add->login.name) + " exists already in another tenant");
  }
  for (int attempt = 0; attempt < 16; ++attempt) {
    const auto now = snapshot(tenant);
    auto changes = evaluate(*now, what, state_->options.policy);
    if (!changes) return fail(std::move(changes.error()));
    const auto outcome = state_->storage.commit(tenant, now->version, *changes);
    if (!outcome) return fail(outcome.error());
    if (*outcome == commit_outcome::committed) {
      state_->directory.publish(std::make_shared<const tenant_snapshot>(apply(*now, *changes)), changes->logins);
      return changes->version;
    }
    // Somebody else changed the tenant. If it was the same row, its revision tells; if not, both changes stand.
    if (auto reloaded = reload_locked(tenant); !reloaded) return fail(std::move(reloaded.error()));
  }
  return detail::edited_meanwhile(detail::named("tenant", tenant));
}

inline result<void> server_registry::reload_locked(std::string_view tenant) {
  auto loaded = state_->storage.load(tenant);
  if (!loaded) return fail(std::move(loaded.error()));
  state_->directory.publish(std::make_shared<const tenant_snapshot>(std::move(*loaded)));
  return {};
}

inline result<std::string> server_registry::make_verifier(const std::string& name, const secret& password) {
  if (password.empty()) return std::string();
  if (auto ok = detail::check_password(detail::named("login", name), password); !ok) return fail(std::move(ok.error()));
  return login_verifier::make(password).str();
}

inline result<std::uint64_t> server_registry::add_login(std::string_view tenant, login_record login,
                                                        const secret& password) {
  auto verifier = make_verifier(login.name, password);
  if (!verifier) return fail(std::move(verifier.error()));
  login.verifier = std::move(*verifier);
  return commit(tenant, postrider::add_login{std::move(login)});
}

inline result<std::uint64_t> server_registry::set_login(std::string_view tenant, login_record login,
                                                        const secret& password) {
  auto verifier = make_verifier(login.name, password);
  if (!verifier) return fail(std::move(verifier.error()));
  login.verifier = std::move(*verifier);
  return commit(tenant, postrider::set_login{std::move(login)});
}

inline result<void> server_registry::rotate_key() {
  const std::scoped_lock lock(state_->changing);
  vault next = *keys();
  if (auto added = next.add_key(); !added) return added;
  use_keys(next);
  for (const auto& tenant : state_->directory.all()) {
    auto again = tenant_passwords(next, tenant->tenant).seal_again(*tenant);
    if (!again) return fail(std::move(again.error()));
    if (again->servers.empty() && again->senders.empty()) continue;
    if (auto done = commit_locked(tenant->tenant, std::move(*again)); !done) return fail(std::move(done.error()));
  }
  if (auto dropped = next.drop_old_keys(); !dropped) return dropped;
  use_keys(std::move(next));
  return {};
}

inline result<void> server_registry::refresh() {
  const std::scoped_lock lock(state_->changing);
  const auto changed = state_->storage.changes();
  if (!changed) return fail(changed.error());
  for (const std::string& tenant : *changed)
    if (auto reloaded = reload_locked(tenant); !reloaded) return reloaded;
  return {};
}

}  // namespace postrider
