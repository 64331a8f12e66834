// Random changes keep the invariants of the registry, and every storage comes to the same.
#include "registry/storages.hpp"

#include <catch2/catch.hpp>

#include <random>

namespace properties_tests {

using namespace postrider;
using namespace postrider::test;

namespace {

class random_changes {
 public:
  explicit random_changes(std::uint32_t seed) : random_(seed) {}

  change next() {
    const auto server = [&] { return pick({"internal", "a", "b", "c", "d"}); };
    const auto address = [&] { return pick({"u1@example.com", "u2@EXAMPLE.com", "u3@example.com", "c1@example.com"}); };
    server_record record = custom(server(), "user", chance(5) ? "" : "pw");
    if (chance(3)) record.fallbacks = {server()};
    if (chance(6)) record.settings.security = security::none;
    if (chance(4)) record.revision = random_() % 20;
    sender_record sender = chance(2) ? user(address()) : channel(address());
    if (chance(2))
      sender =
          overriding(sender, server(), chance(2) ? account{"own", chance(3) ? secret() : secret("pw")} : account{});
    switch (random_() % 14) {
      case 0: return add_tenant{};
      case 1: return chance(8) ? change(remove_tenant{}) : change(set_tenant{"ops@example.com"});
      case 2:
      case 3: return add_server{record, chance(3)};
      case 4: return set_server{record};
      case 5:
      case 6: return set_default_server{server()};
      case 7:
      case 8: return remove_server{server(), chance(2), chance(5) ? 1u : 0u};
      case 9:
      case 10: return add_sender{sender};
      case 11: return set_sender{sender};
      case 12: return remove_sender{address()};
      default: return remove_login{"nobody"};
    }
  }

 private:
  bool chance(std::uint32_t one_in) { return random_() % one_in == 0; }
  std::string pick(const std::vector<std::string>& from) { return from[random_() % from.size()]; }
  std::mt19937 random_;
};

bool invariants_hold(const tenant_snapshot& tenant) {
  if (!tenant.exists()) return tenant.servers.empty() && tenant.senders.empty() && tenant.logins.empty();
  if (tenant.find_server(tenant.default_server) == nullptr || tenant.find_server("internal") == nullptr) return false;
  std::size_t users = 0;
  for (const server_record& server : tenant.servers) {
    if (server.internal != (server.name == "internal") || server.revision > tenant.version) return false;
    if (!server.internal && (server.settings.security == security::none || server.password.empty())) return false;
    if (!server.settings.account.password.empty()) return false;
    for (const std::string& fallback : server.fallbacks)
      if (fallback == server.name || tenant.find_server(fallback) == nullptr) return false;
    users += tenant.used_by(server.name).size();
  }
  for (const sender_record& sender : tenant.senders) {
    if (tenant.server_of(sender.address) == nullptr) return false;
    if (sender.override && sender.override->account.empty() != sender.override->password.empty()) return false;
  }
  return users == tenant.senders.size();
}

/// Everything that can be seen of a tenant but the sealed bytes, which are random.
std::string picture(const tenant_snapshot& tenant) {
  std::string text = std::to_string(tenant.version) + ' ' + tenant.default_server + ' ' + tenant.notify_address + '\n';
  for (const server_record& s : tenant.servers) {
    text += s.name + ' ' + std::to_string(s.revision) + ' ' + s.settings.host + ' ' + (s.password.empty() ? "-" : "*");
    for (const std::string& fallback : s.fallbacks) text += ' ' + fallback;
    text += '\n';
  }
  for (const sender_record& s : tenant.senders)
    text += s.address + ' ' + std::to_string(s.revision) + ' ' + std::string(to_string(s.kind)) + ' ' +
            (s.override ? s.override->server + ' ' + s.override->account.user : "default") + '\n';
  return text;
}

}  // namespace

TEST_CASE("random changes keep the invariants, whatever the storage", "[registry][properties]") {
  const auto seed = GENERATE(range(1u, 9u));
  CAPTURE(seed);
  in_memory memory;
  in_sqlite sqlite;
  const vault keys = vault::in_memory();
  auto first = server_registry::open(memory.open(), keys).value();
  auto second = server_registry::open(sqlite.open(), keys).value();
  random_changes changes(seed);
  int accepted = 0;
  for (int step = 0; step < 200; ++step) {
    const change what = changes.next();
    CAPTURE(step, what.index());
    const auto before = first.snapshot("acme");
    const auto one = first.commit("acme", what);
    const auto two = second.commit("acme", what);
    REQUIRE(one.has_value() == two.has_value());
    if (!one) {
      REQUIRE(one.error().detail == two.error().detail);
      REQUIRE(first.snapshot("acme")->version == before->version);
    } else {
      ++accepted;
      REQUIRE(*one == *two);
    }
    REQUIRE(invariants_hold(*first.snapshot("acme")));
    REQUIRE(picture(*first.snapshot("acme")) == picture(*second.snapshot("acme")));
  }
  CHECK(accepted > 20);
  // What was stored is what was shown.
  CHECK(picture(memory.open().load("acme").value()) == picture(*first.snapshot("acme")));
  CHECK(picture(sqlite.open().load("acme").value()) == picture(*second.snapshot("acme")));
}

}  // namespace properties_tests
