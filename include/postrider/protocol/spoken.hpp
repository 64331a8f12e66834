// What a session lets others hear of it: stages, commands, replies; never the password, even if the server repeats it.
#pragma once

#include <postrider/core/base64.hpp>
#include <postrider/core/failure.hpp>
#include <postrider/core/secret.hpp>
#include <postrider/protocol/reply.hpp>
#include <postrider/protocol/trace.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::protocol {

/// Tells a trace, if there is one.
class spoken {
 public:
  spoken(trace* listener, const secret& hidden) : trace_(listener) {
    if (hidden.empty()) return;
    hidden_.push_back(hidden);
    for (std::size_t before = 0; before < 3; ++before)
      if (secret encoded = within_base64(hidden.reveal(), before); encoded.reveal().size() >= 4)
        hidden_.push_back(std::move(encoded));
  }

  explicit operator bool() const noexcept { return trace_ != nullptr; }

  void passed(stage behind, std::string_view detail) const {
    if (trace_) trace_->stage_passed(behind, without_secret(std::string(detail)));
  }
  void passed(stage behind, const reply& r) const {
    if (trace_) passed(behind, r.text());
  }
  void command(std::string_view line) const {
    if (trace_) trace_->line(direction::from_client, line);
  }
  void answer(const reply& r) const {
    if (!trace_) return;
    const std::string enhanced = r.enhanced ? to_string(r.enhanced) + ' ' : std::string();
    for (std::size_t i = 0; i < r.lines.size(); ++i) {
      const char separator = i + 1 < r.lines.size() ? '-' : ' ';
      trace_->line(direction::from_server, without_secret(std::to_string(r.code) + separator + enhanced + r.lines[i]));
    }
  }

  /// The server's words with the password cut out of them.
  std::vector<std::string> without_secret(std::vector<std::string> lines) const {
    for (std::string& line : lines) line = without_secret(std::move(line));
    return lines;
  }
  failure without_secret(failure why) const {
    why.reply = without_secret(std::move(why.reply));
    why.detail = without_secret(std::move(why.detail));
    return why;
  }

 private:
  std::string without_secret(std::string text) const {
    for (const secret& one : hidden_) hide(text, one.reveal());
    return text;
  }

  /// What the secret makes of base64 text where it stands behind other bytes: PLAIN has the user's name before it.
  static secret within_base64(std::string_view hidden, std::size_t before) {
    const std::size_t bits = 8 * (before + hidden.size());
    std::string encoded = base64::encode(std::string(before, '\0').append(hidden));
    encoded.resize(bits / 6);
    return secret(encoded.substr(std::min(encoded.size(), before == 0 ? 0 : before + 1)));
  }

  static void hide(std::string& text, std::string_view hidden) {
    for (std::size_t at = text.find(hidden); at != std::string::npos; at = text.find(hidden, at + 3))
      text.replace(at, hidden.size(), "***");
  }

  trace* trace_;
  std::vector<secret> hidden_;  // in each form in which it may come back
};

}  // namespace postrider::protocol
