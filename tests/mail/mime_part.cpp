#include <postrider/mail/mime_part.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mime_part_tests {

using namespace postrider;

namespace {

std::string written(const mime_part& part) {
  std::string out;
  part.write(out);
  return out;
}

std::string boundary_of(std::string_view text) {
  const auto at = text.find("boundary=\"");
  REQUIRE(at != text.npos);
  text.remove_prefix(at + 10);
  return std::string(text.substr(0, text.find('"')));
}

std::string with_boundary(std::string text, std::string_view boundary) {
  for (auto at = text.find('%'); at != text.npos; at = text.find('%', at + boundary.size()))
    text.replace(at, 1, boundary);
  return text;
}

std::vector<mime_part> both(mime_part first, mime_part second) {
  std::vector<mime_part> parts;
  parts.push_back(std::move(first));
  parts.push_back(std::move(second));
  return parts;
}

}  // namespace

TEST_CASE("a leaf is its type, its encoding, an empty line and its bytes", "[mime_part]") {
  struct example {
    mime_part part;
    std::string_view expected;
  };
  const std::string_view type = "text/plain";
  const std::vector<example> table{
      {mime_part::text(type, ""), "Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"},
      {mime_part::text(type, "hello\r\n"),
       "Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n\r\nhello\r\n"},
      {mime_part::text(type, "h\xc3\xa4llo, how are you?\r\n"),
       "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nh=C3=A4llo, how are you?\r\n"},
      {mime_part::text(type, "\xc3\xa4\xc3\xb6\xc3\xbc"),
       "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nw6TDtsO8\r\n"},
      {mime_part::binary("image/png", ""), "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"},
      {mime_part::binary("image/png", "a"),
       "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n"},
      {mime_part::binary("image/png", std::string_view("\0\xff\r", 3)),
       "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAP8N\r\n"},
      {mime_part::verbatim("message/rfc822", "Subject: x\r\n\r\n"),
       "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: x\r\n\r\n"},
      {mime_part::verbatim("message/rfc822", "Subject: \xc3\xa4\r\n"),
       "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: \xc3\xa4\r\n"},
  };
  for (const auto& [part, expected] : table) CHECK(written(part) == expected);
}

TEST_CASE("binary bytes are written in lines of 76 characters", "[mime_part]") {
  const std::string head = "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  const std::string line(76, 'A');
  const std::string zeros(200, '\0');
  const std::string_view bytes = zeros;
  CHECK(written(mime_part::binary("a/b", bytes.substr(0, 57))) == head + line + "\r\n");
  CHECK(written(mime_part::binary("a/b", bytes.substr(0, 58))) == head + line + "\r\nAA==\r\n");
  CHECK(written(mime_part::binary("a/b", bytes.substr(0, 114))) == head + line + "\r\n" + line + "\r\n");
}

TEST_CASE("text with lines that are too long, or not canonical, is encoded", "[mime_part]") {
  const auto encoding = [](std::string_view text) {
    const std::string out = written(mime_part::text("text/plain", text));
    const auto at = out.find("Encoding: ") + 10;
    return out.substr(at, out.find('\r', at) - at);
  };
  CHECK(encoding(std::string(998, 'x') + "\r\n") == "7bit");
  CHECK(encoding(std::string(999, 'x') + "\r\n") == "quoted-printable");
  CHECK(encoding("a text with a bare\nline feed in it\r\n") == "quoted-printable");
}

TEST_CASE("fields come after the part's own, in their order, and writing adds to what is there", "[mime_part]") {
  mime_part part = mime_part::text("text/plain", "x\r\n");
  part.field("Content-ID: <a@b>\r\n").field("Content-Disposition: inline\r\n");
  std::string out = "before|";
  part.write(out);
  part.write(out);
  const std::string once =
      "Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\nContent-ID: <a@b>\r\nContent-Disposition: "
      "inline\r\n"
      "\r\nx\r\n";
  CHECK(out == "before|" + once + once);
}

TEST_CASE("a multipart puts its parts between boundaries", "[mime_part]") {
  mime_part whole = mime_part::multipart(
      "multipart/mixed", both(mime_part::text("text/plain", "no line end"), mime_part::text("text/html", "<p>\r\n")));
  whole.field("MIME-Version: 1.0\r\n");
  const std::string out = written(whole);
  const std::string boundary = boundary_of(out);
  CHECK(boundary.starts_with("=_"));
  CHECK(boundary.size() <= 70);  // RFC 2046 section 5.1.1
  const std::size_t type_ends = out.find("\"\r\n") + 3;
  CHECK(out.starts_with("Content-Type: multipart/mixed;"));
  CHECK(out.substr(type_ends) ==
        with_boundary("MIME-Version: 1.0\r\n\r\n"
                      "--%\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n\r\nno line end\r\n"
                      "--%\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: 7bit\r\n\r\n<p>\r\n\r\n"
                      "--%--\r\n",
                      boundary));
}

TEST_CASE("a multipart says 8bit if a part of it, at any depth, is; never that it is encoded", "[mime_part]") {
  const auto nested = [](mime_part deepest) {
    mime_part inner =
        mime_part::multipart("multipart/alternative", both(mime_part::text("a/a", "a"), std::move(deepest)));
    mime_part outer = mime_part::multipart("multipart/mixed", both(std::move(inner), mime_part::binary("c/c", "c")));
    const std::string out = written(outer);
    return out.substr(0, out.find("\r\n\r\n"));  // the fields of the whole
  };
  CHECK(nested(mime_part::verbatim("b/b", "\xc3\xa4\r\n")).ends_with("\r\nContent-Transfer-Encoding: 8bit"));
  CHECK(nested(mime_part::verbatim("b/b", "b\r\n")).find("Encoding") == std::string::npos);
  CHECK(nested(mime_part::binary("b/b", "\xff")).find("Encoding") == std::string::npos);
  CHECK(nested(mime_part::text("b/b", "b\xc3\xa4 and so on, and so on\r\n")).find("Encoding") == std::string::npos);
}

TEST_CASE("nested multiparts have boundaries of their own", "[mime_part]") {
  mime_part inner =
      mime_part::multipart("multipart/alternative", both(mime_part::text("a/a", "a"), mime_part::text("b/b", "b")));
  const std::string inner_boundary = boundary_of(written(inner));
  mime_part outer = mime_part::multipart("multipart/mixed", both(std::move(inner), mime_part::binary("c/c", "c")));
  const std::string out = written(outer);
  const std::string outer_boundary = boundary_of(out);
  CHECK(outer_boundary != inner_boundary);
  const std::size_t inner_end = out.find("--" + inner_boundary + "--\r\n");
  REQUIRE(inner_end != out.npos);
  // What follows the inner one's end is the outer one's next part.
  CHECK(out.substr(inner_end + inner_boundary.size() + 6)
            .starts_with("\r\n--" + outer_boundary + "\r\nContent-Type: c/c"));
  CHECK(out.ends_with("--" + outer_boundary + "--\r\n"));
}

}  // namespace mime_part_tests
