// Clients known by the logins of a registry.
#pragma once

#include <postrider/net/completion.hpp>
#include <postrider/registry/registry.hpp>
#include <postrider/server/login.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace postrider {

namespace detail {

/// `name`, which has proved to know the password of `proof`.
inline login login_of(const server_registry& registry, const std::string& name, login_proof proof) {
  const auto permits = [&registry, tenant = proof.tenant, name](std::string_view sender) {
    const auto now = registry.snapshot(tenant);
    const login_record* const record = now->find_login(name);
    return record != nullptr && record->permits(sender);
  };
  const auto stands = [&registry, name, proof] { return registry.find_login(name) == proof; };
  return login(proof.tenant, name, permits, stands);
}

inline result<login> find_login(const server_registry& registry, const std::string& name, const secret& password) {
  login_proof proof = registry.find_login(name);  // first, so that a change in between shows
  if (auto right = registry.verify_login(name, password); !right) return fail(std::move(right.error()));
  return login_of(registry, name, std::move(proof));
}

}  // namespace detail

/// Checks passwords against `registry` on `worker`: it takes milliseconds on purpose, and the thread of the sessions
/// has better things to do. What a login may do is looked up for each of its mails: one that was removed, or has
/// another password or other senders now, is treated so at once. Both outlive the check and the sessions that use it.
inline password_check logins_of(const server_registry& registry, asio::any_io_executor worker) {
  return [&registry, worker = std::move(worker)](std::string name, secret password) {
    return net::complete<result<login>>([&registry, worker, name = std::move(name),
                                         password = std::move(password)](net::completion<result<login>> done) mutable {
      asio::post(worker, [&registry, name = std::move(name), password = std::move(password),
                          done = std::move(done)]() mutable { done(detail::find_login(registry, name, password)); });
    });
  };
}

/// Finds the keys of logins in `registry`, for SCRAM-SHA-256; for the rest as above.
inline login_lookup keys_of_logins(const server_registry& registry) {
  return [&registry](std::string name) -> asio::awaitable<result<claimed_login>> {
    login_proof proof = registry.find_login(name);
    auto verifier = login_verifier::parse(proof.verifier);
    if (!verifier) co_return fail(cause::credential_unavailable, stage::auth, "the login's verifier is damaged");
    co_return claimed_login(detail::login_of(registry, name, std::move(proof)), verifier->keys());
  };
}

}  // namespace postrider
