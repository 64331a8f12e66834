// In the steady state no command costs an allocation, however many a mail has: what is allocated is its receipt.
#include <postrider/protocol/client_dialogue.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <new>

namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* const room = std::malloc(size)) return room;
  throw std::bad_alloc();
}
void operator delete(void* room) noexcept {
  std::free(room);
}
void operator delete(void* room, std::size_t) noexcept {
  std::free(room);
}

namespace {

using namespace postrider;

mail mail_to(int recipients) {
  std::vector<recipient> to;
  for (int i = 0; i < recipients; ++i) to.emplace_back(address::parse("a" + std::to_string(i) + "@b.example").value());
  return mail(envelope(address::parse("ada@example.com").value(), std::move(to)), content("Subject: x\r\n\r\n.x\r\n"));
}

void write_all(protocol::client_dialogue& d) {
  while (d.has_output()) {
    std::size_t size = 0;
    for (const auto piece : d.gather()) size += piece.size();
    d.consume(size);
  }
}

/// Allocations for each of a hundred mails to `recipients`, after as many that warmed up.
std::size_t for_a_mail(int recipients, std::string_view offered) {
  const server where{.host = "mx.example.org", .security = security::none};
  protocol::client_dialogue d(where, "client.example.com");
  d.received("220 mx\r\n");
  write_all(d);
  d.received("250-mx\r\n250-" + std::string(offered) + "\r\n250 8BITMIME\r\n");
  const bool chunking = offered.find("CHUNKING") != offered.npos, pipelining = offered.find("PIPE") != offered.npos;
  const mail what = mail_to(recipients);
  const auto send = [&] {
    d.push(1, what);
    write_all(d);
    // In lock step each reply is followed by the next command; otherwise they come together.
    const auto say = [&](std::string_view reply) {
      d.received(reply);
      if (!pipelining) write_all(d);
    };
    say("250 2.1.0 sender is good\r\n");
    for (int i = 0; i < recipients; ++i) say("250 2.1.5 recipient is good\r\n");
    if (!chunking) say("354 go ahead, end with a dot\r\n");
    write_all(d);
    d.received("250 2.0.0 Ok: queued as 0123456789\r\n");
    const auto done = d.next_settled();
    REQUIRE((done && done->outcome.ok()));
  };
  for (int i = 0; i < 100; ++i) send();
  const std::size_t before = allocations;
  for (int i = 0; i < 100; ++i) send();
  return (allocations - before) / 100;
}

}  // namespace

TEST_CASE("commands cost no allocation in the steady state", "[allocations]") {
  for (const std::string_view offered : {"SIZE", "PIPELINING", "PIPELINING\r\n250-CHUNKING"}) {
    INFO(offered);
    const std::size_t one = for_a_mail(1, offered);
    CHECK(one <= 4);  // the receipt: its recipients, the final reply's words
    CHECK(for_a_mail(50, offered) == one);
  }
}
