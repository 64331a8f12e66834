// The newest snapshot of every tenant, read from any thread, and those who want to hear of the next one.
#pragma once

#include <postrider/registry/change.hpp>
#include <postrider/registry/model.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace postrider {

/// Called after each change of a tenant with what it is now; for a removed tenant `exists()` is false.
using registry_listener = std::function<void(const std::shared_ptr<const tenant_snapshot>&)>;

/// Keeps a listener listening. Once it is destroyed the listener is not called any more and no call is under way; so a
/// listener must not destroy its own.
class [[nodiscard]] registry_subscription {
 public:
  registry_subscription() = default;

 private:
  friend class tenant_directory;
  explicit registry_subscription(std::shared_ptr<void> listening) : listening_(std::move(listening)) {}
  std::shared_ptr<void> listening_;
};

/// Reading costs a shared lock and a copied pointer. `publish` is called by one thread at a time.
class tenant_directory {
 public:
  /// Never null: a tenant that does not exist has version 0.
  std::shared_ptr<const tenant_snapshot> snapshot(std::string_view tenant) const {
    {
      const std::shared_lock lock(mutex_);
      const auto found = tenants_.find(tenant);
      if (found != tenants_.end()) return found->second;
    }
    tenant_snapshot none;
    none.tenant = tenant;
    return std::make_shared<const tenant_snapshot>(std::move(none));
  }

  /// All tenants, by name.
  std::vector<std::shared_ptr<const tenant_snapshot>> all() const {
    const std::shared_lock lock(mutex_);
    std::map<std::string_view, std::shared_ptr<const tenant_snapshot>> sorted;
    for (const auto& [name, tenant] : tenants_) sorted.emplace(name, tenant);
    std::vector<std::shared_ptr<const tenant_snapshot>> list;
    for (auto& [name, tenant] : sorted) list.push_back(std::move(tenant));
    return list;
  }

  /// The tenant that has the login `name`; empty if none has.
  std::string tenant_of_login(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    const auto found = login_owners_.find(name);
    return found != login_owners_.end() ? found->second : std::string();
  }

  /// Puts `now` in the place of the tenant's former snapshot, then tells the listeners.
  void publish(const std::shared_ptr<const tenant_snapshot>& now) {
    const auto before = snapshot(now->tenant);
    row_changes<login_record> logins;
    for (const login_record& login : before->logins) logins.erased.push_back(login.name);
    for (const login_record& login : now->logins) logins.put.push_back(std::make_shared<const login_record>(login));
    replace(now, logins);
  }
  /// The same where it is known which logins changed, at the cost of those.
  void publish(const std::shared_ptr<const tenant_snapshot>& now, const row_changes<login_record>& logins) {
    if (now->exists()) replace(now, logins);
    else publish(now);
  }

  registry_subscription subscribe(registry_listener listener) {
    const std::scoped_lock lock(listeners_->mutex);
    const std::uint64_t id = ++listeners_->last;
    listeners_->all.emplace(id, std::move(listener));
    const auto end = [list = listeners_, id](void*) {
      const std::scoped_lock ending(list->mutex);
      list->all.erase(id);
    };
    return registry_subscription(std::shared_ptr<void>(listeners_.get(), end));
  }

 private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  template <class Value>
  using by_name = std::unordered_map<std::string, Value, text_hash, std::equal_to<>>;

  struct listeners {
    std::mutex mutex;
    std::uint64_t last = 0;
    std::map<std::uint64_t, registry_listener> all;
  };

  void replace(const std::shared_ptr<const tenant_snapshot>& now, const row_changes<login_record>& logins) {
    {
      const std::unique_lock lock(mutex_);
      if (now->exists()) tenants_.insert_or_assign(now->tenant, now);
      else tenants_.erase(now->tenant);
      for (const std::string& name : logins.erased)
        if (const auto of = login_owners_.find(name); of != login_owners_.end() && of->second == now->tenant)
          login_owners_.erase(of);
      for (const auto& login : logins.put) login_owners_.insert_or_assign(login->name, now->tenant);
    }
    const std::scoped_lock lock(listeners_->mutex);
    for (const auto& [id, listener] : listeners_->all) listener(now);
  }

  mutable std::shared_mutex mutex_;
  by_name<std::shared_ptr<const tenant_snapshot>> tenants_;
  by_name<std::string> login_owners_;
  std::shared_ptr<listeners> listeners_ = std::make_shared<listeners>();
};

}  // namespace postrider
