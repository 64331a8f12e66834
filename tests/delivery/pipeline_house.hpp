// A pipeline with a registry, a spool in memory and servers that answer as a script says.
#pragma once

#include <postrider/delivery/pipeline.hpp>
#include <postrider/registry/registry.hpp>
#include <postrider/storage/memory_registry_storage.hpp>
#include <postrider/storage/memory_spool.hpp>

#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace house {

using namespace postrider;
using namespace std::chrono_literals;

/// What a scripted server was given.
struct sending {
  std::string host;
  std::string user;
  std::string content;
  std::vector<std::string> recipients;
  spool_time at;  ///< by the clock that says when mail is due
};

/// All scripted servers of a test, by host.
struct servers {
  using answer = std::function<receipt(const mail&)>;

  std::map<std::string, answer> answers;  ///< everything is accepted by those that are not named
  std::map<std::string, std::chrono::milliseconds> delays;
  std::vector<sending> log;
  bool takes_over_notifications = false;
  int pools = 0;
  int closed = 0;

  std::vector<sending> to(const std::string& host) const {
    std::vector<sending> some;
    for (const auto& one : log)
      if (one.host == host) some.push_back(one);
    return some;
  }

  static servers*& current() {
    static servers* all = nullptr;
    return all;
  }
};

inline receipt accept(const mail& what) {
  receipt all;
  for (const auto& one : what.envelope().recipients)
    all.recipients.emplace_back(one.forward_path.str(), outcome::accepted);
  return all;
}

inline receipt refuse(const mail& what, const failure& why) {
  receipt all;
  for (const auto& one : what.envelope().recipients) all.recipients.emplace_back(one.forward_path.str(), why);
  return all;
}

inline servers::answer always(failure why) {
  return [why = std::move(why)](const mail& what) { return refuse(what, why); };
}

inline failure lost_after_the_dot() {
  failure why(cause::connection_closed, stage::final);
  why.outcome = outcome::unknown;
  return why;
}

/// The pool of a scripted server. Closing it interrupts what waits.
class scripted_pool {
 public:
  scripted_pool(asio::any_io_executor executor, const server& where) : executor_(std::move(executor)), where_(where) {
    ++servers::current()->pools;
  }

  asio::awaitable<receipt> send(mail what) { return send(*this, std::move(what)); }
  asio::awaitable<void> close(std::chrono::milliseconds) { return close(*this); }

 private:
  static asio::awaitable<receipt> send(scripted_pool& self, mail what) {
    auto& all = *servers::current();
    sending one{self.where_.host, self.where_.account.user, std::string(*what.content().bytes()), {}, spool_now()};
    for (const auto& r : what.envelope().recipients) one.recipients.push_back(r.forward_path.str());
    all.log.push_back(std::move(one));
    const auto delay = all.delays.find(self.where_.host);
    asio::steady_timer pause(self.executor_, delay == all.delays.end() ? 0ms : delay->second);
    self.pauses_.insert(&pause);
    auto waited = co_await pause.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    self.pauses_.erase(&pause);
    if (std::get<0>(waited)) co_return refuse(what, failure(cause::shutting_down));
    const auto answer = all.answers.find(self.where_.host);
    receipt told;
    if (answer == all.answers.end()) told = accept(what);
    else told = answer->second(what);
    told.dsn_relayed = all.takes_over_notifications;
    for (auto& refused : told.recipients)
      if (refused.failure) refused.failure->server = self.where_.endpoint();
    co_return told;
  }

  static asio::awaitable<void> close(scripted_pool& self) {
    ++servers::current()->closed;
    for (auto* pause : self.pauses_) pause->cancel();
    co_return;
  }

  asio::any_io_executor executor_;
  server where_;
  std::set<asio::steady_timer*> pauses_;
};

static_assert(delivery_pool<scripted_pool>);

/// Writes down what it hears.
struct journal {
  struct entries {
    std::vector<mail_id> accepted;
    std::vector<std::string> attempts;  ///< server names
    int duplicates = 0;
    int deferred = 0;
    std::vector<std::string> failed;    ///< addresses, a blank after each
    std::vector<std::string> notified;  ///< who was told
    std::vector<std::string> held;
    std::vector<std::string> released;
    std::vector<std::string> suspended;
    int spool_trouble = 0;
  };
  std::shared_ptr<entries> all = std::make_shared<entries>();

  void on(const events::accepted& e) const { all->accepted.push_back(e.id); }
  void on(const events::attempt_finished& e) const {
    all->attempts.emplace_back(e.server);
    all->duplicates += e.possible_duplicate ? 1 : 0;
  }
  void on(const events::deferred&) const { ++all->deferred; }
  void on(const events::failed& e) const {
    std::string names;
    for (const auto& one : e.recipients) names += one.address + ' ';
    all->failed.push_back(names);
  }
  void on(const events::notified& e) const { all->notified.emplace_back(e.to); }
  void on(const events::server_held& e) const { all->held.emplace_back(e.server); }
  void on(const events::server_released& e) const { all->released.emplace_back(e.server); }
  void on(const events::account_suspended& e) const {
    all->suspended.push_back(std::string(e.server) + '/' + std::string(e.sender));
  }
  void on(const events::spool_trouble&) const { ++all->spool_trouble; }
};

inline server at(std::string host, std::string user = "relay") {
  server one;
  one.host = std::move(host);
  one.security = security::tls;
  one.account.user = std::move(user);
  one.account.password = secret("correct horse");
  return one;
}

inline server_registry make_registry() {
  registry_options options;
  options.internal_server = server{.host = "internal", .security = security::none};
  auto made = server_registry::open(memory::registry_storage(), vault::in_memory(), std::move(options));
  if (!made) throw std::runtime_error(made.error().detail);
  return std::move(*made);
}

template <class T>
T expect(result<T> value) {
  if (!value) throw std::runtime_error(value.error().detail);
  if constexpr (!std::is_void_v<T>) return std::move(*value);
}

inline mail letter(const std::string& text, const std::vector<std::string>& to = {"charles@example.org"},
                   const std::string& from = "ada@example.com") {
  std::vector<recipient> recipients;
  for (const auto& one : to) recipients.emplace_back(expect(address::parse(one)));
  std::optional<address> reverse_path;
  if (!from.empty()) reverse_path = expect(address::parse(from));
  return mail(envelope(std::move(reverse_path), std::move(recipients)),
              content("Subject: " + text + "\r\n\r\n" + text + "\r\n"));
}

/// `retry_schedule` in the times of a test.
inline retry_schedule quick(std::chrono::milliseconds give_up = 10s) {
  return {.first = 20ms, .longest = 40ms, .give_up = give_up, .factor = 2, .spread = 0};
}

/// Pauses to match; nobody is told that a mail is late, however slow the machine is.
inline pipeline_options quick_options() {
  auto options = pipeline_options::scaled_to(quick());
  options.delay_warning = 1h;
  return options;
}

template <class Spool = memory::spool, class Retry = retry_schedule>
struct running;

/// A pipeline that runs, and what a test wants to know of it.
template <class Spool, class Retry>
struct running {
  using line_type = pipeline<Spool, Retry, journal, scripted_pool>;

  explicit running(Spool into = Spool(), Retry retry = quick(), std::optional<pipeline_options> how = std::nullopt)
      : spool(into) {
    servers::current() = &script;
    expect(registry.add_tenant("acme"));
    start(retry, how ? *how : quick_options());
  }

  void start(Retry retry, pipeline_options how) {
    how.spool_pause = 5ms;
    line.emplace(context.get_executor(), registry, spool, retry, how, heard);
    asio::co_spawn(context, line->run(), asio::detached);
  }

  void add_server(const std::string& name, bool make_default = false) {
    expect(registry.add_server("acme", server_record{.name = name, .settings = at(name)}, make_default));
  }
  void add_sender(const std::string& address, std::optional<server_override> choice = std::nullopt) {
    sender_record one;
    one.name = address;
    one.address = address;
    one.override = std::move(choice);
    expect(registry.add_sender("acme", std::move(one)));
  }

  void submit(const mail& what, const std::string& sender = "ada@example.com", const std::string& pin = {}) {
    asio::co_spawn(context, line->submit(submitter("acme", sender, {}, pin), what),
                   [this](std::exception_ptr error, result<mail_id> id) {
                     if (error) std::rethrow_exception(error);
                     if (id) acknowledged.push_back(*id);
                   });
  }

  /// Runs until `done()`, or too long.
  template <class F>
  bool until(F done, std::chrono::milliseconds limit = 60s) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    context.restart();
    while (!done() && std::chrono::steady_clock::now() < deadline) context.run_one_for(5ms);
    return done();
  }
  void pass(std::chrono::milliseconds time) {
    until([] { return false; }, time);
  }
  template <class T>
  T get(asio::awaitable<T> work) {
    std::optional<T> value;
    asio::co_spawn(context, store(std::move(work), value), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
    if (!until([&] { return value.has_value(); })) throw std::runtime_error("it took too long");
    return std::move(*value);
  }
  template <class T>
  static asio::awaitable<void> store(asio::awaitable<T> work, std::optional<T>& into) {
    T value = co_await std::move(work);
    into.emplace(std::move(value));
  }
  spool_counts counts() { return expect(get(spool.counts())); }
  bool empty() { return counts() == spool_counts{}; }
  std::vector<spooled_mail> list() { return expect(get(spool.list(mail_filter(), mail_id{}, 1000))); }
  void stop(std::chrono::milliseconds patience = 5s) {
    bool ended = false;
    asio::co_spawn(context, line->stop(patience), [&](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
      ended = true;
    });
    REQUIRE(until([&] { return ended; }));
  }

  servers script;
  asio::io_context context{1};
  server_registry registry = make_registry();
  Spool spool;
  journal heard;
  std::optional<line_type> line;
  std::vector<mail_id> acknowledged;

  ~running() {
    line.reset();
    pass(20ms);
  }
};

/// A retry strategy that gives up once it is told to.
struct until_told {
  const bool* impatient;
  decision operator()(const attempt&, decision so_far) const noexcept {
    return *impatient ? decision::give_up() : so_far;
  }
};

}  // namespace house
