// libcurl's multi interface with its sockets in epoll and connections used again. The arguments of the other clients.
#include "channel.hpp"
#include "client_arguments.hpp"

#include <algorithm>
#include <cstring>
#include <curl/curl.h>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bench {
namespace {

/// One transfer after the other, on whatever connection libcurl has free.
struct transfer {
  CURL* easy = nullptr;
  std::string_view left;  // of the content
};

class sender {
 public:
  explicit sender(const arguments& given)
      : content_(content_in(given)),
        url_((given.given("--certificate") ? "smtps://127.0.0.1:" : "smtp://127.0.0.1:") + given.text("--port") +
             "/client.example.com"),
        certificate_(given.text("--certificate")),
        left_(given.number("--mails")),
        multi_(curl_multi_init()),
        to_(curl_slist_append(nullptr, "<charles@example.org>")) {
    const auto connections = static_cast<long>(given.number("--connections"));
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &sender::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &sender::on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, connections);
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
    for (long i = 0; i < connections; ++i) transfers_.push_back(std::make_unique<transfer>());
    for (auto& one : transfers_) prepare(*one);
  }
  sender(const sender&) = delete;
  sender& operator=(const sender&) = delete;
  ~sender() {
    for (auto& one : transfers_) curl_easy_cleanup(one->easy);
    curl_multi_cleanup(multi_);
    curl_slist_free_all(to_);
  }

  std::uint64_t run() {
    for (auto& one : transfers_) begin(*one);
    while (running_ != 0) {
      const auto events = poll_.wait(std::chrono::milliseconds(patience_));
      int ignored = 0;
      if (events.empty()) {
        patience_ = 60'000;  // until it asks for less
        curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &ignored);
      }
      for (const epoll_event& event : events) {
        const int what = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                         ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                         ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(multi_, event.data.fd, what, &ignored);
      }
      collect();
    }
    return accepted_;
  }

 private:
  void prepare(transfer& one) {
    one.easy = curl_easy_init();
    curl_easy_setopt(one.easy, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(one.easy, CURLOPT_MAIL_FROM, "<ada@example.com>");
    curl_easy_setopt(one.easy, CURLOPT_MAIL_RCPT, to_);
    curl_easy_setopt(one.easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(one.easy, CURLOPT_READFUNCTION, &sender::on_read);
    curl_easy_setopt(one.easy, CURLOPT_READDATA, &one);
    curl_easy_setopt(one.easy, CURLOPT_PRIVATE, &one);
    curl_easy_setopt(one.easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(one.easy, CURLOPT_UPLOAD_BUFFERSIZE, 64L * 1024);
    if (!certificate_.empty()) curl_easy_setopt(one.easy, CURLOPT_CAINFO, certificate_.c_str());
  }

  void begin(transfer& one) {
    if (left_ == 0) return;
    --left_;
    ++running_;
    one.left = content_;
    curl_multi_add_handle(multi_, one.easy);
  }

  void collect() {
    int ignored = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &ignored)) {
      if (message->msg != CURLMSG_DONE) continue;
      if (message->data.result != CURLE_OK)
        throw std::runtime_error(std::string("libcurl: ") + curl_easy_strerror(message->data.result));
      transfer* one = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &one);
      curl_multi_remove_handle(multi_, one->easy);
      --running_;
      ++accepted_;
      begin(*one);
    }
  }

  static std::size_t on_read(char* into, std::size_t size, std::size_t count, void* user) {
    std::string_view& left = static_cast<transfer*>(user)->left;
    const std::size_t taken = std::min(left.size(), size * count);
    std::memcpy(into, left.data(), taken);
    left.remove_prefix(taken);
    return taken;
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, void* user, void* known) {
    sender& self = *static_cast<sender*>(user);
    const std::uint32_t wanted =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    if (what == CURL_POLL_REMOVE) {
      self.poll_.remove(fd);
      return 0;
    }
    if (known) self.poll_.change(fd, wanted);
    else self.poll_.add(fd, wanted);
    curl_multi_assign(self.multi_, fd, user);
    return 0;
  }

  static int on_timer(CURLM*, long milliseconds, void* user) {
    static_cast<sender*>(user)->patience_ = milliseconds < 0 ? 60'000 : static_cast<int>(milliseconds);
    return 0;
  }

  std::string content_;
  std::string url_;
  std::string certificate_;
  std::uint64_t left_;
  std::uint64_t accepted_ = 0;
  std::size_t running_ = 0;
  int patience_ = 0;
  poller poll_;
  CURLM* multi_;
  curl_slist* to_;
  std::vector<std::unique_ptr<transfer>> transfers_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return bench::program(argc, argv, bench::client_arguments(), [](const bench::arguments& given) {
    std::cout << "accepted " << bench::sender(given).run() << '\n';
    return 0;
  });
}
