// A mail: an envelope and a content.
#pragma once

#include <postrider/mail/content.hpp>
#include <postrider/mail/envelope.hpp>

#include <memory>
#include <utility>

namespace postrider {

/// An immutable handle; copies share everything, so that queues, connections and callers hold one mail.
class mail {
 public:
  mail(postrider::envelope envelope, postrider::content content)
      : state_(std::make_shared<const state>(std::move(envelope), std::move(content))) {}

  const postrider::envelope& envelope() const noexcept { return state_->envelope; }
  const postrider::content& content() const noexcept { return state_->content; }

  /// Whether only a server with SMTPUTF8 can take it.
  bool needs_smtputf8() const noexcept { return state_->needs_smtputf8; }

 private:
  struct state {
    state(postrider::envelope e, postrider::content c)
        : envelope(std::move(e)), content(std::move(c)), needs_smtputf8(envelope.needs_smtputf8()) {}
    postrider::envelope envelope;
    postrider::content content;
    bool needs_smtputf8;
  };

  std::shared_ptr<const state> state_;
};

}  // namespace postrider
