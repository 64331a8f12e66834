// One session with one server: a stream, the dialogue that knows what to say on it, and a clock.
#pragma once

#include <postrider/client/mail_source.hpp>
#include <postrider/net/transport.hpp>
#include <postrider/protocol/client_dialogue.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace postrider::client {

/// A stream that can become encrypted in place.
template <class S>
concept upgradable_stream = net::stream<S> &&
    requires(S s, net::tls_context context, std::string name, std::span<const asio::const_buffer> from) {
  // Writes without waiting: as `write_some`, or would_block if nothing can be taken now. What follows begins with the
  // same bytes.
  { s.try_write_some(from) } -> std::same_as<net::io_result>;
  { s.handshake_client(context, name) } -> std::same_as<asio::awaitable<result<void>>>;
  { s.tls_description() } -> std::convertible_to<std::string>;
};

namespace detail {

/// What lives as long as any of the connection's coroutines. Whoever runs `set_up` or `serve` holds it.
///
/// One coroutine reads, and what it read makes the next mails and commands go out at once, without waiting (`pump`): a
/// round trip is one event. Only where a write would block the other coroutine, `serve`, waits for it. A timer watches
/// both.
template <upgradable_stream Stream>
class connection_core : public std::enable_shared_from_this<connection_core<Stream>> {
 public:
  connection_core(Stream connected, server definition, std::string ehlo_name, protocol::trace* listener)
      : stream(std::move(connected)),
        where(std::move(definition)),
        dialogue(where, std::move(ehlo_name), listener),
        woken(stream.get_executor(), asio::steady_timer::time_point::max()),
        watch(stream.get_executor()),
        buffer(read_size) {}

  /// Set-up, one step after the other.
  asio::awaitable<void> set_up() {
    progressed();
    co_await heed_cancellation();
    while (!given_up && !dialogue.closed() && !dialogue.ready()) {
      if (dialogue.wants_tls()) co_await encrypt();
      else if (dialogue.has_output()) co_await write_once();
      else co_await read_once();
      co_await heed_cancellation();
    }
    if (given_up || !dialogue.ready()) finish();
  }

  asio::awaitable<void> serve(mail_source& mails) {
    source = &mails;
    reading = true;
    asio::co_spawn(stream.get_executor(), read_loop(this->shared_from_this()), asio::detached);
    pump();
    while (!dialogue.closed() && !broken) {
      if (write_waits) {
        co_await write_once();
        write_waits = false;
        pump();
      } else {
        co_await woken.async_wait(token);
      }
      co_await heed_cancellation();
    }
    // A server that stopped reading may have said why: its last words are read before the connection is given up.
    if (broken && reading) linger();
    if (!broken) stream.close();
    while (reading) co_await woken.async_wait(token);
    finish();
    source = nullptr;
  }

  /// There is something to do. Soon, not now: whoever else is about to give a mail may do so first, and one write takes
  /// them all.
  void wake() {
    if (std::exchange(pump_due, true)) return;
    asio::post(stream.get_executor(), [self = this->shared_from_this()] {
      self->pump_due = false;
      self->pump();
    });
  }

  void close(failure why) {
    if (!given_up) given_up = std::move(why);
    stream.close();
  }

  Stream stream;
  server where;
  protocol::client_dialogue dialogue;
  std::uint64_t round_trips = 0;
  bool pump_due = false;

 private:
  static constexpr auto token = asio::experimental::as_tuple_t<asio::use_awaitable_t<>>(asio::use_awaitable_t<>());
  static constexpr std::size_t read_size = 4 * 1024;
  static constexpr std::size_t most_pieces = 64;
  static constexpr std::chrono::seconds last_words{1};     // for a server that stopped reading
  static constexpr std::uint64_t work_ahead = 256 * 1024;  // content still to be written when the next mail is pulled

  /// Also if it came between two waits, where no operation could end early.
  asio::awaitable<void> heed_cancellation() {
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) close(failure(cause::cancelled));
  }

  static asio::awaitable<void> read_loop(std::shared_ptr<connection_core> self) {
    while (!self->dialogue.closed() && !self->read_ended) {
      const auto read = co_await self->stream.read_some(asio::buffer(self->buffer));
      self->take(std::get<0>(read), std::get<1>(read));
      self->hand_over();
      self->pump();
    }
    self->reading = false;
    self->broken = self->broken || self->read_ended;
    self->stream.close();  // a write that is blocked has nobody to wait for any more
    self->woken.cancel();
  }

  /// Takes mails and writes as much as goes without waiting; the rest is left to `serve`.
  void pump() {
    for (std::size_t written = 0; !write_waits && !broken && !dialogue.closed();) {
      pull();
      const auto pieces = gather();
      if (pieces.empty()) break;
      const auto [error, count] = stream.try_write_some(pieces);
      const bool later = error == asio::error::would_block || error == asio::error::try_again;
      if (error && !later) {
        note(error);
        broken = true;
      } else if (!later) {
        wrote(count);
        written += count;
      }
      write_waits = later || (written >= work_ahead && dialogue.has_output());
    }
    if (write_waits || broken || dialogue.closed()) woken.cancel();
  }

  void pull() {
    bool pulled = false;
    while (source && dialogue.accepts_mail() && dialogue.content_left() <= work_ahead) {
      std::optional<queued_mail> next = source->pull();
      if (!next) break;
      dialogue.push(next->ticket, std::move(next->mail));
      pulled = true;
    }
    if (pulled) progressed();
    hand_over();
  }

  void hand_over() {
    if (!source) return;
    while (auto done = dialogue.next_settled()) source->settled(std::move(*done));
  }

  asio::awaitable<void> read_once() {
    const auto read = co_await stream.read_some(asio::buffer(buffer));
    take(std::get<0>(read), std::get<1>(read));
  }

  void take(const std::error_code& error, std::size_t count) {
    if (error) {
      note(error);
      read_ended = true;
      if (!reading) finish();
      return;
    }
    if (std::exchange(unanswered, false)) ++round_trips;
    dialogue.received({buffer.data(), count});
    progressed();
  }

  /// What is to be written next, if anything.
  std::span<const asio::const_buffer> gather() {
    if (!dialogue.has_output()) return {};
    const auto pieces = dialogue.gather();
    std::size_t used = 0;
    for (const std::string_view piece : pieces.first(std::min(pieces.size(), most_pieces)))
      gathered[used++] = asio::buffer(piece);
    return {gathered.data(), used};
  }

  asio::awaitable<void> write_once() {
    const auto pieces = gather();
    if (pieces.empty()) co_return;
    const auto written = co_await stream.write_some(pieces);
    const auto& [error, count] = written;
    if (!error) co_return wrote(count);
    note(error);
    broken = true;
    if (!reading) finish();
  }

  void wrote(std::size_t count) {
    dialogue.consume(count);
    unanswered = true;
    progressed();
  }

  asio::awaitable<void> encrypt() {
    auto context = net::tls_context::client(where.tls);
    if (!context) {
      dialogue.lost(std::move(context.error()));
      co_return;
    }
    const std::string& name = where.tls.server_name.empty() ? where.host : where.tls.server_name;
    auto done = co_await stream.handshake_client(*context, name);
    if (given_up) co_return finish();
    if (!done) {
      failure why = std::move(done.error());
      if (why.cause == cause::starttls_expected && where.security == security::starttls)
        why.cause = cause::tls_handshake;
      dialogue.lost(std::move(why));
      co_return;
    }
    dialogue.tls_established(stream.tls_description());
    progressed();
  }

  void note(const std::error_code& error) {
    if (error == asio::error::operation_aborted && !given_up) given_up = failure(cause::cancelled);
    if (!io_error) io_error = error;
  }

  /// Nothing is read or written any more: what is still in the dialogue is settled.
  void finish() {
    stream.close();
    watch.cancel();
    if (!dialogue.closed()) {
      if (given_up) dialogue.lost(std::move(*given_up));
      else dialogue.lost(lost_because());
    }
    hand_over();
  }

  failure lost_because() const {
    const bool ended = !io_error || io_error == asio::error::eof || io_error == asio::ssl::error::stream_truncated;
    if (ended) return failure(cause::connection_closed, dialogue.awaited(), "the server closed the connection");
    failure why = protocol::classify(dialogue.awaited(), io_error);
    why.detail = io_error.message();
    return why;
  }

  // The clock: one timer, set anew only if it would ring too late.

  void progressed() {
    if (dialogue.progress() != seen_progress && !lingering) {
      seen_progress = dialogue.progress();
      since = std::chrono::steady_clock::now();
    }
    const auto due = deadline();
    if (due >= rings_at) return;
    rings_at = due;
    watch.expires_at(due);
    watch.async_wait([weak = this->weak_from_this()](const std::error_code& cancelled) {
      if (cancelled) return;
      if (const auto self = weak.lock()) self->ring();
    });
  }

  std::chrono::steady_clock::time_point deadline() const {
    if (dialogue.closed()) return std::chrono::steady_clock::time_point::max();
    if (lingering) return since + last_words;
    if (!dialogue.waiting() && where.limits.idle.count() == 0) return std::chrono::steady_clock::time_point::max();
    if (!dialogue.waiting()) return since + where.limits.idle;
    return since + dialogue.patience();
  }

  void ring() {
    rings_at = std::chrono::steady_clock::time_point::max();
    if (std::chrono::steady_clock::now() < deadline()) return progressed();
    if (lingering) return stream.close();
    if (dialogue.waiting()) return close(late());
    dialogue.quit();
    progressed();
    wake();
  }

  failure late() const {
    failure why = protocol::classify_silence(dialogue.awaited(), where);
    why.detail = "no answer within " + std::to_string(dialogue.patience().count()) + " ms";
    return why;
  }

  void linger() {
    lingering = true;
    since = std::chrono::steady_clock::now();
    progressed();
  }

  asio::steady_timer woken;
  asio::steady_timer watch;
  std::chrono::steady_clock::time_point rings_at = std::chrono::steady_clock::time_point::max();
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
  std::uint64_t seen_progress = 0;
  std::vector<char> buffer;
  std::array<asio::const_buffer, most_pieces> gathered;
  mail_source* source = nullptr;
  std::error_code io_error;
  std::optional<failure> given_up;
  bool unanswered = false;   // something was written since the last read
  bool write_waits = false;  // for `serve`: what is to be written would block, or is much
  bool reading = false;
  bool read_ended = false;
  bool broken = false;
  bool lingering = false;
};

}  // namespace detail

/// A session over `Stream`. Lives on the executor of its stream; not for use by two threads at once. Destroying it
/// closes the stream at once; what was begun on it ends by itself.
template <upgradable_stream Stream>
class basic_connection {
 public:
  /// `stream` is connected. `ehlo_name` is used unless `where` has one; `listener` may be null and must outlive the
  /// session.
  basic_connection(Stream stream, const server& where, std::string ehlo_name, protocol::trace* listener = nullptr)
      : core_(std::make_shared<detail::connection_core<Stream>>(std::move(stream), where, std::move(ehlo_name),
                                                                listener)) {}
  basic_connection(basic_connection&&) noexcept = default;
  basic_connection& operator=(basic_connection&&) = delete;
  ~basic_connection() {
    if (core_) core_->stream.close();
  }

  /// Greeting, EHLO, TLS, authentication, as the server's definition demands. Afterwards the session is ready, or the
  /// failure says at which stage it ended.
  asio::awaitable<result<void>> open() { return open(core_); }

  /// Delivers what `source` has, until the session ends; each mail pulled is settled once. `source` outlives this.
  /// Cancellation closes the connection; the coroutine must not be one that throws when cancelled
  /// (`this_coro::throw_if_cancelled(false)`).
  asio::awaitable<void> serve(mail_source& source) { return serve(core_, source); }

  /// Tells `serve` that the source has mails again.
  void wake() { core_->wake(); }

  /// It was told so and has not asked yet.
  bool awake() const noexcept { return core_->pump_due; }

  /// Ends the session in good order once what was pulled is settled.
  void quit() {
    core_->dialogue.quit();
    core_->wake();
  }

  /// Ends the session at once, for the reason `why`.
  void close(failure why) { core_->close(std::move(why)); }

  asio::any_io_executor get_executor() const { return core_->stream.get_executor(); }

  /// Keeps a mail that was pulled from being delivered; false if it is too late for that.
  bool withdraw(std::uint64_t ticket) { return core_->dialogue.withdraw(ticket); }

  bool idle() const noexcept { return core_->dialogue.idle(); }
  /// How often something was written and then answered: what latency is multiplied with.
  std::uint64_t round_trips() const noexcept { return core_->round_trips; }
  const protocol::client_dialogue& dialogue() const noexcept { return core_->dialogue; }

 private:
  static asio::awaitable<result<void>> open(std::shared_ptr<detail::connection_core<Stream>> core) {
    co_await core->set_up();
    if (core->dialogue.ready()) co_return result<void>();
    const failure* why = core->dialogue.ended_by();
    co_return fail(why ? *why : failure(cause::connection_closed, stage::greeting));
  }

  static asio::awaitable<void> serve(std::shared_ptr<detail::connection_core<Stream>> core, mail_source& source) {
    co_await core->serve(source);
  }

  std::shared_ptr<detail::connection_core<Stream>> core_;
};

using connection = basic_connection<net::transport>;

}  // namespace postrider::client
