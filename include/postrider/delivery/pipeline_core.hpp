// The loops of a pipeline: claim what is due, send it, settle what came of it, look after those that are held back.
#pragma once

#include <postrider/delivery/conclusion.hpp>
#include <postrider/delivery/dispatcher.hpp>
#include <postrider/delivery/events.hpp>
#include <postrider/delivery/notification.hpp>
#include <postrider/delivery/pipeline_options.hpp>
#include <postrider/delivery/retry.hpp>
#include <postrider/delivery/settler.hpp>
#include <postrider/delivery/signal.hpp>
#include <postrider/delivery/spool.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace postrider::detail {

/// What outlives the pipeline's handle as long as a coroutine needs it. Belongs to its executor's thread.
template <spool Spool, retry_strategy Retry, observer Observer, delivery_pool Pool>
class pipeline_core : public std::enable_shared_from_this<pipeline_core<Spool, Retry, Observer, Pool>> {
  using self_pointer = std::shared_ptr<pipeline_core>;
  using dispatcher_type = dispatcher<Pool, Observer>;
  using departure = typename dispatcher_type::departure;
  using expiry = typename dispatcher_type::expiry;
  using time_point = std::chrono::steady_clock::time_point;

 public:
  pipeline_core(asio::any_io_executor on, const server_registry& registry, Spool into, Retry retry, Observer listener,
                pipeline_options how)
      : executor(std::move(on)),
        spool_(std::move(into)),
        observer_(std::move(listener)),
        options_(std::move(how)),
        retry_(std::move(retry)),
        patience_(patience(retry_)),
        dispatcher_(executor, registry, observer_, options_),
        settler_(executor, spool_, observer_, options_.spool_pause, options_.settles_within()),
        claim_(executor),
        alarm_(executor),
        idle_(executor),
        ended_(executor),
        chance_(std::random_device()()),
        owner_("pipeline-" + std::to_string(chance_())) {}

  Spool& spool() noexcept { return spool_; }

  /// Any thread: there is new mail in the spool.
  void mail_arrived() {
    if (arrival_posted_.exchange(true)) return;
    asio::post(executor, [self = this->shared_from_this()] {
      self->arrival_posted_ = false;
      self->claim_.raise();
    });
  }

  /// Any thread: `news` for the observer.
  void accepted(mail_id id, submitter from, std::size_t recipients, std::uint64_t size) {
    if constexpr (settler<Spool, Observer>::tells)
      asio::post(executor, [self = this->shared_from_this(), id, from = std::move(from), recipients, size] {
        if (!self->abandoned_) self->observer_.on(events::accepted{id, from.tenant, from.sender, recipients, size});
      });
    mail_arrived();
  }

  /// Any thread: a tenant is what `now` says.
  void tenant_changed(std::shared_ptr<const tenant_snapshot> now) {
    asio::post(executor, [self = this->shared_from_this(), now = std::move(now)] {
      if (self->abandoned_) return;
      self->dispatcher_.tenant_changed(now);
      self->serve();
    });
  }

  /// Any thread: an operator changed a mail in the spool, which is claimed again as it is now.
  void mail_changed(mail_id id, bool expedite) {
    asio::post(executor, [self = this->shared_from_this(), id, expedite] {
      self->expedite_ |= expedite;
      self->changed_.insert(id);
      if (self->changed_.size() == 1) asio::post(self->executor, [self] { self->take_up_changes(); });
    });
  }

  /// Returns when the pipeline was stopped, or left.
  static asio::awaitable<void> run(self_pointer self) {
    if (self->stopping_ || self->loops_ != 0) co_return;
    self->loops_ = 3;
    self->spawn(settle_loop(self));
    self->spawn(alarm_loop(self));
    self->spawn(claim_loop(self));
    while (self->loops_ != 0 || !(self->drained_ || self->abandoned_)) co_await self->ended_.wait();
    if (self->broken_) std::rethrow_exception(self->broken_);
  }

  /// No new claims; those on their way have until `patience` ends, then they are left in the spool.
  static asio::awaitable<void> drain(self_pointer self, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    self->stopping_ = true;
    self->claim_.raise();
    self->alarm_.raise();
    while (self->in_flight_ != 0 && std::chrono::steady_clock::now() < deadline) co_await self->idle_.wait(deadline);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    self->close_pools(std::clamp(left, std::chrono::milliseconds(0), std::chrono::milliseconds(5'000)));
    // What the pools gave up is settled like everything else; nothing here waits for a server any more.
    const auto grace = std::max(deadline, std::chrono::steady_clock::now() + std::chrono::seconds(2));
    while (self->in_flight_ + self->closing_ != 0 && std::chrono::steady_clock::now() < grace)
      co_await self->idle_.wait(grace);
    self->settler_.finish();
    while (self->loops_ != 0 && std::chrono::steady_clock::now() < grace) co_await self->idle_.wait(grace);
    self->settler_.abandon();
    self->spool_.release(self->owner_);
    self->drained_ = true;
    self->ended_.raise();
  }

  /// The handle is gone: everything ends as soon as it can, and whatever is unfinished stays in the spool.
  void abandon() {
    if (drained_) return;
    abandoned_ = stopping_ = true;
    settler_.abandon();
    claim_.raise();
    alarm_.raise();
    ended_.raise();
    close_pools(std::chrono::milliseconds(0));
    spool_.release(owner_);
  }

  template <class F>
  void for_each_destination(F&& visit) const {
    dispatcher_.for_each_destination(visit);
  }
  template <class F>
  void for_each_resting(F&& visit) const {
    dispatcher_.for_each_resting(visit);
  }
  result<std::vector<way_state>> ways_of(const submitter& who) const { return dispatcher_.ways_of(who); }
  std::size_t waiting() const noexcept { return dispatcher_.waiting(); }
  std::size_t in_flight() const noexcept { return in_flight_; }

  const asio::any_io_executor executor;

 private:
  /// A loop runs by itself; if it throws, so does `run`.
  void spawn(asio::awaitable<void> loop) {
    asio::co_spawn(executor, std::move(loop), [self = this->shared_from_this()](std::exception_ptr error) {
      if (error) self->break_down(error);
      --self->loops_;
      self->idle_.raise();
      self->ended_.raise();
    });
  }
  void break_down(std::exception_ptr error) {
    if (!broken_) broken_ = std::move(error);
    abandon();
  }

  /// The claim on a mail ends, which may be due.
  void give_back(mail_id id) {
    spool_.release(id);
    claim_.raise();
  }

  /// Many mails that were changed at once are taken out together.
  void take_up_changes() {
    if (abandoned_) return;
    for (mail_id out : dispatcher_.take_out(changed_)) spool_.release(out);
    if (in_transit_ != 0) changed_meanwhile_.merge(changed_);
    changed_.clear();
    if (std::exchange(expedite_, false)) dispatcher_.expedite();
    claim_.raise();
    serve();
  }

  /// True once for a mail that was changed after its record was read, on its way between spool and dispatcher.
  bool out_of_date(mail_id id) { return changed_meanwhile_.erase(id) != 0 || changed_.contains(id); }
  void end_transit() {
    if (--in_transit_ == 0) changed_meanwhile_.clear();
  }

  static asio::awaitable<void> settle_loop(self_pointer self) {
    const auto settled = [&self] {
      self->claim_.raise();
      self->serve();
    };
    co_await self->settler_.run(settled);
  }

  static asio::awaitable<void> claim_loop(self_pointer self) {
    while (!self->stopping_) {
      const bool room = self->dispatcher_.waiting() < self->options_.waiting;
      std::size_t claimed_now = 0;
      if (room) {
        ++self->in_transit_;
        auto claimed = co_await self->spool_.claim(self->owner_, spool_now(), self->options_.claim_batch);
        if (self->stopping_) break;
        if (!claimed) {
          self->end_transit();
          self->observer_.on(events::spool_trouble{"claim", claimed.error()});
          co_await self->claim_.wait(std::chrono::steady_clock::now() + self->options_.spool_pause);
          continue;
        }
        claimed_now = claimed->size();
        bool outdated = false;
        for (auto& record : *claimed) {
          const bool changed = self->out_of_date(record.id);
          outdated |= changed;
          if (changed) self->give_back(record.id);
          else self->dispatcher_.place(std::move(record));
        }
        self->end_transit();
        self->serve();
        // A change is taken up before its mail is asked for again, even if the spool answers at once.
        if (outdated) co_await asio::post(self->executor, asio::use_awaitable);
      }
      if (room && claimed_now == self->options_.claim_batch) continue;
      co_await self->claim_.wait(self->next_claim(room));
    }
  }

  time_point next_claim(bool room) const {
    if (!room) return std::chrono::steady_clock::now() + options_.spool_pause;
    const auto due = spool_.next_due();
    if (!due) return time_point::max();
    // A clock that is set must not make mail wait for long.
    const auto pause = std::clamp<std::chrono::milliseconds>(*due - spool_now(), std::chrono::milliseconds(0),
                                                             std::chrono::minutes(1));
    return std::chrono::steady_clock::now() + pause;
  }

  static asio::awaitable<void> alarm_loop(self_pointer self) {
    while (!self->stopping_) {
      self->dispatcher_.look();
      for (mail_id free : self->dispatcher_.take_unbound(spool_now())) self->give_back(free);
      auto expired = self->dispatcher_.take_expired(self->retry_, spool_now());
      self->serve();
      if (!expired.empty()) co_await expire(self, std::move(expired));
      if (self->stopping_) break;
      // What could not go although its time has come has to wait for an event, not for the clock.
      const auto soonest = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
      co_await self->alarm_.wait(std::max(self->dispatcher_.next_look(), soonest));
    }
  }

  /// Hands over what may go, and closes what nobody uses any more.
  void serve() {
    if (stopping_) return;
    if (settler_.unsettled() < options_.unsettled)
      dispatcher_.serve([this](departure going) {
        ++in_flight_;
        const self_pointer self = this->shared_from_this();
        asio::co_spawn(executor, deliver(self, std::move(going)), [self](std::exception_ptr error) {
          if (error) self->break_down(error);
        });
      });
    for (auto& one : dispatcher_.take_deserted()) close(std::move(one), std::chrono::seconds(5));
    if (dispatcher_.take_alarm_change()) alarm_.raise();
  }

  void close(std::shared_ptr<destination<Pool>> one, std::chrono::milliseconds patience) {
    ++closing_;
    asio::co_spawn(executor, close_pool(this->shared_from_this(), std::move(one), patience), asio::detached);
  }
  void close_pools(std::chrono::milliseconds patience) {
    dispatcher_.for_each_destination([&](const auto& one) { close(one, patience); });
  }
  static asio::awaitable<void> close_pool(self_pointer self, std::shared_ptr<destination<Pool>> one,
                                          std::chrono::milliseconds patience) {
    co_await one->pool.close(patience);
    --self->closing_;
    self->idle_.raise();
  }

  /// The record of a mail whose turn it is; null if it is no longer there, or cannot be read now.
  static asio::awaitable<std::unique_ptr<spooled_mail>> load(self_pointer self, parked_mail& mail) {
    if (mail.record) co_return std::move(mail.record);
    auto found = co_await self->spool_.find(mail.id);
    if (found && *found) co_return std::make_unique<spooled_mail>(std::move(**found));
    if (!found && !self->abandoned_) self->observer_.on(events::spool_trouble{"find", found.error()});
    co_return nullptr;
  }

  static asio::awaitable<void> deliver(self_pointer self, departure going) {
    std::unique_ptr<spooled_mail> record = co_await load(self, going.mail);
    std::vector<std::size_t> positions;
    if (record) positions = due_positions(*record, spool_now());
    if (positions.empty() || self->stopping_) {
      self->dispatcher_.arrive(going, nullptr);
      self->give_back(going.mail.id);
    } else {
      co_await send(self, going, *record, positions);
    }
    --self->in_flight_;
    self->serve();
    if (self->stopping_) self->idle_.raise();
  }

  /// One transaction for as many recipients as the server takes at once, each settled by itself.
  static asio::awaitable<void> send(self_pointer self, departure& going, const spooled_mail& record,
                                    std::span<const std::size_t> positions) {
    const std::size_t limit = going.to->definition.limits.recipients_per_mail;
    const std::size_t most = limit == 0 ? positions.size() : limit;
    receipt whole;
    conclusion so_far(record.id);
    for (std::size_t tried = 0; tried < positions.size();) {
      const auto part = positions.subspan(tried, std::min(most, positions.size() - tried));
      const mail some(record.envelope_for(part), record.content);
      receipt answer = co_await going.to->pool.send(some);
      if (self->abandoned_) co_return;
      tried += part.size();
      conclusion what = conclude(record, part, answer, self->retry_, self->moment_now());
      what.answered |= so_far.answered;
      if (!what.against_sender) what.against_sender = std::move(so_far.against_sender);
      const bool first = tried == part.size();
      const bool last = tried == positions.size() || what.against_key || what.change.recipients.empty();
      if constexpr (settler<Spool, Observer>::tells) {
        std::copy(answer.recipients.begin(), answer.recipients.end(), std::back_inserter(whole.recipients));
        whole.elapsed += answer.elapsed;
        whole.server = answer.server;
        whole.final_reply = answer.final_reply;
        if (last) self->tell_attempt(going, record, positions.first(tried), whole);
      }
      if (last) {
        self->delivered(going, record, std::move(what), std::move(answer), first);
        co_return;
      }
      what.change.release = false;
      so_far.answered = what.answered;
      so_far.against_sender = what.against_sender;
      self->settle(record, std::move(what), std::move(answer));
    }
  }

  /// The last transaction of a mail, which may also be its `first`.
  void delivered(departure& going, const spooled_mail& record, conclusion what, receipt answer, bool first) {
    if (what.change.recipients.empty() && !stopping_ && !what.against_key) {
      what.against_key = answer.first_failure() ? *answer.first_failure() : failure(cause::cancelled);
      what.key_disposition = disposition::hold_server;
    }
    dispatcher_.arrive(going, &what);
    // After others, the claim may end only when they are settled, too.
    if (what.change.recipients.empty() && first) give_back(going.mail.id);
    else settle(record, std::move(what), std::move(answer));
  }

  void settle(const spooled_mail& record, conclusion what, receipt answer) {
    if (!what.change.recipients.empty() && !answer.ok()) {
      answer.mail_id = to_string(record.id);
      what.change.attempt.emplace(spool_now(), std::move(answer));
    }
    settle(record, std::move(what));
  }

  /// What the sender is to be told of, he is told of in the same settlement.
  void settle(const spooled_mail& record, conclusion what) {
    settled_news news;
    std::string told = notify(record, what.change);
    if (!what.given_up.empty()) news.notified = std::move(told);
    if constexpr (settler<Spool, Observer>::tells) {
      news.mail = record.id;
      news.tenant = record.from.tenant;
      news.deferred = what.deferred;
      news.retry_after = what.retry_after;
      for (const auto& one : what.change.recipients) {
        const auto& address = record.recipients[one.position].who.forward_path;
        if (one.state == recipient_state::failed) news.failed.emplace_back(address.str(), *one.failure);
        else if (one.failure && one.counted && !news.why_deferred) news.why_deferred = one.failure;
      }
    }
    settler_.add(std::move(what.change), std::move(news));
  }

  /// Who is told; empty: nobody.
  std::string notify(const spooled_mail& record, settlement& change) {
    notification_options how(options_.reporting_mta);
    how.delay_warning = options_.delay_warning;
    how.patience = patience_;
    auto told = notify_sender(change, record, how);
    // The recipients stay listed as failed: that is what remains to be said.
    if (!told) observer_.on(events::spool_trouble{"notify", told.error()});
    for (auto& notification : change.follow_ups) notification.from.pin = internal_server_name;
    return told && *told ? (*told)->str() : std::string();
  }

  void tell_attempt(const departure& going, const spooled_mail& record, std::span<const std::size_t> tried,
                    const receipt& answer) {
    std::uint32_t number = 0;
    bool duplicate = false;
    for (const std::size_t position : tried) {
      number = std::max(number, record.recipients[position].attempts + 1);
      duplicate |= record.recipients[position].possible_duplicate;
    }
    observer_.on(events::attempt_finished{record.id, record.from.tenant, record.from.sender, going.server,
                                          going.to->definition.account.user, number, duplicate, answer});
  }

  /// Mails too old to wait for their server any longer.
  static asio::awaitable<void> expire(self_pointer self, std::vector<expiry> all) {
    ++self->in_transit_;
    for (auto& one : all) {
      std::unique_ptr<spooled_mail> record = co_await load(self, one.mail);
      if (self->abandoned_) co_return;
      if (self->out_of_date(one.mail.id)) record.reset();
      bool waits_on = false;
      if (record) {
        const auto now = self->moment_now();
        const auto late = [&](const spooled_recipient& about) {
          return now.now - record->created >= self->options_.delay_warning && awaits_delay_warning(*record, about);
        };
        conclusion what =
            conclude_untried(*record, due_positions(*record, spool_now()), one.why, self->retry_, now, late);
        waits_on = what.change.recipients.empty();
        if (!waits_on) self->settle(*record, std::move(what));
      }
      if (waits_on)
        self->dispatcher_.park(*one.from, parked_mail{one.mail.id, one.mail.created, true, std::move(record)});
      else if (!record) self->give_back(one.mail.id);
      self->dispatcher_.arrive(one);
    }
    self->end_transit();
  }

  moment moment_now() {
    // Rounded up: what is due a pause after this moment must not be due a moment before.
    return {.now = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::system_clock::now()),
            .unknown_pause = options_.unknown_pause,
            .random = std::uniform_real_distribution<double>(0, 1)(chance_)};
  }

  Spool spool_;
  Observer observer_;
  const pipeline_options options_;
  const Retry retry_;
  const std::optional<std::chrono::milliseconds> patience_;
  dispatcher_type dispatcher_;
  settler<Spool, Observer> settler_;
  signal claim_;  ///< something may have become due
  signal alarm_;  ///< something is held back from now on
  signal idle_;   ///< something that `drain` waits for came to its end
  signal ended_;
  std::minstd_rand chance_;
  const std::string owner_;
  std::set<mail_id> changed_;
  std::set<mail_id> changed_meanwhile_;  ///< since something is in transit
  std::exception_ptr broken_;
  std::atomic<bool> arrival_posted_ = false;
  std::size_t in_flight_ = 0;
  std::size_t in_transit_ = 0;  ///< claims, and rounds of the expired: their mails are in no lane
  std::size_t closing_ = 0;
  int loops_ = 0;
  bool expedite_ = false;
  bool stopping_ = false;
  bool drained_ = false;
  bool abandoned_ = false;
};

}  // namespace postrider::detail
