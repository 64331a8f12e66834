// A little world around a server dialogue, without sockets: who may send, what is refused, which operation fails.
#pragma once

#include <postrider/protocol/received.hpp>
#include <postrider/protocol/server_dialogue.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// What a host was given; `committed` only if it said so and nothing failed.
struct hosted_mail {
  postrider::envelope envelope{std::nullopt, {}};
  std::string content;
  bool committed = false;
};

struct host_rules {
  postrider::protocol::server_settings settings{};
  postrider::protocol::server_offers offers{};
  bool trusted = true;
  std::map<std::string, std::string> passwords{};
  std::set<std::string> senders{};             ///< empty: any
  std::set<std::string> refused_recipients{};  ///< with 550
  std::string prefix{};                        ///< what is put before each content
  std::optional<std::size_t> failing{};        ///< the operation of the acceptor that fails, counted from zero
};

class dialogue_host {
 public:
  explicit dialogue_host(host_rules rules) : rules_(std::move(rules)), dialogue_(rules_.settings, rules_.offers) {
    dialogue_.greet();
  }
  dialogue_host(const dialogue_host&) = delete;
  dialogue_host& operator=(const dialogue_host&) = delete;

  /// Feeds `bytes` and returns what the server says to them.
  std::string say(std::string_view bytes) {
    dialogue_.feed(bytes);
    return settle();
  }

  /// What the server says without being spoken to.
  std::string settle() {
    using event = postrider::protocol::server_event;
    for (;;) {
      switch (dialogue_.next()) {
        case event::need_bytes: return std::exchange(dialogue_.output(), {});
        case event::close: closed_ = true; return std::exchange(dialogue_.output(), {});
        case event::start_tls: wants_tls_ = true; return std::exchange(dialogue_.output(), {});
        case event::find_login: {
          const auto known = rules_.passwords.find(dialogue_.login().user);
          const std::string password = known == rules_.passwords.end() ? "nobody knows" : known->second;
          dialogue_.challenge_login(postrider::sasl::derive_scram_keys(postrider::secret(password), "salt", 4096));
          break;
        }
        case event::verify_login: {
          const auto attempt = dialogue_.login();
          if (attempt.proved) {
            dialogue_.accept();
            break;
          }
          const auto known = rules_.passwords.find(attempt.user);
          if (known != rules_.passwords.end() && known->second == attempt.password.reveal()) dialogue_.accept();
          else dialogue_.refuse("535 5.7.8", "Authentication credentials invalid");
          break;
        }
        case event::check_sender: {
          const auto& sender = dialogue_.sender();
          if (!rules_.trusted && !dialogue_.authenticated()) dialogue_.refuse("530 5.7.0", "Authentication required");
          else if (!rules_.senders.empty() && !rules_.senders.count(sender ? sender->str() : ""))
            dialogue_.refuse("550 5.7.1", "This login may not send as this sender");
          else dialogue_.accept();
          break;
        }
        case event::check_recipient:
          if (rules_.refused_recipients.count(dialogue_.recipient().str()))
            dialogue_.refuse("550 5.1.1", "Unknown here");
          else dialogue_.accept();
          break;
        case event::begin_mail:
          if (fails()) break;
          mails_.emplace_back();
          mails_.back().envelope = dialogue_.take_mail();
          dialogue_.accept_content(rules_.prefix);
          break;
        case event::content: {
          std::string piece = dialogue_.take_piece();
          if (fails()) break;
          mails_.back().content += piece;
          dialogue_.accept();
          break;
        }
        case event::finish_mail:
          if (fails()) break;
          mails_.back().committed = true;
          dialogue_.accept("Queued as " + std::to_string(mails_.size()));
          break;
        case event::discard_mail: ++discarded_; break;
      }
    }
  }

  void tls_started() {
    wants_tls_ = false;
    dialogue_.tls_started();
  }

  bool closed() const noexcept { return closed_; }
  bool wants_tls() const noexcept { return wants_tls_; }
  std::size_t operations() const noexcept { return operations_; }
  std::size_t discarded() const noexcept { return discarded_; }
  const std::vector<hosted_mail>& mails() const noexcept { return mails_; }
  std::size_t committed() const noexcept {
    std::size_t count = 0;
    for (const auto& mail : mails_) count += mail.committed ? 1 : 0;
    return count;
  }
  postrider::protocol::server_dialogue& dialogue() noexcept { return dialogue_; }

 private:
  bool fails() {
    if (operations_++ != rules_.failing) return false;
    dialogue_.refuse("451 4.3.0", "The mail could not be stored, try again later");
    return true;
  }

  host_rules rules_;
  postrider::protocol::server_dialogue dialogue_;
  std::vector<hosted_mail> mails_;
  std::size_t operations_ = 0;
  std::size_t discarded_ = 0;
  bool closed_ = false;
  bool wants_tls_ = false;
};

}  // namespace test
