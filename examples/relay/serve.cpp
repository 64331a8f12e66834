// The relay: SMTP in, spool, pipeline, SMTP out; one thread for all of it, others for what waits.
#include "relay/serve.hpp"

#include <postrider/storage/sqlite_salvage.hpp>

#include "relay/health_keeper.hpp"
#include "relay/http.hpp"
#include "relay/station.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <future>
#include <iostream>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>

namespace postrider::examples {
namespace {

/// Ends `serve` with a message for people.
class cannot_serve : public std::runtime_error {
 public:
  explicit cannot_serve(const failure& why)
      : std::runtime_error(why.detail.empty() ? explain(why).sentence : why.detail) {}
};

template <class T>
T demand(result<T> made) {
  if (!made) throw cannot_serve(made.error());
  if constexpr (!std::is_void_v<T>) return std::move(*made);
}

/// A shell command may have the folder for a moment.
folder_lock take(const data_folder& folder) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (true) {
    auto lock = demand(folder_lock::try_take(folder));
    if (lock) return std::move(*lock);
    if (std::chrono::steady_clock::now() > until) throw cannot_serve(in_use(folder));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

server_policy policy_of(const serve_options& o) {
  server_policy policy;
  policy.smtp.host_name = hostname_of(o);
  policy.smtp.message_size = o.message_size;
  policy.smtp.recipients = o.recipients;
  policy.smtp.mails = o.mails_per_connection;
  policy.sessions = o.connections;
  policy.sessions_per_address = o.connections_per_address;
  policy.failed_logins_per_address = o.failed_logins;
  policy.trusted_tenant = o.tenant;
  for (const std::string& text : o.trust) {
    auto parsed = network::parse(text);
    if (!parsed) throw usage_error("--trust", parsed.error().detail);
    policy.trusted.push_back(*parsed);
  }
  return policy;
}

void demand_tls_options(const serve_options& o) {
  if (o.tls_cert.empty() != o.tls_key.empty())
    throw usage_error(o.tls_cert.empty() ? "--tls-cert" : "--tls-key", "is needed: certificate and key go together");
  if (o.tls_cert.empty() && !o.listen_tls.empty()) throw usage_error("--tls-cert", "is needed with --listen-tls");
  demand_readable("--tls-cert", o.tls_cert);
  demand_readable("--tls-key", o.tls_key);
}

std::vector<asio::ip::tcp::endpoint> endpoints(const std::string& option, const std::vector<std::string>& texts) {
  std::vector<asio::ip::tcp::endpoint> all;
  for (const std::string& text : texts) all.push_back(parse_endpoint(option, text));
  return all;
}

std::optional<console_options> console_of(const serve_options& o) {
  if (o.console.empty()) {
    if (!o.console_tls_cert.empty()) throw usage_error("--console", "is needed with --console-tls-cert");
    return std::nullopt;
  }
  const auto at = parse_endpoint("--console", o.console);
  if (o.console_tls_cert.empty() != o.console_tls_key.empty())
    throw usage_error(o.console_tls_cert.empty() ? "--console-tls-cert" : "--console-tls-key",
                      "is needed: certificate and key go together");
  console_options options{at.address().to_string(), at.port(), o.console_tls_cert, o.console_tls_key, o.console_hosts};
  if (options.tls_cert.empty() && !at.address().is_loopback()) {
    if (o.tls_cert.empty())
      throw usage_error("--console", '"' + o.console +
                                         "\" is not a loopback address: there the console needs TLS, with "
                                         "--console-tls-cert and --console-tls-key, or --tls-cert and --tls-key");
    options.tls_cert = o.tls_cert;
    options.tls_key = o.tls_key;
  }
  demand_readable("--console-tls-cert", options.tls_cert);
  demand_readable("--console-tls-key", options.tls_key);
  return options;
}

std::chrono::milliseconds delay_warning_of(const std::string& text) {
  return text == "never" ? std::chrono::hours(24 * 36'500) : demand_duration("--delay-warning", text);
}

/// Everything that the options say, checked before anything is touched.
struct plan {
  explicit plan(const serve_options& o)
      : folder(o.data.data),
        key{key_file_of(o.data)},
        internal(internal_server_of(o)),
        listen(endpoints("--listen", o.listen)),
        listen_tls(endpoints("--listen-tls", o.listen_tls)),
        console(console_of(o)),
        policy(policy_of(o)),
        session(demand_duration("--console-session", o.console_session)),
        drain(demand_duration("--drain", o.drain)),
        sending_threads(o.sending_threads) {
    demand_tls_options(o);
    if (!o.retry.empty()) {
      retry = parse_retry(o.retry);
      pipe = pipeline_options::scaled_to(retry);
    }
    if (!o.delay_warning.empty()) pipe.delay_warning = delay_warning_of(o.delay_warning);
    pipe.reporting_mta = policy.smtp.host_name;
  }

  data_folder folder;
  key_file key;
  std::optional<server> internal;
  std::vector<asio::ip::tcp::endpoint> listen;
  std::vector<asio::ip::tcp::endpoint> listen_tls;
  std::optional<console_options> console;
  server_policy policy;
  std::chrono::milliseconds session;
  std::chrono::milliseconds drain;
  std::size_t sending_threads;
  retry_schedule retry{};
  pipeline_options pipe{};
};

registry_policy policy_of_registry(const serve_options& o) {
  return o.data.insecure ? registry_policy::dangerously_insecure : registry_policy::secure;
}

server_registry open_registry(const plan& with, const serve_options& o) {
  registry_options options;
  options.policy = policy_of_registry(o);
  options.internal_server = with.internal;
  auto storage = demand(sqlite::registry_storage::open(with.folder.registry()));
  auto registry = demand(server_registry::open(std::move(storage), with.key, std::move(options)));
  if (!registry.snapshot(o.tenant)->exists()) demand(registry.add_tenant(o.tenant));
  return registry;
}

/// What happened to a damaged spool, in words.
std::string words_of(const failure& damage, const sqlite::salvage_report& done) {
  std::string text = damage.detail + ". Whole, and going on: " + std::to_string(done.whole) + " of its mails";
  if (!done.damaged.empty()) {
    text += "; damaged, and listed as failed: " + std::to_string(done.damaged.size()) + ", which are";
    for (std::size_t i = 0; i < done.damaged.size() && i < 100; ++i) text += ' ' + to_string(done.damaged[i]);
    if (done.damaged.size() > 100) text += " ...";
  }
  return text + ". The damaged file is kept as " + done.kept_aside.native();
}

/// A damaged spool is replaced by what is whole in it; nobody is left to believe that nothing happened.
sqlite::spool open_spool(const plan& with, relay_observer& listener) {
  const auto path = with.folder.spool();
  auto opened = sqlite::spool::open(path);
  if (!opened && sqlite::is_damage(opened.error())) {
    const auto done = sqlite::salvage_spool(path);
    if (!done)
      throw cannot_serve(failure(cause::spool_failed, stage::queue,
                                 opened.error().detail + "; nothing could be saved: " + done.error().detail));
    const failure told(cause::spool_failed, stage::queue, words_of(opened.error(), *done));
    std::cerr << "postrider-relay: " << told.detail << '\n';
    listener.on(events::spool_trouble{"open", told});
    opened = sqlite::spool::open(path);
  }
  auto spool = demand(std::move(opened));
  if (!spool.durable())
    throw cannot_serve(failure(cause::invalid_configuration, stage::queue,
                               with.folder.spool().native() + ": the spool is not durable"));
  return spool;
}

/// The way in for the first administrator, or nothing if there is one.
std::string first_link(accounts& people, const std::string& console) {
  if (!demand(people.setup_needed())) return {};
  const std::string token = demand(people.one_time_token({}, spool_now() + std::chrono::hours(48)));
  return "Open this link once to set the administrator's password: " + console + "#/setup?token=" + token;
}

int run(const serve_options& o) {
  plan with(o);
  const folder_lock lock = take(with.folder);
  auto registry = open_registry(with, o);
  live_relay live;
  relay_observer listener(o.log_level, live);
  auto spool = open_spool(with, listener);
  auto people = demand(accounts::open(with.folder.accounts()));
  if (!o.tls_cert.empty()) with.policy.tls = demand(net::tls_context::server(o.tls_cert, o.tls_key));

  live.sessions.set_idle(with.session);
  health_keeper health(live.numbers, people, registry);
  const auto telling = registry.subscribe([&live](const std::shared_ptr<const tenant_snapshot>& now) {
    live.feed.add("changed", now->tenant, {{"version", now->version}});
  });
  station relay(registry, std::move(spool), with.retry, with.pipe, with.sending_threads, std::move(listener));
  const bool takes_logins = !o.tls_cert.empty();
  if (takes_logins) {
    with.policy.check = logins_of(registry, relay.worker());
    with.policy.find = keys_of_logins(registry);
  }
  for (const auto& at : with.listen) demand(relay.listen(at, with.policy));
  with.policy.implicit_tls = true;
  for (const auto& at : with.listen_tls) demand(relay.listen(at, with.policy));

  spool_queue queue = relay.queue();
  office desk{registry, [&queue]() -> result<mail_queue*> { return &queue; }, [&relay] { return relay.state(); }};
  desk.people = [&people]() -> result<accounts*> { return &people; };
  desk.note = [&people](const audit_note& one) {
    if (const auto noted = people.note(one); !noted)
      std::cerr << "postrider-relay: the audit log cannot be written: " + noted.error().detail + '\n';
  };
  desk.ways = [&relay](const submitter& from) { return relay.ways(from); };
  desk.folder = with.folder.path();
  desk.live = &live;
  desk.policy = policy_of_registry(o);
  http_server control, console;
  demand(control.open_control(with.folder, desk));
  std::string ready = "postrider-relay is ready: listening on " + relay.listening();
  std::string link;
  if (with.console) {
    const int port = demand(console.open_console(*with.console, desk));
    const asio::ip::tcp::endpoint at(asio::ip::make_address(with.console->address), static_cast<std::uint16_t>(port));
    const std::string url = (with.console->tls_cert.empty() ? "http://" : "https://") + text_of(at) + '/';
    ready += ", console on " + url;
    link = first_link(people, url);
  }

  relay.start(with.drain);
  live.census.prime(queue);
  control.start();
  if (with.console) console.start();
  std::cout << ready << std::endl;
  if (!link.empty()) std::cout << link << std::endl;
  relay.wait();
  // All that matters is done. A caller that is slow, or waits for something slow, does not keep the process.
  live.feed.close();
  live.tests.cancel_all();
  live.census.stop();
  health.stop();
  std::promise<void> both_stopped;
  std::thread stopping([&] {
    control.stop();
    console.stop();
    both_stopped.set_value();
  });
  const bool in_time = both_stopped.get_future().wait_for(std::chrono::seconds(2)) == std::future_status::ready;
  if (in_time) stopping.join();
  relay.finish();
  if (!in_time) {
    std::cout.flush();
    std::_Exit(0);  // by no destructor, each of which would wait
  }
  return 0;
}

}  // namespace

int serve(const serve_options& options) {
  ::umask(S_IRWXG | S_IRWXO);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(options);
  } catch (const cannot_serve& why) {
    std::cerr << "postrider-relay: " << why.what() << '\n';
    return 1;
  }
}

}  // namespace postrider::examples
