// What connections hold in memory while they have nothing to do:
//
//   test_idle_memory PORT none|tls CA-FILE COUNT
//
// Each carries one mail and then waits. Prints the bytes that each one after the first has on the heap, whoever took
// them: the library, Asio, OpenSSL.
#include <postrider/client/connection.hpp>
#include <postrider/client/dial.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <iostream>
#include <list>
#include <malloc.h>
#include <memory>

namespace {

using namespace postrider;

class one_mail final : public client::mail_source {
 public:
  std::optional<client::queued_mail> pull() override {
    if (given_) return std::nullopt;
    given_ = true;
    std::string text = "Subject: x\r\n\r\n";
    while (text.size() < 20'000) text += "a line of a mail\r\n";
    std::vector<recipient> to(1, recipient(address::parse("charles@example.org").value()));
    mail what(envelope(address::parse("ada@example.com").value(), std::move(to)), content(std::move(text)));
    return client::queued_mail{.ticket = 1, .mail = std::move(what)};
  }
  void settled(protocol::settled_mail&& done) override {
    over = true;
    accepted = done.outcome.ok();
  }

  bool over = false;  // or it could not be begun
  bool accepted = false;

 private:
  bool given_ = false;
};

asio::awaitable<void> carry(const server& where, one_mail& source) {
  auto dialled = co_await client::dial(where);
  if (dialled) {
    client::connection session(std::move(*dialled), where, "client.example.com");
    const auto opened = co_await session.open();
    if (opened) co_await session.serve(source);
  }
  source.over = true;
}

std::size_t held() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) return 2;
  server where{.host = "127.0.0.1", .security = security::none};
  where.port = static_cast<std::uint16_t>(std::stoi(arguments[1]));
  where.limits.idle = std::chrono::seconds(0);
  if (std::string(arguments[2]) == "tls") {
    where.security = security::tls;
    where.tls.ca_file = arguments[3];
    where.account = {"ada", "sesame"};
  }
  const int connections = std::stoi(arguments[4]);
  asio::io_context context(1);
  std::list<one_mail> sources;
  const auto open = [&] {
    asio::co_spawn(context, carry(where, sources.emplace_back()), asio::detached);
    while (!sources.back().over && context.run_one() != 0) {
    }
    context.poll();
  };
  open();
  const std::size_t before = held();
  for (int i = 0; i < connections; ++i) open();
  std::cout << (held() - before) / static_cast<std::size_t>(connections) << '\n';
  return sources.back().accepted ? 0 : 1;
}
