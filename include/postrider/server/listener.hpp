// Where clients come in.
#pragma once

#include <postrider/server/session.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

namespace postrider {

/// Listens on one endpoint and runs a session for each client. Single-threaded: it lives on its executor. Destroying it
/// closes everything at once and does not wait; `acceptor` outlives the sessions, which `stop` waits for.
template <mail_acceptor Acceptor>
class listener {
 public:
  /// Binds and listens; port 0 takes a free one. Fails with `invalid_configuration`, which names the endpoint.
  static result<listener> open(asio::any_io_executor executor, const asio::ip::tcp::endpoint& at, server_policy policy,
                               Acceptor& acceptor) {
    const auto refused = [&](const std::string& why) {
      return fail(cause::invalid_configuration, stage::connect, text_of(at) + ": " + why);
    };
    if (policy.implicit_tls && !policy.tls) return refused("TLS from the first byte needs a certificate");
    if (!protocol::acceptable_name(policy.smtp.host_name))
      return refused("the host name is empty or has blanks or controls");
    auto made = std::make_shared<state>(std::move(executor), std::move(policy), acceptor);
    std::error_code error;
    made->socket.open(at.protocol(), error);
    if (!error) made->socket.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
    if (!error) made->socket.bind(at, error);
    if (!error) made->socket.listen(asio::ip::tcp::acceptor::max_listen_connections, error);
    if (error) return refused(error.message());
    return listener(std::move(made));
  }

  listener(listener&&) noexcept = default;
  listener& operator=(listener&& other) noexcept {
    if (this != &other) {
      close();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~listener() { close(); }

  /// With the port that was taken.
  asio::ip::tcp::endpoint endpoint() const {
    std::error_code ignored;
    return state_->socket.local_endpoint(ignored);
  }
  std::size_t sessions() const noexcept { return state_->sessions.size(); }

  /// Takes clients until `stop` or destruction.
  asio::awaitable<void> run() { return take_clients(state_); }

  /// Takes no more clients, sends away those without a mail under way, and completes when the others have finished
  /// theirs, or are cut off because `within` has passed.
  asio::awaitable<void> stop(std::chrono::milliseconds within) { return drain(state_, within); }

 private:
  using session = server_session<Acceptor>;

  struct state {
    state(asio::any_io_executor on, server_policy with, Acceptor& into)
        : executor(std::move(on)),
          policy(std::move(with)),
          acceptor(into),
          failures(policy.failed_logins_per_address, policy.failed_logins_within),
          socket(executor) {}

    asio::any_io_executor executor;
    server_policy policy;
    Acceptor& acceptor;
    failed_logins failures;
    asio::ip::tcp::acceptor socket;
    std::set<session*> sessions;
    std::map<network, std::size_t> by_address;
    std::set<asio::steady_timer*> drains;  // those who wait for the last session
    std::uint64_t serial =
        static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) / 1000;

    void close_socket() {
      std::error_code ignored;
      socket.close(ignored);
    }
    void close_sessions() {
      for (session* one : sessions) one->close();
    }
  };

  /// A session's place among the others; freed with it, however it ends.
  class place {
   public:
    place(std::shared_ptr<state> among, network from, std::unique_ptr<session> one)
        : among_(std::move(among)), from_(from), session_(std::move(one)) {
      among_->sessions.insert(session_.get());
      ++among_->by_address[from_];
    }
    place(place&&) noexcept = default;
    place& operator=(place&&) = delete;
    ~place() {
      if (!session_) return;
      among_->sessions.erase(session_.get());
      if (--among_->by_address[from_] == 0) among_->by_address.erase(from_);
      session_.reset();
      if (!among_->sessions.empty()) return;
      for (asio::steady_timer* waiting : among_->drains) waiting->cancel();
    }
    session& held() noexcept { return *session_; }

   private:
    std::shared_ptr<state> among_;
    network from_;
    std::unique_ptr<session> session_;
  };

  explicit listener(std::shared_ptr<state> made) : state_(std::move(made)) {}

  static std::string text_of(const asio::ip::tcp::endpoint& at) {
    const std::string address = at.address().to_string();
    return (at.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(at.port());
  }

  void close() noexcept {
    if (!state_) return;
    state_->close_socket();
    state_->close_sessions();
  }

  static asio::awaitable<void> take_clients(std::shared_ptr<state> s) {
    asio::steady_timer pause(s->executor);
    while (s->socket.is_open()) {
      auto taken = co_await s->socket.async_accept(asio::experimental::as_tuple(asio::use_awaitable));
      auto& [error, client] = taken;
      if (!s->socket.is_open()) break;  // whoever was taken meanwhile: nobody waits for its session
      if (!error) {
        admit(s, std::move(client));
      } else if (error != asio::error::connection_aborted) {
        pause.expires_after(std::chrono::milliseconds(100));  // no descriptors, no memory: others have to end first
        co_await pause.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
      }
    }
  }

  static void admit(const std::shared_ptr<state>& s, asio::ip::tcp::socket client) {
    std::error_code error;
    const auto peer = client.remote_endpoint(error);
    if (error) return;
    client.set_option(asio::ip::tcp::no_delay(true), error);
    const asio::ip::address address = plain(peer.address());
    const network from = network::around(address, 64);
    const auto others = s->by_address.find(from);
    const bool crowded = others != s->by_address.end() && others->second >= s->policy.sessions_per_address;
    const bool too_many = s->sessions.size() >= s->policy.sessions || (crowded && !s->policy.trusts(address));
    if (too_many) return turn_away(*s, std::move(client));
    auto one = std::make_unique<session>(net::transport(std::move(client)), s->policy, s->acceptor, s->failures,
                                         address, ++s->serial);
    asio::co_spawn(s->executor, serve(place(s, from, std::move(one))), asio::detached);
  }

  /// An IPv4 client of an IPv6 socket is an IPv4 client.
  static asio::ip::address plain(const asio::ip::address& address) {
    if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }

  static void turn_away(const state& s, asio::ip::tcp::socket client) {
    if (s.policy.implicit_tls) return;
    const std::string words = "421 4.7.0 " + s.policy.smtp.host_name + " has too many connections, try again later\r\n";
    std::error_code ignored;
    client.non_blocking(true, ignored);
    client.write_some(asio::buffer(words), ignored);
  }

  static asio::awaitable<void> serve(place at) {
    try {
      co_await at.held().run();
    } catch (const std::exception&) {
      // Out of memory, or an acceptor that throws: this client loses its connection, and what was not answered.
    }
  }

  static asio::awaitable<void> drain(std::shared_ptr<state> s, std::chrono::milliseconds within) {
    s->close_socket();
    const std::set<session*> now = s->sessions;
    for (session* one : now) one->shut_down();
    co_await wait_for_last(*s, within);
    s->close_sessions();
    co_await wait_for_last(*s, std::chrono::seconds(1));
  }

  /// A timer that the last session cancels.
  struct drain_timer {
    drain_timer(state& of, std::chrono::milliseconds within) : among(of), timer(of.executor, within) {
      among.drains.insert(&timer);
    }
    drain_timer(const drain_timer&) = delete;
    drain_timer& operator=(const drain_timer&) = delete;
    ~drain_timer() { among.drains.erase(&timer); }
    state& among;
    asio::steady_timer timer;
  };

  static asio::awaitable<void> wait_for_last(state& s, std::chrono::milliseconds within) {
    if (s.sessions.empty()) co_return;
    drain_timer waiting(s, within);
    co_await waiting.timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  }

  std::shared_ptr<state> state_;
};

}  // namespace postrider
