// Who uses which server, counted and in order: kept up to date at the cost of what changes, read at the cost of a page.
#pragma once

#include <postrider/registry/model.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::examples {

/// The senders of one tenant, by the server of their override.
class tenant_usage {
 public:
  struct group {
    std::set<std::string, std::less<>> users{};     ///< addresses
    std::set<std::string, std::less<>> channels{};  ///< addresses
    const std::set<std::string, std::less<>>& of(sender_kind kind) const noexcept {
      return kind == sender_kind::user ? users : channels;
    }
  };

  /// `server`: empty for those without an override.
  const group& overriding(std::string_view server) const {
    static const group nobody;
    const auto found = groups_.find(server);
    return found != groups_.end() ? found->second : nobody;
  }
  /// Those who use the default, if `server` is the default.
  const group& by_default(const tenant_snapshot& tenant, std::string_view server) const {
    static const group nobody;
    return tenant.default_server == server ? overriding("") : nobody;
  }
  std::size_t count(const tenant_snapshot& tenant, std::string_view server, sender_kind kind) const {
    return overriding(server).of(kind).size() + by_default(tenant, server).of(kind).size();
  }

 private:
  friend class usage_index;

  void become(const persistent_map<sender_record>& now) {
    persistent_map<sender_record>::differences(senders_, now,
                                               [&](const sender_record* old, const sender_record* fresh) {
                                                 if (old != nullptr) {
                                                   set_of(*old).erase(old->address);
                                                   const auto group = groups_.find(server_of(*old));
                                                   if (group->second.users.empty() && group->second.channels.empty())
                                                     groups_.erase(group);
                                                 }
                                                 if (fresh != nullptr) set_of(*fresh).insert(fresh->address);
                                               });
    senders_ = now;
  }
  static std::string server_of(const sender_record& sender) {
    return sender.override ? sender.override->server : std::string();
  }
  std::set<std::string, std::less<>>& set_of(const sender_record& sender) {
    group& of = groups_[server_of(sender)];
    return sender.kind == sender_kind::user ? of.users : of.channels;
  }

  persistent_map<sender_record> senders_;
  std::map<std::string, group, std::less<>> groups_;
};

/// Thread-safe.
class usage_index {
 public:
  /// The answer of `read(const tenant_usage&)` for `tenant` as it is in this snapshot.
  template <class Read>
  auto with(const tenant_snapshot& tenant, Read read) {
    const std::scoped_lock lock(mutex_);
    tenant_usage& usage = tenants_[tenant.tenant];
    usage.become(tenant.senders);
    return read(std::as_const(usage));
  }

 private:
  std::mutex mutex_;
  std::map<std::string, tenant_usage, std::less<>> tenants_;
};

}  // namespace postrider::examples
