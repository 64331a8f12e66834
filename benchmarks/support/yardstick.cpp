// The yardstick of `relay`: what a durable relay costs at least. One thread takes mail, appends all that has come
// together to a log, makes it durable with one fdatasync, says 250, and forwards it from memory. No recovery, no
// retry, no policy: nobody should use it.
//
//   bench_yardstick --to PORT --log FILE --connections N
//
// The first line that it prints is "ready PORT"; it ends at the end of its input.
#include "arguments.hpp"
#include "channel.hpp"

#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <sys/uio.h>
#include <utility>
#include <vector>

namespace bench {
namespace {

struct letter {
  std::string sender;     // with its brackets
  std::string recipient;  // the last one
  std::string content;    // stuffed, without the dot that ends it
};

/// A socket, and what it has to be told.
struct party {
  explicit party(descriptor fd) : io(std::move(fd)) {}
  virtual ~party() = default;

  /// False if the other one is gone.
  bool flush() {
    while (!unsent.empty()) {
      const channel::moved written = io.write(unsent.data(), unsent.size());
      if (written.then == channel::state::closed) return false;
      if (written.bytes == 0) return true;
      unsent.erase(0, written.bytes);
    }
    return true;
  }

  channel io;
  std::string heard;
  std::string unsent;
  bool watched_for_room = false;
};

/// Who brings mail.
struct guest : party {
  using party::party;

  /// Takes what has come, puts whole mails into `arrived`, and replies to everything but those.
  template <class Arrived>
  void take(Arrived&& arrived) {
    std::size_t done = 0;
    for (std::size_t end = 0; (end = heard.find(in_content ? "\r\n.\r\n" : "\r\n", done)) != std::string::npos;) {
      const std::string_view text = std::string_view(heard).substr(done, end - done);
      done = end + (in_content ? 5 : 2);
      if (!in_content) {
        obey(text);
        continue;
      }
      now.content.assign(text).append("\r\n");
      in_content = false;
      arrived(std::exchange(now, letter()));
    }
    heard.erase(0, done);
  }

  bool closing = false;

 private:
  void obey(std::string_view line) {
    const std::string_view verb = line.substr(0, 4);
    if (verb == "EHLO") unsent += "250-yardstick\r\n250 PIPELINING\r\n";
    else if (verb == "MAIL" || verb == "RCPT") {
      (verb == "MAIL" ? now.sender : now.recipient) = line.substr(line.find(':') + 1);
      unsent += "250 Ok\r\n";
    } else if (verb == "DATA") {
      in_content = true;
      unsent += "354 Go ahead\r\n";
    } else if (verb == "QUIT") {
      closing = true;
      unsent += "221 Bye\r\n";
    } else {
      unsent += "500 What?\r\n";
    }
  }

  letter now;
  bool in_content = false;
};

/// A connection that mail leaves by: the content of one mail goes with the envelope of the next one.
struct way_out : party {
  using party::party;

  /// Counts the replies, and says what they allow.
  void take(std::deque<letter>& waiting) {
    std::size_t done = 0;
    for (std::size_t end = 0; (end = heard.find('\n', done)) != std::string::npos; done = end + 1) {
      if (heard[done] != '2' && heard[done] != '3')
        throw std::runtime_error("the sink refused: " + heard.substr(done, end - done));
      if (heard[done + 3] == ' ') --due;
    }
    heard.erase(0, done);
    if (due == 0 && !greeted) {
      greeted = true;
      say("EHLO yardstick\r\n", 1);
    } else if (due == 0) {
      proceed(waiting);
    }
  }

  bool idle() const { return greeted && due == 0; }

  void proceed(std::deque<letter>& waiting) {
    if (begun.content.empty() && waiting.empty()) return;
    if (!begun.content.empty()) say(begun.content + ".\r\n", 1);
    begun = letter();
    if (waiting.empty()) return;
    begun = std::move(waiting.front());
    waiting.pop_front();
    say("MAIL FROM:" + begun.sender + "\r\nRCPT TO:" + begun.recipient + "\r\nDATA\r\n", 3);
  }

 private:
  void say(std::string_view words, int replies) {
    unsent += words;
    due += replies;
  }

  letter begun;  // its envelope was said
  int due = 1;   // the greeting
  bool greeted = false;
};

class yardstick {
 public:
  yardstick(std::uint16_t to, const std::string& log, std::uint64_t ways)
      : listener_(listen_on_loopback()),
        log_(must(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), "open the log")) {
    poll_.add(STDIN_FILENO, EPOLLIN);
    poll_.add(listener_.get(), EPOLLIN);
    for (std::uint64_t i = 0; i < ways; ++i) {
      ways_.push_back(std::make_shared<way_out>(connect_to_loopback(to)));
      add(ways_.back());
    }
    std::cout << "ready " << port_of(listener_) << std::endl;
  }

  void run() {
    for (bool goes_on = true; goes_on;) {
      for (const epoll_event& event : poll_.wait(std::chrono::nanoseconds(-1))) {
        if (event.data.fd == STDIN_FILENO) goes_on = false;
        else if (event.data.fd == listener_.get()) welcome();
        else on(event);
      }
      commit();
      for (const auto& one : ways_)
        if (one->idle()) {
          one->proceed(waiting_);
          settle(one);
        }
    }
  }

 private:
  void add(std::shared_ptr<party> one) {
    const auto fd = static_cast<std::size_t>(one->io.fd());
    poll_.add(one->io.fd(), EPOLLIN);
    parties_.resize(std::max(parties_.size(), fd + 1));
    parties_[fd] = std::move(one);
  }

  void welcome() {
    for (int fd = 0; (fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      be_quick(fd);
      auto one = std::make_shared<guest>(descriptor(fd));
      one->unsent = "220 yardstick ESMTP\r\n";
      add(one);
      settle(one);
    }
  }

  void on(const epoll_event& event) {
    const std::shared_ptr<party> one = parties_[static_cast<std::size_t>(event.data.fd)];
    if (!one) return;
    const channel::moved read = one->io.read(buffer_.data(), buffer_.size());
    one->heard.append(buffer_.data(), read.bytes);
    if (auto in = std::dynamic_pointer_cast<guest>(one)) {
      in->take([&](letter whole) { arrived_.emplace_back(in, std::move(whole)); });
      if (read.then == channel::state::closed) return drop(*in);
    } else {
      if (read.then == channel::state::closed) throw std::runtime_error("the sink is gone");
      static_cast<way_out&>(*one).take(waiting_);
    }
    settle(one);
  }

  /// Everything that has arrived is durable, then it is acknowledged.
  void commit() {
    if (arrived_.empty()) return;
    std::string record;
    for (const auto& [from, mail] : arrived_)
      record += mail.sender + ' ' + mail.recipient + ' ' + std::to_string(mail.content.size()) + '\n' + mail.content;
    for (std::string_view left = record; !left.empty();)
      left.remove_prefix(
          static_cast<std::size_t>(must(::write(log_.get(), left.data(), left.size()), "write the log")));
    must(::fdatasync(log_.get()), "fdatasync");
    for (auto& [from, mail] : arrived_) {
      from->unsent += "250 Ok\r\n";
      settle(from);
      waiting_.push_back(std::move(mail));
    }
    arrived_.clear();
  }

  void settle(const std::shared_ptr<party>& one) {
    const bool there = one->flush();
    const auto* in = dynamic_cast<const guest*>(one.get());
    if (!there || (in && in->closing && one->unsent.empty())) return drop(*one);
    const bool wants_room = !one->unsent.empty();
    if (wants_room != one->watched_for_room) poll_.change(one->io.fd(), wants_room ? EPOLLIN | EPOLLOUT : EPOLLIN);
    one->watched_for_room = wants_room;
  }

  void drop(party& one) {
    const auto fd = static_cast<std::size_t>(one.io.fd());
    if (!parties_[fd] || parties_[fd].get() != &one) return;
    poll_.remove(one.io.fd());
    parties_[fd].reset();
  }

  poller poll_;
  descriptor listener_;
  descriptor log_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  std::vector<std::shared_ptr<party>> parties_;  // by descriptor
  std::vector<std::shared_ptr<way_out>> ways_;
  std::vector<std::pair<std::shared_ptr<guest>, letter>> arrived_;  // and not yet durable
  std::deque<letter> waiting_;                                      // for a way out
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::program(
      argc, argv,
      {{"--to", "25", "port of the sink"}, {"--log", "yardstick.log", "file"}, {"--connections", "20", "to the sink"}},
      [](const bench::arguments& given) {
        bench::yardstick(static_cast<std::uint16_t>(given.number("--to")), given.text("--log"),
                         given.number("--connections"))
            .run();
        return 0;
      });
}
