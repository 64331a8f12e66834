// From what is stored of a server to what a connection needs: whose settings, and whose account.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/core/server.hpp>
#include <postrider/registry/model.hpp>
#include <postrider/registry/sealing.hpp>
#include <postrider/registry/validation.hpp>
#include <postrider/registry/vault.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider {

/// The server `name` of `tenant` as `sender` uses it, its password opened. `internal` stands for the internal server.
/// The account is the server's own, unless the sender has one of its own on this very server.
inline result<server> define_server(const tenant_snapshot& tenant, std::string_view name, std::string_view sender,
                                    const vault& keys, const std::optional<server>& internal) {
  const std::string in_tenant = detail::named("tenant", tenant.tenant);
  if (!tenant.exists()) return fail(cause::no_server, stage::queue, in_tenant + " does not exist");
  const server_record* record = tenant.find_server(name);
  if (record == nullptr)
    return fail(cause::no_server, stage::queue, detail::named("server", name) + " does not exist in " + in_tenant);
  if (record->internal && !internal)
    return fail(cause::no_server, stage::queue, "no internal server was given to this process");
  server defined = record->internal ? *internal : record->settings;

  const sender_record* own = sender.empty() ? nullptr : tenant.find_sender(sender);
  if (own != nullptr && (!own->override || own->override->server != name || own->override->account.empty()))
    own = nullptr;
  if (own == nullptr && record->internal) return defined;
  const tenant_passwords passwords(keys, tenant.tenant);
  auto password = own != nullptr ? passwords.open(*own) : passwords.open(*record);
  if (!password) return fail(std::move(password.error()));
  if (own != nullptr) defined.account.user = own->override->account.user;
  defined.account.password = std::move(*password);
  return defined;
}

}  // namespace postrider
