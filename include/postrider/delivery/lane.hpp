// Who waits for a server, and whose turn it is. In memory a waiting mail is a small record; the spool has the rest.
#pragma once

#include <postrider/delivery/breaker.hpp>
#include <postrider/delivery/routing.hpp>
#include <postrider/delivery/spooled_mail.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace postrider::detail {

/// A mail that was claimed and waits. Its record is kept only as long as there is room.
struct parked_mail {
  mail_id id;
  spool_time created;
  bool told = false;  ///< nobody is to be told any more that it is late
  std::unique_ptr<spooled_mail> record;
};

class turns;

/// The waiting mail of one submitter: all of it takes the same ways. It may wait for several servers at once.
class lane {
 public:
  explicit lane(submitter who, std::string only = {}) : who(std::move(who)), only(std::move(only)) {}
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;
  ~lane();

  const submitter who;
  const std::string only;  ///< set: the mail may go to this endpoint alone, because it was perhaps delivered there
  std::deque<parked_mail> mails;
  std::size_t records = 0;  ///< of `mails`, in memory
  std::size_t in_flight = 0;
  std::size_t examined = 0;  ///< so many of `mails`, the first ones, have been looked at whether they are too old
  breaker::time_point examine_again = breaker::time_point::max();  ///< when one of those may be
  breaker rest;  ///< trouble of this submitter alone: no way to go, or a server that does not let it send
  std::shared_ptr<const tenant_snapshot> as_of;  ///< what `way` was computed from
  route way;                                     ///< the first one

 private:
  friend class turns;
  struct place {
    turns* in;
    std::list<lane*>::iterator at;
  };
  std::vector<place> places_;
};

/// The lanes that wait for one server: tenants are served in turn, and the lanes of a tenant in turn.
class turns {
  struct line {
    std::string tenant;
    std::list<lane*> lanes;
  };

 public:
  turns() = default;
  turns(const turns&) = delete;
  turns& operator=(const turns&) = delete;
  ~turns() {
    while (!empty()) leave(*ring_.front().lanes.front());
  }

  bool empty() const noexcept { return ring_.empty(); }
  bool has(const lane& one) const noexcept { return place_of(one) != one.places_.end(); }

  /// `one` waits at the end, whatever else it waits for; nothing happens if it waits here already.
  void enter(lane& one) {
    if (has(one)) return;
    auto found = lines_.find(one.who.tenant);
    if (found == lines_.end()) {
      const auto made = ring_.insert(ring_.end(), line{one.who.tenant, {}});
      found = lines_.emplace(made->tenant, made).first;
    }
    auto& lanes = found->second->lanes;
    one.places_.push_back({this, lanes.insert(lanes.end(), &one)});
  }

  void leave(lane& one) {
    const auto here = place_of(one);
    if (here == one.places_.end()) return;
    const auto place = here->at;
    one.places_.erase(here);
    const auto found = lines_.find(one.who.tenant);
    const auto where = found->second;
    where->lanes.erase(place);
    if (!where->lanes.empty()) return;
    lines_.erase(found);  // before the name that it views
    ring_.erase(where);
  }

  /// The lane whose turn it is, which goes to the end of the queue. There must be one.
  lane& next() {
    line& first = ring_.front();
    lane& one = *first.lanes.front();
    first.lanes.splice(first.lanes.end(), first.lanes, first.lanes.begin());
    ring_.splice(ring_.end(), ring_, ring_.begin());
    return one;
  }

  /// Everyone who waits, in no particular order.
  std::vector<lane*> all() const {
    std::vector<lane*> lanes;
    for (const line& one : ring_) lanes.insert(lanes.end(), one.lanes.begin(), one.lanes.end());
    return lanes;
  }

 private:
  std::vector<lane::place>::const_iterator place_of(const lane& one) const noexcept {
    return std::find_if(one.places_.begin(), one.places_.end(), [this](const auto& place) { return place.in == this; });
  }

  std::list<line> ring_;
  std::unordered_map<std::string_view, std::list<line>::iterator> lines_;
};

inline lane::~lane() {
  while (!places_.empty()) places_.back().in->leave(*this);
}

}  // namespace postrider::detail
