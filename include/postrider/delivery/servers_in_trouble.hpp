// The destinations that get no mail, or get it slowly: what verdicts do to them, and when they are tried again.
#pragma once

#include <postrider/delivery/conclusion.hpp>
#include <postrider/delivery/destination.hpp>
#include <postrider/delivery/events.hpp>
#include <postrider/delivery/pipeline_options.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace postrider::detail {

/// Belongs to one thread. A server that cannot be reached is one breaker, however many accounts wait for it: it opens
/// once, and one mail of one of them is its probe.
template <delivery_pool Pool, observer Observer>
class servers_in_trouble {
 public:
  using time_point = breaker::time_point;
  using pointer = std::shared_ptr<destination<Pool>>;

  /// What a mail that went to a server was to find out about breakers.
  struct probe {
    bool of_server = false;
    bool of_account = false;
  };

  /// Whose mail may go now, or may not any more; and whether anybody's waits.
  struct verdict {
    std::vector<pointer> changed{};
    bool held = false;
  };

  servers_in_trouble(const destinations<Pool>& all, Observer& listener, const pipeline_options& options)
      : all_(all), observer_(listener), options_(options) {}

  /// A way leads to `one` from now on, which may be in trouble already.
  void meet(const pointer& one) {
    if (!one->closed()) held_.insert(one);
  }

  static probe depart(destination<Pool>& to, time_point now) {
    probe what;
    what.of_server = to.reached->depart();
    what.of_account = to.trusted.depart();
    to.pace.depart(now);
    return what;
  }

  /// A mail came back from `to`; `what` is null if it was not tried.
  verdict judge(const pointer& to, probe tested, const conclusion* what) {
    verdict so;
    if (what != nullptr && what->against_key && what->key_disposition == disposition::slow_down) {
      works(to, so);
      slow_down(to, *what->against_key);
      so.held = true;
    } else if (what != nullptr && what->against_key) {
      hold(to, *what->against_key, what->key_disposition == disposition::suspend_account, so);
    } else if (what != nullptr && what->answered) {
      works(to, so);
      if (to->pace.accepted()) tell_released(*to, false);
    }
    // Whatever a probe has found out, it is back.
    if (tested.of_server) to->reached->withdrawn();
    if (tested.of_account) to->trusted.withdrawn();
    so.held |= !to->closed();
    return so;
  }

  /// Calls `serve_soon(pointer)` for those whose pause has ended, and forgets those that are well.
  template <class F>
  void look(time_point at, F&& serve_soon) {
    for (auto one = held_.begin(); one != held_.end();) {
      const bool over = (*one)->closed() || ((*one)->known_as == 0 && (*one)->waiting.empty());
      if (!over && (*one)->admits(at)) serve_soon(*one);
      one = over ? held_.erase(one) : std::next(one);
    }
    for (auto one = slowed_.begin(); one != slowed_.end();) {
      if ((*one)->pace.admits(at)) serve_soon(*one);
      one = (*one)->pace.slowed() ? std::next(one) : slowed_.erase(one);
    }
  }

  /// When a pause ends that somebody waits for; time_point::max() if none does.
  time_point next_look(bool& someone_waits) const {
    auto first = time_point::max();
    for (const auto& one : held_) {
      if (one->waiting.empty()) continue;
      someone_waits = true;
      if (!one->is_tested()) first = std::min(first, one->open_until());
    }
    for (const auto& one : slowed_) {
      if (!one->closed() || one->waiting.empty()) continue;
      someone_waits = true;
      if (one->has_room()) first = std::min(first, one->pace.next());
    }
    return first;
  }

  void expedite(time_point now) {
    for (const auto& one : held_) one->expedite(now);
    for (const auto& one : slowed_) one->pace.expedite(now);
  }

 private:
  static time_point now() noexcept { return std::chrono::steady_clock::now(); }

  /// Whoever does not get as far as the login would not do so with another account either.
  void hold(const pointer& to, const failure& why, bool suspends, verdict& so) {
    const bool everybody = !suspends && why.stage < stage::auth;
    if (why.stage >= stage::auth && to->reached->succeeded()) released(to, true, so);
    breaker& concerned = everybody ? *to->reached : to->trusted;
    const bool known = concerned.why() != nullptr && concerned.why()->cause == why.cause;
    const bool opened = concerned.failed(now(), why, suspends ? options_.account_pauses : options_.server_pauses);
    held_.insert(to);
    if (opened)
      for_each_concerned(to, everybody, [&](const pointer& one) {
        held_.insert(one);
        so.changed.push_back(one);
      });
    if (known) return;
    const auto& user = to->definition.account.user;
    if (suspends) observer_.on(events::account_suspended{to->tenant, to->name, user, {}, concerned.pause(), why});
    else
      tell(*to, everybody, [&](std::string_view tenant, std::string_view name) {
        observer_.on(events::server_held{tenant, name, everybody ? std::string_view() : user, concerned.pause(), why});
      });
  }

  void works(const pointer& to, verdict& so) {
    const bool reached = to->reached->succeeded();
    const bool trusted = to->trusted.succeeded();
    if (reached || trusted) released(to, reached, so);
  }

  void released(const pointer& to, bool everybody, verdict& so) {
    for_each_concerned(to, everybody, [&](const pointer& one) {
      if (one->closed()) held_.erase(one);
      so.changed.push_back(one);
    });
    tell_released(*to, everybody);
  }

  void slow_down(const pointer& to, const failure& why) {
    const bool first = to->pace.refused(now(), why, options_.server_pauses);
    slowed_.insert(to);
    if (first)
      observer_.on(events::server_held{to->tenant, to->name, to->definition.account.user, to->pace.pause(), why});
  }

  template <class F>
  void for_each_concerned(const pointer& to, bool everybody, F&& visit) const {
    if (!everybody) return visit(to);
    all_.for_each([&](const pointer& one) {
      if (one->reached == to->reached) visit(one);
    });
  }

  /// Once for each tenant, by its name for the server, however many accounts it has there.
  template <class F>
  void tell(const destination<Pool>& about, bool everybody, F&& each) const {
    if (!everybody) return each(about.tenant, about.name);
    std::set<std::pair<std::string_view, std::string_view>> told;
    all_.for_each([&](const pointer& one) {
      if (one->reached.get() == about.reached.get() && told.emplace(one->tenant, one->name).second)
        each(one->tenant, one->name);
    });
  }
  void tell_released(const destination<Pool>& about, bool everybody) const {
    const std::string_view user = everybody ? std::string_view() : about.definition.account.user;
    tell(about, everybody, [&](std::string_view tenant, std::string_view name) {
      observer_.on(events::server_released{tenant, name, user});
    });
  }

  const destinations<Pool>& all_;
  Observer& observer_;
  const pipeline_options& options_;
  std::unordered_set<pointer> held_;
  std::unordered_set<pointer> slowed_;
};

}  // namespace postrider::detail
