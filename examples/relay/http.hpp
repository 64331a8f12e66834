// The API over HTTP: the control socket for the shell, the console for browsers and scripts.
#pragma once

#include <postrider/core/result.hpp>

#include "relay/console_gate.hpp"
#include "relay/data_folder.hpp"
#include "relay/office.hpp"

#include <memory>
#include <string>
#include <sys/un.h>
#include <vector>

namespace postrider::examples {

/// The path by which a socket in `folder` is reached: short enough for an address even where the folder's own is not.
/// `kept_open` is a descriptor of the folder that lives as long as the path is used.
inline std::string socket_path(const data_folder& folder, int kept_open) {
  const std::string path = folder.control().native();
  if (path.size() < sizeof(sockaddr_un::sun_path)) return path;
  return "/proc/self/fd/" + std::to_string(kept_open) + '/' + folder.control().filename().native();
}

/// An open folder.
class folder_handle {
 public:
  explicit folder_handle(const data_folder& folder)
      : descriptor_(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  folder_handle(const folder_handle&) = delete;
  folder_handle& operator=(const folder_handle&) = delete;
  ~folder_handle() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

struct console_options {
  std::string address;
  int port = 0;            ///< 0: a free one
  std::string tls_cert{};  ///< PEM; empty: no TLS
  std::string tls_key{};
  std::vector<std::string> hosts{};  ///< see gate_options
};

/// A server with threads of its own: what they do waits, and must not wait on the thread that delivers.
class http_server {
 public:
  http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  ~http_server();

  /// Every call, for whoever may open the socket: this user.
  result<void> open_control(const data_folder& folder, office& on);

  /// The page, and the calls for those who logged in or have a token. The port that was taken. `on.live` must be there.
  result<int> open_console(const console_options& at, office& on);

  void start();

  /// Takes no more calls and waits for those that are under way, as long as they take.
  void stop();

 private:
  class implementation;
  std::unique_ptr<implementation> self_;
};

}  // namespace postrider::examples
