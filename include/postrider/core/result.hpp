// The return type of operations that may fail without being at fault.
#pragma once

#include <postrider/core/failure.hpp>

#include <tl/expected.hpp>

#include <utility>

namespace postrider {

/// A value or a failure. Always tl::expected, so that translation units of different standards agree.
template <class T>
using result = tl::expected<T, failure>;

/// `return fail(cause::no_address, stage::resolve, host);`
inline tl::unexpected<failure> fail(cause why, stage where = stage::queue, std::string detail = {}) {
  return tl::unexpected<failure>(failure(why, where, std::move(detail)));
}
inline tl::unexpected<failure> fail(failure why) {
  return tl::unexpected<failure>(std::move(why));
}

}  // namespace postrider
