// Who comes in at the console: how often strangers may try, what is noted of it, and who changes while somebody tries.
#include <postrider/storage/memory_registry_storage.hpp>

#include "relay/console_gate.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace gate_tests {

using namespace postrider;
using namespace postrider::examples;

constexpr const char* right = "the right password";

console_request from(std::string method, std::string address) {
  console_request request;
  request.method = std::move(method);
  request.address = std::move(address);
  return request;
}

struct door {
  door() {
    on.live = &live;
    on.people = [this]() -> result<accounts*> {
      ++asked;
      if (before) before(asked);
      return &people;
    };
    on.note = [this](const audit_note& one) { notes.push_back(one); };
    REQUIRE(people.add("ada", "").value());
    REQUIRE(people.set_password("ada", right).value());
  }

  gate_answer ask(console_request request, call what) { return gate.session_call(request, what).value(); }
  gate_answer log_in(const std::string& name, const std::string& password, std::string address = "192.0.2.1") {
    return ask(from("POST", std::move(address)), {"POST", {"session"}, {{"name", name}, {"password", password}}});
  }

  test::temporary_folder folder{};
  server_registry registry = *server_registry::open(memory::registry_storage(), vault::in_memory());
  accounts people = std::move(accounts::open(folder / "console.db").value());
  live_relay live{};
  std::vector<audit_note> notes{};
  std::atomic<int> asked = 0;            ///< how often the gate looked into the database
  std::function<void(int)> before = {};  ///< each of that
  office on{registry, []() -> result<mail_queue*> { return fail(cause::spool_failed); }};
  console_gate gate{on, {}};
};

TEST_CASE("who tries at the same time tries no more often") {
  door d;
  d.on.note = {};
  std::vector<int> came(20);
  std::vector<std::thread> together;
  for (int& status : came)
    together.emplace_back([&d, &status] { status = d.log_in("ada", "a wrong password").said.status; });
  for (auto& one : together) one.join();
  CHECK(std::count(came.begin(), came.end(), 401) <= 5);
  CHECK(std::count(came.begin(), came.end(), 429) >= 15);
}

TEST_CASE("an IPv6 client has many addresses and no more attempts") {
  door d;
  const auto came_from = [&](int number, const std::string& net) {
    return d.log_in("nobody-" + std::to_string(number), "a wrong password", net + std::to_string(number)).said.status;
  };
  for (int i = 1; i <= 20; ++i) CHECK(came_from(i, "2001:db8:0:1::") == 401);
  CHECK(came_from(21, "2001:db8:0:1:ffff::") == 429);
  CHECK(came_from(21, "2001:db8:0:2::") == 401);
  CHECK(came_from(21, "::ffff:192.0.2.") == 401);
  CHECK(d.log_in("ada", right, "::ffff:192.0.2.99").said.ok());
}

TEST_CASE("strangers do not fill the audit log") {
  door d;
  for (int i = 0; i < 12; ++i) d.log_in("ada", "a wrong password");
  CHECK(d.notes.size() == 5);
  console_request stranger = from("DELETE", "192.0.2.1");
  stranger.cookie = "postrider_session=none";
  CHECK(d.ask(stranger, {"DELETE", {"session"}, json::object()}).said.status == 401);
  CHECK(d.ask(stranger, {"PUT", {"session", "password"}, json::object()}).said.status == 401);
  CHECK(d.notes.size() == 5);
}

TEST_CASE("a note says who logged out, and whose password was not changed") {
  door d;
  const gate_answer in = d.log_in("ada", right);
  console_request ada = from("DELETE", "192.0.2.1");
  ada.cookie = in.cookie.substr(0, in.cookie.find(';'));
  ada.csrf = in.said.body["csrf_token"].get<std::string>();
  const json change{{"old_password", "a wrong password"}, {"new_password", "another password"}};
  CHECK(d.ask(ada, {"PUT", {"session", "password"}, change}).said.status == 403);
  CHECK(d.notes.back().who == "ada");
  CHECK(d.ask(ada, {"DELETE", {"session"}, json::object()}).said.ok());
  CHECK(d.notes.back().action == "session.logout");
  CHECK(d.notes.back().who == "ada");
}

TEST_CASE("who was removed, or got a new password, while the old one was looked at does not come in") {
  door d;
  // The second look at the database comes when the password was found right.
  SECTION("a new password") {
    d.before = [&](int number) {
      if (number == 2) REQUIRE(d.people.set_password("ada", "the new password").value());
    };
  }
  SECTION("sessions were ended meanwhile") {
    d.before = [&](int number) {
      if (number == 2) d.live.sessions.end_all_of("ada");
    };
  }
  SECTION("removed") {
    REQUIRE(d.people.add("bob", "").value());
    REQUIRE(d.people.set_password("bob", right).value());
    d.before = [&](int number) {
      if (number == 2) REQUIRE(d.people.remove("ada").value());
    };
  }
  const gate_answer came = d.log_in("ada", right);
  CHECK(came.said.status == 401);
  CHECK(came.cookie.empty());
}

}  // namespace gate_tests
