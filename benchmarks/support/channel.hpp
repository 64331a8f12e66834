// Sockets without a library between: non-blocking, plain or TLS straight on the descriptor.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <span>
#include <stdexcept>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace bench {

/// The value of a system call that must not fail.
template <class T>
T must(T returned, const char* what) {
  if (returned < 0) throw std::system_error(errno, std::generic_category(), what);
  return returned;
}

/// Owns a file descriptor.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int number) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() { reset(); }
  void reset() noexcept {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }
  int get() const noexcept { return number_; }

 private:
  int number_ = -1;
};

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline void be_quick(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// Listens on a free port of 127.0.0.1.
inline descriptor listen_on_loopback() {
  descriptor fd(must(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
  const sockaddr_in address = loopback(0);
  must(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  must(::listen(fd.get(), 1024), "listen");
  return fd;
}

inline std::uint16_t port_of(const descriptor& fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  must(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return ntohs(address.sin_port);
}

/// Connected, then non-blocking.
inline descriptor connect_to_loopback(std::uint16_t port) {
  descriptor fd(must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const sockaddr_in address = loopback(port);
  must(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  must(::fcntl(fd.get(), F_SETFL, O_NONBLOCK), "fcntl");
  be_quick(fd.get());
  return fd;
}

/// Readiness of many descriptors.
class poller {
 public:
  poller() : fd_(must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

  void add(int fd, std::uint32_t events) { control(EPOLL_CTL_ADD, fd, events); }
  void change(int fd, std::uint32_t events) { control(EPOLL_CTL_MOD, fd, events); }
  void remove(int fd) { control(EPOLL_CTL_DEL, fd, 0); }

  /// What is ready now, or within `limit`; a negative one is for ever.
  std::span<const epoll_event> wait(std::chrono::nanoseconds limit) {
    const timespec left{limit.count() / 1'000'000'000, limit.count() % 1'000'000'000};
    const int count = epoll_pwait2(fd_.get(), events_.data(), static_cast<int>(events_.size()),
                                   limit.count() < 0 ? nullptr : &left, nullptr);
    if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_pwait2");
    return {events_.data(), static_cast<std::size_t>(count < 0 ? 0 : count)};
  }

 private:
  void control(int operation, int fd, std::uint32_t events) {
    epoll_event wanted{};
    wanted.events = events;
    wanted.data.fd = fd;
    must(epoll_ctl(fd_.get(), operation, fd, &wanted), "epoll_ctl");
  }

  descriptor fd_;
  std::array<epoll_event, 256> events_;
};

using tls_context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

inline tls_context make_tls_context(const SSL_METHOD* method) {
  tls_context made(SSL_CTX_new(method), &SSL_CTX_free);
  SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(made.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(made.get(), 1);  // several records in one read
  SSL_CTX_set_default_read_buffer_len(made.get(), 64 * 1024);
  return made;
}

/// A connected socket, plain or TLS.
class channel {
 public:
  explicit channel(descriptor fd) : fd_(std::move(fd)) {}

  int fd() const noexcept { return fd_.get(); }
  SSL* tls() const noexcept { return tls_.get(); }

  /// From now on everything is TLS; the handshake is made within reads and writes.
  void encrypt(SSL_CTX* context, bool as_server) {
    tls_.reset(SSL_new(context));
    SSL_set_fd(tls_.get(), fd_.get());
    if (as_server) SSL_set_accept_state(tls_.get());
    else SSL_set_connect_state(tls_.get());
  }

  enum class state : std::uint8_t { open, blocked, closed };
  struct moved {
    std::size_t bytes;
    state then;
  };

  moved read(char* into, std::size_t room) {
    if (!tls_) return moved_by(::recv(fd_.get(), into, room, 0));
    std::size_t count = 0;
    ERR_clear_error();
    const int done = SSL_read_ex(tls_.get(), into, room, &count);
    return moved_by_tls(done, count);
  }

  moved write(const char* from, std::size_t size) {
    if (!tls_) return moved_by(::send(fd_.get(), from, size, MSG_NOSIGNAL));
    std::size_t count = 0;
    ERR_clear_error();
    const int done = SSL_write_ex(tls_.get(), from, size, &count);
    return moved_by_tls(done, count);
  }

 private:
  static moved moved_by(ssize_t returned) {
    if (returned > 0) return {static_cast<std::size_t>(returned), state::open};
    if (returned < 0 && (errno == EAGAIN || errno == EINTR)) return {0, state::blocked};
    return {0, state::closed};
  }

  moved moved_by_tls(int done, std::size_t count) {
    if (done == 1) return {count, state::open};
    const int why = SSL_get_error(tls_.get(), done);
    return {0, why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? state::blocked : state::closed};
  }

  descriptor fd_;
  std::unique_ptr<SSL, decltype(&SSL_free)> tls_{nullptr, &SSL_free};
};

}  // namespace bench
