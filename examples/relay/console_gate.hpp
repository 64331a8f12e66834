// Who may come in at the console: hosts, sessions, tokens, and what keeps other web sites out.
#pragma once

#include <postrider/server/network.hpp>

#include "relay/api_table.hpp"
#include "relay/arguments.hpp"
#include "relay/clock.hpp"
#include "relay/office.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace postrider::examples {

/// What matters of a request, besides its call.
struct console_request {
  std::string method;
  std::string host;
  std::string origin;
  std::string fetch_site;  ///< Sec-Fetch-Site
  std::string content_type;
  std::string cookie;
  std::string authorization;
  std::string csrf;
  std::string address;  ///< of the client
  bool has_body = false;

  bool reads() const noexcept { return method == "GET" || method == "HEAD"; }
};

/// An answer that may set the session's cookie.
struct gate_answer {
  answer said;
  std::string cookie{};  ///< a value for Set-Cookie; empty: it stays
  std::chrono::seconds retry_after{0};
};

struct gate_options {
  std::vector<std::string>
      hosts{};  ///< names, besides localhost and IP addresses, that browsers may know the console by
  bool tls = false;
};

/// Thread-safe. `on` has `people` and `live`, and outlives this.
class console_gate {
 public:
  static constexpr std::string_view cookie_name = "postrider_session";
  static constexpr std::size_t shortest_password = 10;

  console_gate(office& on, gate_options options) : on_(on), options_(std::move(options)) {}

  /// Why a request is refused whatever it asks for; nothing if it is not. A name that is not known is one that a web
  /// site made up, to have a browser ask here in its name.
  std::optional<answer> foreign(const console_request& request) const {
    if (!knows(request.host))
      return refuse(403, "host", "the console does not answer to this name: see --console-host", "Host");
    if (request.reads()) return std::nullopt;
    const bool other_origin =
        !request.origin.empty() && request.origin != (options_.tls ? "https://" : "http://") + request.host;
    const bool other_site =
        !request.fetch_site.empty() && request.fetch_site != "same-origin" && request.fetch_site != "none";
    if (other_origin || other_site) return refuse(403, "origin", "this request comes from another web site", "Origin");
    const std::string_view type = std::string_view(request.content_type).substr(0, request.content_type.find(';'));
    if (request.has_body && type != "application/json")
      return refuse(415, "usage", "the body has to be application/json", "Content-Type");
    return std::nullopt;
  }

  /// Who makes the request; a refusal if that is not known, or the request was not made on purpose.
  std::optional<caller> admit(const console_request& request, answer& refusal) {
    caller who;
    who.address = request.address;
    if (!request.authorization.empty()) {
      constexpr std::string_view bearer = "Bearer ";
      const std::string_view given = request.authorization;
      const auto token = given.starts_with(bearer) ? people().redeem(given.substr(bearer.size()))
                                                   : result<std::optional<api_token>>(std::nullopt);
      if (!token || !*token) {
        refusal = token ? refuse(401, "token", "this token is none, was revoked, or has expired", "Authorization")
                        : refuse(token.error());
        return std::nullopt;
      }
      who.who = "token:" + (*token)->name;
      who.tenant = (*token)->tenant;
      who.scopes = (*token)->scopes;
      return who;
    }
    const auto session = on_.live->sessions.find(session_token(request), now());
    if (!session) {
      refusal = refuse(401, "session", "log in first");
      return std::nullopt;
    }
    if (!request.reads() && !same_secret(request.csrf, session->csrf)) {
      refusal = refuse(403, "csrf", "the header X-CSRF-Token is not that of the session", "X-CSRF-Token");
      return std::nullopt;
    }
    who.who = session->name;
    who.tenant = session->tenant;
    return who;
  }

  /// The calls about the session itself; nothing if `what` is none of them. Throws bad_argument.
  std::optional<gate_answer> session_call(const console_request& request, const call& what) {
    const auto& path = what.path;
    if (path.size() == 1 && path[0] == "session") {
      if (request.reads()) return gate_answer{show(request)};
      if (what.method == "POST") return noted("session.login", request, what, {}, log_in(request, what.arguments));
      if (what.method != "DELETE")
        return gate_answer{refuse(405, "method", "this cannot be done with " + printable(what.method))};
      return if_admitted("session.logout", request, what, [&](const std::string&) { return log_out(request); });
    }
    if (path.size() == 2 && path[0] == "session" && path[1] == "password" && what.method == "PUT")
      return if_admitted("session.password", request, what,
                         [&](const std::string& who) { return change_password(request, who, what.arguments); });
    if (path.size() == 1 && path[0] == "setup" && what.method == "POST")
      return noted("session.setup", request, what, {}, set_up(request, what.arguments));
    return std::nullopt;
  }

 private:
  static session_book::time_point now() { return std::chrono::steady_clock::now(); }
  accounts& people() { return **on_.people(); }
  session_book& sessions() { return on_.live->sessions; }

  /// "localhost", an IP address, or one of the options' names, with any port. What is no name cannot be made up.
  bool knows(std::string_view host) const {
    const std::size_t colon = host.rfind(':');
    if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos)
      host = host.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host == "localhost" || std::find(options_.hosts.begin(), options_.hosts.end(), host) != options_.hosts.end())
      return true;
    const std::string text(host);
    unsigned char bytes[sizeof(in6_addr)];
    return ::inet_pton(AF_INET, text.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, text.c_str(), bytes) == 1;
  }

  static std::string session_token(const console_request& request) {
    std::string_view rest = request.cookie;
    while (!rest.empty()) {
      std::string_view one = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(one.size() + 1, rest.size()));
      while (one.starts_with(' ')) one.remove_prefix(1);
      if (one.starts_with(cookie_name) && one.substr(cookie_name.size()).starts_with('='))
        return std::string(one.substr(cookie_name.size() + 1));
    }
    return {};
  }

  std::string cookie(std::string_view token, std::chrono::seconds age) const {
    return std::string(cookie_name) + '=' + std::string(token) +
           "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(age.count()) +
           (options_.tls ? "; Secure" : "");
  }

  answer show(const session_book::session& of) {
    const auto left = sessions().left(of, now());
    return {200,
            {{"authenticated", true},
             {"setup_needed", false},
             {"name", of.name},
             {"tenant", of.tenant.empty() ? json(nullptr) : json(of.tenant)},
             {"csrf_token", of.csrf},
             {"expires", text_of(std::chrono::system_clock::now() + left)}}};
  }
  answer show_nobody() {
    const auto needed = people().setup_needed();
    if (!needed) return refuse(needed.error());
    return {200,
            {{"authenticated", false},
             {"setup_needed", *needed},
             {"name", nullptr},
             {"tenant", nullptr},
             {"csrf_token", nullptr},
             {"expires", nullptr}}};
  }
  answer show(const console_request& request) {
    const auto session = sessions().find(session_token(request), now());
    return session ? show(*session) : show_nobody();
  }

  gate_answer begin_session(const console_request& request, const administrator& who) {
    sessions().end(session_token(request));
    const std::string token = sessions().begin(who.name, who.tenant, now());
    // Whoever was removed, or got another password, while the old one was looked at has no session: those who do that
    // change the database first and end sessions then.
    const auto still = people().find(who.name);
    if (!still || !*still || (*still)->verifier != who.verifier) sessions().end(token);
    const auto session = sessions().find(token, now());
    if (!session) return still ? rejected() : gate_answer{refuse(still.error())};
    static_cast<void>(people().logged_in(who.name));
    return {show(*session), cookie(token, session_book::longest)};
  }

  static gate_answer rejected() {
    return {refuse(401, "credentials_rejected", "the name or the password is wrong", "password")};
  }

  /// Whose attempts are counted together: an IPv6 client has all addresses of its /64.
  static network client_of(const console_request& request) {
    std::error_code error;
    return network::around(asio::ip::make_address(request.address, error), 64);
  }
  /// The hash, because a name that is nobody's may be of any length.
  static std::pair<network, std::string> person_at(const console_request& request, const std::string& name) {
    return {client_of(request), token_hash(name)};
  }

  static gate_answer too_often(std::chrono::seconds wait) {
    return {refuse(429, "too_many_attempts",
                   "too many wrong attempts: try again in " + std::to_string(wait.count()) + " seconds"),
            {},
            wait};
  }

  gate_answer log_in(const console_request& request, const json& given) {
    const arguments args(given, {"name", "password"});
    const std::string name = args.demand_text("name");
    const std::string password = args.demand_text("password");
    login_attempt by_person(by_person_, person_at(request, name), now());
    login_attempt by_address(by_address_, client_of(request), now());
    if (const auto wait = std::max(by_person.wait(), by_address.wait()); wait.count() != 0) return too_often(wait);
    const auto known = people().find(name);
    if (!known) return {refuse(known.error())};
    // An unknown name takes as long as a wrong password.
    if (!password_hash::verify(*known ? (*known)->verifier : std::string(), password)) {
      by_person.failed(now());
      by_address.failed(now());
      return rejected();
    }
    by_person.succeeded();
    return begin_session(request, **known);
  }

  /// A stranger's try is not noted.
  template <class Act>
  gate_answer if_admitted(std::string_view action, const console_request& request, const call& what, const Act& act) {
    answer refusal;
    const auto who = admit(request, refusal);
    if (!who) return {std::move(refusal)};
    return noted(action, request, what, who->who, act(who->who));
  }

  gate_answer log_out(const console_request& request) {
    sessions().end(session_token(request));
    return {show_nobody(), cookie("", std::chrono::seconds(0))};
  }

  static void demand_password(const std::string& password, const char* field) {
    if (password.size() < shortest_password)
      throw bad_argument(field, "a password has at least " + std::to_string(shortest_password) + " characters");
    if (auto fit = postrider::detail::check_password("administrator", secret(password)); !fit)
      throw bad_argument(field, fit.error().detail);
  }

  gate_answer change_password(const console_request& request, const std::string& who, const json& given) {
    if (!request.authorization.empty()) return {refuse(403, "forbidden", "a token has no password")};
    const arguments args(given, {"old_password", "new_password"});
    const std::string old = args.demand_text("old_password"), fresh = args.demand_text("new_password");
    demand_password(fresh, "new_password");
    login_attempt tried(by_person_, person_at(request, who), now());
    if (tried.wait().count() != 0) return too_often(tried.wait());
    const auto known = people().find(who);
    if (!known) return {refuse(known.error())};
    if (!*known || !password_hash::verify((*known)->verifier, old)) {
      tried.failed(now());
      return {refuse(403, "credentials_rejected", "the old password is wrong", "old_password")};
    }
    tried.succeeded();
    if (const auto set = people().set_password(who, fresh); !set) return {refuse(set.error())};
    sessions().end_all_of(who, session_token(request));
    return {show(request)};
  }

  gate_answer set_up(const console_request& request, const json& given) {
    const arguments args(given, {"token", "name", "password"});
    const std::string token = args.demand_text("token"), password = args.demand_text("password");
    login_attempt tried(by_address_, client_of(request), now());
    if (tried.wait().count() != 0) return too_often(tried.wait());
    const auto owner = people().one_time_owner(token);
    if (!owner) return {refuse(owner.error())};
    if (!*owner) {
      tried.failed(now());
      return {refuse(403, "one_time_token", "this link was used already, or is too old", "token")};
    }
    demand_password(password, "password");
    std::string name = **owner;
    if (name.empty()) {
      name = args.demand_text("name");
      if (auto fit = postrider::detail::check_name("administrator", name); !fit)
        throw bad_argument("name", fit.error().detail);
      const auto known = people().find(name);
      if (!known) return {refuse(known.error())};
      if (name.find(':') != std::string::npos || name == "shell" || (*known && !(*known)->verifier.empty()))
        throw bad_argument("name", "this name is taken");
    }
    const auto used = people().use_one_time(token);
    if (!used) return {refuse(used.error())};
    if (!*used) return {refuse(403, "one_time_token", "this link was used already", "token")};
    if ((*owner)->empty())
      if (const auto added = people().add(name, ""); !added) return {refuse(added.error())};
    if (const auto set = people().set_password(name, password); !set) return {refuse(set.error())};
    const auto who = people().find(name);
    if (!who) return {refuse(who.error())};
    if (!*who) return {refuse(409, "gone", "the administrator was removed meanwhile", "name")};
    return begin_session(request, **who);
  }

  bool is_known(const json& given) {
    const auto name = given.find("name");
    if (name == given.end() || !name->is_string()) return false;
    const auto known = people().find(name->get<std::string>());
    return known && *known;
  }

  /// `who`: nobody that is known if it is empty. What has to wait is not noted: strangers could fill the log with it.
  gate_answer noted(std::string_view action, const console_request& request, const call& what, const std::string& who,
                    gate_answer came) {
    if (!on_.note || came.retry_after.count() != 0) return came;
    call made = what;
    if (!came.said.ok() && !is_known(what.arguments)) made.arguments = json::object();  // it may be a password
    made.by.address = request.address;
    const json& said = came.said.body;
    const bool named = said.is_object() && said.contains("name") && said["name"].is_string();
    made.by.who = !who.empty() ? who : named ? said["name"].get<std::string>() : std::string("nobody");
    on_.note(audit_note_of(action, {}, made, came.said));
    return came;
  }

  office& on_;
  gate_options options_;
  attempt_limit<std::pair<network, std::string>> by_person_{5};
  attempt_limit<network> by_address_{20};
};

}  // namespace postrider::examples
