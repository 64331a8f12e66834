// A registry that is gone when the process ends: for tests, and for programs that configure it themselves.
#pragma once

#include <postrider/registry/storage.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace postrider::memory {

/// A handle: copies share one storage, and each is its own reader of `changes`. Copies may be used by several threads.
class registry_storage {
 public:
  registry_storage() : shared_(std::make_shared<shared>()) {}

  result<std::vector<std::string>> tenants() {
    const std::scoped_lock lock(shared_->mutex);
    std::vector<std::string> names;
    for (const auto& [name, tenant] : shared_->tenants) names.push_back(name);
    return names;
  }

  result<tenant_snapshot> load(std::string_view tenant) {
    const std::scoped_lock lock(shared_->mutex);
    tenant_snapshot found = current(tenant);
    seen_[found.tenant] = found.version;
    return found;
  }

  result<commit_outcome> commit(std::string_view tenant, std::uint64_t expected_version, const change_set& changes) {
    const std::scoped_lock lock(shared_->mutex);
    const tenant_snapshot before = current(tenant);
    if (before.version != expected_version) return commit_outcome::version_conflict;
    seen_[before.tenant] = changes.version;
    if (changes.version == 0) shared_->tenants.erase(before.tenant);
    else shared_->tenants.insert_or_assign(before.tenant, apply(before, changes));
    return commit_outcome::committed;
  }

  result<std::vector<std::string>> changes() {
    const std::scoped_lock lock(shared_->mutex);
    std::vector<std::string> changed;
    for (const auto& [name, tenant] : shared_->tenants)
      if (seen_[name] != tenant.version) changed.push_back(name);
    for (auto& [name, version] : seen_)
      if (version != 0 && !shared_->tenants.contains(name)) changed.push_back(name);
    for (const std::string& name : changed) seen_[name] = current(name).version;
    return changed;
  }

 private:
  struct shared {
    std::mutex mutex;
    std::map<std::string, tenant_snapshot, std::less<>> tenants;
  };

  tenant_snapshot current(std::string_view tenant) const {
    const auto found = shared_->tenants.find(tenant);
    if (found != shared_->tenants.end()) return found->second;
    tenant_snapshot none;
    none.tenant = tenant;
    return none;
  }

  std::shared_ptr<shared> shared_;
  std::map<std::string, std::uint64_t> seen_;  ///< versions that this reader knows
};

}  // namespace postrider::memory
