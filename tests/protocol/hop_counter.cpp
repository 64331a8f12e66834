#include <postrider/protocol/hop_counter.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace hop_counter_tests {

using postrider::protocol::hop_counter;

namespace {

std::size_t hops_of(std::string_view content, std::size_t piece) {
  hop_counter counter;
  for (std::size_t at = 0; at < content.size(); at += piece) counter.feed(content.substr(at, piece));
  return counter.hops();
}

}  // namespace

TEST_CASE("Received fields are counted in the header and nowhere else, at any chunking", "[hops]") {
  struct example {
    std::string_view content;
    std::size_t hops;
  };
  const std::vector<example> table{
      {"", 0},
      {"\r\n", 0},
      {"Subject: x\r\n\r\nhello\r\n", 0},
      {"Received: from a\r\n\r\n", 1},
      {"Received:\r\n\r\n", 1},
      {"Received:", 1},
      {"Received", 0},
      {"RECEIVED: a\r\nreceived:b\r\nrEcEiVeD: c\r\n\r\n", 3},
      {"Received: from a\r\n\tby Received: b\r\n received: c\r\n\r\n", 1},
      {" Received: a\r\n\r\n", 0},
      {"Received-SPF: pass\r\nX-Received: a\r\nReceive: b\r\nReceivedd: c\r\n\r\n", 0},
      {"Rec\r\nReceived: a\r\n\r\n", 1},
      {"Subject: Received: a\r\n\r\n", 0},
      {"Received: a\r\n\r\nReceived: b\r\nReceived: c\r\n", 1},
      {"\r\nReceived: a\r\n", 0},
      {"Subject: x\r\nReceived: a\r\nTo: b\r\nReceived: c\r\n", 2},
      {"Received: a\r\nno header at all\r\nReceived: b\r\n", 2},
  };
  for (const auto& [content, hops] : table) {
    for (std::size_t piece = 1; piece <= content.size() + 1; ++piece) {
      INFO(content << " in pieces of " << piece);
      CHECK(hops_of(content, piece) == hops);
    }
  }
}

TEST_CASE("empty pieces change nothing, and the body stays the body", "[hops]") {
  hop_counter counter;
  for (const std::string_view piece : {"", "Recei", "", "ved:", "", " a\r", "", "\n", "", "\r", "", "\n", ""})
    counter.feed(piece);
  CHECK(counter.hops() == 1);
  counter.feed("Received: b\r\n");
  CHECK(counter.hops() == 1);
}

TEST_CASE("a long way is counted to its end", "[hops]") {
  std::string content;
  for (int i = 0; i < 1000; ++i) content += "Received: from " + std::string(static_cast<std::size_t>(i), 'x') + "\r\n";
  CHECK(hops_of(content + "\r\n", 4096) == 1000);
}

}  // namespace hop_counter_tests
