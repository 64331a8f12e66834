#include <postrider/protocol/output.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

namespace output_tests {

using namespace postrider;
using protocol::dot_stuffer;
using protocol::output;

namespace {

/// RFC 5321 section 4.5.2, line by line.
std::string stuffed_naively(const std::string& text) {
  std::string wire;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end == text.npos ? text.npos : end + 1 - at);
    if (line[0] == '.') wire += '.';
    wire += line;
    at += line.size();
  }
  if (!wire.empty() && wire.back() != '\n') wire += "\r\n";
  return wire + ".\r\n";
}

std::string stuffed(const std::string& text, std::size_t first, std::size_t piece) {
  dot_stuffer stuffer;
  std::string wire;
  const auto keep = [&](std::string_view part) { wire += part; };
  stuffer.stuff(std::string_view(text).substr(0, first), keep);
  for (std::size_t at = std::min(first, text.size()); at < text.size(); at += piece)
    stuffer.stuff(std::string_view(text).substr(at, piece), keep);
  return wire + std::string(stuffer.terminator());
}

class broken_source final : public content_source {
 public:
  explicit broken_source(std::string bytes, std::uint64_t good, bool ends)
      : bytes_(std::move(bytes)), good_(good), ends_(ends) {}
  result<std::size_t> read(std::uint64_t offset, std::span<char> room) const override {
    if (offset >= good_ && ends_) return std::size_t{0};
    if (offset >= good_) return fail(cause::source_failed, stage::data, "the disk is gone");
    const std::size_t count = std::min<std::uint64_t>({room.size(), bytes_.size() - offset, good_ - offset, 1000});
    std::copy_n(bytes_.data() + offset, count, room.data());
    return count;
  }

 private:
  std::string bytes_;
  std::uint64_t good_;
  bool ends_;
};

content from_source(const std::string& text, std::uint64_t good = ~std::uint64_t{0}, bool ends = false) {
  return content(std::make_shared<broken_source>(text, good, ends), content_traits::of(text));
}

/// Everything, `size` bytes at a time.
std::string drained(output& out, std::size_t size) {
  std::string wire;
  while (!out.empty()) {
    const auto pieces = out.gather();
    REQUIRE(pieces);
    REQUIRE_FALSE(pieces->empty());
    std::size_t taken = 0;
    for (const auto piece : *pieces) {
      REQUIRE_FALSE(piece.empty());
      const auto part = piece.substr(0, size - taken);
      wire += part;
      taken += part.size();
      if (taken == size) break;
    }
    out.consume(taken);
  }
  return wire;
}

std::string lines_of(std::size_t size, bool dots) {
  std::string text;
  for (int i = 0; text.size() < size; ++i)
    text += (dots && i % 3 == 0 ? "." : "") + std::to_string(i) + " line of a mail\r\n";
  return text;
}

}  // namespace

TEST_CASE("dots are stuffed the same at every chunking", "[data]") {
  for (const std::string text :
       {"", ".", "..", ".\r\n", "a", "a\r\n", "a\r\n.b\r\n", "a\r\n..\r\n.\r\n", ".a\r\n.b\r\n\r\n.\r\nc", "\r\n.\r\n",
        "a.b\r\n.", "\r\n", "no dots at all\r\nnone\r\n", ".\r\n.\r\n.\r\n"}) {
    INFO(text);
    const std::string expected = stuffed_naively(text);
    for (std::size_t first = 0; first <= text.size(); ++first)
      for (std::size_t piece = 1; piece <= text.size() + 1; ++piece) REQUIRE(stuffed(text, first, piece) == expected);
  }
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (auto n = random() % 40; n > 0; --n) text += std::string_view("..\r\na").substr(random() % 4, 1 + random() % 2);
    text = canonical(text);
    REQUIRE(stuffed(text, random() % 10, 1 + random() % 9) == stuffed_naively(text));
  }
}

TEST_CASE("chunks without dots pass untouched and end right", "[data]") {
  dot_stuffer stuffer;
  CHECK(stuffer.terminator() == ".\r\n");
  std::vector<std::string_view> pieces;
  const auto keep = [&](std::string_view part) { pieces.push_back(part); };
  const std::string_view text = "a\r\nb";
  stuffer.pass(text, keep);
  stuffer.pass("", keep);
  REQUIRE(pieces.size() == 1);
  CHECK(pieces[0].data() == text.data());
  CHECK(stuffer.terminator() == "\r\n.\r\n");
}

TEST_CASE("commands and contents leave in their order, written in pieces of any size", "[output]") {
  const bool in_memory = GENERATE(true, false);
  const bool dots = GENERATE(true, false);
  const std::string one = lines_of(300, dots), two = lines_of(90, dots) + "no line end";
  const auto body = [&](const std::string& text) { return in_memory ? content(text) : from_source(text); };
  const std::string expected =
      "MAIL\r\nDATA\r\n" + stuffed_naively(one) + "RSET\r\n" + stuffed_naively(two) + ".\r\n" + "QUIT\r\n";
  for (std::size_t size = 1; size <= expected.size(); ++size) {
    output out;
    out.commands() += "MAIL\r\n";
    out.commands() += "DATA\r\n";
    CHECK(out.push_data(body(one)) == 0);
    out.commands() += "RSET\r\n";
    CHECK(out.push_data(body(two)) == 1);
    CHECK(out.push_data(body("")) == 2);
    out.commands() += "QUIT\r\n";
    REQUIRE(drained(out, size) == expected);
    CHECK(out.contents_written() == 3);
    CHECK(out.content_left() == 0);
  }
}

TEST_CASE("the counters follow a content byte by byte", "[output]") {
  const std::string text = "one\r\n.two\r\n";
  output out;
  out.commands() += "DATA\r\n";
  CHECK(out.contents_begun() == 0);
  out.push_data(content(text));
  CHECK(out.contents_begun() == 0);
  CHECK(out.content_left() == text.size());
  std::size_t to_write = 6 + stuffed_naively(text).size();
  while (to_write > 0) {
    REQUIRE(out.gather());
    CHECK(out.contents_begun() == 1);
    CHECK(out.contents_gathered() == 1);
    CHECK(out.contents_written() == 0);
    out.consume(1);
    --to_write;
  }
  CHECK(out.contents_written() == 1);
  CHECK(out.empty());
}

TEST_CASE("a content without dots is handed out where it lies", "[output]") {
  const content body(lines_of(1 << 20, false));
  output out;
  out.push_data(body);
  const auto pieces = out.gather();
  REQUIRE(pieces);
  CHECK(pieces->front().data() == body.bytes()->data());
}

TEST_CASE("commands may be added while others are being written", "[output]") {
  output out;
  out.commands() += "one\r\n";
  REQUIRE(out.gather());
  out.consume(2);
  out.commands() += "two\r\n";
  const auto rest = out.gather();
  REQUIRE(rest);
  REQUIRE(rest->size() == 1);
  CHECK(rest->front() == "e\r\n");
  CHECK(drained(out, 100) == "e\r\ntwo\r\n");
}

TEST_CASE("large contents are staged in parts and arrive whole", "[output]") {
  for (const bool in_memory : {true, false})
    for (const bool dots : {true, false}) {
      const std::string text = lines_of(900'000, dots);
      output out;
      out.push_data(in_memory ? content(text) : from_source(text));
      out.commands() += "QUIT\r\n";
      CHECK(drained(out, 70'001) == stuffed_naively(text) + "QUIT\r\n");
    }
}

TEST_CASE("a source that fails or ends early stops the output before the final dot", "[output]") {
  const bool ends = GENERATE(true, false);
  const std::string text = lines_of(5000, false);
  for (const std::uint64_t good : {0U, 1U, 999U, 1000U, 4500U}) {
    INFO(good);
    output out;
    out.commands() += "DATA\r\n";
    out.push_data(from_source(text, good, ends));
    std::string wire;
    for (;;) {
      const auto pieces = out.gather();
      if (!pieces) {
        CHECK(pieces.error().cause == cause::source_failed);
        break;
      }
      for (const auto piece : *pieces) wire += piece;
      std::size_t all = 0;
      for (const auto piece : *pieces) all += piece.size();
      out.consume(all);
      REQUIRE(wire.size() < text.size());
    }
    CHECK(("DATA\r\n" + text).starts_with(wire));
    CHECK(out.contents_written() == 0);
    CHECK(out.contents_gathered() == 0);
  }
}

}  // namespace output_tests
