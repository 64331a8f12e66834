// One client of a server: a connection, a dialogue, and the mails that go from one into an acceptor.
#pragma once

#include <postrider/net/transport.hpp>
#include <postrider/protocol/received.hpp>
#include <postrider/protocol/server_dialogue.hpp>
#include <postrider/server/failed_logins.hpp>
#include <postrider/server/mail_acceptor.hpp>
#include <postrider/server/policy.hpp>
#include <postrider/server/watchdog.hpp>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/ip/address.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

namespace postrider {

/// Lives on the connection's executor; outlives what `run` returned. What it is given by reference outlives it.
template <mail_acceptor Acceptor>
class server_session {
 public:
  /// `serial` distinguishes sessions in Received fields and logs.
  server_session(net::transport connection, const server_policy& policy, Acceptor& acceptor, failed_logins& failures,
                 const asio::ip::address& peer, std::uint64_t serial)
      : connection_(std::move(connection)),
        policy_(policy),
        acceptor_(acceptor),
        failures_(failures),
        dialogue_(policy.smtp, {.starttls = policy.tls && !policy.implicit_tls,
                                .auth = policy.tls && policy.check,
                                .scram = policy.find != nullptr,
                                .encrypted = policy.implicit_tls}),
        watchdog_(connection_.get_executor(), [this] { be_late(); }),
        from_(network::around(peer, 64)),
        peer_(peer.to_string()),
        serial_(to_string(mail_id{serial})) {
    if (policy.trusts(peer)) login_ = login::trusted(policy.trusted_tenant);
  }
  server_session(const server_session&) = delete;
  server_session& operator=(const server_session&) = delete;

  /// Completes when the connection is closed, whoever closed it.
  asio::awaitable<void> run() { return converse(); }

  /// The client is sent away after its mail under way, if there is one.
  void shut_down() {
    dialogue_.shut_down();
    if (reading_ && !dialogue_.in_transaction()) interrupt(interruption::shut_down);
  }

  /// Ends the session now. What was not answered was not taken.
  void close() noexcept { connection_.close(); }

 private:
  using event = protocol::server_event;
  enum class interruption : std::uint8_t { none, late, shut_down };
  static constexpr std::size_t buffer_size = 32 * 1024;
  static constexpr std::size_t record_size = 16 * 1024;  // no TLS record holds more (RFC 8446 section 5.1)

  // --- the conversation --------------------------------------------------------------------------------------------

  asio::awaitable<void> converse() {
    const bool begun = co_await begin_conversation();
    bool goes_on = begun;
    while (goes_on) {
      const event what = dialogue_.next();
      switch (what) {
        case event::need_bytes: goes_on = co_await exchange(); break;
        case event::start_tls: goes_on = co_await start_tls(); break;
        case event::find_login: co_await find_login(); break;
        case event::verify_login: co_await verify_login(); break;
        case event::check_sender: check_sender(); break;
        case event::check_recipient: dialogue_.accept(); break;
        case event::begin_mail: co_await begin_mail(); break;
        case event::content: co_await append_content(); break;
        case event::finish_mail: co_await finish_mail(); break;
        case event::discard_mail: writer_.reset(); break;
        case event::close:
          co_await say_goodbye();
          goes_on = false;
          break;
      }
    }
    connection_.close();
  }

  /// TLS first where it is implicit. Elsewhere, whoever has spoken before the greeting is no SMTP client.
  asio::awaitable<bool> begin_conversation() {
    bool ready = true;
    std::error_code ignored;
    if (policy_.implicit_tls) ready = co_await shake_hands();
    else if (connection_.socket().available(ignored) > 0) ready = co_await read();
    if (ready) dialogue_.greet();
    co_return ready;
  }

  /// Every reply there is goes out at once, then the client's next bytes come in.
  asio::awaitable<bool> exchange() {
    count_failures();
    const bool written = co_await write();
    if (!written) co_return false;
    const bool read_on = co_await read();
    co_return read_on;
  }

  asio::awaitable<bool> start_tls() {
    const bool written = co_await write();
    if (!written) co_return false;
    const bool secured = co_await shake_hands();
    if (!secured) co_return false;
    dialogue_.tls_started();
    co_return true;
  }

  /// The last words, then patience for a moment: closing while the client's bytes come in would take them from it.
  asio::awaitable<void> say_goodbye() {
    writer_.reset();
    count_failures();
    const bool written = co_await write();
    std::error_code error;
    connection_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
    watchdog_.expect(std::chrono::seconds(1));
    bool open = written && !error;
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(record_size);
    while (open) {
      const auto done = co_await connection_.socket().async_read_some(
          asio::buffer(buffer_.get(), record_size), asio::experimental::as_tuple(asio::use_awaitable));
      open = !std::get<0>(done);
    }
  }

  // --- bytes -------------------------------------------------------------------------------------------------------

  asio::awaitable<bool> write() {
    std::string& output = dialogue_.output();
    std::string_view left = output;
    if (!left.empty()) watchdog_.expect(policy_.timeouts.write);
    while (!left.empty()) {
      const asio::const_buffer piece(left.data(), left.size());
      const net::io_result done = co_await connection_.write_some(std::span(&piece, 1));
      const auto& [error, bytes] = done;
      if (error) co_return false;
      left.remove_prefix(bytes);
    }
    output.clear();
    co_return true;
  }

  /// False at the end of the connection. An interrupted read is none: the dialogue has then something to say.
  asio::awaitable<bool> read() {
    watchdog_.expect(read_deadline());
    reading_ = true;
    std::error_code error;
    std::size_t bytes = 0;
    if (!dialogue_.receiving() && !connection_.encrypted()) error = co_await wait_for_client();
    if (!error) {
      const std::size_t size = connection_.encrypted() ? record_size : buffer_size;
      if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(size);
      const net::io_result done = co_await connection_.read_some(asio::buffer(buffer_.get(), size));
      error = std::get<0>(done);
      bytes = std::get<1>(done);
    }
    reading_ = false;
    watchdog_.rest();
    const interruption why = std::exchange(interruption_, interruption::none);
    if (error && why == interruption::none) co_return false;
    if (!error) dialogue_.feed({buffer_.get(), bytes});
    else if (why == interruption::late) dialogue_.time_out();
    received_ += bytes;
    co_return true;
  }

  /// An idle client holds no buffer. Under TLS one is needed to learn that it is idle.
  asio::awaitable<std::error_code> wait_for_client() {
    buffer_.reset();
    const auto ready = co_await connection_.socket().async_wait(asio::ip::tcp::socket::wait_read,
                                                                asio::experimental::as_tuple(asio::use_awaitable));
    co_return std::get<0>(ready);
  }

  std::chrono::steady_clock::time_point read_deadline() const {
    const auto now = std::chrono::steady_clock::now();
    const session_timeouts& limits = policy_.timeouts;
    if (!dialogue_.in_transaction()) return std::min(now + limits.command, began_ + limits.session);
    if (!dialogue_.receiving()) return now + limits.command;
    const std::chrono::seconds granted(limits.bytes_per_second == 0 ? 0 : received_ / limits.bytes_per_second);
    return std::min(now + limits.block, content_began_ + limits.content + granted);
  }

  asio::awaitable<bool> shake_hands() {
    watchdog_.expect(policy_.timeouts.tls);
    const auto done = co_await connection_.handshake_server(policy_.tls);
    watchdog_.rest();
    if (!done) co_return false;
    tls_ = connection_.tls_version();
    tls_.append(" ").append(connection_.tls_cipher());
    co_return true;
  }

  void be_late() {
    if (reading_) interrupt(interruption::late);
    else connection_.close();
  }

  void interrupt(interruption why) {
    interruption_ = why;
    std::error_code ignored;
    connection_.socket().cancel(ignored);
  }

  // --- answers -----------------------------------------------------------------------------------------------------

  void count_failures() {
    for (; counted_failures_ < dialogue_.rejected_logins(); ++counted_failures_)
      failures_.count(from_, failed_logins::clock::now());
  }

  bool guesses_too_often() {
    if (!failures_.too_many(from_, failed_logins::clock::now())) return false;
    dialogue_.refuse("421 4.7.0", "Too many failed logins from your address, try again later");
    return true;
  }

  asio::awaitable<void> find_login() {
    if (guesses_too_often()) co_return;
    std::string user = dialogue_.login().user;
    auto found = co_await policy_.find(std::move(user));
    if (!found) co_return dialogue_.refuse("454 4.7.0", "Temporary authentication failure");
    claimed_.emplace(std::move(found->who));
    dialogue_.challenge_login(std::move(found->keys));
  }

  asio::awaitable<void> verify_login() {
    const auto attempt = dialogue_.login();
    if (attempt.proved) {
      login_ = std::exchange(claimed_, std::nullopt);
      co_return dialogue_.accept();
    }
    if (guesses_too_often()) co_return;
    std::string user = attempt.user;
    secret password = attempt.password;
    auto known = co_await policy_.check(std::move(user), std::move(password));
    if (known) {
      login_.emplace(std::move(*known));
      dialogue_.accept();
    } else if (known.error().cause == cause::credentials_rejected) {
      dialogue_.refuse("535 5.7.8", "Authentication credentials invalid");
    } else {
      dialogue_.refuse("454 4.7.0", "Temporary authentication failure");
    }
  }

  void check_sender() {
    if (!login_) dialogue_.refuse("530 5.7.0", "Authentication required");
    else if (!login_->stands()) dialogue_.refuse("421 4.7.0", "This login has changed, log in again");
    else if (!login_->may_send_as(dialogue_.sender()))
      dialogue_.refuse("550 5.7.1", "This login may not send as this sender");
    else dialogue_.accept();
  }

  asio::awaitable<void> begin_mail() {
    std::string received = trace_field();
    envelope to = dialogue_.take_mail();
    submitter from(login_->tenant(), to.reverse_path ? to.reverse_path->str() : std::string(), login_->name());
    auto begun = co_await acceptor_.begin(std::move(from), std::move(to));
    if (!begun) co_return refuse(begun.error());
    writer_.emplace(std::move(*begun));
    received_ = 0;
    content_began_ = std::chrono::steady_clock::now();
    dialogue_.accept_content(std::move(received));
  }

  asio::awaitable<void> append_content() {
    std::string piece = dialogue_.take_piece();
    const auto appended = co_await writer_->append(std::move(piece));
    if (!appended) co_return refuse(appended.error());
    dialogue_.accept();
  }

  asio::awaitable<void> finish_mail() {
    const auto committed = co_await writer_->commit();
    if (!committed) co_return refuse(committed.error());
    writer_.reset();
    dialogue_.accept("Queued as " + to_string(*committed));
  }

  /// Whatever keeps mail from being safe passes by, or somebody is called to mend it: never a reason to give it up.
  void refuse(const failure& why) {
    writer_.reset();
    const auto mentions = [&](std::string_view words) { return why.detail.find(words) != std::string::npos; };
    if (mentions("disk is full") || mentions("disk full") || mentions("No space left"))
      dialogue_.refuse("452 4.3.1", "Insufficient storage, try again later");
    else dialogue_.refuse("451 4.3.0", "The mail could not be stored, try again later");
  }

  std::string trace_field() {
    const auto& recipients = dialogue_.mail().recipients;
    const std::string id = serial_ + '.' + std::to_string(++mails_);
    protocol::arrival now;
    now.helo = dialogue_.helo();
    now.peer_address = peer_;
    now.host_name = policy_.smtp.host_name;
    now.extended = dialogue_.extended();
    now.encrypted = dialogue_.encrypted();
    now.authenticated = dialogue_.authenticated();
    now.tls = tls_;
    now.id = id;
    if (recipients.size() == 1) now.recipient = recipients.front().forward_path.str();
    now.at = std::chrono::system_clock::now();
    return protocol::received_field(now);
  }

  net::transport connection_;
  const server_policy& policy_;
  Acceptor& acceptor_;
  failed_logins& failures_;
  protocol::server_dialogue dialogue_;
  detail::watchdog watchdog_;
  std::unique_ptr<char[]> buffer_;  // while there is something to read
  std::optional<acceptor_writer<Acceptor>> writer_;
  std::optional<login> login_;
  std::optional<login> claimed_;  // until it is proved
  network from_;
  std::string peer_;
  std::string serial_;
  std::string tls_;
  std::uint64_t mails_ = 0;
  std::size_t counted_failures_ = 0;
  std::uint64_t received_ = 0;  // bytes of the content under way
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point content_began_{};
  interruption interruption_ = interruption::none;
  bool reading_ = false;
};

}  // namespace postrider
