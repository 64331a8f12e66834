// Where a registry keeps its rows: the concept, and a holder for programs that choose at run time.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/registry/change.hpp>
#include <postrider/registry/model.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace postrider {

/// `version_conflict`: the tenant is no longer at the expected version, and nothing was written.
enum class commit_outcome : std::uint8_t { committed, version_conflict };

/// Requirements of a storage. It obeys and knows no rules. The registry calls it from one thread at a time.
template <class S>
concept registry_storage = std::movable<S> &&
    requires(S& storage, std::string_view tenant, std::uint64_t expected_version, const change_set& changes) {
  // The names of all tenants, in any order.
  { storage.tenants() } -> std::same_as<result<std::vector<std::string>>>;
  // All rows of a tenant as of one moment; version 0 if there is no such tenant.
  { storage.load(tenant) } -> std::same_as<result<tenant_snapshot>>;
  // All of the changes, durably and at once, if the tenant is still at that version (0: does not exist); or nothing.
  { storage.commit(tenant, expected_version, changes) } -> std::same_as<result<commit_outcome>>;
  // Tenants that somebody else may have changed since the last call; the first call may name none.
  { storage.changes() } -> std::same_as<result<std::vector<std::string>>>;
};

/// Any `registry_storage`.
class any_registry_storage {
 public:
  template <class S>
  requires(!std::same_as<S, any_registry_storage> && registry_storage<S>)
      any_registry_storage(S storage)  // NOLINT(google-explicit-constructor): a storage is one of these
      : held_(std::make_unique<holder<S>>(std::move(storage))) {}

  result<std::vector<std::string>> tenants() { return held_->tenants(); }
  result<tenant_snapshot> load(std::string_view tenant) { return held_->load(tenant); }
  result<commit_outcome> commit(std::string_view tenant, std::uint64_t expected_version, const change_set& changes) {
    return held_->commit(tenant, expected_version, changes);
  }
  result<std::vector<std::string>> changes() { return held_->changes(); }

 private:
  struct base {
    virtual ~base() = default;
    virtual result<std::vector<std::string>> tenants() = 0;
    virtual result<tenant_snapshot> load(std::string_view) = 0;
    virtual result<commit_outcome> commit(std::string_view, std::uint64_t, const change_set&) = 0;
    virtual result<std::vector<std::string>> changes() = 0;
  };
  template <class S>
  struct holder final : base {
    explicit holder(S storage) : storage(std::move(storage)) {}
    result<std::vector<std::string>> tenants() override { return storage.tenants(); }
    result<tenant_snapshot> load(std::string_view tenant) override { return storage.load(tenant); }
    result<commit_outcome> commit(std::string_view tenant, std::uint64_t expected, const change_set& changes) override {
      return storage.commit(tenant, expected, changes);
    }
    result<std::vector<std::string>> changes() override { return storage.changes(); }
    S storage;
  };

  std::unique_ptr<base> held_;
};

}  // namespace postrider
