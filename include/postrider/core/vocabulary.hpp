// Words that code, JSON, logs, metrics, shell and console share: each enumerator has exactly one spelling.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace postrider {

/// The spellings of an enumeration, in the order of its enumerators; specialised beside each enumeration.
template <class E>
inline constexpr std::nullptr_t spellings = nullptr;

/// An enumeration that takes part in the vocabulary: `spellings<E>` is an array of its names.
template <class E>
concept vocabulary = requires {
  { spellings<E>[0] } -> std::convertible_to<std::string_view>;
  spellings<E>.size();
};

/// The spelling of `value`; empty if `value` is no enumerator.
template <vocabulary E>
constexpr std::string_view to_string(E value) noexcept {
  const auto index = static_cast<std::size_t>(value);
  return index < spellings<E>.size() ? spellings<E>[index] : std::string_view{};
}

/// The enumerator spelled `name` (exact, lower case), or nothing.
template <vocabulary E>
constexpr std::optional<E> from_string(std::string_view name) noexcept {
  const auto& names = spellings<E>;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<E>(found - names.begin());
}

}  // namespace postrider
