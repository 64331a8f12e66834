// A link with latency: what comes in on one side goes out on the other a fixed time later, as much as comes.
//
//   bench_delay --to PORT --milliseconds 25
//
// Prints "ready PORT" and runs until its standard input ends. Opening a connection itself is not delayed.
#include "arguments.hpp"
#include "channel.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t most_under_way = 64 * 1024 * 1024;  // on one connection in one direction

/// Bytes on their way, and when they arrive; none at all is the end.
struct segment {
  clock::time_point due;
  std::string bytes;
};

struct side {
  explicit side(descriptor socket) : fd(std::move(socket)) {}

  descriptor fd;
  side* other = nullptr;
  std::deque<segment> arriving;  // to be written to `fd`
  std::size_t arriving_bytes = 0;
  bool read_ended = false;
  bool blocked = false;
  std::uint32_t watched = 0;
};

class link {
 public:
  link(std::uint16_t to, std::chrono::milliseconds delay) : to_(to), delay_(delay), buffer_(256 * 1024) {
    poll_.add(STDIN_FILENO, EPOLLIN);
    poll_.add(listener_.get(), EPOLLIN);
    std::cout << "ready " << port_of(listener_) << std::endl;
  }

  void run() {
    for (;;) {
      const auto events = poll_.wait(patience());
      now_ = clock::now();
      for (const epoll_event& event : events) {
        const int fd = event.data.fd;
        if (fd == STDIN_FILENO) return;
        if (fd == listener_.get()) accept_all();
        else on(fd, event.events);
      }
      deliver();
    }
  }

 private:
  std::chrono::nanoseconds patience() const {
    if (sides_.empty()) return std::chrono::nanoseconds(-1);
    auto next = clock::now() + std::chrono::seconds(1);
    for (const auto& [fd, one] : sides_)
      if (!one->arriving.empty() && !one->blocked) next = std::min(next, one->arriving.front().due);
    return std::max<std::chrono::nanoseconds>(std::chrono::nanoseconds(0), next - clock::now());
  }

  void accept_all() {
    for (;;) {
      descriptor in(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (in.get() < 0) return;
      be_quick(in.get());
      auto near = std::make_unique<side>(std::move(in));
      auto far = std::make_unique<side>(connect_to_loopback(to_));
      near->other = far.get();
      far->other = near.get();
      for (auto* one : {&near, &far}) {
        const int fd = (*one)->fd.get();
        (*one)->watched = EPOLLIN;
        poll_.add(fd, EPOLLIN);
        sides_.emplace(fd, std::move(*one));
      }
    }
  }

  void on(int fd, std::uint32_t events) {
    const auto found = sides_.find(fd);
    if (found == sides_.end()) return;
    side& one = *found->second;
    if ((events & EPOLLOUT) != 0) one.blocked = false;
    if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read(one);
  }

  void read(side& from) {
    if (from.read_ended) return;
    const ssize_t count = ::recv(from.fd.get(), buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EAGAIN) return;
    const std::size_t size = static_cast<std::size_t>(std::max<ssize_t>(0, count));
    from.read_ended = size == 0;
    from.other->arriving.push_back({now_ + delay_, std::string(buffer_.data(), size)});
    from.other->arriving_bytes += size;
  }

  void deliver() {
    std::vector<int> over;
    for (auto& [fd, one] : sides_) {
      deliver(*one);
      update(*one);
      if (one->read_ended && one->other->read_ended && one->arriving.empty() && one->other->arriving.empty())
        over.push_back(fd);
    }
    for (const int fd : over) sides_.erase(fd);
  }

  void deliver(side& to) {
    while (!to.blocked && !to.arriving.empty() && to.arriving.front().due <= now_) {
      std::string& bytes = to.arriving.front().bytes;
      if (bytes.empty()) {
        ::shutdown(to.fd.get(), SHUT_WR);
      } else {
        const ssize_t sent = ::send(to.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
          to.blocked = true;
          return;
        }
        const std::size_t gone = sent < 0 ? bytes.size() : static_cast<std::size_t>(sent);  // nobody reads: it is lost
        to.arriving_bytes -= gone;
        bytes.erase(0, gone);
        if (!bytes.empty()) continue;
      }
      to.arriving.pop_front();
    }
  }

  void update(side& one) {
    std::uint32_t wanted = one.blocked ? EPOLLOUT : 0U;
    if (!one.read_ended && one.other->arriving_bytes < most_under_way) wanted |= EPOLLIN;
    if (wanted == one.watched) return;
    // Not watched at all where nothing is wanted: a connection that hangs up would be reported again and again.
    if (wanted == 0) poll_.remove(one.fd.get());
    else if (one.watched == 0) poll_.add(one.fd.get(), wanted);
    else poll_.change(one.fd.get(), wanted);
    one.watched = wanted;
  }

  std::uint16_t to_;
  std::chrono::milliseconds delay_;
  poller poll_;
  descriptor listener_ = listen_on_loopback();
  std::unordered_map<int, std::unique_ptr<side>> sides_;
  std::vector<char> buffer_;
  clock::time_point now_ = clock::now();
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::program(argc, argv, {{"--to", "", "port of the server"}, {"--milliseconds", "25", "each way"}},
                        [](const bench::arguments& given) {
                          const std::chrono::milliseconds delay(given.number("--milliseconds"));
                          bench::link(static_cast<std::uint16_t>(given.number("--to")), delay).run();
                          return 0;
                        });
}
