// Brings waiting mail and destinations together: who may go where, now; who is held back, and until when.
#pragma once

#include <postrider/delivery/conclusion.hpp>
#include <postrider/delivery/destination.hpp>
#include <postrider/delivery/events.hpp>
#include <postrider/delivery/lane.hpp>
#include <postrider/delivery/notification.hpp>
#include <postrider/delivery/pipeline_options.hpp>
#include <postrider/delivery/routed_lane.hpp>
#include <postrider/delivery/routing.hpp>
#include <postrider/delivery/servers_in_trouble.hpp>
#include <postrider/registry/registry.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace postrider::detail {

/// Belongs to one thread, awaits nothing. Mails of a server in trouble wait in its own queue and cost no one else.
template <delivery_pool Pool, observer Observer>
class dispatcher {
 public:
  using time_point = breaker::time_point;
  using destination_pointer = std::shared_ptr<destination<Pool>>;
  using lane_type = routed_lane<Pool>;

  /// A mail that goes now.
  class departure {
   public:
    departure(destination_pointer to, lane_type& from, parked_mail mail)
        : to(std::move(to)), from(&from), mail(std::move(mail)) {}
    destination_pointer to;
    lane_type* from;
    parked_mail mail;
    std::string server;                                        ///< what the mail's tenant calls it
    typename servers_in_trouble<Pool, Observer>::probe tests;  ///< of open breakers
    bool tests_sender = false;
  };

  /// A mail that is too old to wait any longer for a server in trouble.
  class expiry {
   public:
    expiry(lane_type& from, parked_mail mail, failure why) : from(&from), mail(std::move(mail)), why(std::move(why)) {}
    lane_type* from;
    parked_mail mail;
    failure why;
  };

  dispatcher(const asio::any_io_executor& executor, const server_registry& registry, Observer& listener,
             const pipeline_options& options)
      : registry_(registry),
        observer_(listener),
        options_(options),
        all_(executor, options.connections_on, registry, options.mails_per_server),
        troubles_(all_, listener, options) {}

  /// Mails that wait, those on their way not counted.
  std::size_t waiting() const noexcept { return waiting_; }

  /// A claimed mail begins to wait. One that was perhaps delivered waits for the same server again, for some time.
  void place(spooled_mail record) {
    lane_type* one = &lanes_.at(record.from);
    if (one->as_of == nullptr) find_way(*one);
    if (one->ways.size() > 1) {
      const auto [endpoint, until] = bound_to(record, spool_now(), options_.unknown_stays);
      if (!endpoint.empty()) {
        one = &lanes_.at(record.from, endpoint);
        if (one->as_of == nullptr) find_way(*one);
        one->only_until = one->mails.empty() ? until : std::min(one->only_until, until);
        bound_.insert(one);
        alarm_changed_ = true;
      }
    }
    parked_mail mail{record.id, record.created, !awaits_delay_warning(record), nullptr};
    const auto* const home = one->home();
    const bool room = home != nullptr && home->records < options_.records_per_server && records_ < options_.records;
    if (room) mail.record = std::make_unique<spooled_mail>(std::move(record));
    park(*one, std::move(mail));
  }

  /// A mail that departed, or was too old to wait, waits again.
  void park(lane_type& one, parked_mail mail) {
    if (mail.record) count_records(one, 1);
    one.mails.push_back(std::move(mail));
    ++waiting_;
    line_up(one);
    if (one.held_because() != nullptr) examine_ages_soon();
  }

  /// Hands over every mail that may go: `go(departure)`.
  template <std::invocable<departure> F>
  void serve(F&& go) {
    while (!ready_.empty()) {
      const destination_pointer to = ready_.back();
      ready_.pop_back();
      to->queued_for_service = false;
      while (to->has_room() && !to->waiting.empty() && admits(*to)) {
        auto& one = static_cast<lane_type&>(to->waiting.next());
        if (one.as_of != registry_.snapshot(one.who.tenant)) {
          find_way(one);  // which may lead elsewhere now
          line_up(one);
          continue;
        }
        const auto* const way = admits(one.rest) ? one.choose(to, now()) : nullptr;
        if (way != nullptr) go(depart(*way, one));
        else line_up(one);
      }
    }
  }

  /// A departure came to its end, with what follows from it; null if the mail was not tried.
  void arrive(departure& back, const conclusion* what) {
    --back.to->in_flight;
    --back.from->in_flight;
    auto verdict = troubles_.judge(back.to, back.tests, what);
    if (verdict.held || !verdict.changed.empty()) examine_ages_soon();
    for (const auto& one : verdict.changed) {
      line_up_all(*one);
      serve_soon(one);
    }
    judge_sender(back, what);
    line_up(*back.from);
    serve_soon(back.to);
    forget_if_idle(*back.from);
    deserted_ |= back.to->deserted();
  }
  void arrive(expiry& back) {
    --back.from->in_flight;
    forget_if_idle(*back.from);
  }

  /// Looks at what time has brought: pauses that ended.
  void look() {
    const auto at = now();
    troubles_.look(at, [this](const destination_pointer& one) { serve_soon(one); });
    std::vector<lane_type*> rested;
    for (auto* one : resting_)
      if (one->rest.admits(at)) rested.push_back(one);
    for (auto* one : rested) {
      resting_.erase(one);
      if (one->ways.empty()) find_way(*one);
      line_up(*one);
    }
  }

  /// When `look` or `take_expired` has something to do; time_point::max() if only events can bring it about.
  time_point next_look() const {
    bool someone_waits = !resting_.empty();
    auto first = troubles_.next_look(someone_waits);
    for (const auto* one : resting_)
      if (one->rest.now_in() == breaker::state::open) first = std::min(first, one->rest.open_until());
    for (const auto* one : bound_)
      if (!one->mails.empty()) first = std::min(first, now() + (one->only_until - spool_now()));
    return someone_waits ? std::min(first, examine_ages_at_) : first;
  }

  /// The mails that may go anywhere again; the caller releases them, so that they are claimed anew.
  std::vector<mail_id> take_unbound(spool_time at) {
    std::vector<mail_id> out;
    for (auto* one : std::vector<lane_type*>(bound_.begin(), bound_.end())) {
      if (!one->mails.empty() && at < one->only_until) continue;
      take_mails(*one, out, [](mail_id) { return true; });
      forget_if_idle(*one);
    }
    return out;
  }

  /// Of the mails that cannot go: those that `retry` gives up because they are too old, and those whose senders are to
  /// be told that they are late.
  template <retry_strategy Retry>
  std::vector<expiry> take_expired(const Retry& retry, spool_time at) {
    std::vector<expiry> expired;
    if (now() < examine_ages_at_) return expired;
    const auto soon = now() + std::chrono::milliseconds(100);
    examine_ages_at_ = now() + std::chrono::hours(1);
    lanes_.for_each([&](lane_type& one) {
      if (one.is_tested()) return;  // whoever is on its way as a probe decides
      const failure* const why = one.held_because();
      if (why == nullptr || one.mails.empty()) return;
      // Those that were looked at before are looked at again only when it can make a difference.
      const bool again = now() >= one.examine_again;
      if (again) one.examine_again = time_point::max();
      const auto first = one.mails.begin() + static_cast<std::ptrdiff_t>(again ? 0 : one.examined);
      const auto too_old = [&](parked_mail& mail) {
        const attempt waits{.failure = why, .age = std::max(at - mail.created, std::chrono::milliseconds(0))};
        const decision next = decide(retry, waits);
        const bool late = !mail.told && waits.age >= options_.delay_warning;
        if (!next.gives_up() && !late) {
          const auto pause = mail.told ? next.delay() : std::min(next.delay(), options_.delay_warning - waits.age);
          one.examine_again = std::min(one.examine_again, std::max(now() + pause, soon));
          return false;
        }
        ++one.in_flight;
        forget_record(one, mail);
        expired.emplace_back(one, std::move(mail), *why);
        return true;
      };
      const auto old = std::remove_if(first, one.mails.end(), too_old);
      waiting_ -= static_cast<std::size_t>(one.mails.end() - old);
      one.mails.erase(old, one.mails.end());
      one.examined = one.mails.size();
      examine_ages_at_ = std::min(examine_ages_at_, one.examine_again);
      line_up(one);
    });
    return expired;
  }

  /// A tenant is what `as_of` says now: its mail goes where the registry sends it now, and what it waited for may be
  /// mended.
  void tenant_changed(const std::shared_ptr<const tenant_snapshot>& as_of) {
    all_.revise(as_of, as_of->tenant);
    lanes_.for_each([&](lane_type& one) {
      if (one.who.tenant != as_of->tenant) return;
      one.rest = breaker();
      resting_.erase(&one);
      find_way(one);
      line_up(one);
    });
    deserted_ = true;
  }

  /// The destinations that nobody uses any more.
  std::vector<destination_pointer> take_deserted() {
    if (!std::exchange(deserted_, false)) return {};
    return all_.take_deserted();
  }

  /// True once after `next_look` may have become earlier.
  bool take_alarm_change() noexcept { return std::exchange(alarm_changed_, false); }

  /// Takes mails out that an operator changed; the caller releases them, so that they are claimed as they are now.
  template <class Ids>
  std::vector<mail_id> take_out(const Ids& changed) {
    std::vector<mail_id> out;
    lanes_.for_each([&](lane_type& one) { take_mails(one, out, [&](mail_id id) { return changed.contains(id); }); });
    return out;
  }

  /// Whatever is held back is tried again at once.
  void expedite() {
    troubles_.expedite(now());
    for (auto* one : resting_) one->rest.expedite(now());
    look();
  }

  /// How the ways of `who` fare.
  result<std::vector<way_state>> ways_of(const submitter& who) const {
    auto known = find_ways(*registry_.snapshot(who.tenant), who);
    if (!known) return fail(std::move(known.error()));
    auto level = std::numeric_limits<std::uint32_t>::max();
    std::vector<way_state> all;
    for (route& how : *known) {
      way_state one(std::move(how));
      if (const auto to = all_.find(who.tenant, one.way)) describe(one, *to, now());
      else if (const auto reached = all_.find_reached(who.tenant, one.way)) describe(one, *reached, now());
      if (!one.held) level = std::min(level, one.way.level);
      all.push_back(std::move(one));
    }
    for (way_state& one : all) one.used_now = !one.held && one.way.level == level;
    return all;
  }

  template <class F>
  void for_each_destination(F&& visit) const {
    all_.for_each(visit);
  }
  /// Submitters whose mail rests whatever their server does: there is no way to go, or they are not let send.
  template <class F>
  void for_each_resting(F&& visit) const {
    for (const auto* one : resting_)
      if (one->rest.why() != nullptr) visit(*one);
  }

 private:
  static time_point now() noexcept { return std::chrono::steady_clock::now(); }
  static bool admits(const breaker& one) noexcept { return one.closed() || one.admits(now()); }
  static bool admits(const destination<Pool>& one) noexcept {
    return (one.closed() && !one.pace.slowed()) || one.admits(now());
  }

  template <std::predicate<mail_id> F>
  void take_mails(lane_type& one, std::vector<mail_id>& out, F taken) {
    one.examined = 0;
    waiting_ -= std::erase_if(one.mails, [&](parked_mail& mail) {
      if (!taken(mail.id)) return false;
      forget_record(one, mail);
      out.push_back(mail.id);
      return true;
    });
    line_up(one);
  }

  void forget_if_idle(lane_type& one) {
    if (!lanes_.is_superfluous(one)) return;
    bound_.erase(&one);
    lanes_.erase(one);
  }

  /// Asks the registry as it is now. Without a way the lane rests.
  void find_way(lane_type& one) {
    one.as_of = registry_.snapshot(one.who.tenant);
    auto known = find_ways(*one.as_of, one.who);
    if (!known) return rest_without_way(one, known.error());
    std::vector<lane_way<Pool>> ways;
    for (route& how : *known) {
      auto to = all_.at(one.as_of, one.who.tenant, how);
      if (!to && ways.empty()) return rest_without_way(one, to.error());
      const auto same = [&](const auto& other) { return other.to == *to; };
      if (to && std::none_of(ways.begin(), ways.end(), same)) ways.push_back({std::move(*to), std::move(how)});
    }
    const auto bound = std::find_if(ways.begin(), ways.end(),
                                    [&](const auto& way) { return way.to->definition.endpoint() == one.only; });
    if (!one.only.empty() && bound != ways.end() && bound != ways.begin()) ways.front() = std::move(*bound);
    if (!one.only.empty()) ways.resize(1);
    one.way = ways.front().how;
    lead(one, std::move(ways));
  }

  void rest_without_way(lane_type& one, const failure& why) {
    lead(one, {});
    if (!one.rest.closed()) one.rest.depart();
    examine_ages_soon();
    if (one.rest.failed(now(), why, options_.account_pauses))
      observer_.on(
          events::account_suspended{one.who.tenant, one.way.server, {}, one.who.sender, one.rest.pause(), why});
  }

  void lead(lane_type& one, std::vector<lane_way<Pool>> ways) {
    for (const auto& old : one.ways) {
      const auto stays = [&](const auto& way) { return way.to == old.to; };
      if (std::none_of(ways.begin(), ways.end(), stays)) old.to->waiting.leave(one);
    }
    if (one.home() != nullptr) one.home()->records -= one.records;
    one.ways = std::move(ways);
    for (const auto& way : one.ways) troubles_.meet(way.to);
    if (one.home() != nullptr) one.home()->records += one.records;
  }

  /// Puts a lane where it belongs: in the queues of those that it may use now, among those that rest, or nowhere if it
  /// is empty. Servers in trouble stay among those it waits for: their probe is one of its mails.
  void line_up(lane_type& one) {
    const bool may_go = !one.mails.empty() && !one.ways.empty() && admits(one.rest);
    const auto last = one.last_level();
    for (const auto& way : one.ways) {
      if (may_go && way.how.level <= last) {
        way.to->waiting.enter(one);
        serve_soon(way.to);
      } else {
        way.to->waiting.leave(one);
      }
    }
    if (!may_go && !one.mails.empty()) alarm_changed_ |= resting_.insert(&one).second;
    else resting_.erase(&one);
  }

  /// A server has fallen into trouble, or out of it: who waits for it may go elsewhere, or need not any more.
  void line_up_all(destination<Pool>& of) {
    for (lane* one : of.waiting.all())
      if (auto& routed = static_cast<lane_type&>(*one); routed.ways.size() > 1) line_up(routed);
  }

  void serve_soon(const destination_pointer& to) {
    if (to->queued_for_service || to->waiting.empty()) return;
    to->queued_for_service = true;
    ready_.push_back(to);
  }

  departure depart(const lane_way<Pool>& way, lane_type& one) {
    const destination_pointer& to = way.to;
    one.count(way);
    departure going(to, one, std::move(one.mails.front()));
    one.mails.pop_front();
    if (one.examined != 0) --one.examined;
    --waiting_;
    if (going.mail.record) count_records(one, -1);
    going.server = way.how.server;
    going.tests = troubles_.depart(*to, now());
    alarm_changed_ |= to->pace.slowed();
    going.tests_sender = one.rest.depart();
    ++to->in_flight;
    ++one.in_flight;
    if (one.mails.empty() || !admits(one.rest)) line_up(one);
    return going;
  }

  void judge_sender(departure& back, const conclusion* what) {
    auto& one = *back.from;
    if (what != nullptr && what->against_sender) {
      if (one.rest.now_in() == breaker::state::open) return;
      one.rest.failed(now(), *what->against_sender, options_.account_pauses);
      examine_ages_soon();
      observer_.on(events::account_suspended{one.who.tenant, back.server, back.to->definition.account.user,
                                             one.who.sender, one.rest.pause(), *what->against_sender});
    } else if (what != nullptr && what->answered) {
      one.rest.succeeded();
    } else if (back.tests_sender) {
      one.rest.withdrawn();
      examine_ages_soon();
    }
  }

  void count_records(lane_type& one, int change) {
    const auto add = [&](std::size_t& count) { count = change > 0 ? count + 1 : count - 1; };
    add(records_);
    add(one.records);
    if (one.home() != nullptr) add(one.home()->records);
  }
  void forget_record(lane_type& one, parked_mail& mail) {
    if (!mail.record) return;
    count_records(one, -1);
    mail.record.reset();
  }

  void examine_ages_soon() {
    examine_ages_at_ = std::min(examine_ages_at_, now() + std::chrono::milliseconds(100));
    alarm_changed_ = true;
  }

  const server_registry& registry_;
  Observer& observer_;
  const pipeline_options& options_;
  destinations<Pool> all_;
  servers_in_trouble<Pool, Observer> troubles_;
  lane_table<Pool> lanes_;
  std::vector<destination_pointer> ready_;
  std::unordered_set<lane_type*> resting_;
  std::unordered_set<lane_type*> bound_;  ///< those with mail that may go to one server only
  time_point examine_ages_at_ = time_point::max();
  std::size_t waiting_ = 0;
  std::size_t records_ = 0;
  bool deserted_ = false;
  bool alarm_changed_ = false;
};

}  // namespace postrider::detail
