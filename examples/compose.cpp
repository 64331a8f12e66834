// Each component by itself, put together by hand: a storage, the registry, a retry strategy, an authenticator, dial,
// the TLS upgrade, and the dialogue that ties the last three together. `postrider::send` is all of this in one call.
//
//   compose HOST PORT CA_FILE USER PASSWORD FROM TO        (STARTTLS; the password is a throw-away one)
#include <postrider/client/dial.hpp>
#include <postrider/client/explain.hpp>
#include <postrider/delivery/retry.hpp>
#include <postrider/mail/message.hpp>
#include <postrider/protocol/client_dialogue.hpp>
#include <postrider/registry/registry.hpp>
#include <postrider/sasl/cram_md5.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <array>
#include <iostream>
#include <map>

namespace pr = postrider;
using namespace std::chrono_literals;

// A storage of its own: two functions that read, one that writes, one that tells of others' changes.
class map_storage {
 public:
  pr::result<std::vector<std::string>> tenants() {
    std::vector<std::string> names;
    for (const auto& [name, tenant] : tenants_) names.push_back(name);
    return names;
  }
  pr::result<pr::tenant_snapshot> load(std::string_view tenant) { return find(tenant); }
  pr::result<pr::commit_outcome> commit(std::string_view tenant, std::uint64_t expected,
                                        const pr::change_set& changes) {
    const pr::tenant_snapshot before = find(tenant);
    if (before.version != expected) return pr::commit_outcome::version_conflict;
    tenants_.insert_or_assign(std::string(tenant), pr::apply(before, changes));
    return pr::commit_outcome::committed;
  }
  pr::result<std::vector<std::string>> changes() { return std::vector<std::string>(); }

 private:
  pr::tenant_snapshot find(std::string_view tenant) const {
    const auto found = tenants_.find(std::string(tenant));
    if (found != tenants_.end()) return found->second;
    pr::tenant_snapshot none;
    none.tenant = tenant;
    return none;
  }

  std::map<std::string, pr::tenant_snapshot> tenants_;
};
static_assert(pr::registry_storage<map_storage>);

// A retry strategy of its own, joined with those of the library: nothing is tried between two decisions of an operator.
struct patient_with_greylisting {
  constexpr pr::decision operator()(const pr::attempt& what, pr::decision so_far) const noexcept {
    const bool greylisted = what.failure != nullptr && what.failure->cause == pr::cause::greylisted;
    return greylisted && !so_far.gives_up() ? pr::decision::retry_after(5min) : so_far;
  }
};

void decide() {
  constexpr auto strategy = pr::exponential{1min, 4h} | patient_with_greylisting{} | pr::give_up_after{120h};
  const pr::failure greylisted(pr::cause::greylisted, pr::stage::rcpt);
  const pr::decision third = pr::decide(strategy, {.number = 3, .age = 10min});
  const pr::decision waiting = pr::decide(strategy, {.failure = &greylisted, .number = 3, .age = 10min});
  const pr::decision late = pr::decide(strategy, {.number = 40, .age = 121h});
  std::cout << "retry: the third attempt waits " << third.delay() / 1min << " min, a greylisted one "
            << waiting.delay() / 1min << " min, after five days it " << (late.gives_up() ? "gives up" : "goes on")
            << '\n';
}

// The authenticator of RFC 2195, asked what that document asks it.
void authenticate() {
  pr::account tim;
  tim.user = "tim";
  tim.password = "tanstaaftanstaaf";
  pr::sasl::cram_md5 mechanism(tim);
  const auto response = mechanism.respond("<1896.697170952@postoffice.reston.mci.net>");
  std::cout << "cram-md5: " << (response ? response->reveal() : "no answer") << '\n';
}

// What a connection does until nothing is left to do, without its clock, its queue and its second coroutine.
asio::awaitable<void> drive(pr::protocol::client_dialogue& dialogue, pr::net::transport& stream,
                            const pr::server& where) {
  std::array<char, 4096> buffer{};
  while (!dialogue.closed()) {
    if (dialogue.idle()) co_return;
    if (dialogue.wants_tls()) {
      const auto context = pr::net::tls_context::client(where.tls);
      if (!context) co_return dialogue.lost(context.error());
      const auto secured = co_await stream.handshake_client(*context, where.host);
      if (!secured) co_return dialogue.lost(secured.error());
      dialogue.tls_established(stream.tls_description());
    } else if (dialogue.has_output()) {
      const std::string_view piece = dialogue.gather().front();
      const std::array<asio::const_buffer, 1> one{asio::buffer(piece)};
      const auto written = co_await stream.write_some(one);
      const auto& [error, count] = written;
      if (error) co_return dialogue.lost(pr::protocol::classify(dialogue.awaited(), error));
      dialogue.consume(count);
    } else {
      const auto read = co_await stream.read_some(asio::buffer(buffer));
      const auto& [error, count] = read;
      if (error) co_return dialogue.lost(pr::failure(pr::cause::connection_closed));
      dialogue.received({buffer.data(), count});
    }
  }
}

asio::awaitable<void> deliver(const pr::server& where, const pr::mail& what, bool& accepted) {
  auto stream = co_await pr::client::dial(where);
  if (!stream) {
    std::cout << pr::explain(stream.error()).sentence << '\n';
    co_return;
  }
  pr::protocol::client_dialogue dialogue(where, "[127.0.0.1]");
  co_await drive(dialogue, *stream, where);
  if (dialogue.ready()) {
    dialogue.push(1, what);
    co_await drive(dialogue, *stream, where);
    const auto done = dialogue.next_settled();
    accepted = done && done->outcome.ok();
    if (done) std::cout << "mail: " << pr::explain(done->outcome) << '\n';
    dialogue.quit();
    co_await drive(dialogue, *stream, where);
  } else {
    std::cout << pr::explain(*dialogue.ended_by()).sentence << '\n';
  }
}

int main(int argc, char** argv) {
  if (argc != 8) {
    std::cerr << "usage: compose HOST PORT CA_FILE USER PASSWORD FROM TO\n";
    return 2;
  }
  decide();
  authenticate();

  // The registry holds the rules; the storage above only keeps its rows.
  auto registry = pr::server_registry::open(map_storage(), pr::vault::in_memory());
  pr::server_record record;
  record.name = "theirs";
  record.settings = pr::server{.host = argv[1], .port = static_cast<std::uint16_t>(std::stoi(argv[2]))};
  record.settings.tls.ca_file = argv[3];
  record.settings.account.user = argv[4];
  record.settings.account.password = pr::secret(std::string(argv[5]));
  if (auto added = registry->add_tenant("acme"); !added) std::cout << added.error().detail << '\n';
  if (auto added = registry->add_server("acme", record, true); !added) std::cout << added.error().detail << '\n';
  const pr::server where = registry->definition("acme", "theirs").value();
  std::cout << "registry: the default of acme is " << registry->snapshot("acme")->default_server << " at "
            << where.endpoint() << '\n';

  const pr::mail what =
      pr::message{}.from(argv[6]).to(argv[7]).subject("Composed by hand").text("Piece by piece.\n").build().value();
  bool accepted = false;
  asio::io_context context(1);
  asio::co_spawn(context, deliver(where, what, accepted), asio::detached);
  context.run();
  return accepted ? 0 : 1;
}
