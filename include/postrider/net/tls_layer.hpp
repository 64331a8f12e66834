// TLS over a socket that never blocks: OpenSSL reads and writes the socket itself, the caller waits where it cannot.
#pragma once

#include <postrider/core/config.hpp>

#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl/error.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <system_error>

namespace postrider::net {

/// Records go straight from and to the socket, without buffers of their own in between; OpenSSL gives its buffers back
/// while nothing is on its way. The socket outlives the layer and is in non-blocking mode.
class tls_layer {
 public:
  enum class need : std::uint8_t { nothing, readable, writable };

  /// How far one step came: it is done (with or without an error), or is to be repeated when the socket is ready.
  struct step {
    need waits_for = need::nothing;
    std::error_code error{};
    std::size_t count = 0;
  };

  tls_layer(asio::ip::tcp::socket& socket, SSL_CTX* context) : socket_(socket), ssl_(SSL_new(context)) {
    BIO* const bio = ssl_ ? BIO_new(method()) : nullptr;
    if (!bio) throw std::bad_alloc();
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
  }
  tls_layer(const tls_layer&) = delete;
  tls_layer& operator=(const tls_layer&) = delete;
  ~tls_layer() {
    // An end without close_notify would keep OpenSSL from resuming this session; SMTP says by QUIT that all was said.
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

  SSL* native() const noexcept { return ssl_.get(); }

  /// Something that was received may be decrypted without reading the socket.
  bool has_pending() const noexcept { return SSL_has_pending(ssl_.get()) == 1; }

  step handshake_client() {
    return take([this](std::size_t&) { return SSL_connect(ssl_.get()); });
  }
  step handshake_server() {
    return take([this](std::size_t&) { return SSL_accept(ssl_.get()); });
  }
  step read(asio::mutable_buffer into) {
    return take([&](std::size_t& count) { return SSL_read_ex(ssl_.get(), into.data(), into.size(), &count); });
  }
  /// Until it is done, a step is repeated with the same bytes.
  step write(asio::const_buffer from) {
    return take([&](std::size_t& count) { return SSL_write_ex(ssl_.get(), from.data(), from.size(), &count); });
  }

 private:
  struct deleter {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };

  template <class Call>
  step take(Call&& call) {
    ERR_clear_error();
    error_.clear();
    step taken;
    const int returned = call(taken.count);
    if (returned == 1) return taken;
    switch (SSL_get_error(ssl_.get(), returned)) {
      case SSL_ERROR_WANT_READ: taken.waits_for = need::readable; return taken;
      case SSL_ERROR_WANT_WRITE: taken.waits_for = need::writable; return taken;
      case SSL_ERROR_ZERO_RETURN: taken.error = asio::error::eof; return taken;
      default: break;
    }
    const auto code = static_cast<int>(ERR_get_error());
    if (error_ == asio::error::eof) taken.error = asio::ssl::error::stream_truncated;
    else if (error_) taken.error = error_;
    else if (code != 0) taken.error = std::error_code(code, asio::error::get_ssl_category());
    else taken.error = asio::ssl::error::unspecified_system_error;
    ERR_clear_error();
    return taken;
  }

  // What OpenSSL calls.

  static BIO_METHOD* method() {
    static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> only(make_method(), &BIO_meth_free);
    return only.get();
  }

  static BIO_METHOD* make_method() {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "postrider socket");
    if (!made) throw std::bad_alloc();
    BIO_meth_set_read(made, [](BIO* bio, char* into, int room) {
      return move(bio, BIO_FLAGS_READ, [&](tls_layer& self) {
        return self.socket_.read_some(asio::buffer(into, static_cast<std::size_t>(std::max(room, 0))), self.error_);
      });
    });
    BIO_meth_set_write(made, [](BIO* bio, const char* from, int size) {
      return move(bio, BIO_FLAGS_WRITE, [&](tls_layer& self) {
        return self.socket_.write_some(asio::buffer(from, static_cast<std::size_t>(std::max(size, 0))), self.error_);
      });
    });
    BIO_meth_set_ctrl(made, [](BIO* bio, int command, long, void*) -> long {
      if (command == BIO_CTRL_EOF) return static_cast<tls_layer*>(BIO_get_data(bio))->error_ == asio::error::eof;
      return command == BIO_CTRL_FLUSH;
    });
    return made;
  }

  template <class Operation>
  static int move(BIO* bio, int direction, Operation operation) {
    tls_layer& self = *static_cast<tls_layer*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (self.error_) return -1;  // the first error tells why, not that of the alert which nobody hears
    const std::size_t count = operation(self);
    if (!self.error_) return static_cast<int>(count);
    const bool later = self.error_ == asio::error::would_block || self.error_ == asio::error::try_again;
    if (!later) return self.error_ == asio::error::eof ? 0 : -1;
    self.error_.clear();
    BIO_set_flags(bio, direction | BIO_FLAGS_SHOULD_RETRY);
    return -1;
  }

  asio::ip::tcp::socket& socket_;
  std::error_code error_;
  std::unique_ptr<SSL, deleter> ssl_;
};

}  // namespace postrider::net
