// The floor: a client that knows every byte beforehand, waits with epoll, and counts the lines that come back.
//
//   bench_raw --port N --content FILE --connections N --mails N --pattern lockstep|pipelining|chunking|window:N
//             --certificate FILE (for TLS) --each N (mails of a connection, then a new one)
//
// It prints how many mails were accepted, and when the first one began and the last one was accepted: nanoseconds of
// the steady clock, which is the sink's too.
#include "channel.hpp"
#include "client_arguments.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <vector>

namespace bench {
namespace {

constexpr std::string_view mail_command = "MAIL FROM:<ada@example.com>\r\n";
constexpr std::string_view rcpt_command = "RCPT TO:<charles@example.org>\r\n";
constexpr std::string_view reset_command = "RSET\r\n";

/// Bytes to write and how many replies they bring.
struct step {
  std::string bytes;
  std::size_t replies = 1;
  bool begins = false;  // a mail
  bool ends = false;    // a mail
};

/// The whole traffic of a pattern: what comes first, what is repeated for each mail, what comes after the last one.
struct script {
  std::vector<step> first;
  std::vector<step> again;
  std::vector<step> last;
  std::string block;       // with a window: one mail
  std::size_t window = 0;  // mails in flight, 0: steps
};

script make_script(const std::string& pattern, const std::string& content) {
  const std::string mail(mail_command);
  const std::string envelope = mail + std::string(rcpt_command);
  const std::string dotted = content + ".\r\n";
  const std::string chunk = "BDAT " + std::to_string(content.size()) + " LAST\r\n" + content;
  script made;
  if (pattern == "lockstep") {
    made.again = {{mail, 1, true, false}, {std::string(rcpt_command), 1}, {"DATA\r\n", 1}, {dotted, 1, false, true}};
  } else if (pattern == "pipelining") {
    made.first = {{envelope + "DATA\r\n", 3, true, false}};
    made.again = {{dotted + envelope + "DATA\r\n", 4, true, true}};
    made.last = {{dotted, 1, false, true}};
  } else if (pattern == "chunking") {
    made.first = {{envelope, 2, true, false}};
    made.again = {{chunk + envelope, 3, true, true}};
    made.last = {{chunk, 1, false, true}};
  } else if (pattern.substr(0, 7) == "window:") {
    made.block = std::string(reset_command) + envelope + chunk;
    made.window = std::stoul(pattern.substr(7));
  } else {
    throw std::invalid_argument("no pattern: " + pattern);
  }
  return made;
}

using clock = std::chrono::steady_clock;

/// How many mails are still to be begun, for all connections together.
struct supply {
  std::uint64_t left;
  std::uint64_t accepted = 0;
  clock::time_point first{};  // was begun
  clock::time_point last{};   // was accepted

  bool take() {
    if (left == 0) return false;
    if (first == clock::time_point()) first = clock::now();
    --left;
    return true;
  }
  void accept() {
    if (++accepted; left == 0) last = clock::now();
  }
};

class client {
 public:
  /// Takes at most `most` of the mails.
  client(const script& said, const std::string& blocks, supply& mails, std::uint64_t most)
      : script_(said), blocks_(blocks), mails_(mails), most_(most) {}

  void connect(std::uint16_t port, SSL_CTX* tls) {
    io_.emplace(connect_to_loopback(port));
    if (tls) io_->encrypt(tls, false);
    part_ = part::setup;
    due_ = 1;
    if (tls) flush();
  }

  int fd() const { return io_->fd(); }
  bool done() const noexcept { return part_ == part::over; }
  bool blocked() const noexcept { return left_ != 0; }
  bool watched_for_room = false;

  void readable(std::vector<char>& buffer) {
    for (;;) {
      const channel::moved read = io_->read(buffer.data(), buffer.size());
      if (read.then == channel::state::closed && part_ != part::quit)
        throw std::runtime_error("the server closed the connection");
      if (read.then == channel::state::closed) part_ = part::over;
      if (read.bytes == 0) return;
      take({buffer.data(), read.bytes});
      SSL* tls = io_->tls();
      if (done() || !tls || SSL_has_pending(tls) == 0) return;
    }
  }

  void flush() {
    while (left_ != 0) {
      const channel::moved written = io_->write(next_, left_);
      if (written.then == channel::state::closed) throw std::runtime_error("the server closed the connection");
      if (written.bytes == 0) return;
      next_ += written.bytes;
      left_ -= written.bytes;
    }
  }

 private:
  enum class part : std::uint8_t { setup, hello, first, again, last, window, quit, over };

  /// Counts final lines; in the steady state each reply is one line.
  void take(std::string_view bytes) {
    while (!bytes.empty()) {
      if (line_position_ == 0 && bytes[0] != '2' && bytes[0] != '3')
        throw std::runtime_error("refused: " + std::string(bytes.substr(0, 80)));
      const void* end = std::memchr(bytes.data(), '\n', bytes.size());
      const std::size_t count =
          end ? static_cast<std::size_t>(static_cast<const char*>(end) - bytes.data()) + 1 : bytes.size();
      if (line_position_ <= 3 && line_position_ + count > 3) continued_ = bytes[3 - line_position_] == '-';
      line_position_ = end ? 0 : line_position_ + count;
      bytes.remove_prefix(count);
      if (end && !continued_) replied();
    }
    if (part_ == part::window) refill();
  }

  void replied() {
    --due_;
    if (part_ == part::window) {
      if (due_ % replies_of_a_block == 0) mails_.accept();
      return;
    }
    if (due_ == 0) proceed();
  }

  void proceed() {
    switch (part_) {
      case part::setup: part_ = part::hello; return say("EHLO client.example.com\r\n", 1);
      case part::hello: return begin();
      case part::first: return script_.first.size() > ++index_ ? say(script_.first[index_]) : repeat();
      case part::again:
        ++index_;
        if (index_ < script_.again.size()) return say(script_.again[index_]);
        return repeat();
      case part::last:
        ++index_;
        if (index_ < script_.last.size()) return say(script_.last[index_]);
        count_end(script_.last.back());
        return quit();
      case part::quit: part_ = part::over; return;
      case part::window:
      case part::over: return;
    }
  }

  void begin() {
    if (script_.window != 0) {
      if (mails_.left == 0) return quit();
      part_ = part::window;
      started_ = false;
      return;  // refill follows
    }
    index_ = 0;
    if (script_.first.empty()) return repeat();
    if (!begin_mail()) return quit();
    part_ = part::first;
    say(script_.first[0]);
  }

  /// The next mail, or what ends the last one.
  void repeat() {
    if (part_ == part::again) count_end(script_.again.back());
    index_ = 0;
    if (begin_mail()) {
      part_ = part::again;
      return say(script_.again[0]);
    }
    if (script_.last.empty()) return quit();
    part_ = part::last;
    say(script_.last[0]);
  }

  bool begin_mail() {
    if (most_ == 0 || !mails_.take()) return false;
    --most_;
    return true;
  }

  void count_end(const step& ended) {
    if (ended.ends) mails_.accept();
  }

  void quit() {
    part_ = part::quit;
    say("QUIT\r\n", 1);
  }

  void say(const step& next) { say(next.bytes, next.replies); }
  void say(std::string_view bytes, std::size_t replies) {
    next_ = bytes.data();
    left_ = bytes.size();
    due_ = replies;
    flush();
  }

  /// Writes as many mails as the window has room for. Every block is the same, so that the rest of an unfinished write
  /// and the new ones are one piece of `blocks_`.
  void refill() {
    const std::size_t in_flight = (due_ + replies_of_a_block - 1) / replies_of_a_block;
    std::size_t more = 0;
    while (more < script_.window - in_flight && begin_mail()) ++more;
    if (more == 0) {
      if (due_ == 0) quit();
      return;
    }
    const std::size_t size = script_.block.size();
    next_ = blocks_.data() + (size - left_ % size) % size;
    left_ += more * size;
    due_ += more * replies_of_a_block;
    if (!started_) {  // nothing to reset before the first one
      started_ = true;
      next_ += reset_command.size();
      left_ -= reset_command.size();
      --due_;
    }
    flush();
  }

  static constexpr std::size_t replies_of_a_block = 4;

  const script& script_;
  const std::string& blocks_;
  supply& mails_;
  std::uint64_t most_;
  std::optional<channel> io_;
  part part_ = part::setup;
  std::size_t index_ = 0;
  std::size_t due_ = 0;            // replies
  std::size_t line_position_ = 0;  // within a reply's line
  bool continued_ = false;
  bool started_ = false;
  const char* next_ = nullptr;
  std::size_t left_ = 0;
};

supply send_all(const arguments& given) {
  const std::string content = content_in(given);
  const script said = make_script(given.text("--pattern"), content);
  std::string blocks;
  for (std::size_t i = 0; i < said.window + 1 && said.window != 0; ++i) blocks += said.block;

  tls_context tls(nullptr, &SSL_CTX_free);
  if (given.given("--certificate")) {
    tls = make_tls_context(TLS_client_method());
    SSL_CTX_set_verify(tls.get(), SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_file(tls.get(), given.text("--certificate").c_str()) != 1)
      throw std::runtime_error("no certificate");
  }

  supply mails{given.number("--mails")};
  poller poll;
  std::vector<std::unique_ptr<client>> clients;  // by descriptor
  std::vector<char> buffer(64 * 1024);
  std::size_t running = 0;
  const std::uint64_t each = given.given("--each") ? given.number("--each") : std::numeric_limits<std::uint64_t>::max();
  const auto connect = [&] {
    auto one = std::make_unique<client>(said, blocks, mails, each);
    one->connect(static_cast<std::uint16_t>(given.number("--port")), tls.get());
    const auto fd = static_cast<std::size_t>(one->fd());
    poll.add(one->fd(), EPOLLIN);
    if (tls) one->readable(buffer);  // begins the handshake
    clients.resize(std::max(clients.size(), fd + 1));
    clients[fd] = std::move(one);
    ++running;
  };
  for (std::uint64_t i = 0; i < given.number("--connections"); ++i) connect();
  while (running != 0) {
    const auto events = poll.wait(std::chrono::seconds(60));
    if (events.empty()) throw std::runtime_error("the server is silent");
    for (const epoll_event& event : events) {
      client& one = *clients[static_cast<std::size_t>(event.data.fd)];
      const bool was_blocked = one.watched_for_room;
      if ((event.events & EPOLLOUT) != 0) one.flush();
      if ((event.events & EPOLLIN) != 0) one.readable(buffer);
      one.watched_for_room = one.blocked();
      if (one.blocked() != was_blocked) poll.change(one.fd(), one.blocked() ? EPOLLIN | EPOLLOUT : EPOLLIN);
      if (!one.done()) continue;
      poll.remove(one.fd());
      --running;
      if (mails.left == 0) continue;
      clients[static_cast<std::size_t>(event.data.fd)].reset();
      connect();
    }
  }
  return mails;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  std::vector<bench::argument> known = bench::client_arguments();
  known.push_back({"--each", "", "mails of a connection, then a new one takes its place"});
  return bench::program(argc, argv, known, [](const bench::arguments& given) {
    const auto ns = [](bench::clock::time_point at) {
      return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
    };
    const bench::supply done = bench::send_all(given);
    std::cout << "accepted " << done.accepted << "\nfrom " << ns(done.first) << " to " << ns(done.last) << '\n';
    return 0;
  });
}
