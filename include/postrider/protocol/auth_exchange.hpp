// AUTH (RFC 4954): which mechanism, its lines, and whether the server's last word may be believed.
#pragma once

#include <postrider/core/base64.hpp>
#include <postrider/core/server.hpp>
#include <postrider/protocol/capabilities.hpp>
#include <postrider/sasl/select.hpp>

#include <optional>
#include <string>
#include <utility>

namespace postrider::protocol {

/// A command line of which only one part may be seen.
struct confidential_line {
  std::string open;
  secret hidden;
};

class auth_exchange {
 public:
  /// Chooses the mechanism; the failures are those of `sasl::select`.
  static result<auth_exchange> begin(const capabilities& offered, const server& definition, bool encrypted) {
    auto chosen = sasl::select(offered.auth, definition.auth, definition.account, encrypted,
                               definition.dangerously_allow_password_in_clear);
    if (!chosen) return fail(std::move(chosen.error()));
    return auth_exchange(std::move(*chosen), !definition.quirks.no_initial_response);
  }

  std::string_view mechanism_name() const { return mechanism_.name(); }

  /// The AUTH command, with an initial response if there is one, it is wanted, and the line holds it.
  confidential_line opening() {
    confidential_line line{.open = "AUTH " + std::string(mechanism_.name()), .hidden = {}};
    const std::optional<secret> initial = initial_response_ ? mechanism_.initial_response() : std::nullopt;
    if (!initial) return line;
    std::string encoded = initial->empty() ? "=" : base64::encode(initial->reveal());
    if (line.open.size() + 1 + encoded.size() > longest_command) {
      held_back_.emplace(std::move(encoded));
      return line;
    }
    line.open += ' ';
    line.hidden = secret(std::move(encoded));
    return line;
  }

  /// The answer to a 334: the mechanism's, or "*", which calls the exchange off; `conclude` then says why.
  confidential_line answer(const reply& challenge) {
    const auto raw = base64::decode(challenge.lines.front());
    if (!raw || ++rounds_ > most_rounds) {
      called_off_ =
          failure(cause::protocol_error, stage::auth, raw ? "too many challenges" : "a challenge that is not base64");
      return {.open = "*", .hidden = {}};
    }
    if (held_back_ && raw->empty()) return {.open = {}, .hidden = *std::exchange(held_back_, std::nullopt)};
    auto response = mechanism_.respond(*raw);
    if (response) return {.open = {}, .hidden = secret(base64::encode(response->reveal()))};
    called_off_ = std::move(response.error());
    return {.open = "*", .hidden = {}};
  }

  /// What the exchange came to, given the server's last reply (not 334) as `classified`; nothing if it succeeded.
  std::optional<failure> conclude(int code, failure classified) {
    if (called_off_) return std::move(called_off_);
    if (code != 235) return classified;
    if (mechanism_.succeeded()) return std::nullopt;
    return failure(cause::protocol_error, stage::auth,
                   "the server said success before " + std::string(mechanism_.name()) + " was complete");
  }

 private:
  static constexpr std::size_t longest_command = 510;  // RFC 5321 section 4.5.3.1.4, without CRLF
  static constexpr int most_rounds = 16;

  auth_exchange(sasl::any_mechanism mechanism, bool initial_response)
      : mechanism_(std::move(mechanism)), initial_response_(initial_response) {}

  sasl::any_mechanism mechanism_;
  std::optional<secret> held_back_;  // an initial response for which the command had no room
  std::optional<failure> called_off_;
  int rounds_ = 0;
  bool initial_response_;
};

}  // namespace postrider::protocol
