// Who makes a call, and what he may ask for.
#pragma once

#include <postrider/core/vocabulary.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace postrider::examples {

/// What an API token is for. `content`: reading what mails say.
enum class access_scope : std::uint8_t { read, registry, queue, content, metrics, admin };

}  // namespace postrider::examples

namespace postrider {
template <>
inline constexpr std::array<std::string_view, 6> spellings<examples::access_scope>{"read",    "registry", "queue",
                                                                                   "content", "metrics",  "admin"};
}  // namespace postrider

namespace postrider::examples {

/// Some of them.
class access_scopes {
 public:
  constexpr access_scopes() = default;
  static constexpr access_scopes all() noexcept {
    access_scopes every;
    every.bits_ = (1U << spellings<access_scope>.size()) - 1;
    return every;
  }

  constexpr void add(access_scope one) noexcept { bits_ |= 1U << static_cast<unsigned>(one); }
  constexpr bool has(access_scope one) const noexcept { return (bits_ >> static_cast<unsigned>(one) & 1U) != 0; }

 private:
  unsigned bits_ = 0;
};

/// The shell, unless it is said otherwise: whoever may open the data folder may do all.
struct caller {
  std::string who = "shell";
  std::string address{};  ///< where the request came from
  std::string tenant{};   ///< the only one that he sees; empty: all of them
  access_scopes scopes = access_scopes::all();

  bool sees(std::string_view name) const noexcept { return tenant.empty() || tenant == name; }
  bool sees_all() const noexcept { return tenant.empty(); }
};

}  // namespace postrider::examples
