// The rules of the registry, all in one place: a pure function from (tenant, change) to the rows that change.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/registry/change.hpp>
#include <postrider/registry/login_verifier.hpp>
#include <postrider/registry/model.hpp>
#include <postrider/registry/validation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace postrider {

namespace detail {

/// Rules for one change of one tenant. Every overload checks, then says what to put and what to erase.
class rules {
 public:
  rules(const tenant_snapshot& now, registry_policy policy) : now_(now), policy_(policy) {
    out_.version = now.version + 1;
  }

  result<change_set> operator()(const add_tenant& change) {
    if (now_.exists()) return refused(field::none, named("tenant", now_.tenant) + " exists already");
    if (auto ok = check_name("tenant", now_.tenant); !ok) return fail(std::move(ok.error()));
    if (auto ok = check_address_or_none(change.notify_address); !ok) return fail(std::move(ok.error()));
    const std::string name(internal_server_name);
    out_.tenant = tenant_row{name, change.notify_address, out_.version};
    put(out_.servers, server_record{.name = name, .internal = true});
    return std::move(out_);
  }

  result<change_set> operator()(const set_tenant& change) {
    if (stale(change.revision, now_.revision)) return edited_meanwhile(named("tenant", now_.tenant));
    if (auto ok = check_address_or_none(change.notify_address); !ok) return fail(std::move(ok.error()));
    out_.tenant = tenant_row{now_.default_server, change.notify_address, out_.version};
    return std::move(out_);
  }

  result<change_set> operator()(const remove_tenant& change) {
    if (stale(change.revision, now_.revision)) return edited_meanwhile(named("tenant", now_.tenant));
    out_.version = 0;
    return std::move(out_);
  }

  result<change_set> operator()(const add_server& change) {
    server_record server = change.server;
    if (auto ok = check_name("server", server.name); !ok) return fail(std::move(ok.error()));
    if (now_.find_server(server.name) != nullptr)
      return refused(field::none, named("server", server.name) + " exists already");
    if (server.internal)
      return refused(field::none, named("server", server.name) + ": a tenant has one internal server");
    if (auto ok = check_server(server); !ok) return fail(std::move(ok.error()));
    if (change.make_default) out_.tenant = tenant_row{server.name, now_.notify_address, out_.version};
    put(out_.servers, std::move(server));
    return std::move(out_);
  }

  result<change_set> operator()(const set_server& change) {
    server_record server = change.server;
    const server_record* old = now_.find_server(server.name);
    if (old == nullptr) return unknown("server", server.name);
    if (stale(server.revision, old->revision)) return edited_meanwhile(named("server", server.name));
    server.internal = old->internal;
    if (server.settings.account.empty()) server.password = {};
    else if (server.password.empty()) server.password = old->password;
    if (auto ok = check_server(server); !ok) return fail(std::move(ok.error()));
    put(out_.servers, std::move(server));
    return std::move(out_);
  }

  result<change_set> operator()(const set_default_server& change) {
    if (now_.find_server(change.name) == nullptr) return unknown("server", change.name);
    if (stale(change.revision, now_.revision)) return edited_meanwhile(named("tenant", now_.tenant));
    out_.tenant = tenant_row{change.name, now_.notify_address, out_.version};
    return std::move(out_);
  }

  result<change_set> operator()(const remove_server& change) {
    const server_record* server = now_.find_server(change.name);
    if (server == nullptr) return unknown("server", change.name);
    const std::string thing = named("server", change.name);
    if (stale(change.revision, server->revision)) return edited_meanwhile(thing);
    if (server->internal) return refused(field::none, thing + " is the internal one and cannot be removed");
    if (change.name == now_.default_server)
      return refused(field::none, thing + " is the default: make another one the default first");
    const server_usage usage = now_.used_by(change.name);
    if (!change.move_users && (usage.size() != 0 || !usage.fallback_of.empty() || change.pinned_mails != 0))
      return refused(field::none, thing + " is still used by " + users_of(usage, change.pinned_mails));
    for (const auto* group : {&usage.users, &usage.channels})
      for (const std::string& address : group->by_override) {
        sender_record moved = *now_.find_sender(address);
        moved.override.reset();
        put(out_.senders, std::move(moved));
      }
    for (const std::string& name : usage.fallback_of) {
      server_record other = *now_.find_server(name);
      std::erase(other.fallbacks, change.name);
      put(out_.servers, std::move(other));
    }
    out_.servers.erased.push_back(change.name);
    return std::move(out_);
  }

  result<change_set> operator()(const add_sender& change) {
    sender_record sender = change.sender;
    if (auto ok = check_sender(sender, nullptr); !ok) return fail(std::move(ok.error()));
    if (now_.find_sender(sender.address) != nullptr)
      return refused(field::sender, named("sender", sender.address) + " exists already");
    put(out_.senders, std::move(sender));
    return std::move(out_);
  }

  result<change_set> operator()(const set_sender& change) {
    sender_record sender = change.sender;
    const sender_record* old = now_.find_sender(sender.address);
    if (old == nullptr) return unknown("sender", sender.address, field::sender);
    if (stale(sender.revision, old->revision)) return edited_meanwhile(named("sender", sender.address));
    if (auto ok = check_sender(sender, old); !ok) return fail(std::move(ok.error()));
    put(out_.senders, std::move(sender));
    return std::move(out_);
  }

  result<change_set> operator()(const remove_sender& change) {
    const sender_record* sender = now_.find_sender(change.address);
    if (sender == nullptr) return unknown("sender", change.address, field::sender);
    if (stale(change.revision, sender->revision)) return edited_meanwhile(named("sender", sender->address));
    out_.senders.erased.push_back(sender->address);
    return std::move(out_);
  }

  result<change_set> operator()(const add_login& change) {
    login_record login = change.login;
    if (auto ok = check_name("login", login.name); !ok) return fail(std::move(ok.error()));
    if (now_.find_login(login.name) != nullptr)
      return refused(field::user, named("login", login.name) + " exists already");
    if (auto ok = check_login(login); !ok) return fail(std::move(ok.error()));
    put(out_.logins, std::move(login));
    return std::move(out_);
  }

  result<change_set> operator()(const set_login& change) {
    login_record login = change.login;
    const login_record* old = now_.find_login(login.name);
    if (old == nullptr) return unknown("login", login.name, field::user);
    if (stale(login.revision, old->revision)) return edited_meanwhile(named("login", login.name));
    if (login.verifier.empty()) login.verifier = old->verifier;
    if (auto ok = check_login(login); !ok) return fail(std::move(ok.error()));
    put(out_.logins, std::move(login));
    return std::move(out_);
  }

  result<change_set> operator()(const remove_login& change) {
    const login_record* login = now_.find_login(change.name);
    if (login == nullptr) return unknown("login", change.name, field::user);
    if (stale(change.revision, login->revision)) return edited_meanwhile(named("login", change.name));
    out_.logins.erased.push_back(change.name);
    return std::move(out_);
  }

  result<change_set> operator()(const reseal& change) {
    for (const server_record& server : change.servers) {
      const server_record* old = now_.find_server(server.name);
      if (old == nullptr || stale(server.revision, old->revision))
        return edited_meanwhile(named("server", server.name));
      server_record resealed = *old;
      resealed.password = server.password;
      put(out_.servers, std::move(resealed));
    }
    for (const sender_record& sender : change.senders) {
      const sender_record* old = now_.find_sender(sender.address);
      if (old == nullptr || stale(sender.revision, old->revision) || !old->override || !sender.override)
        return edited_meanwhile(named("sender", sender.address));
      sender_record resealed = *old;
      resealed.override->password = sender.override->password;
      put(out_.senders, std::move(resealed));
    }
    return std::move(out_);
  }

 private:
  template <class Record>
  void put(row_changes<Record>& rows, Record record) {
    record.revision = out_.version;
    rows.put.push_back(std::make_shared<const Record>(std::move(record)));
  }

  static bool stale(std::uint64_t expected, std::uint64_t actual) { return expected != 0 && expected != actual; }

  tl::unexpected<failure> unknown(std::string_view thing, std::string_view name, field look_at = field::none) const {
    return refused(look_at, named(thing, name) + " does not exist in " + named("tenant", now_.tenant));
  }

  result<void> check_server(const server_record& server) const {
    const std::string thing = named("server", server.name);
    if (!server.settings.account.password.empty())
      return refused(field::password, thing + ": the password is not sealed");
    if (auto ok = check_address_or_none(server.notify_address); !ok) return ok;
    if (server.weight == 0) return refused(field::none, thing + " has weight 0");
    std::set<std::string_view> seen;
    for (const std::string& fallback : server.fallbacks) {
      if (now_.find_server(fallback) == nullptr) return unknown(thing + ": fallback", fallback);
      if (fallback == server.name) return refused(field::none, thing + " cannot be its own fallback");
      if (!seen.insert(fallback).second)
        return refused(field::none, thing + " names " + named("fallback", fallback) + " twice");
    }
    if (server.internal) {
      if (server.settings != postrider::server{} || !server.password.empty())
        return refused(field::none, thing + " is defined for the whole process: its settings cannot be changed here");
      return {};
    }
    return check_settings(thing, server.settings, !server.password.empty(), policy_);
  }

  /// Also brings the address into its stored form, and carries an account left without a password over from `old`.
  result<void> check_sender(sender_record& sender, const sender_record* old) const {
    if (auto ok = check_name("sender", sender.name); !ok) return ok;
    auto address = sender_address(sender.address);
    if (!address) return fail(std::move(address.error()));
    sender.address = std::move(*address);
    if (!sender.override) return {};

    const std::string thing = named("sender", sender.address);
    server_override& own = *sender.override;
    if (!own.account.password.empty()) return refused(field::password, thing + ": the password is not sealed");
    if (now_.find_server(own.server) == nullptr) return unknown(thing + ": server", own.server);
    if (auto ok = check_text(thing + ": the user", own.account.user, field::user); !ok) return ok;
    const bool same_server = old != nullptr && old->override && old->override->server == own.server;
    if (own.account.empty()) own.password = {};
    else if (own.password.empty() && same_server) own.password = old->override->password;
    if (!own.account.empty() && own.password.empty())
      return refused(field::password,
                     thing + " has a user on " + named("server", own.server) + " but no password for it");
    return {};
  }

  static result<void> check_login(login_record& login) {
    const std::string thing = named("login", login.name);
    if (!login_verifier::parse(login.verifier)) return refused(field::password, thing + " has no password");
    if (login.senders.empty()) return refused(field::sender, thing + " has no sender address that it may use");
    for (std::string& sender : login.senders) {
      auto address = sender_address(sender);
      if (!address) return fail(std::move(address.error()));
      sender = std::move(*address);
    }
    std::sort(login.senders.begin(), login.senders.end());
    login.senders.erase(std::unique(login.senders.begin(), login.senders.end()), login.senders.end());
    return {};
  }

  /// `user ada@example.com, channel help@example.com, server "b" as a fallback, 2 waiting mails pinned to it`
  static std::string users_of(const server_usage& usage, std::uint64_t pinned_mails) {
    std::vector<std::string> users;
    for (const auto& address : usage.users.by_override) users.push_back("user " + printable(address));
    for (const auto& address : usage.channels.by_override) users.push_back("channel " + printable(address));
    for (const auto& name : usage.fallback_of) users.push_back(named("server", name) + " as a fallback");
    if (pinned_mails != 0)
      users.push_back(std::to_string(pinned_mails) + (pinned_mails == 1 ? " waiting mail" : " waiting mails") +
                      " pinned to it");
    constexpr std::size_t most = 20;
    std::string text;
    for (std::size_t i = 0; i < users.size() && i < most; ++i) (text += i == 0 ? "" : ", ") += users[i];
    if (users.size() > most) text += " and " + std::to_string(users.size() - most) + " more";
    return text;
  }

  const tenant_snapshot& now_;
  registry_policy policy_;
  change_set out_;
};

}  // namespace detail

/// What `change` comes to for the tenant `now`, or why it is refused. Pure: passwords are sealed and verifiers made
/// before, what it returns is committed after.
inline result<change_set> evaluate(const tenant_snapshot& now, const change& change,
                                   registry_policy policy = registry_policy::secure) {
  if (!now.exists() && !std::holds_alternative<add_tenant>(change))
    return detail::refused(field::none, detail::named("tenant", now.tenant) + " does not exist");
  return std::visit(detail::rules(now, policy), change);
}

}  // namespace postrider
