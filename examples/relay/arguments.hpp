// Reading the arguments of a call: what is wrong with one names it.
#pragma once

#include <postrider/core/secret.hpp>

#include "common/options.hpp"
#include "relay/call.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postrider::examples {

/// Throws bad_argument. A number may come as text, as it does in a query.
class arguments {
 public:
  /// `known`: all that this call takes.
  arguments(const json& given, std::initializer_list<std::string_view> known)
      : arguments(given, std::span(known.begin(), known.size())) {}
  arguments(const json& given, std::span<const std::string_view> known) : given_(given) {
    for (const auto& [name, value] : given.items())
      if (std::find(known.begin(), known.end(), name) == known.end())
        throw bad_argument(name, "there is no argument \"" + name + '"');
  }

  bool has(const std::string& name) const { return given_.contains(name) && !given_[name].is_null(); }

  std::optional<std::string> text(const std::string& name) const {
    if (!has(name)) return std::nullopt;
    if (!given_[name].is_string()) throw bad_argument(name, name + " is no text");
    return given_[name].get<std::string>();
  }
  std::string demand_text(const std::string& name) const {
    auto given = text(name);
    if (!given) throw bad_argument(name, name + " is missing");
    return std::move(*given);
  }

  std::optional<bool> flag(const std::string& name) const {
    if (!has(name)) return std::nullopt;
    if (!given_[name].is_boolean()) throw bad_argument(name, name + " is neither true nor false");
    return given_[name].get<bool>();
  }

  template <std::unsigned_integral N>
  std::optional<N> number(const std::string& name, N least = 0, N most = std::numeric_limits<N>::max()) const {
    if (!has(name)) return std::nullopt;
    const json& given = given_[name];
    if (!given.is_number() && !given.is_string()) throw bad_argument(name, name + " is no number");
    const std::string digits = given.is_string() ? given.get<std::string>() : dump(given);
    N value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || value < least || value > most)
      throw bad_argument(
          name, name + " is no number from " + std::to_string(least) + " to " + std::to_string(most) + ": " + digits);
    return value;
  }

  /// What was read before, as the argument `revision` or If-Match has it; 0 if that is not said.
  std::uint64_t revision() const { return number<std::uint64_t>("revision").value_or(0); }

  template <vocabulary E>
  std::optional<E> choice(const std::string& name) const {
    const auto given = text(name);
    if (!given) return std::nullopt;
    const auto known = from_string<E>(*given);
    if (!known) throw bad_argument(name, name + " \"" + *given + "\" is none of " + choices<E>());
    return known;
  }

  std::optional<std::vector<std::string>> texts(const std::string& name) const {
    if (!has(name)) return std::nullopt;
    std::vector<std::string> all;
    if (!given_[name].is_array()) throw bad_argument(name, name + " is no list");
    for (const json& one : given_[name]) {
      if (!one.is_string()) throw bad_argument(name, name + " is no list of texts");
      all.push_back(one.get<std::string>());
    }
    return all;
  }

 private:
  const json& given_;
};

}  // namespace postrider::examples
