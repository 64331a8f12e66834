// What a SASL mechanism (RFC 4422) is to a client, and a box for any of them.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/core/secret.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace postrider::sasl {

/// The client's side of one authentication exchange. Challenges and responses are raw bytes, never base64.
template <class M>
concept mechanism = requires(M& m, const M& c, std::string_view challenge) {
  /// The registered name in upper case, as AUTH says it.
  { c.name() } -> std::convertible_to<std::string_view>;
  /// Whether one who reads the exchange learns the password.
  { c.reveals_password() } -> std::same_as<bool>;
  /// What may be sent with AUTH itself; nothing if the server speaks first. A client that must not send one does not
  /// ask: the first challenge is then empty, and `respond` gives the same bytes.
  { m.initial_response() } -> std::same_as<std::optional<secret>>;
  /// The answer to a challenge, or why there is none: the exchange is then cancelled.
  { m.respond(challenge) } -> std::same_as<result<secret>>;
  /// Whether a 235 may be believed now: everything was said, and a server that must prove itself has done so.
  { c.succeeded() } -> std::same_as<bool>;
}
&&std::move_constructible<M>;

/// Holds any mechanism; itself one.
class any_mechanism {
 public:
  template <class M>
  requires(!std::same_as<M, any_mechanism> && mechanism<M>) any_mechanism(M held)
      : held_(std::make_unique<model<M>>(std::move(held))) {}  // NOLINT(google-explicit-constructor)

  std::string_view name() const { return held_->name(); }
  bool reveals_password() const { return held_->reveals_password(); }
  std::optional<secret> initial_response() { return held_->initial_response(); }
  result<secret> respond(std::string_view challenge) { return held_->respond(challenge); }
  bool succeeded() const { return held_->succeeded(); }

 private:
  struct interface {
    interface() = default;
    interface(const interface&) = delete;
    interface& operator=(const interface&) = delete;
    virtual ~interface() = default;
    virtual std::string_view name() const = 0;
    virtual bool reveals_password() const = 0;
    virtual std::optional<secret> initial_response() = 0;
    virtual result<secret> respond(std::string_view challenge) = 0;
    virtual bool succeeded() const = 0;
  };

  template <class M>
  struct model final : interface {
    explicit model(M held) : mechanism(std::move(held)) {}
    std::string_view name() const override { return mechanism.name(); }
    bool reveals_password() const override { return mechanism.reveals_password(); }
    std::optional<secret> initial_response() override { return mechanism.initial_response(); }
    result<secret> respond(std::string_view challenge) override { return mechanism.respond(challenge); }
    bool succeeded() const override { return mechanism.succeeded(); }
    M mechanism;
  };

  std::unique_ptr<interface> held_;
};

}  // namespace postrider::sasl
