#include <postrider/protocol/content_receiver.hpp>
#include <postrider/protocol/data.hpp>
#include <postrider/protocol/data_decoder.hpp>

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <string_view>

namespace data_decoder_tests {

using namespace postrider::protocol;

namespace {

struct decoded {
  std::string content;
  std::size_t used = 0;
  bool done = false;
  bool refused = false;
  bool ended_wrongly = false;
  friend bool operator==(const decoded&, const decoded&) = default;
};

/// Decodes `wire` in chunks of `chunk` bytes after a first one of `first`.
decoded decode(std::string_view wire, std::size_t first, std::size_t chunk) {
  data_decoder decoder;
  decoded result;
  std::size_t size = first;
  while (result.used < wire.size() && !decoder.done() && !decoder.ended_wrongly()) {
    const auto piece = wire.substr(result.used, size);
    result.used += decoder.decode(piece, [&](std::string_view text) { result.content += text; });
    size = chunk;
  }
  result.done = decoder.done();
  result.refused = decoder.refused();
  result.ended_wrongly = decoder.ended_wrongly();
  if (result.refused) result.content.clear();
  return result;
}

decoded decode_in_every_way(std::string_view wire) {
  const decoded whole = decode(wire, wire.size(), wire.size());
  INFO(wire);
  CHECK(decode(wire, 1, 1) == whole);
  for (std::size_t cut = 1; cut < wire.size(); ++cut) CHECK(decode(wire, cut, wire.size()) == whole);
  return whole;
}

}  // namespace

TEST_CASE("content ends with CRLF.CRLF and leading dots go", "[server]") {
  const auto plain = decode_in_every_way("Subject: x\r\n\r\n..dot\r\n...\r\n.x\r\nend\r\n.\r\nQUIT\r\n");
  CHECK(plain.content == "Subject: x\r\n\r\n.dot\r\n..\r\nx\r\nend\r\n");
  CHECK(plain.done);
  CHECK_FALSE(plain.refused);
  CHECK(plain.used == std::string_view("Subject: x\r\n\r\n..dot\r\n...\r\n.x\r\nend\r\n.\r\n").size());

  const auto empty = decode_in_every_way(".\r\n");
  CHECK(empty.done);
  CHECK(empty.content.empty());
  CHECK(decode_in_every_way("\r\n.\r\n").content == "\r\n");
  CHECK_FALSE(decode_in_every_way("a\r\n.\r").done);
  CHECK_FALSE(decode_in_every_way("a.\r\n").done);
}

TEST_CASE("no other end of content is believed", "[server]") {
  const std::string_view ends[] = {"\n.\n", "\r\n.\n", "\n.\r\n",   "\r.\r",    "\r.\r\n",   "\r\n.\r",
                                   "\n.\r", "\r.\n",   "\r\r\n.\n", "\r\n.\r.", "\n\n.\n\n", "\r\n.\r\r\n"};
  for (const std::string_view end : ends) {
    const std::string wire = "hello" + std::string(end) + "MAIL FROM:<admin@example.com>\r\nDATA\r\nsmuggled\r\n.\r\n";
    const auto result = decode_in_every_way(wire);
    INFO(wire);
    CHECK(result.refused);
    CHECK(result.ended_wrongly);
    CHECK_FALSE(result.done);
  }
}

TEST_CASE("a bare CR or LF refuses the content, and the end is still found", "[server]") {
  for (std::string_view text : {"a\nb", "a\rb", "\n", "\r\r\n", "a\r\n\nb", "a\r\n\rb", "\n\n\n", "x\r"}) {
    const std::string wire = std::string(text) + "more\r\n.\r\nrest";
    const auto result = decode_in_every_way(wire);
    INFO(wire);
    CHECK(result.refused);
    CHECK(result.done);
    CHECK(result.used == wire.size() - 4);
  }
}

TEST_CASE("what the client side stuffs, this side takes as it was", "[server]") {
  std::mt19937 random(20261123);
  const std::string_view atoms[] = {"\r\n", ".", "..", "a", "text of a line", "\r\n.", "\r\n\r\n", "\xC3\xA9"};
  for (int round = 0; round < 300; ++round) {
    std::string content;
    for (int i = 0; i < 30; ++i) content += atoms[random() % std::size(atoms)];
    content += "\r\n";
    dot_stuffer stuffer;
    std::string wire;
    stuffer.stuff(content, [&](std::string_view piece) { wire += piece; });
    wire += stuffer.terminator();
    const auto result = decode_in_every_way(wire);
    CHECK(result.content == content);
    CHECK(result.done);
    CHECK(result.used == wire.size());
  }
}

TEST_CASE("hops are counted in the header only", "[server]") {
  const std::string text =
      "Received: a\r\nreceived: b\r\n c\r\nX-Received: no\r\nRECEIVED:d\r\nRec: no\r\n\r\nReceived: body\r\n";
  for (std::size_t chunk = 1; chunk < text.size(); ++chunk) {
    hop_counter hops;
    for (std::size_t at = 0; at < text.size(); at += chunk) hops.feed(std::string_view(text).substr(at, chunk));
    CHECK(hops.hops() == 3);
  }
}

TEST_CASE("pieces are handed over when they are full", "[server]") {
  server_settings settings;
  settings.piece = 1000;
  content_receiver content(settings, "Received: here\r\n", 0);
  std::string wire;
  for (int i = 0; i < 500; ++i) wire += "line " + std::to_string(i) + "\r\n";
  const std::string expected = "Received: here\r\n" + wire;
  wire += ".\r\nQUIT\r\n";
  std::string got;
  std::string_view left = wire;
  while (!content.ended()) {
    left.remove_prefix(content.take(left));
    if (content.full() || content.ended()) {
      std::string piece = content.take_piece();
      CHECK(piece.size() < 2500);
      got += piece;
    }
  }
  CHECK(got == expected);
  CHECK(left == "QUIT\r\n");
}

}  // namespace data_decoder_tests
