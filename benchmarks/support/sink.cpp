// The server of the benchmarks: takes every mail, counts it, checks that the session is in order, and keeps nothing.
//
//   bench_sink --listen plain,tls,slow:200 --certificate FILE
//
// One port for each listener; the first line that it prints has them all. Then it obeys standard input: "reset" (all
// counters to zero), "report" (a line for each listener and one for the process); it ends at the end of input.
// Kinds: plain; starttls; tls; slow:N (each reply N ms late); stalled (accepts and never answers).
#include "arguments.hpp"
#include "certificate.hpp"
#include "channel.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t room = 512 * 1024;    // for one read
constexpr std::size_t longest_line = 4096;  // RFC 5321 section 4.5.3.1, and more
constexpr std::size_t tail = 4;             // bytes of a content that may begin its end

std::int64_t cpu_microseconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto sum = [](const timeval& t) { return t.tv_sec * 1'000'000 + t.tv_usec; };
  return sum(used.ru_utime) + sum(used.ru_stime);
}

struct counters {
  std::uint64_t connections = 0;
  std::uint64_t handshakes = 0;
  std::uint64_t resumed = 0;
  std::uint64_t mails = 0;
  std::uint64_t chunked = 0;  // of the mails, those that came by BDAT
  std::uint64_t bytes = 0;    // of content
  std::uint64_t reads = 0;    // by which the mails came
  std::uint64_t errors = 0;   // commands out of order, sessions cut within a mail
  clock::time_point first{};  // mail
  clock::time_point last{};
};

struct listener {
  enum class kind : std::uint8_t { plain, starttls, tls, slow, stalled };

  explicit listener(std::string_view word) : fd(listen_on_loopback()) {
    if (word == "starttls") what = kind::starttls;
    else if (word == "tls") what = kind::tls;
    else if (word == "stalled") what = kind::stalled;
    else if (word.substr(0, 5) == "slow:") what = kind::slow;
    else if (word != "plain") throw std::invalid_argument("no kind of listener: " + std::string(word));
    if (what == kind::slow) delay = std::chrono::milliseconds(std::stoul(std::string(word.substr(5))));
  }

  descriptor fd;
  kind what = kind::plain;
  std::chrono::milliseconds delay{0};
  counters counted;
};

/// What a client has said so far and what it must hear.
class session {
 public:
  session(descriptor fd, listener& at) : io(std::move(fd)), at(at) {}

  /// Takes what it understands of `bytes` and returns what is left.
  std::string_view take(std::string_view bytes, std::string& replies, clock::time_point now) {
    while (!bytes.empty() && !closing && !upgrading) {
      const std::size_t before = bytes.size();
      switch (phase_) {
        case phase::command: command(bytes, replies); break;
        case phase::data: data(bytes, replies, now); break;
        case phase::chunk: chunk(bytes, replies, now); break;
      }
      if (bytes.size() == before) break;
    }
    return bytes;
  }

  bool within_mail() const noexcept { return phase_ != phase::command; }

  channel io;
  listener& at;
  std::string rest;    // read and not yet understood
  std::string unsent;  // replies for which the socket had no room
  bool closing = false;
  bool upgrading = false;
  bool counted_handshake = false;
  bool gone = false;

 private:
  enum class phase : std::uint8_t { command, data, chunk };

  static constexpr std::uint32_t verb(std::string_view word) {
    std::uint32_t value = 0;
    for (const char c : word.substr(0, 4)) value = value << 8 | (static_cast<unsigned char>(c) & 0xDFU);
    return value;
  }

  void command(std::string_view& bytes, std::string& replies) {
    const void* end = std::memchr(bytes.data(), '\n', bytes.size());
    if (!end) {
      if (bytes.size() > longest_line) refuse(replies, "500 5.5.2 Line too long\r\n", true);
      return;
    }
    const std::string_view line =
        bytes.substr(0, static_cast<std::size_t>(static_cast<const char*>(end) - bytes.data()) + 1);
    bytes.remove_prefix(line.size());
    if (line.size() < 6) return refuse(replies, "500 5.5.2 What?\r\n");
    switch (verb(line)) {
      case verb("EHLO"): return hello(replies);
      case verb("HELO"): replies += "250 sink.example.net\r\n"; return;
      case verb("MAIL"): return mail(replies);
      case verb("RCPT"): return rcpt(replies);
      case verb("DATA"): return begin_data(replies);
      case verb("BDAT"): return begin_chunk(line, replies);
      case verb("RSET"):
        forget();
        replies += "250 2.0.0 Ok\r\n";
        return;
      case verb("NOOP"): replies += "250 2.0.0 Ok\r\n"; return;
      case verb("QUIT"):
        closing = true;
        replies += "221 2.0.0 Bye\r\n";
        return;
      case verb("STARTTLS"): return starttls(replies);
      default: return refuse(replies, "500 5.5.2 What?\r\n");
    }
  }

  void hello(std::string& replies) {
    forget();
    replies += "250-sink.example.net\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250-SIZE 104857600\r\n";
    if (at.what == listener::kind::starttls && !io.tls()) replies += "250-STARTTLS\r\n";
    replies += "250 ENHANCEDSTATUSCODES\r\n";
  }

  void starttls(std::string& replies) {
    if (at.what != listener::kind::starttls || io.tls()) return refuse(replies, "502 5.5.1 Not here\r\n");
    upgrading = true;
    replies += "220 2.0.0 Go ahead\r\n";
  }

  void mail(std::string& replies) {
    if (has_sender_) return refuse(replies, "503 5.5.1 Nested MAIL\r\n");
    has_sender_ = true;
    replies += "250 2.1.0 Ok\r\n";
  }

  void rcpt(std::string& replies) {
    if (!has_sender_) return refuse(replies, "503 5.5.1 MAIL first\r\n");
    has_recipient_ = true;
    replies += "250 2.1.5 Ok\r\n";
  }

  void begin_data(std::string& replies) {
    if (!has_recipient_ || size_ != 0) return refuse(replies, "503 5.5.1 RCPT first\r\n");
    phase_ = phase::data;
    at_start_ = true;
    replies += "354 Go ahead\r\n";
  }

  void begin_chunk(std::string_view line, std::string& replies) {
    left_ = 0;
    std::size_t i = 5;
    while (i < line.size() && line[i] >= '0' && line[i] <= '9')
      left_ = left_ * 10 + static_cast<unsigned>(line[i++] - '0');
    last_ = line.size() > i + 4 && line[i] == ' ' && verb(line.substr(i + 1)) == verb("LAST");
    if (!has_recipient_) return refuse(replies, "503 5.5.1 RCPT first\r\n", true);
    phase_ = phase::chunk;
  }

  void chunk(std::string_view& bytes, std::string& replies, clock::time_point now) {
    const std::size_t count = std::min<std::uint64_t>(bytes.size(), left_);
    bytes.remove_prefix(count);
    left_ -= count;
    size_ += count;
    if (left_ != 0) return;
    phase_ = phase::command;
    if (!last_) {
      replies += "250 2.0.0 Ok\r\n";
      return;
    }
    ++at.counted.chunked;
    accept(replies, now);
  }

  void data(std::string_view& bytes, std::string& replies, clock::time_point now) {
    std::size_t end = std::string_view::npos;
    if (at_start_ && bytes.substr(0, 3) == ".\r\n") end = 0;
    std::size_t from = 2;
    while (end == std::string_view::npos && from < bytes.size()) {
      const void* dot = std::memchr(bytes.data() + from, '.', bytes.size() - from);
      if (!dot) break;
      const std::size_t at_dot = static_cast<std::size_t>(static_cast<const char*>(dot) - bytes.data());
      if (bytes.substr(at_dot - 2, 5) == "\r\n.\r\n") end = at_dot;
      from = at_dot + 1;
    }
    if (end == std::string_view::npos) {
      const std::size_t known = bytes.size() > tail ? bytes.size() - tail : 0;
      if (known != 0) at_start_ = false;
      size_ += known;
      bytes.remove_prefix(known);
      return;
    }
    size_ += end;
    bytes.remove_prefix(end + 3);
    phase_ = phase::command;
    accept(replies, now);
  }

  void accept(std::string& replies, clock::time_point now) {
    counters& counted = at.counted;
    if (counted.mails++ == 0) counted.first = now;
    counted.last = now;
    counted.bytes += size_;
    forget();
    replies += "250 2.0.0 Ok: queued\r\n";
  }

  void forget() {
    has_sender_ = has_recipient_ = false;
    size_ = 0;
  }

  void refuse(std::string& replies, std::string_view words, bool for_good = false) {
    ++at.counted.errors;
    closing = closing || for_good;
    replies += words;
  }

  phase phase_ = phase::command;
  bool has_sender_ = false;
  bool has_recipient_ = false;
  bool at_start_ = false;  // of a content
  bool last_ = false;
  std::uint64_t left_ = 0;  // of a chunk
  std::uint64_t size_ = 0;  // of the content so far
};

class sink {
 public:
  sink(const std::vector<std::string>& kinds, const std::string& certificate) : buffer_(room) {
    if (!certificate.empty()) {
      use_fresh_certificate(tls_.get(), certificate);
      constexpr std::string_view name = "bench";
      SSL_CTX_set_session_id_context(tls_.get(), reinterpret_cast<const unsigned char*>(name.data()), name.size());
    }
    for (const std::string& kind : kinds) listeners_.push_back(std::make_unique<listener>(kind));
    poll_.add(STDIN_FILENO, EPOLLIN);
    std::cout << "ready";
    for (const auto& one : listeners_) {
      poll_.add(one->fd.get(), EPOLLIN);
      std::cout << ' ' << port_of(one->fd);
    }
    std::cout << std::endl;
  }

  void run() {
    while (!ended_) {
      const auto events = poll_.wait(patience());
      now_ = clock::now();
      for (const epoll_event& event : events) on(event);
      send_delayed();
    }
  }

 private:
  struct delayed_reply {
    clock::time_point due;
    std::shared_ptr<session> to;
    std::string text;
  };

  std::chrono::nanoseconds patience() const {
    if (delayed_.empty()) return std::chrono::nanoseconds(-1);
    return std::max<std::chrono::nanoseconds>(std::chrono::nanoseconds(0), delayed_.front().due - clock::now());
  }

  void on(const epoll_event& event) {
    const int fd = event.data.fd;
    if (fd == STDIN_FILENO) return obey();
    for (const auto& one : listeners_)
      if (one->fd.get() == fd) return accept_all(*one);
    const auto found = sessions_.find(fd);
    if (found == sessions_.end()) return;
    const std::shared_ptr<session> who = found->second;
    if ((event.events & EPOLLOUT) != 0) flush(*who, {});
    if (!who->gone && who->unsent.empty()) serve(*who, who);
    if (who->gone) drop(*who);
  }

  void accept_all(listener& at) {
    for (;;) {
      descriptor fd(::accept4(at.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.get() < 0) return;
      be_quick(fd.get());
      ++at.counted.connections;
      const int number = fd.get();
      const auto who = std::make_shared<session>(std::move(fd), at);
      sessions_[number] = who;
      if (at.what == listener::kind::stalled) continue;
      poll_.add(number, EPOLLIN);
      if (at.what == listener::kind::tls) who->io.encrypt(tls_.get(), true);
      else answer(*who, who, greeting);
    }
  }

  void serve(session& who, const std::shared_ptr<session>& owner) {
    for (;;) {
      const std::size_t kept = who.rest.size();
      std::copy(who.rest.begin(), who.rest.end(), buffer_.begin());
      const channel::moved read = who.io.read(buffer_.data() + kept, buffer_.size() - kept);
      handshake_done(who, owner);
      if (read.then == channel::state::closed) {
        if (who.within_mail()) ++who.at.counted.errors;
        who.gone = true;
      }
      if (read.bytes == 0) return;
      ++who.at.counted.reads;
      replies_.clear();
      const std::string_view left = who.take({buffer_.data(), kept + read.bytes}, replies_, now_);
      who.rest.assign(left);
      if (!replies_.empty()) answer(who, owner, replies_);
      if (who.upgrading) {
        if (!who.rest.empty()) ++who.at.counted.errors;
        who.upgrading = false;
        who.io.encrypt(tls_.get(), true);
      }
      if (who.closing && who.unsent.empty() && who.at.delay.count() == 0) who.gone = true;
      if (who.gone || !who.unsent.empty() || !who.io.tls() || SSL_has_pending(who.io.tls()) == 0) return;
    }
  }

  void handshake_done(session& who, const std::shared_ptr<session>& owner) {
    if (!who.io.tls() || who.counted_handshake || SSL_is_init_finished(who.io.tls()) == 0) return;
    who.counted_handshake = true;
    ++who.at.counted.handshakes;
    if (SSL_session_reused(who.io.tls()) != 0) ++who.at.counted.resumed;
    if (who.at.what == listener::kind::tls) answer(who, owner, greeting);
  }

  void answer(session& who, const std::shared_ptr<session>& owner, std::string_view text) {
    if (who.at.delay.count() == 0) return flush(who, text);
    delayed_.push_back({now_ + who.at.delay, owner, std::string(text)});
  }

  void send_delayed() {
    while (!delayed_.empty() && delayed_.front().due <= now_) {
      const delayed_reply next = std::move(delayed_.front());
      delayed_.pop_front();
      if (next.to->gone) continue;
      flush(*next.to, next.text);
      const bool last = next.to->closing && next.to->unsent.empty();
      if (last || next.to->gone) drop(*next.to);
    }
  }

  /// Sends what was kept back and `text`. While something is kept back nothing more is read.
  void flush(session& who, std::string_view text) {
    if (!who.unsent.empty()) {
      who.unsent += text;
      text = who.unsent;
    }
    while (!text.empty()) {
      const channel::moved written = who.io.write(text.data(), text.size());
      if (written.then == channel::state::closed) who.gone = true;
      if (written.bytes == 0) break;
      text.remove_prefix(written.bytes);
    }
    if (who.gone) return;
    const bool was_blocked = !who.unsent.empty();
    who.unsent = std::string(text);
    if (was_blocked != !who.unsent.empty()) poll_.change(who.io.fd(), who.unsent.empty() ? EPOLLIN : EPOLLOUT);
    if (was_blocked && who.unsent.empty() && who.closing) who.gone = true;
  }

  void drop(session& who) {
    who.gone = true;
    sessions_.erase(who.io.fd());  // the descriptor goes with the last owner
  }

  void obey() {
    std::array<char, 256> words;
    const ssize_t count = ::read(STDIN_FILENO, words.data(), words.size());
    if (count <= 0) ended_ = true;
    const std::string_view said(words.data(), static_cast<std::size_t>(std::max<ssize_t>(0, count)));
    if (said == "reset\n") reset();
    if (said == "report\n") report();
  }

  void reset() {
    for (const auto& one : listeners_) one->counted = counters();
    cpu_at_reset_ = cpu_microseconds();
    std::cout << "ok" << std::endl;
  }

  void report() {
    const auto ns = [](clock::time_point t) {
      return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
    };
    for (const auto& one : listeners_) {
      const counters& c = one->counted;
      std::cout << "listener " << c.connections << ' ' << c.handshakes << ' ' << c.resumed << ' ' << c.mails << ' '
                << c.chunked << ' ' << c.bytes << ' ' << c.reads << ' ' << c.errors << ' ' << ns(c.first) << ' '
                << ns(c.last) << '\n';
    }
    std::cout << "cpu " << cpu_microseconds() - cpu_at_reset_ << std::endl;
  }

  static constexpr std::string_view greeting = "220 sink.example.net ESMTP\r\n";

  poller poll_;
  tls_context tls_ = make_tls_context(TLS_server_method());
  std::vector<std::unique_ptr<listener>> listeners_;
  std::unordered_map<int, std::shared_ptr<session>> sessions_;
  std::deque<delayed_reply> delayed_;
  std::vector<char> buffer_;
  std::string replies_;
  clock::time_point now_ = clock::now();
  std::int64_t cpu_at_reset_ = 0;
  bool ended_ = false;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::program(argc, argv,
                        {{"--listen", "plain", "kinds, with commas between"},
                         {"--certificate", "", "where the certificate for TLS is written to"}},
                        [](const bench::arguments& given) {
                          bench::sink(given.words("--listen"), given.text("--certificate")).run();
                          return 0;
                        });
}
