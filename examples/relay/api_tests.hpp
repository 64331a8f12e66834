// Calls that test a server before it is relied on: at once, or begun here and watched elsewhere.
#pragma once

#include "relay/api_servers.hpp"
#include "relay/server_tests.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace postrider::examples::api {

/// What is to be tested, and with which mail.
struct prepared_test {
  std::string name{};         ///< of the server; empty if it is not saved
  std::string as = "server";  ///< whose account is used: "server", a sender's address, or "none"
  server where{};
  std::optional<mail> what{};
};

/// The settings of a form that was not saved. What it leaves out is that of the server `named`, if there is one.
inline result<server> unsaved(const office& on, const tenant_snapshot& tenant, const std::string& named,
                              const json& settings) {
  const arguments args(settings, server_arguments);
  server_record record;
  record.name = named.empty() ? args.text("name").value_or("new") : named;
  if (!named.empty()) {
    const server_record& saved = *tenant.find_server(named);
    if (saved.internal)
      return postrider::detail::refused(field::none, "the internal server's settings are those of the relay");
    record.settings = saved.settings;
  }
  edit(record, args);
  server& where = record.settings;
  if (where.account.password.empty() && !where.account.empty() && !named.empty()) {
    // Never another server's password: the saved one is for this name.
    auto saved = on.registry.definition(tenant.tenant, named);
    if (saved) where.account.password = saved->account.password;
  }
  auto fit = postrider::detail::check_settings(postrider::detail::named("server", record.name), where,
                                               !where.account.password.empty(), on.policy);
  if (!fit) return fail(std::move(fit.error()));
  return std::move(where);
}

inline void limit_waits(server& where, std::chrono::seconds limit) {
  server_timeouts& t = where.timeouts;
  t.resolve = t.connect = t.greeting = t.command = t.tls = t.data = t.block = t.final = limit;
  t.quit = std::min<std::chrono::milliseconds>(t.quit, limit);
}

/// `args` of {server, settings, from, to, sender, timeout}; `name`: a server that the path names.
inline result<prepared_test> prepare_test(const office& on, const tenant_snapshot& tenant, const arguments& args,
                                          const json& given, std::string name) {
  prepared_test test;
  const bool has_settings = given.contains("settings") && !given["settings"].is_null();
  if (has_settings && !given["settings"].is_object()) throw bad_argument("settings", "settings is no object");
  if (name.empty()) name = args.text("server").value_or(has_settings ? std::string() : tenant.default_server);
  test.name = name;
  if (!name.empty() && tenant.find_server(name) == nullptr)
    return postrider::detail::refused(field::none, postrider::detail::named("server", name) +
                                                       " does not exist in tenant \"" + printable(tenant.tenant) + '"');
  const std::string sender = args.text("sender").value_or("");
  auto where =
      has_settings ? unsaved(on, tenant, name, given["settings"]) : on.registry.definition(tenant.tenant, name, sender);
  if (!where) return fail(std::move(where.error()));
  test.where = std::move(*where);
  const sender_record* const who = sender.empty() ? nullptr : tenant.find_sender(sender);
  const bool own = who != nullptr && who->override && who->override->server == name && !who->override->account.empty();
  if (has_settings && own) {
    auto account = on.registry.definition(tenant.tenant, name, sender);
    if (!account) return fail(std::move(account.error()));
    test.where.account = account->account;
  }
  test.as = own ? who->address : test.where.account.empty() ? "none" : "server";
  limit_waits(test.where, std::chrono::seconds(args.number<std::uint32_t>("timeout", 1, 300).value_or(30)));

  const auto to = args.texts("to").value_or(std::vector<std::string>());
  const auto from = args.text("from");
  if (to.empty() == from.has_value()) throw bad_argument(to.empty() ? "to" : "from", "from and to are needed together");
  if (!to.empty()) {
    auto built = make_test_mail(*from, to, test.where);
    if (!built) return fail(std::move(built.error()));
    test.what = std::move(*built);
  }
  return test;
}

/// The whole test in one answer.
inline answer test_server(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"from", "to", "sender", "timeout"});
  const auto named = at.find("server");
  auto test = prepare_test(on, *tenant_of(on, at), args, given, named != at.end() ? named->second : std::string());
  if (!test) return refuse(test.error(), "name");
  return {200, postrider::examples::to_json(run_test(test->where, test->what))};
}

/// A test that goes on by itself; GET .../tests/{test}/events tells how.
inline answer begin_test(office& on, const path_values& at, const json& given) {
  const arguments args(given, {"server", "settings", "from", "to", "sender", "timeout"});
  if (on.live == nullptr) return refuse(503, "not_running", "no relay runs on this folder");
  auto test = prepare_test(on, *tenant_of(on, at), args, given, {});
  if (!test) return refuse(test.error(), "server");
  const auto id = on.live->tests.begin(at.at("tenant"), std::move(test->name), std::move(test->as),
                                       std::move(test->where), std::move(test->what));
  if (!id) return refuse(503, "busy", "too many tests are under way: wait for one to end");
  return {202, on.live->tests.find(at.at("tenant"), *id)->shown(*id)};
}

inline answer no_such_test(const path_values& at) {
  return refuse(404, "not_found", "there is no test " + printable(at.at("test")), "test");
}

inline answer show_test(office& on, const path_values& at, const json& given) {
  arguments(given, {});
  const auto test = on.live != nullptr ? on.live->tests.find(at.at("tenant"), at.at("test")) : nullptr;
  return test != nullptr ? answer{200, test->shown(at.at("test"))} : no_such_test(at);
}

inline answer cancel_test(office& on, const path_values& at, const json& given) {
  arguments(given, {});
  const auto test = on.live != nullptr ? on.live->tests.find(at.at("tenant"), at.at("test")) : nullptr;
  if (test == nullptr) return no_such_test(at);
  test->cancel();
  return {200, test->shown(at.at("test"))};
}

}  // namespace postrider::examples::api
