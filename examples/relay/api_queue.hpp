// Calls about the mail that waits, is held, or has failed: one by one.
#pragma once

#include <postrider/delivery/routing.hpp>

#include "relay/api_servers.hpp"
#include "relay/clock.hpp"
#include "relay/queue_search.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postrider::examples::api {

/// `held`: what keeps mail from its way, or null. A mail behind a server that gets none was not tried: what it waits
/// for is the server's trouble, and it goes when the server is tried again.
inline json to_json(const spooled_recipient& r, const held_list::entry* held) {
  const bool pending = r.state == recipient_state::pending;
  const bool behind = pending && held != nullptr;
  const bool waits = pending || r.state == recipient_state::held;
  return {{"address", r.who.forward_path.str()},
          {"state", to_string(r.state)},
          {"attempts", r.attempts},
          {"next_attempt",
           waits ? json(text_of(behind ? std::max(r.next_attempt, held->until) : r.next_attempt)) : json(nullptr)},
          {"possible_duplicate", r.possible_duplicate},
          {"failure", r.failure ? postrider::examples::to_json(*r.failure)
                      : behind  ? held->failure
                                : json(nullptr)}};
}

/// What a mail counts as: waiting if anyone is pending, else held, else failed.
inline std::string_view state_of(const spooled_mail& mail) {
  if (mail.any(recipient_state::pending)) return "waiting";
  return mail.any(recipient_state::held) ? "held" : "failed";
}

inline json to_json(const office& on, const spooled_mail& mail, const held_list& held) {
  const auto [server, waits_for] = way_of(on, mail.from, held);
  json recipients = json::array();
  for (const spooled_recipient& r : mail.recipients) recipients.push_back(to_json(r, waits_for));
  auto next = mail.next_attempt();
  if (next && waits_for != nullptr) next = std::max(*next, waits_for->until);
  return {{"id", to_string(mail.id)},
          {"state", state_of(mail)},
          {"tenant", mail.from.tenant},
          {"from", mail.reverse_path ? mail.reverse_path->str() : std::string()},
          {"sender", mail.from.sender},
          {"login", mail.from.login},
          {"pin", mail.from.pin},
          {"server", server},
          {"size", mail.content.traits().size},
          {"created", text_of(mail.created)},
          {"attempts", mail.attempts},
          {"next_attempt", next ? json(text_of(*next)) : json(nullptr)},
          {"recipients", std::move(recipients)}};
}

inline mail_id parse_mail_id(const std::string& text, const char* field) {
  const auto parsed = mail_id::parse(text);
  if (!parsed) throw bad_argument(field, '"' + printable(text) + "\" is no mail's id");
  return *parsed;
}

/// The answer of `use(queue, mails, held)` to the page of mails that `filter` and `args` ask for, and where the next
/// one begins.
template <class Use>
answer with_page_of_queue(office& on, const arguments& filter, const arguments& args, const caller& by, Use use) {
  const held_list held(on);
  const queue_search wanted(on, filter, by, held);
  const page_request page(args);
  const mail_id after = page.after.empty() ? mail_id() : parse_mail_id(page.after, "cursor");
  auto queue = on.queue();
  if (!queue) return refuse(queue.error());
  const auto found = wanted.page(**queue, after, page.limit);
  if (!found) return refuse(found.error());
  json shown = use(**queue, found->mails, held);
  shown["next_cursor"] = found->next ? json(to_string(*found->next)) : json(nullptr);
  return {200, std::move(shown)};
}

inline answer list_queue(office& on, const path_values&, const json& given, const caller& by) {
  std::vector<std::string_view> known(queue_filter_arguments.begin(), queue_filter_arguments.end());
  known.insert(known.end(), {"cursor", "limit"});
  const arguments args(given, known);
  return with_page_of_queue(on, args, args, by,
                            [&](mail_queue&, const std::vector<spooled_mail>& mails, const held_list& held) {
                              json all = json::array();
                              for (const spooled_mail& mail : mails) all.push_back(to_json(on, mail, held));
                              return json{{"mails", std::move(all)}};
                            });
}

inline answer no_such_mail(const path_values& at) {
  return refuse(404, "not_found", "there is no mail " + printable(at.at("mail")) + " in the queue", "mail");
}

/// The mail of a path, or why not. What is of another tenant is not there.
inline result<std::optional<spooled_mail>> find_mail(mail_queue& queue, const path_values& at, const caller& by) {
  auto mail = queue.find(parse_mail_id(at.at("mail"), "mail"));
  if (mail && *mail && !by.sees((*mail)->from.tenant)) mail->reset();
  return mail;
}

inline answer show_mail(office& on, const path_values& at, const json& given, const caller& by) {
  arguments(given, {});
  auto queue = on.queue();
  if (!queue) return refuse(queue.error());
  const auto mail = find_mail(**queue, at, by);
  if (!mail) return refuse(mail.error());
  if (!*mail) return no_such_mail(at);
  const auto history = (*queue)->history((*mail)->id);
  if (!history) return refuse(history.error());
  json shown = to_json(on, **mail, held_list(on));
  json attempts = json::array();
  for (const attempt_record& one : *history)
    attempts.push_back({{"at", text_of(one.at)}, {"receipt", postrider::examples::to_json(one.receipt)}});
  shown["history"] = std::move(attempts);
  return {200, std::move(shown)};
}

inline answer edit_mail(office& on, const path_values& at, const caller& by, mail_edit how) {
  auto queue = on.queue();
  if (!queue) return refuse(queue.error());
  const auto before = find_mail(**queue, at, by);
  // What cannot be read can still be removed.
  if (!before && (how.what != mail_edit::verb::remove || !by.sees_all())) return refuse(before.error());
  if (before && !*before) return no_such_mail(at);
  const mail_id id = parse_mail_id(at.at("mail"), "mail");
  const auto done = (*queue)->edit(id, std::move(how));
  if (!done) return refuse(done.error());
  if (!*done) return no_such_mail(at);
  const auto mail = (*queue)->find(id);
  if (!mail) return refuse(mail.error());
  if (!*mail) return {200, {{"id", to_string(id)}, {"state", "gone"}}};
  return {200, to_json(on, **mail, held_list(on))};
}

inline answer retry_mail(office& on, const path_values& at, const json& given, const caller& by) {
  arguments(given, {});
  return edit_mail(on, at, by, mail_edit::retry());
}
inline answer hold_mail(office& on, const path_values& at, const json& given, const caller& by) {
  arguments(given, {});
  return edit_mail(on, at, by, mail_edit::hold());
}
inline answer release_mail(office& on, const path_values& at, const json& given, const caller& by) {
  arguments(given, {});
  return edit_mail(on, at, by, mail_edit::unhold());
}
inline answer unpin_mail(office& on, const path_values& at, const json& given, const caller& by) {
  arguments(given, {});
  return edit_mail(on, at, by, mail_edit::unpin());
}

/// To a server of its own tenant, whatever the registry says of its sender.
inline answer move_mail(office& on, const path_values& at, const json& given, const caller& by) {
  const arguments args(given, {"server"});
  const std::string name = args.demand_text("server");
  auto queue = on.queue();
  if (!queue) return refuse(queue.error());
  const auto mail = find_mail(**queue, at, by);
  if (!mail) return refuse(mail.error());
  if (!*mail) return no_such_mail(at);
  const std::string& tenant = (*mail)->from.tenant;
  if (on.registry.snapshot(tenant)->find_server(name) == nullptr)
    return refuse(409, "no_server",
                  "server \"" + printable(name) + "\" does not exist in tenant \"" + printable(tenant) + '"', "server");
  return edit_mail(on, at, by, mail_edit::pin(name));
}

inline answer remove_mail(office& on, const path_values& at, const json& given, const caller& by) {
  arguments(given, {});
  const answer done = edit_mail(on, at, by, mail_edit::remove());
  if (!done.ok()) return done;
  return {200, {{"removed", at.at("mail")}}};
}

/// What a mail says, for somebody who asked for it. The call stands in the audit log.
inline answer show_content(office& on, const path_values& at, const json& given, const caller& by) {
  arguments(given, {});
  constexpr std::uint64_t most = 256 * 1024;
  auto queue = on.queue();
  if (!queue) return refuse(queue.error());
  const auto mail = find_mail(**queue, at, by);
  if (!mail) return refuse(mail.error());
  if (!*mail) return no_such_mail(at);
  const content& what = (*mail)->content;
  const std::uint64_t size = what.traits().size;
  std::string text(static_cast<std::size_t>(std::min(size, most)), '\0');
  const auto got = what.read(0, text);
  if (!got) return refuse(503, to_string(got.error().cause), got.error().detail, "mail");
  text.resize(*got);
  return {200,
          {{"id", to_string((*mail)->id)},
           {"tenant", (*mail)->from.tenant},
           {"size", size},
           {"content", std::move(text)},
           {"truncated", size > most}}};
}

/// Some of the mails that match at a time: whoever calls goes on with the cursor, and cancels by calling no more.
inline answer act_on_queue(office& on, const path_values&, const json& given, const caller& by) {
  const arguments args(given, {"action", "server", "filter", "cursor", "limit"});
  const std::string action = args.demand_text("action");
  if (!given.contains("filter") || !given["filter"].is_object()) throw bad_argument("filter", "filter is no object");
  const arguments filter(given["filter"], queue_filter_arguments);
  const auto server = args.text("server");
  if ((action == "move") != server.has_value())
    throw bad_argument("server", server ? "server is for move only" : "server is missing");
  const auto how = action == "retry"     ? std::optional(mail_edit::retry())
                   : action == "hold"    ? std::optional(mail_edit::hold())
                   : action == "release" ? std::optional(mail_edit::unhold())
                   : action == "remove"  ? std::optional(mail_edit::remove())
                   : action == "move"    ? std::optional(mail_edit::pin(*server))
                   : action == "unpin"   ? std::optional(mail_edit::unpin())
                                         : std::nullopt;
  if (!how)
    throw bad_argument("action", '"' + printable(action) + "\" is none of retry, hold, release, remove, move, unpin");
  return with_page_of_queue(on, filter, args, by,
                            [&](mail_queue& queue, const std::vector<spooled_mail>& mails, const held_list&) {
                              std::vector<mail_id> ids;
                              for (const spooled_mail& mail : mails)
                                if (!server || on.registry.snapshot(mail.from.tenant)->find_server(*server) != nullptr)
                                  ids.push_back(mail.id);
                              const std::size_t done = queue.edit(ids, *how);
                              return json{{"action", action}, {"done", done}, {"failed", mails.size() - done}};
                            });
}

/// What the relay is doing; of a folder without a relay, what its queue holds.
inline answer show_status(office& on, const path_values&, const json& given) {
  arguments(given, {});
  auto queue = on.queue();
  if (!queue) return refuse(queue.error());
  const auto counts = (*queue)->counts();
  if (!counts) return refuse(counts.error());
  json shown{{"running", static_cast<bool>(on.state)},
             {"queue", {{"waiting", counts->waiting}, {"held", counts->held}, {"failed", counts->failed}}}};
  if (on.state) shown.update(on.state());
  return {200, std::move(shown)};
}

}  // namespace postrider::examples::api
