// Mails of many senders through one connection, every third one in trouble:
//
//   test_mixed_mails PORT lockstep|pipelining|data|window:N COUNT
//
// Prints a line for each mail, in the order in which they were given: its number and its recipients' outcomes.
#include <postrider/client/pool.hpp>

#include <asio/io_context.hpp>

#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace postrider;

/// Of six mails one is refused for its sender, one for all its recipients, one for some of them.
mail mail_number(int n) {
  const auto at = [](std::string name) { return recipient(address::parse(name + "@example.org").value()); };
  const std::string number = std::to_string(n);
  std::vector<recipient> to(1, at("to" + number));
  if (n % 6 == 3) to.insert(to.begin(), at("refused"));
  if (n % 6 == 5) to.assign(2, at("refused"));
  const std::string from = n % 6 == 1 ? "refused" : "from" + number;
  // One in seven is large: its content is still on its way when others have been answered.
  std::string text = "Subject: " + number + "\r\nFrom: " + from + "@example.com\r\n\r\n.number " + number + "\r\n";
  for (int line = 0; n % 7 == 6 && line < 20'000; ++line) text += ".a line of a large mail\r\n";
  return mail(envelope(address::parse(from + "@example.com").value(), std::move(to)), content(std::move(text)));
}

std::string words(const receipt& r) {
  std::string all;
  for (const auto& one : r.recipients) {
    all += ' ' + std::string(to_string(one.outcome));
    if (one.failure) all += ':' + std::string(to_string(one.failure->stage));
  }
  return all;
}

asio::awaitable<void> send_one(client::pool& pool, int n, std::string& said, int& left) {
  const receipt got = co_await pool.send(mail_number(n));
  said = words(got);
  if (--left == 0) co_await pool.close(std::chrono::seconds(30));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return 2;
  server where{.host = "127.0.0.1", .security = security::none};
  where.port = static_cast<std::uint16_t>(std::stoi(arguments[1]));
  where.limits.connections = 1;
  const std::string pattern = arguments[2];
  where.quirks.no_pipelining = pattern == "lockstep";
  where.quirks.no_chunking = pattern == "data";
  if (pattern.starts_with("window:")) where.quirks.window = static_cast<std::uint16_t>(std::stoi(pattern.substr(7)));
  int left = std::stoi(arguments[3]);
  std::vector<std::string> said(static_cast<std::size_t>(left));
  asio::io_context context(1);
  client::pool pool(context.get_executor(), where);
  for (std::size_t n = 0; n < said.size(); ++n)
    asio::co_spawn(context, send_one(pool, static_cast<int>(n), said[n], left), asio::detached);
  context.run();
  for (std::size_t n = 0; n < said.size(); ++n) std::cout << n << said[n] << '\n';
}
