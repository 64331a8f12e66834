// Which mechanism to authenticate with, of those that a server offers.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/core/server.hpp>
#include <postrider/sasl/cram_md5.hpp>
#include <postrider/sasl/login.hpp>
#include <postrider/sasl/mechanism.hpp>
#include <postrider/sasl/plain.hpp>
#include <postrider/sasl/scram_sha256.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::sasl {

/// The best of the `offered` names (upper case), or the `wanted` one. Best is what keeps the password unseen, then what
/// takes fewest round trips: SCRAM-SHA-256, CRAM-MD5, PLAIN, LOGIN; unless asked for by name, one that cannot say the
/// account is passed over. A mechanism that reveals the password is chosen only if the
/// connection is `encrypted` or the server's definition openly allows it in clear.
///
/// Failures, all of stage auth: authentication_required (there is no account to be), encryption_required (TLS is what
/// is missing), mechanism_unavailable (nothing in common), invalid_configuration (an account that no mechanism can
/// say).
inline result<any_mechanism> select(std::span<const std::string> offered, auth_method wanted, const account& who,
                                    bool encrypted, bool allow_password_in_clear) {
  constexpr std::array by_strength{std::pair{auth_method::scram_sha_256, std::string_view("SCRAM-SHA-256")},
                                   std::pair{auth_method::cram_md5, std::string_view("CRAM-MD5")},
                                   std::pair{auth_method::plain, std::string_view("PLAIN")},
                                   std::pair{auth_method::login, std::string_view("LOGIN")}};
  const auto make = [&](auth_method method) -> result<any_mechanism> {
    if (method == auth_method::scram_sha_256) {
      if (auto fits = scram_sha256::accepts(who); !fits) return fail(std::move(fits.error()));
      return scram_sha256(who);
    }
    if (method == auth_method::cram_md5) return cram_md5(who);
    if (method == auth_method::login) return login(who);
    if (auto fits = plain::accepts(who); !fits) return fail(std::move(fits.error()));
    return plain(who);
  };

  if (wanted == auth_method::none || who.empty())
    return fail(cause::authentication_required, stage::auth, "no account is set for this server");

  std::string in_clear;
  std::optional<failure> unsaid;
  for (const auto& [method, name] : by_strength) {
    if (wanted != auth_method::automatic && wanted != method) continue;
    if (std::find(offered.begin(), offered.end(), name) == offered.end()) continue;
    auto candidate = make(method);
    if (!candidate) {
      if (!unsaid) unsaid = std::move(candidate.error());
      continue;
    }
    if (candidate->reveals_password() && !encrypted && !allow_password_in_clear) {
      (in_clear += in_clear.empty() ? "" : ", ") += name;
      continue;
    }
    return candidate;
  }
  if (!in_clear.empty())
    return fail(cause::encryption_required, stage::auth, "without TLS the password would be readable in " + in_clear);
  if (unsaid) return fail(std::move(*unsaid));
  if (offered.empty() && !encrypted)
    return fail(cause::encryption_required, stage::auth, "the server offers no authentication without TLS");

  std::string names;
  for (const auto& name : offered) (names += names.empty() ? "" : ", ") += name;
  const std::string asked =
      wanted == auth_method::automatic ? "SCRAM-SHA-256, CRAM-MD5, PLAIN or LOGIN" : std::string(to_string(wanted));
  return fail(
      cause::mechanism_unavailable, stage::auth,
      offered.empty() ? "the server offers no authentication" : "the server offers " + names + ", not " + asked);
}

}  // namespace postrider::sasl
