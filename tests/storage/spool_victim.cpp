// A program that is killed: puts mails into a spool from several coroutines, settles some, and says what is durable.
#include <postrider/storage/sqlite_spool.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace pr = postrider;

namespace {

pr::envelope to_somebody() {
  std::vector<pr::recipient> recipients;
  recipients.emplace_back(*pr::address::parse("b@example.org"));
  return pr::envelope(*pr::address::parse("a@example.org"), std::move(recipients));
}

/// Its own id is what a mail says, as often as it takes.
std::string content_of(unsigned number) {
  const std::size_t size = number % 10 == 0 ? 700'000 : 50 + number % 3'000;
  std::string content;
  while (content.size() < size) content += "this is mail " + std::to_string(number) + "\r\n";
  return content;
}

void die(const pr::failure& why) {
  std::fprintf(stderr, "%s\n", why.detail.c_str());
  std::exit(1);
}

asio::awaitable<void> fill(pr::sqlite::spool& spool, unsigned& last) {
  while (true) {
    const unsigned number = ++last;
    auto writer = co_await spool.begin(pr::submitter("acme"), to_somebody());
    if (!writer) die(writer.error());
    std::string content = content_of(number);
    for (std::size_t at = 0; at < content.size(); at += 33'333) {
      auto done = co_await writer->append(content.substr(at, 33'333));
      if (!done) die(done.error());
    }
    auto id = co_await writer->commit();
    if (!id) die(id.error());
    std::printf("put %s %u\n", to_string(*id).c_str(), number);
    std::fflush(stdout);
    if (number % 4 != 0) continue;
    std::printf("settling %s\n", to_string(*id).c_str());
    std::fflush(stdout);
    pr::settlement change(*id);
    change.recipients.push_back(pr::recipient_change::accepted(0));
    auto settled = co_await spool.settle(std::span(&change, 1));
    if (!settled) die(settled.error());
    std::printf("settled %s\n", to_string(*id).c_str());
    std::fflush(stdout);
  }
}

asio::awaitable<void> list(pr::sqlite::spool& spool) {
  pr::mail_id after;
  while (true) {
    auto page = co_await spool.list(pr::mail_filter(), after, 100);
    if (!page) die(page.error());
    if (page->empty()) break;
    for (const auto& mail : *page) {
      std::string bytes(mail.content.traits().size, '\0');
      auto count = mail.content.read(0, bytes);
      if (!count || *count != bytes.size()) die(count ? pr::failure() : count.error());
      const auto number =
          static_cast<unsigned>(std::strtoul(bytes.c_str() + std::string_view("this is mail ").size(), nullptr, 10));
      std::printf("has %s %u %s\n", to_string(mail.id).c_str(), number,
                  bytes == content_of(number) ? "whole" : "damaged");
      after = mail.id;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  asio::io_context context(1);
  auto spool = pr::sqlite::spool::open(argv[2]);
  if (!spool) die(spool.error());
  unsigned last = 0;
  if (std::string_view(argv[1]) == "list") asio::co_spawn(context, list(*spool), asio::detached);
  else
    for (int i = 0; i < 8; ++i) asio::co_spawn(context, fill(*spool, last), asio::detached);
  context.run();
}
