// What a mail costs before the kernel sees it: the dialogue, dot stuffing, replies, base64, the registry, the retry
// decision.
#include <postrider/core/base64.hpp>
#include <postrider/delivery/retry.hpp>
#include <postrider/delivery/routing.hpp>
#include <postrider/mail/mail.hpp>
#include <postrider/protocol/client_dialogue.hpp>
#include <postrider/registry/registry.hpp>
#include <postrider/storage/memory_registry_storage.hpp>

#include <benchmark/benchmark.h>

using namespace postrider;
using namespace std::chrono_literals;

namespace {

std::string text_of(std::size_t size, bool dots) {
  const std::string line = std::string(dots ? "." : "x") + std::string(75, 'y') + "\r\n";
  std::string text = "Subject: benchmark\r\n\r\n";
  while (text.size() < size) text += line;
  return text;
}

mail mail_of(std::size_t size) {
  std::vector<recipient> to(1, recipient(address::parse("charles@example.org").value()));
  return mail(envelope(address::parse("ada@example.com").value(), std::move(to)), content(text_of(size, false)));
}

void say_all(protocol::client_dialogue& dialogue) {
  while (dialogue.has_output()) {
    std::size_t bytes = 0;
    for (const std::string_view piece : dialogue.gather()) bytes += piece.size();
    dialogue.consume(bytes);
  }
}

/// One mail a round trip, its content in the same write as the next mail's envelope.
void dialogue_pipelined(benchmark::State& state) {
  const mail what = mail_of(static_cast<std::size_t>(state.range(0)));
  protocol::client_dialogue dialogue(server{.host = "mx.example.org", .security = security::none},
                                     "client.example.com");
  dialogue.received("220 mx.example.org\r\n");
  say_all(dialogue);
  dialogue.received("250-mx.example.org\r\n250-PIPELINING\r\n250 SIZE 100000000\r\n");
  dialogue.push(0, what);
  say_all(dialogue);
  dialogue.received("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n");
  std::uint64_t ticket = 0;
  for (auto each : state) {
    static_cast<void>(each);
    dialogue.push(++ticket, what);
    say_all(dialogue);
    dialogue.received("250 2.0.0 Ok: queued as 1\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n");
    auto done = dialogue.next_settled();
    if (!done || !done->outcome.ok()) state.SkipWithError("a mail was not accepted");
    benchmark::DoNotOptimize(done);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(dialogue_pipelined)->Arg(1024)->Arg(100 * 1024);

void dot_stuffing(benchmark::State& state) {
  const std::string text = text_of(1 << 20, state.range(0) != 0);
  for (auto each : state) {
    static_cast<void>(each);
    protocol::dot_stuffer stuffer;
    std::size_t pieces = 0;
    stuffer.stuff(text, [&](std::string_view) { ++pieces; });
    benchmark::DoNotOptimize(pieces);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(dot_stuffing)->ArgName("dots_on_each_line")->Arg(0)->Arg(1);

void content_traits_scan(benchmark::State& state) {
  const std::string text = text_of(1 << 20, false);
  for (auto each : state) {
    static_cast<void>(each);
    auto traits = content_traits::of(text);
    benchmark::DoNotOptimize(traits);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(content_traits_scan);

void reply_parsing(benchmark::State& state) {
  constexpr std::string_view replies =
      "250 2.0.0 Ok: queued as 4fZQ2c1Xzz\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n";
  protocol::reply_parser parser;
  for (auto each : state) {
    static_cast<void>(each);
    std::string_view rest = replies;
    while (!rest.empty()) benchmark::DoNotOptimize(parser.parse(rest));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * 4));
}
BENCHMARK(reply_parsing);

void base64_encoding(benchmark::State& state) {
  const std::string bytes = text_of(1 << 20, false);
  for (auto each : state) {
    static_cast<void>(each);
    auto text = base64::encode(bytes);
    benchmark::DoNotOptimize(text);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(base64_encoding);

/// Snapshot and route of one of many senders.
void registry_lookup(benchmark::State& state) {
  registry_options options;
  options.internal_server = server{.host = "127.0.0.1", .security = security::none};
  auto registry = server_registry::open(memory::registry_storage(), vault::in_memory(), options).value();
  static_cast<void>(registry.add_tenant("acme"));
  const int senders = static_cast<int>(state.range(0));
  for (int i = 0; i < senders; ++i) {
    sender_record user;
    user.name = "user " + std::to_string(i);
    user.address = "user" + std::to_string(i) + "@acme.example";
    if (auto added = registry.add_sender("acme", user); !added) state.SkipWithError(added.error().detail.c_str());
  }
  const submitter from("acme", "user" + std::to_string(senders / 2) + "@acme.example");
  for (auto each : state) {
    static_cast<void>(each);
    const auto tenant = registry.snapshot("acme");
    auto way = find_route(*tenant, from);
    benchmark::DoNotOptimize(way);
  }
}
BENCHMARK(registry_lookup)->ArgName("senders")->Arg(10)->Arg(10'000);

void retry_decision(benchmark::State& state) {
  constexpr auto strategy = exponential{1min, 4h} | jitter{0.2} | give_up_after{120h};
  std::uint32_t number = 0;
  for (auto each : state) {
    static_cast<void>(each);
    auto what = decide(strategy, attempt{.number = ++number % 20, .age = 1h});
    benchmark::DoNotOptimize(what);
  }
}
BENCHMARK(retry_decision);

}  // namespace
