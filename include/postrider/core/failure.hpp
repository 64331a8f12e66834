// Why something did not happen: one value from the wire to the notification.
#pragma once

#include <postrider/core/cause.hpp>
#include <postrider/core/enhanced_status.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace postrider {

/// A stage, a cause and the server's words, with what follows from them. Scope, action, field and outcome begin as
/// the cause's own (`traits_of`) and are refined where the evidence says more. A class with constructors, not an
/// aggregate, so that g++ 12 can pass it through awaiting expressions.
class failure {
 public:
  failure() : failure(postrider::cause::protocol_error, postrider::stage::queue) {}

  /// `detail` is said by this side (a system error, the offending setting), never by the server.
  explicit failure(postrider::cause cause, postrider::stage stage = postrider::stage::queue, std::string detail = {})
      : outcome(traits_of(cause).result),
        stage(stage),
        cause(cause),
        scope(traits_of(cause).scope),
        action(traits_of(cause).action),
        field(traits_of(cause).field),
        detail(std::move(detail)) {}

  postrider::outcome outcome;
  postrider::stage stage;
  postrider::cause cause;
  postrider::scope scope;
  postrider::action action;
  postrider::field field;
  int code = 0;                         ///< reply code, 0 if the server said nothing
  postrider::enhanced_status enhanced;  ///< RFC 3463, all zero if the server gave none
  std::vector<std::string> reply;       ///< the server's lines without code and enhanced code; untrusted text
  std::string server;                   ///< host:port
  std::chrono::milliseconds elapsed{0};
  std::string detail;
};

}  // namespace postrider
