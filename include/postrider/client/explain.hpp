// A failure in plain words: what happened, the setting to look at, and the next step.
#pragma once

#include <postrider/client/explanations.hpp>
#include <postrider/core/failure.hpp>
#include <postrider/core/receipt.hpp>
#include <postrider/mail/utf8.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::client {

/// What to tell a person. `sentence` names the server and quotes its words where there are any.
class explanation {
 public:
  explanation(std::string sentence, field look_at, std::string next_step)
      : sentence(std::move(sentence)), look_at(look_at), next_step(std::move(next_step)) {}

  std::string sentence;
  field look_at;
  std::string next_step;
};

namespace detail {

/// `text` on one line of well-formed UTF-8 without control characters, cut to about `most` bytes.
inline std::string presentable(std::string_view text, std::size_t most) {
  std::string line;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    const auto first = static_cast<unsigned char>(character.front());
    const bool control = first < 0x20 || first == 0x7f ||
                         (length == 2 && first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0);
    if (line.size() + character.size() > most) return line + "...";
    if (length == 0) line += "\xef\xbf\xbd";  // the replacement character
    else if (control) line += ' ';
    else line += character;
    text.remove_prefix(character.size());
  }
  return line;
}

inline std::string filled(std::string_view pattern, const std::string& server) {
  std::string text(pattern);
  const std::string_view hole = "{server}";
  if (const std::size_t at = text.find(hole); at != std::string::npos) text.replace(at, hole.size(), server);
  if (text.front() >= 'a' && text.front() <= 'z' && server == "the server") text.front() = 'T';
  return text;
}

/// The wording of the cause, or a closer one where scope, stage and field say more than the cause.
inline wording wording_for(const failure& why) {
  wording usual = wordings[static_cast<std::size_t>(why.cause)];
  if (why.cause == cause::domain_invalid && why.field == field::sender)
    return {why.cause, "The sender's domain does not exist or cannot be answered",
            "Check the part of the sender's address after the @."};
  if (why.cause == cause::sender_not_allowed && why.scope == scope::message)
    return {why.cause, "{server} does not understand the sender's address",
            "Check the sender's address for typing errors."};
  if (why.cause == cause::provider_rate && why.scope == scope::recipient)
    return {why.cause, "The recipient's mailbox gets more mail than it takes in so short a time",
            "Wait; delivery goes on by itself."};
  if (why.cause == cause::reply_timeout && why.stage == stage::greeting)
    return {why.cause, "{server} was connected, but did not say a word",
            "Check port and security: a server that waits for TLS stays silent. Choose SSL/TLS for port 465, STARTTLS "
            "for port 587."};
  if (why.cause == cause::unclassified_transient && why.stage == stage::auth)
    return {why.cause, "{server} could not check user name and password just now",
            "Try again later; nothing is known to be wrong with them."};
  if (why.cause == cause::unclassified_transient && why.scope == scope::recipient)
    usual.what = "{server} could not take the mail for this recipient just now";
  return usual;
}

/// "550 5.1.1 no such user", on one line.
inline std::string words_of(const failure& why) {
  std::string words = std::to_string(why.code);
  if (why.enhanced) words += ' ' + to_string(why.enhanced);
  for (const auto& line : why.reply) words += ' ' + line;
  return presentable(words, 300);
}

}  // namespace detail

/// The setting is the failure's own `field`. Holds nothing secret: it is made of the failure alone.
inline explanation explain(const failure& why) {
  const std::string server = why.server.empty() ? "the server" : detail::presentable(why.server, 260);
  const detail::wording words = detail::wording_for(why);
  std::string sentence = detail::filled(words.what, server);
  if (why.code != 0) sentence += "; it said: \"" + detail::words_of(why) + '"';
  else if (!why.detail.empty()) sentence += " (" + detail::presentable(why.detail, 300) + ')';
  sentence += '.';
  std::string next(words.next_step);
  if (why.outcome == outcome::unknown)
    next = "The mail may have been delivered all the same: ask the recipient before sending it again.";
  return {std::move(sentence), why.field, std::move(next)};
}

/// Several recipients in a few sentences: how many got it, then each reason once with those it concerns.
inline std::string explain(const receipt& what) {
  std::size_t accepted = 0;
  std::vector<std::pair<std::string, std::string>> reasons;  // sentence, addresses
  for (const auto& r : what.recipients) {
    if (r.outcome == outcome::accepted) ++accepted;
    if (!r.failure) continue;
    const explanation why = explain(*r.failure);
    std::string said = why.sentence + ' ' + why.next_step;
    const std::string address = detail::presentable(r.address, 320);
    auto known = reasons.begin();
    while (known != reasons.end() && known->first != said) ++known;
    if (known == reasons.end()) reasons.emplace_back(std::move(said), address);
    else known->second += ", " + address;
  }
  const std::size_t all = what.recipients.size();
  const std::string by = what.server.empty() ? "" : " by " + detail::presentable(what.server, 260);
  std::string text;
  if (all == 0) text = "The mail has no recipients.";
  else if (accepted == all && all == 1) text = "The mail was accepted" + by + '.';
  else if (accepted == all) text = "The mail was accepted" + by + " for all " + std::to_string(all) + " recipients.";
  else if (all > 1)
    text = "The mail was accepted" + by + " for " + std::to_string(accepted) + " of " + std::to_string(all) +
           " recipients.";
  for (const auto& [said, addresses] : reasons) text += (text.empty() ? "" : " ") + addresses + ": " + said;
  return text;
}

}  // namespace postrider::client

namespace postrider {
using client::explain;
using client::explanation;
}  // namespace postrider
