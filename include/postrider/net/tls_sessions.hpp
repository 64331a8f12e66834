// Session tickets kept for the next connections to the same servers (RFC 8446 section 2.2, RFC 5077).
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace postrider::net {

struct tls_session_deleter {
  void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};
using tls_session = std::unique_ptr<SSL_SESSION, tls_session_deleter>;

/// A stack of tickets for each peer. One of TLS 1.3 is given out once (RFC 8446 appendix C.4), so that a hundred
/// connections at once need a hundred of them; one of TLS 1.2 serves until it expires. Safe to use from many threads.
///
/// A resumed handshake verifies no certificate again: a peer's key must tell everything that was verified for it.
class tls_session_store {
 public:
  void put(const std::string& peer, tls_session session) {
    const std::lock_guard lock(mutex_);
    if (stacks_.size() >= most_peers && !stacks_.contains(peer)) stacks_.erase(stacks_.begin());
    auto& stack = stacks_[peer];
    if (stack.size() >= most_tickets) stack.erase(stack.begin());
    stack.push_back(std::move(session));
  }

  /// The newest that still holds; null if there is none.
  tls_session take(const std::string& peer) {
    const std::lock_guard lock(mutex_);
    const auto found = stacks_.find(peer);
    if (found == stacks_.end()) return nullptr;
    auto& stack = found->second;
    while (!stack.empty()) {
      if (holds(*stack.back())) {
        if (SSL_SESSION_get_protocol_version(stack.back().get()) >= TLS1_3_VERSION) {
          tls_session once = std::move(stack.back());
          stack.pop_back();
          return once;
        }
        SSL_SESSION_up_ref(stack.back().get());
        return tls_session(stack.back().get());
      }
      stack.pop_back();
    }
    stacks_.erase(found);
    return nullptr;
  }

  std::size_t tickets(const std::string& peer) const {
    const std::lock_guard lock(mutex_);
    const auto found = stacks_.find(peer);
    return found == stacks_.end() ? 0 : found->second.size();
  }

 private:
  static constexpr std::size_t most_peers = 1'000;
  static constexpr std::size_t most_tickets = 256;

  static bool holds(const SSL_SESSION& session) {
    const auto now = static_cast<long>(std::time(nullptr));
    return SSL_SESSION_is_resumable(&session) == 1 &&
           now < SSL_SESSION_get_time(&session) + SSL_SESSION_get_timeout(&session);
  }

  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::vector<tls_session>> stacks_;
};

}  // namespace postrider::net
