// The two ways of a shell command: through the control socket, or with the lock.
#include "relay/folder_calls.hpp"

#include <postrider/storage/sqlite_registry_storage.hpp>
#include <postrider/storage/sqlite_spool.hpp>

#include "relay/http.hpp"
#include "relay/spool_queue.hpp"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <httplib.h>

#include <filesystem>
#include <memory>
#include <system_error>

namespace postrider::examples {
namespace {

/// The spool, opened when a call asks for it, and the thread on which its functions complete.
class own_queue {
 public:
  explicit own_queue(std::filesystem::path path) : path_(std::move(path)) {}
  own_queue(const own_queue&) = delete;
  own_queue& operator=(const own_queue&) = delete;
  ~own_queue() {
    guard_.reset();
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  result<mail_queue*> open() {
    if (queue_) return &*queue_;
    auto opened = sqlite::spool::open(path_);
    if (!opened) return fail(std::move(opened.error()));
    spool_.emplace(std::move(*opened));
    queue_.emplace(context_.get_executor(), *spool_,
                   [this](mail_id id, mail_edit how) { return spool_->edit(id, std::move(how)); });
    thread_ = std::thread([this] { context_.run(); });
    return &*queue_;
  }

 private:
  std::filesystem::path path_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_{context_.get_executor()};
  std::optional<sqlite::spool> spool_;
  std::optional<spool_queue> queue_;
  std::thread thread_;
};

answer perform_here(const data_folder& folder, const data_options& options, const key_file& key, const call& what) {
  auto storage = sqlite::registry_storage::open(folder.registry());
  if (!storage) return refuse(storage.error());
  registry_options policy;
  policy.policy = options.insecure ? registry_policy::dangerously_insecure : registry_policy::secure;
  auto registry = server_registry::open(std::move(*storage), key, std::move(policy));
  if (!registry) return refuse(registry.error());
  own_queue queue(folder.spool());
  office desk{*registry, [&queue] { return queue.open(); }};
  std::optional<accounts> people;
  desk.people = [&]() -> result<accounts*> {
    if (!people) {
      auto opened = accounts::open(folder.accounts());
      if (!opened) return fail(std::move(opened.error()));
      people.emplace(std::move(*opened));
    }
    return &*people;
  };
  desk.note = [&desk](const audit_note& one) {
    if (const auto opened = desk.people()) static_cast<void>((*opened)->note(one));
  };
  desk.policy = options.insecure ? registry_policy::dangerously_insecure : registry_policy::secure;
  return perform(desk, what);
}

/// Nothing if nobody listens there.
std::optional<answer> ask_relay(const data_folder& folder, const call& what) {
  const folder_handle handle(folder);
  httplib::Client client(socket_path(folder, handle.descriptor()), 80);
  client.set_address_family(AF_UNIX);
  client.set_default_headers({{"Host", "localhost"}});
  client.set_connection_timeout(5);
  client.set_read_timeout(600);  // a test of a server takes its time
  httplib::Request request;
  request.method = what.method;
  request.path = target_of(what);
  if (what.method != "GET") {
    request.body = dump(what.arguments);
    request.set_header("Content-Type", "application/json");
  }
  const httplib::Result got = client.send(request);
  if (!got) {
    if (got.error() == httplib::Error::Connection) return std::nullopt;
    return refuse(503, "relay",
                  folder.control().native() + ": the relay did not answer: " + httplib::to_string(got.error()));
  }
  json body = json::parse(got->body, nullptr, false);
  if (body.is_discarded()) return refuse(503, "relay", folder.control().native() + ": the answer is no JSON");
  return answer{got->status, std::move(body)};
}

}  // namespace

answer perform_on(const data_options& options, const call& what) {
  const key_file key{key_file_of(options)};
  const data_folder folder{options.data};
  std::error_code ignored;
  if (what.method == "GET" && !std::filesystem::exists(folder.path(), ignored) && !ignored)
    return refuse(404, "not_found",
                  folder.path().native() + ": there is no such folder; what changes something would make it", "data");
  // Another command may own it for a moment, and a relay that starts or ends has the lock before and after its socket.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (true) {
    const auto lock = folder_lock::try_take(folder);
    if (!lock) return refuse(lock.error(), "data");
    if (*lock) return perform_here(folder, options, key, what);
    if (auto answered = ask_relay(folder, what)) return std::move(*answered);
    if (std::chrono::steady_clock::now() > until) return refuse(in_use(folder), "data");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace postrider::examples
