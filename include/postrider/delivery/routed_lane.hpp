// A lane and where its mail may go at the moment: the first level that works, shared by weight and by what is in
// flight.
#pragma once

#include <postrider/delivery/destination.hpp>
#include <postrider/delivery/lane.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace postrider::detail {

/// One of the ways of a lane.
template <delivery_pool Pool>
struct lane_way {
  std::shared_ptr<destination<Pool>> to;
  route how;
};

template <delivery_pool Pool>
class routed_lane : public lane {
 public:
  using lane::lane;
  using way_type = lane_way<Pool>;
  using destination_pointer = std::shared_ptr<destination<Pool>>;

  std::vector<way_type> ways;  ///< by level; empty while the registry knows no way
  spool_time only_until{};     ///< with `only`: when the first of its mails may go anywhere again

  /// The server that its mail takes while everything is well; null if there is none.
  destination<Pool>* home() const noexcept { return ways.empty() ? nullptr : ways.front().to.get(); }

  /// The highest level that is in use: the first one with a server that is not in trouble, or all of them.
  std::uint32_t last_level() const noexcept {
    for (const way_type& one : ways)
      if (one.to->closed()) return one.how.level;
    return std::numeric_limits<std::uint32_t>::max();
  }

  /// Why none of its mail goes, or goes slowly; null if all is well somewhere.
  const failure* held_because() const noexcept {
    if (!rest.closed() || ways.empty()) return rest.why();
    for (const way_type& one : ways)
      if (one.to->closed() && !one.to->pace.slowed()) return nullptr;
    return home()->closed() ? home()->pace.why() : home()->why();
  }

  /// Is a mail on its way that decides about the others?
  bool is_tested() const noexcept {
    return rest.now_in() == breaker::state::half_open ||
           std::any_of(ways.begin(), ways.end(), [](const way_type& one) { return one.to->is_tested(); });
  }

  /// `to` could take a mail at `now`: where it shall go, which may be a peer that has had less of its share, or a
  /// server in trouble whose time for a probe has come: with few mails there would be none else. Null if nothing of
  /// this lane may go to `to`.
  const way_type* choose(const destination_pointer& to, breaker::time_point now) const noexcept {
    if (ways.size() == 1) return ways.front().to == to ? &ways.front() : nullptr;
    const auto asked = std::find_if(ways.begin(), ways.end(), [&](const way_type& one) { return one.to == to; });
    if (asked == ways.end() || asked->how.level > last_level()) return nullptr;
    const auto due = [&](const way_type& one) {
      return one.how.level <= asked->how.level && !one.to->closed() && one.to->has_room() && one.to->admits(now);
    };
    const auto probed = std::find_if(ways.begin(), ways.end(), due);
    if (probed != ways.end()) return &*probed;
    const double least = least_share(asked->how.level);
    const way_type* best = &*asked;
    for (const way_type& other : ways) {
      if (other.how.level != asked->how.level || !other.to->closed()) continue;
      if (!other.to->has_room() || !other.to->admits(now)) continue;
      if (load(other, least) < load(*best, least)) best = &other;
    }
    return best;
  }

  /// A mail takes `way`.
  void count(const way_type& way) const noexcept {
    const auto same = [&](const way_type& one) { return one.how.level == way.how.level; };
    if (std::count_if(ways.begin(), ways.end(), same) < 2) return;
    way.to->share = std::max(way.to->share, least_share(way.how.level)) + 1.0 / way.how.weight;
  }

 private:
  /// Whoever had to pause does not make up for more than a few mails.
  double least_share(std::uint32_t level) const noexcept {
    double most = 0;
    for (const way_type& one : ways)
      if (one.how.level == level && one.to->closed()) most = std::max(most, one.to->share);
    return most - 4;
  }
  static double load(const way_type& one, double least) noexcept {
    return std::max(one.to->share, least) + static_cast<double>(one.to->in_flight + 1) / one.how.weight;
  }
};

/// All lanes, by submitter and, for mail that is bound to a server, by that.
template <delivery_pool Pool>
class lane_table {
 public:
  using lane_type = routed_lane<Pool>;

  lane_type& at(const submitter& who, const std::string& only = {}) {
    name(who, only);
    auto& one = lanes_[name_];
    if (!one) one = std::make_unique<lane_type>(submitter(who.tenant, who.sender, {}, who.pin), only);
    return *one;
  }

  /// Is `one` of no use, and not worth its memory?
  bool is_superfluous(const lane_type& one) const noexcept {
    const bool rare = !one.only.empty() || lanes_.size() > most_idle;
    return rare && one.mails.empty() && one.in_flight == 0 && one.rest.closed();
  }
  void erase(const lane_type& one) {
    name(one.who, one.only);
    lanes_.erase(name_);
  }

  template <class F>
  void for_each(F&& visit) {
    for (auto& [name, one] : lanes_) visit(*one);
  }

 private:
  static constexpr std::size_t most_idle = 10'000;

  void name(const submitter& who, const std::string& only) {
    name_.assign(who.tenant).append(1, '\0').append(who.sender).append(1, '\0').append(who.pin);
    name_.append(1, '\0').append(only);
  }

  std::unordered_map<std::string, std::unique_ptr<lane_type>> lanes_;
  std::string name_;  ///< kept for its memory
};

}  // namespace postrider::detail
