// The shell commands: what each one says becomes a call, or one for each mail that it names.
#pragma once

#include <postrider/core/server.hpp>
#include <postrider/registry/model.hpp>

#include "relay/call.hpp"
#include "relay/options.hpp"

#include <CLI/CLI.hpp>

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postrider::examples {

/// One command, as "server add".
class shell_command {
 public:
  shell_command(CLI::App& group, const std::string& name, const std::string& help, std::string method, std::string path)
      : app_(group.add_subcommand(name, help)), method_(std::move(method)), path_(std::move(path)) {
    declare(*app_, data);
    app_->add_flag("--json", as_json, "Print one JSON object instead of text");
    app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }

  /// A part of the path: an operand if `name` has no dashes.
  shell_command& part(const std::string& of_path, const std::string& name, const std::string& help,
                      bool required = true) {
    const auto put = [this, of_path](const std::string& text) { parts_[of_path] = text; };
    app_->add_option_function<std::string>(name, put, help)->type_name("")->required(required);
    return *this;
  }
  /// An argument of the call.
  shell_command& text(const std::string& argument, const std::string& name, const std::string& help,
                      bool required = false) {
    const auto put = [this, argument](const std::string& value) { arguments_[argument] = value; };
    app_->add_option_function<std::string>(name, put, help)->type_name("")->required(required);
    return *this;
  }
  template <vocabulary E>
  shell_command& choice(const std::string& argument, const std::string& name, const std::string& help,
                        bool required = false) {
    const auto put = [this, argument, name](const std::string& value) {
      if (!from_string<E>(value)) throw CLI::ValidationError(name, '"' + value + "\" is none of " + choices<E>());
      arguments_[argument] = value;
    };
    app_->add_option_function<std::string>(name, put, help)->type_name(choices<E>())->required(required);
    return *this;
  }
  shell_command& number(const std::string& argument, const std::string& name, const std::string& help, unsigned least,
                        unsigned most) {
    const auto put = [this, argument](unsigned value) { arguments_[argument] = value; };
    app_->add_option_function<unsigned>(name, put, help)->type_name("N")->check(CLI::Range(least, most));
    return *this;
  }
  shell_command& flag(const std::string& argument, const std::string& name, const std::string& help) {
    app_->add_flag_callback(
        name, [this, argument] { arguments_[argument] = true; }, help);
    return *this;
  }
  /// Separated by commas; empty for an empty list.
  shell_command& list(const std::string& argument, const std::string& name, const std::string& help,
                      bool required = false) {
    const auto put = [this, argument](const std::string& value) {
      json all = json::array();
      std::string_view rest = value;
      while (!rest.empty()) {
        const std::string_view one = rest.substr(0, rest.find(','));
        all.push_back(one);
        rest.remove_prefix(std::min(one.size() + 1, rest.size()));
      }
      arguments_[argument] = std::move(all);
    };
    app_->add_option_function<std::string>(name, put, help)->type_name("A,...")->required(required);
    return *this;
  }
  shell_command& password(const std::string& help, bool required = false) {
    app_->add_option("--password-file", password_file_, help)->type_name("F")->required(required);
    return *this;
  }
  /// The command is repeated for each of these.
  shell_command& mails(bool required = true) {
    app_->add_option("mail", mails_, "Ids of mails, as queue list shows them")
        ->type_name("MAIL")
        ->required(required)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    return *this;
  }
  /// Instead of mails by their ids, those that match the options that say so: the call of `action` for all of them.
  shell_command& or_all_that_match(std::string action) {
    action_ = std::move(action);
    app_->add_flag("--all", all_, "All mails that match the other options, even if there are none");
    return mails(false);
  }
  /// An argument that says which mails are meant.
  shell_command& filter(const std::string& argument, const std::string& name, const std::string& help) {
    const auto put = [this, argument](const std::string& value) {
      (action_.empty() ? arguments_ : filter_)[argument] = value;
    };
    app_->add_option_function<std::string>(name, put, help)->type_name("");
    return *this;
  }
  /// The most entries that a list shows in all, however many pages that takes.
  shell_command& pages(std::size_t usual, unsigned most) {
    limit = usual;
    const std::string help = "Most entries to show (default: " + std::to_string(usual) + ')';
    app_->add_option("--limit", limit, help)->type_name("N")->check(CLI::Range(1U, most));
    return *this;
  }

  bool chosen() const { return app_->parsed(); }

  /// Reads the password file, if there is one.
  std::vector<call> calls() const {
    if (!action_.empty() && mails_.empty() == (filter_.empty() && !all_))
      throw usage_error("mail", mails_.empty() ? "is missing: name mails, or say which ones are meant, or --all"
                                               : "and options that say which mails are meant exclude each other");
    if (!action_.empty() && mails_.empty()) {
      call all{"POST", {"queue", "actions"}, arguments_};
      all.arguments["action"] = action_;
      all.arguments["filter"] = filter_;
      return {std::move(all)};
    }
    call one{method_, {}, arguments_};
    if (!password_file_.empty()) one.arguments["password"] = std::string(read_password(password_file_).reveal());
    std::vector<call> all;
    for (const std::string& mail : mails_.empty() ? std::vector<std::string>{""} : mails_) {
      one.path.clear();
      for (std::string_view rest = path_; !rest.empty();) {
        const std::string_view part = rest.substr(0, rest.find('/'));
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
        if (!part.starts_with('{')) one.path.emplace_back(part);
        else if (part == "{mail}") one.path.push_back(mail);
        else if (const auto given = parts_.find(part.substr(1, part.size() - 2)); given != parts_.end())
          one.path.push_back(given->second);
        else one.path.pop_back();  // an operand left out, and the word before it: the tenant's default server
      }
      all.push_back(one);
    }
    return all;
  }

  data_options data;
  bool as_json = false;
  std::size_t limit = 0;  ///< of a list; 0: all there is

 private:
  CLI::App* app_;
  std::string method_;
  std::string path_;
  std::map<std::string, std::string, std::less<>> parts_;
  json arguments_ = json::object();
  std::string password_file_;
  std::vector<std::string> mails_;
  std::string action_;
  json filter_ = json::object();
  bool all_ = false;
};

/// All of them.
class shell {
 public:
  explicit shell(CLI::App& app) : app_(app) {
    app.require_subcommand(1);
    app.add_subcommand("serve", "Take mail and deliver it (see serve --help)");
    tenants();
    servers();
    senders();
    logins();
    queue();
    CLI::App& route = group("route", "Which server mail takes, and why");
    add(route, "explain", "The way of mail from an address", "GET", "tenants/{tenant}/route")
        .part("tenant", "tenant", "Tenant")
        .text("address", "address", "Sender address", true)
        .text("pin", "--pin", "As if pinned to this server");
    CLI::App& status = group("status", "What the relay does");
    add(status, "show", "Mail in the queue, servers that are held", "GET", "status");
    CLI::App& key = group("key", "The key that seals passwords");
    add(key, "rotate", "Make a new key, and seal every password again with it", "POST", "key/rotate");
  }

  /// Words that are no command are named before anything else is said of the line.
  void demand_known(int argc, char** argv) const {
    const CLI::App* at = &app_;
    std::string so_far;
    for (int i = 1; i < argc && i <= 2 && *argv[i] != '-'; ++i) {
      (so_far += so_far.empty() ? "" : " ") += argv[i];
      const std::string_view word = argv[i];
      const auto below = at->get_subcommands([&](const CLI::App* one) { return one->get_name() == word; });
      if (below.empty()) throw usage_error(argv[i], "there is no command \"" + so_far + '"');
      at = below.front();
    }
  }

  const shell_command& chosen() const {
    for (const shell_command& one : commands_)
      if (one.chosen()) return one;
    throw usage_error("command", "is missing");
  }

 private:
  CLI::App& group(const std::string& name, const std::string& help) {
    CLI::App& made = *app_.add_subcommand(name, help);
    made.require_subcommand(1);
    return made;
  }
  shell_command& add(CLI::App& to, const std::string& name, const std::string& help, const std::string& method,
                     const std::string& path) {
    return commands_.emplace_back(to, name, help, method, path);
  }

  void tenants() {
    CLI::App& g = group("tenant", "Tenants");
    add(g, "add", "Add a tenant; it starts with the internal server as its default", "POST", "tenants")
        .text("name", "tenant", "Tenant", true)
        .text("notify_address", "--notify", "Who is told about trouble");
    add(g, "list", "All tenants", "GET", "tenants");
    add(g, "remove", "Remove a tenant with its servers, senders, logins, administrators and tokens", "DELETE",
        "tenants/{tenant}")
        .part("tenant", "tenant", "Tenant");
  }

  static void server_settings(shell_command& c, bool fresh) {
    c.text("host", "--host", "Name or address of the server", fresh);
    c.number("port", "--port", "Port (default: 587 with starttls, 465 with tls, 25 with none)", 1, 65535);
    c.choice<security>("security", "--security", "How the connection is encrypted");
    c.choice<auth_method>("auth", "--auth", "How to log in");
    c.text("user", "--user", "User to log in as").password("File with the user's password, - for standard input");
    c.text("ca_file", "--ca-file", "Certificates to trust in addition to the system's (PEM)");
    c.text("server_name", "--server-name", "Name that the certificate must be for, if it is not the host");
    c.text("ehlo_name", "--ehlo-name", "What this side calls itself");
    c.number("connections", "--connections", "Most connections at once, 0 for any", 0, 100'000);
    c.number("mails_per_connection", "--mails-per-connection", "Most mails on one connection, 0 for any", 0, 1'000'000);
    c.number("recipients_per_mail", "--recipients-per-mail", "Most recipients of a mail, 0 for any", 0, 1'000'000);
    c.number("mails_per_second", "--mails-per-second", "Most mails a second, 0 for any", 0, 1'000'000);
    c.number("recipients_per_second", "--recipients-per-second", "Most recipients a second, 0 for any", 0, 1'000'000);
    c.list("quirks", "--quirks", "What the server offers but cannot do, as the console names it");
    c.list("fallbacks", "--fallback,--fallbacks", "Servers to try, in this order, when this one is in trouble");
    c.number("rank", "--rank", "It shares the load with its fallbacks of the same rank, 0 for none", 0, 1'000'000);
    c.number("weight", "--weight", "Its share of the load among servers of one rank", 1, 1'000'000);
    c.text("notify_address", "--notify", "Who is told about trouble with it");
    c.flag("default", "--default", "Make it the tenant's default");
  }

  void servers() {
    CLI::App& g = group("server", "A tenant's servers");
    server_settings(add(g, "add", "Add a server", "POST", "tenants/{tenant}/servers")
                        .part("tenant", "tenant", "Tenant")
                        .text("name", "--name", "Name of the server", true),
                    true);
    server_settings(
        add(g, "set", "Change a server; what is not given stays", "PATCH", "tenants/{tenant}/servers/{server}")
            .part("tenant", "tenant", "Tenant")
            .part("server", "--name", "Name of the server"),
        false);
    add(g, "list", "All servers of a tenant", "GET", "tenants/{tenant}/servers").part("tenant", "tenant", "Tenant");
    add(g, "set-default", "Make a server the tenant's default", "PUT", "tenants/{tenant}/default-server")
        .part("tenant", "tenant", "Tenant")
        .text("name", "name", "Name of the server", true);
    add(g, "remove", "Remove a server", "DELETE", "tenants/{tenant}/servers/{server}")
        .part("tenant", "tenant", "Tenant")
        .part("server", "name", "Name of the server")
        .flag("move_users", "--move-users", "Move who uses it to the default, instead of refusing");
    add(g, "used-by", "Who uses a server now", "GET", "tenants/{tenant}/servers/{server}/used-by")
        .part("tenant", "tenant", "Tenant")
        .part("server", "name", "Name of the server");
    add(g, "test", "Test a server (default: the tenant's default): a session, and a mail with --from and --to", "POST",
        "tenants/{tenant}/servers/{server}/test")
        .part("tenant", "tenant", "Tenant")
        .part("server", "name", "Name of the server", false)
        .text("from", "--from", "Send a test mail from this address")
        .list("to", "--to", "Send a test mail to these addresses")
        .text("sender", "--sender", "Use the account of this sender")
        .number("timeout", "--timeout", "Longest wait for each step, in seconds", 1, 300);
  }

  void senders() {
    CLI::App& g = group("sender", "The users and channels of a tenant");
    const auto settings = [](shell_command& c) {
      c.text("server", "--server", "Use this server whatever the default is; empty: the default again");
      c.text("user", "--user", "An account of its own on that server")
          .password("File with that account's password, - for standard input");
    };
    settings(add(g, "add", "Add a sender", "POST", "tenants/{tenant}/senders")
                 .part("tenant", "tenant", "Tenant")
                 .choice<sender_kind>("kind", "--kind", "What it is", true)
                 .text("name", "--name", "Name", true)
                 .text("address", "--address", "Address", true));
    settings(add(g, "set", "Change a sender; what is not given stays", "PATCH", "tenants/{tenant}/senders/{sender}")
                 .part("tenant", "tenant", "Tenant")
                 .choice<sender_kind>("kind", "--kind", "What it is")
                 .text("name", "--name", "Name")
                 .part("sender", "--address", "Address"));
    add(g, "list", "All senders of a tenant", "GET", "tenants/{tenant}/senders").part("tenant", "tenant", "Tenant");
    add(g, "remove", "Remove a sender", "DELETE", "tenants/{tenant}/senders/{sender}")
        .part("tenant", "tenant", "Tenant")
        .part("sender", "address", "Address");
  }

  void logins() {
    CLI::App& g = group("login", "Who may hand mail to the relay");
    add(g, "add", "Add a login", "POST", "tenants/{tenant}/logins")
        .part("tenant", "tenant", "Tenant")
        .text("name", "--name", "Name", true)
        .password("File with the password, - for standard input", true)
        .list("senders", "--senders", "Sender addresses that it may use", true);
    add(g, "set", "Change a login; what is not given stays", "PATCH", "tenants/{tenant}/logins/{login}")
        .part("tenant", "tenant", "Tenant")
        .part("login", "--name", "Name")
        .password("File with a new password, - for standard input")
        .list("senders", "--senders", "Sender addresses that it may use");
    add(g, "list", "All logins of a tenant", "GET", "tenants/{tenant}/logins").part("tenant", "tenant", "Tenant");
    add(g, "remove", "Remove a login", "DELETE", "tenants/{tenant}/logins/{login}")
        .part("tenant", "tenant", "Tenant")
        .part("login", "name", "Name");
  }

  void queue();

  CLI::App& app_;
  std::deque<shell_command> commands_;
};

}  // namespace postrider::examples
