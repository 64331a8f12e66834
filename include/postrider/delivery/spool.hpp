// Where accepted mail waits until every recipient is settled: the concept, and a spool chosen at run time.
#pragma once

#include <postrider/core/result.hpp>
#include <postrider/delivery/mail_filter.hpp>
#include <postrider/delivery/settlement.hpp>
#include <postrider/delivery/spooled_mail.hpp>

#include <asio/awaitable.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace postrider {

/// Takes the content of one mail, piece by piece. Destroyed before `commit`, the mail never was. (Default-initializable
/// because asio::co_spawn asks that of results.)
template <class W>
concept mail_writer = std::movable<W> && std::default_initializable<W> && requires(W& writer, std::string piece) {
  { writer.append(std::move(piece)) } -> std::same_as<asio::awaitable<result<void>>>;
  // Completes when the mail is on stable storage; only then may its sender be told so. Called once, last.
  { writer.commit() } -> std::same_as<asio::awaitable<result<mail_id>>>;
};

/// Where mail waits. Functions may be called from any thread and complete on the awaiting coroutine's executor.
/// After a failure (`cause::spool_failed`) nothing of the operation has happened, and it may be tried again.
template <class S>
concept spool = std::movable<S> &&
    requires(S& s, const S& c, submitter from, envelope to, mail_id id, spool_time now, std::string owner,
             std::span<const settlement> settlements, mail_edit edit, mail_filter filter, std::size_t limit) {
  // Does an acknowledged mail survive power loss?
  { c.durable() }
  noexcept->std::same_as<bool>;

  // A mail comes in. Content is canonical: CRLF line ends, not dot-stuffed.
  requires mail_writer<typename S::writer>;
  { s.begin(from, to) } -> std::same_as<asio::awaitable<result<typename S::writer>>>;

  // Delivery. Claims are not durable: whoever starts again finds every unfinished mail unclaimed. Two owners never
  // have the same mail; the oldest due come first; those that are claimed cost a later claim nothing.
  { s.claim(owner, now, limit) } -> std::same_as<asio::awaitable<result<std::vector<spooled_mail>>>>;
  { s.release(owner) } -> std::same_as<void>;
  { s.release(id) } -> std::same_as<void>;
  { c.next_due() } -> std::same_as<std::optional<spool_time>>;
  // Each settlement is made durable as one, or not at all; one for a mail that is gone does nothing.
  { s.settle(settlements) } -> std::same_as<asio::awaitable<result<void>>>;

  // Operators. An edit of a mail that does not exist gives false.
  { s.find(id) } -> std::same_as<asio::awaitable<result<std::optional<spooled_mail>>>>;
  { s.list(filter, id, limit) } -> std::same_as<asio::awaitable<result<std::vector<spooled_mail>>>>;
  { s.history(id) } -> std::same_as<asio::awaitable<result<std::vector<attempt_record>>>>;
  { s.edit(id, edit) } -> std::same_as<asio::awaitable<result<bool>>>;
  { s.counts() } -> std::same_as<asio::awaitable<result<spool_counts>>>;
};

/// A spool chosen at run time. Moves like a pointer; a moved-from one may only be destroyed or assigned to.
class any_spool {
  struct writer_base {
    virtual ~writer_base() = default;
    virtual asio::awaitable<result<void>> append(std::string piece) = 0;
    virtual asio::awaitable<result<mail_id>> commit() = 0;
  };

 public:
  class writer {
   public:
    writer() = default;
    explicit writer(std::unique_ptr<writer_base> held) : held_(std::move(held)) {}
    asio::awaitable<result<void>> append(std::string piece) { return held_->append(std::move(piece)); }
    asio::awaitable<result<mail_id>> commit() { return held_->commit(); }

   private:
    std::unique_ptr<writer_base> held_;
  };

  template <class S>
  requires(!std::same_as<S, any_spool> && spool<S>) explicit any_spool(S held)
      : held_(std::make_unique<model<S>>(std::move(held))) {}

  bool durable() const noexcept { return held_->durable(); }
  asio::awaitable<result<writer>> begin(submitter from, envelope to) {
    return held_->begin(std::move(from), std::move(to));
  }
  asio::awaitable<result<std::vector<spooled_mail>>> claim(std::string owner, spool_time now, std::size_t limit) {
    return held_->claim(std::move(owner), now, limit);
  }
  void release(const std::string& owner) { held_->release(owner); }
  void release(mail_id id) { held_->release(id); }
  std::optional<spool_time> next_due() const { return held_->next_due(); }
  asio::awaitable<result<void>> settle(std::span<const settlement> all) { return held_->settle(all); }
  asio::awaitable<result<std::optional<spooled_mail>>> find(mail_id id) { return held_->find(id); }
  asio::awaitable<result<std::vector<spooled_mail>>> list(mail_filter filter, mail_id after, std::size_t limit) {
    return held_->list(std::move(filter), after, limit);
  }
  asio::awaitable<result<std::vector<attempt_record>>> history(mail_id id) { return held_->history(id); }
  asio::awaitable<result<bool>> edit(mail_id id, mail_edit edit) { return held_->edit(id, std::move(edit)); }
  asio::awaitable<result<spool_counts>> counts() { return held_->counts(); }

 private:
  struct base {
    virtual ~base() = default;
    virtual bool durable() const noexcept = 0;
    virtual asio::awaitable<result<writer>> begin(submitter from, envelope to) = 0;
    virtual asio::awaitable<result<std::vector<spooled_mail>>> claim(std::string owner, spool_time now,
                                                                     std::size_t limit) = 0;
    virtual void release(const std::string& owner) = 0;
    virtual void release(mail_id id) = 0;
    virtual std::optional<spool_time> next_due() const = 0;
    virtual asio::awaitable<result<void>> settle(std::span<const settlement> all) = 0;
    virtual asio::awaitable<result<std::optional<spooled_mail>>> find(mail_id id) = 0;
    virtual asio::awaitable<result<std::vector<spooled_mail>>> list(mail_filter filter, mail_id after,
                                                                    std::size_t limit) = 0;
    virtual asio::awaitable<result<std::vector<attempt_record>>> history(mail_id id) = 0;
    virtual asio::awaitable<result<bool>> edit(mail_id id, mail_edit edit) = 0;
    virtual asio::awaitable<result<spool_counts>> counts() = 0;
  };

  template <class W>
  struct writer_model final : writer_base {
    explicit writer_model(W held) : held(std::move(held)) {}
    asio::awaitable<result<void>> append(std::string piece) override { return held.append(std::move(piece)); }
    asio::awaitable<result<mail_id>> commit() override { return held.commit(); }
    W held;
  };

  template <class S>
  struct model final : base {
    explicit model(S held) : held(std::move(held)) {}
    bool durable() const noexcept override { return held.durable(); }
    asio::awaitable<result<writer>> begin(submitter from, envelope to) override {
      return wrap<S>(held.begin(std::move(from), std::move(to)));
    }
    asio::awaitable<result<std::vector<spooled_mail>>> claim(std::string owner, spool_time now,
                                                             std::size_t limit) override {
      return held.claim(std::move(owner), now, limit);
    }
    void release(const std::string& owner) override { held.release(owner); }
    void release(mail_id id) override { held.release(id); }
    std::optional<spool_time> next_due() const override { return held.next_due(); }
    asio::awaitable<result<void>> settle(std::span<const settlement> all) override { return held.settle(all); }
    asio::awaitable<result<std::optional<spooled_mail>>> find(mail_id id) override { return held.find(id); }
    asio::awaitable<result<std::vector<spooled_mail>>> list(mail_filter filter, mail_id after,
                                                            std::size_t limit) override {
      return held.list(std::move(filter), after, limit);
    }
    asio::awaitable<result<std::vector<attempt_record>>> history(mail_id id) override { return held.history(id); }
    asio::awaitable<result<bool>> edit(mail_id id, mail_edit edit) override { return held.edit(id, std::move(edit)); }
    asio::awaitable<result<spool_counts>> counts() override { return held.counts(); }
    S held;
  };

  template <class S>
  static asio::awaitable<result<writer>> wrap(asio::awaitable<result<typename S::writer>> begun) {
    auto inner = co_await std::move(begun);
    if (!inner) co_return fail(std::move(inner.error()));
    co_return writer(std::make_unique<writer_model<typename S::writer>>(std::move(*inner)));
  }

  std::unique_ptr<base> held_;
};

static_assert(spool<any_spool>);

}  // namespace postrider
