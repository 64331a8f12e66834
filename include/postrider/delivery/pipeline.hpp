// What happens to a mail from accepted to done.
//
//   pipeline line{context.get_executor(), registry, sqlite::spool{...}, exponential{1min, 4h} | give_up_after{120h}};
//   co_spawn(context, line.run(), detached);
//   co_await line.submit(submitter("acme", "ada@example.com"), mail);   // durable now
//   co_await line.stop(30s);
#pragma once

#include <postrider/client/pool.hpp>
#include <postrider/delivery/pipeline_core.hpp>
#include <postrider/delivery/pipeline_options.hpp>
#include <postrider/delivery/spool.hpp>
#include <postrider/mail/mail.hpp>
#include <postrider/registry/registry.hpp>
#include <postrider/registry/submitter.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace postrider {

/// A server that gets no mail at the moment, or gets it slowly, or, if `sender` is set, a sender whose mail alone
/// waits.
class held_server {
 public:
  held_server(std::string tenant, std::string server, std::string user, std::string sender, failure why,
              std::chrono::milliseconds remaining)
      : tenant(std::move(tenant)),
        server(std::move(server)),
        user(std::move(user)),
        sender(std::move(sender)),
        why(std::move(why)),
        remaining(remaining) {}

  std::string tenant;
  std::string server;  ///< empty if there is no way to any
  std::string user;
  std::string sender;
  failure why;
  std::chrono::milliseconds remaining;  ///< until it is tried again
};

template <spool Spool, retry_strategy Retry, observer Observer = no_observer, delivery_pool Pool = client::pool>
class pipeline;

/// Mail in, outcomes out: accepted mail is durable in the spool, goes to the server that the registry names when its
/// turn comes, is tried again as `Retry` says, and ends accepted, notified, or listed as failed.
///
/// - Mail of a server in trouble waits for that server and delays nobody else's. The server is tried now and then with
///   one mail; no attempt is counted for the others, but their age is.
/// - A change in the registry concerns waiting mail too.
/// - A failing spool loses nothing: outcomes are kept until it takes them.
///
/// All work is done on one executor, which one thread runs; connections, with all that TLS computes, may have further
/// threads (`pipeline_options::connections_on`). `submit`, `begin`, `edit` and changes of the registry may
/// come from any thread; everything else belongs to that thread. The registry must outlive the pipeline; the pipeline
/// must not outlive the executor's context. Destroying it never blocks: sessions end, and what is unfinished stays in
/// the spool.
template <spool Spool, retry_strategy Retry, observer Observer, delivery_pool Pool>
class pipeline {
  using core_type = detail::pipeline_core<Spool, Retry, Observer, Pool>;
  using core_pointer = std::shared_ptr<core_type>;

 public:
  pipeline(asio::any_io_executor executor, server_registry& registry, Spool into, Retry retry,
           pipeline_options options = {}, Observer listener = {})
      : registry_(registry),
        core_(std::make_shared<core_type>(std::move(executor), registry, std::move(into), std::move(retry),
                                          std::move(listener), std::move(options))) {
    // Weak: a listener must not keep alive what the handle gave up.
    subscription_ =
        registry.subscribe([weak = std::weak_ptr(core_)](const std::shared_ptr<const tenant_snapshot>& now) {
          if (const auto core = weak.lock()) core->tenant_changed(now);
        });
  }
  pipeline(const pipeline&) = delete;
  pipeline& operator=(const pipeline&) = delete;
  ~pipeline() {
    subscription_ = registry_subscription();
    asio::dispatch(core_->executor, [core = core_] { core->abandon(); });
  }

  /// A mail that comes in piece by piece; makes the pipeline a `mail_acceptor`.
  class writer {
   public:
    writer() = default;  ///< of no mail; for co_spawn, and to be assigned to

    asio::awaitable<result<void>> append(std::string piece) {
      size_ += piece.size();
      return inner_.append(std::move(piece));
    }
    /// Completes when the mail is durable; it is on its way then.
    asio::awaitable<result<mail_id>> commit() {
      return committed(inner_.commit(), std::move(core_), std::move(from_), recipients_, size_);
    }

   private:
    friend class pipeline;
    writer(typename Spool::writer inner, core_pointer core, submitter from, std::size_t recipients)
        : inner_(std::move(inner)), core_(std::move(core)), from_(std::move(from)), recipients_(recipients) {}

    static asio::awaitable<result<mail_id>> committed(asio::awaitable<result<mail_id>> inner, core_pointer core,
                                                      submitter from, std::size_t recipients, std::uint64_t size) {
      auto id = co_await std::move(inner);
      if (id) core->accepted(*id, std::move(from), recipients, size);
      co_return id;
    }

    typename Spool::writer inner_;
    core_pointer core_;
    submitter from_;
    std::size_t recipients_ = 0;
    std::uint64_t size_ = 0;
  };

  /// Fails with `no_server` if the registry does not have the tenant.
  asio::awaitable<result<writer>> begin(submitter from, envelope to) {
    const bool known = has_tenant(from);
    return begun(core_, known, std::move(from), std::move(to));
  }

  /// Completes when `what` is durable; it is on its way then. A failure means that it never was. As `begin` it takes
  /// no mail of a tenant that does not exist.
  asio::awaitable<result<mail_id>> submit(submitter from, mail what) {
    const bool known = has_tenant(from);
    return submitted(core_, known, std::move(from), std::move(what));
  }

  /// Delivers until `stop`. Start it once, on the pipeline's executor.
  asio::awaitable<void> run() { return core_type::run(core_); }

  /// Takes up no more mail; what is on its way has until `patience` ends, and is left in the spool otherwise. Returns
  /// when nothing is on its way and every outcome is durable, or shortly after the end of patience.
  asio::awaitable<void> stop(std::chrono::milliseconds patience) { return stopped(core_, patience); }

  /// Changes a mail in the spool as an operator wants it; false if there is no such mail. `mail_edit::retry` has
  /// servers that are held tried at once, too.
  asio::awaitable<result<bool>> edit(mail_id id, mail_edit how) { return edited(core_, id, std::move(how)); }

  /// The servers that get no mail now, the senders whose mail waits whatever their server does, and why.
  std::vector<held_server> held() const {
    std::vector<held_server> all;
    const auto left = [now = std::chrono::steady_clock::now()](const breaker& of) {
      const auto remaining = std::chrono::ceil<std::chrono::milliseconds>(of.open_until() - now);
      return std::max(remaining, std::chrono::milliseconds(0));
    };
    core_->for_each_destination([&](const auto& one) {
      way_state now((route()));
      detail::describe(now, *one, std::chrono::steady_clock::now());
      if (now.trouble)
        all.emplace_back(one->tenant, one->name, one->definition.account.user, std::string(), std::move(*now.trouble),
                         now.remaining);
    });
    core_->for_each_resting([&](const auto& one) {
      all.emplace_back(one.who.tenant, one.way.server, std::string(), one.who.sender, *one.rest.why(), left(one.rest));
    });
    return all;
  }

  /// The servers that mail of `from` may take, in the order of choice, and how they fare at this moment;
  /// `explain_route` says it in words. Fails where `find_route` does.
  result<std::vector<way_state>> ways(const submitter& from) const { return core_->ways_of(from); }

  /// Mails that were taken up and wait for their server, or are with it.
  std::size_t waiting() const noexcept { return core_->waiting(); }
  std::size_t in_flight() const noexcept { return core_->in_flight(); }

  /// For reading; changes go through `edit`.
  Spool& spool() noexcept { return core_->spool(); }

 private:
  static constexpr std::size_t piece_size = 256 * 1024;

  bool has_tenant(const submitter& from) const { return registry_.snapshot(from.tenant)->exists(); }

  static asio::awaitable<result<writer>> begun(core_pointer core, bool known, submitter from, envelope to) {
    if (!known)
      co_return fail(cause::no_server, stage::queue, detail::named("tenant", from.tenant) + " does not exist");
    const std::size_t recipients = to.recipients.size();
    auto inner = co_await core->spool().begin(from, std::move(to));
    if (!inner) co_return fail(std::move(inner.error()));
    co_return writer(std::move(*inner), std::move(core), std::move(from), recipients);
  }

  static asio::awaitable<result<mail_id>> submitted(core_pointer core, bool known, submitter from, mail what) {
    auto out = co_await begun(std::move(core), known, std::move(from), what.envelope());
    if (!out) co_return fail(std::move(out.error()));
    const std::uint64_t size = what.content().traits().size;
    for (std::uint64_t offset = 0; offset < size;) {
      std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, size - offset)), '\0');
      const auto got = what.content().read(offset, piece);
      if (!got) co_return fail(got.error());
      if (*got != piece.size()) co_return fail(cause::source_failed, stage::queue, "the content ended early");
      offset += *got;
      auto taken = co_await out->append(std::move(piece));
      if (!taken) co_return fail(std::move(taken.error()));
    }
    auto id = co_await out->commit();
    co_return id;
  }

  static asio::awaitable<void> stopped(core_pointer core, std::chrono::milliseconds patience) {
    auto drained = core_type::drain(core, patience);
    co_await asio::co_spawn(core->executor, std::move(drained), asio::use_awaitable);
  }

  static asio::awaitable<result<bool>> edited(core_pointer core, mail_id id, mail_edit how) {
    const bool expedite = how.what == mail_edit::verb::retry;
    auto done = co_await core->spool().edit(id, std::move(how));
    if (done && *done) core->mail_changed(id, expedite);
    co_return done;
  }

  const server_registry& registry_;
  core_pointer core_;
  registry_subscription subscription_;
};

template <spool Spool, retry_strategy Retry>
pipeline(asio::any_io_executor, server_registry&, Spool, Retry) -> pipeline<Spool, Retry>;
template <spool Spool, retry_strategy Retry>
pipeline(asio::any_io_executor, server_registry&, Spool, Retry, pipeline_options) -> pipeline<Spool, Retry>;
template <spool Spool, retry_strategy Retry, observer Observer>
pipeline(asio::any_io_executor, server_registry&, Spool, Retry, pipeline_options, Observer)
    -> pipeline<Spool, Retry, Observer>;

}  // namespace postrider
