#include <postrider/storage/sqlite_content.hpp>

#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <thread>
#include <vector>

namespace sqlite_content_tests {

using namespace postrider;
using sqlite::blob;
using sqlite::content_store;
using sqlite::database;
using sqlite::piece_key;
using sqlite::piece_size;

namespace {

constexpr std::string_view scripts[] = {"CREATE TABLE content(piece INTEGER PRIMARY KEY, bytes BLOB, sum INTEGER)"};
constexpr sqlite::schema contents{"contents", 0x99, scripts};
constexpr sqlite::open_options unsynced{.sync_every_commit = false};
constexpr mail_id first{5}, second{6};

/// Bytes that tell where they are.
std::string bytes_of(mail_id mail, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31 + i / 251 + mail.value) & 0xff);
  return bytes;
}

struct house {
  explicit house(std::size_t size) : size(size) {
    auto together = sqlite::transaction::begin(writing).value();
    put(first);
    put(second);
    REQUIRE(together.commit());
    store = content_store::over(database::open(file, contents, unsynced).value()).value();
  }
  void put(mail_id mail) {
    const std::string bytes = bytes_of(mail, size);
    auto insert = writing.prepare("INSERT INTO content VALUES (?1, ?2, ?3)").value();
    for (std::size_t number = 0; number * piece_size < size; ++number) {
      const auto piece = std::string_view(bytes).substr(number * piece_size, piece_size);
      const auto key = piece_key(mail, number);
      REQUIRE(insert.run(key, blob{piece}, sqlite::piece_sum(key, piece)));
    }
  }
  /// At most `room` bytes from `offset` on.
  result<std::string> read(mail_id mail, std::uint64_t offset, std::size_t room) {
    std::string into(room, '#');
    return store->read(mail, size, offset, into).map([&](std::size_t count) {
      CHECK(into.find_first_not_of('#', count) == std::string::npos);  // nothing behind what was read
      return into.substr(0, count);
    });
  }

  std::size_t size;
  postrider::test::temporary_folder folder{};
  std::filesystem::path file = folder / "spool.db";
  database writing = database::open(file, contents, unsynced).value();
  std::shared_ptr<content_store> store{};
};

}  // namespace

TEST_CASE("pieces of different mails never meet", "[storage][content]") {
  STATIC_REQUIRE(piece_key(mail_id{1}, 0) == 0x1'0000);
  STATIC_REQUIRE(piece_key(mail_id{1}, 0xffff) == 0x1'ffff);
  STATIC_REQUIRE(piece_key(mail_id{1}, 0xffff) + 1 == piece_key(mail_id{2}, 0));
  STATIC_REQUIRE(piece_key(mail_id{(1ull << 47) - 1}, 0xffff) == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("any part of a content can be read", "[storage][content]") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, piece_size - 1, piece_size, piece_size + 1,
                                 2 * piece_size, 2 * piece_size + 10}) {
    house h(size);
    const std::string whole = bytes_of(first, size);
    for (const std::uint64_t offset : {std::size_t{0}, std::size_t{1}, piece_size - 1, piece_size, piece_size + 1,
                                       2 * piece_size - 1, 2 * piece_size, size, size + 1})
      for (const std::size_t room : {std::size_t{0}, std::size_t{1}, std::size_t{2}, piece_size, 4 * piece_size}) {
        const auto got = h.read(first, offset, room);
        REQUIRE(got);
        const bool same = *got == (offset < size ? whole.substr(offset, room) : std::string());
        if (!same) FAIL("size " << size << ", offset " << offset << ", room " << room);
      }
  }
  house h(10);
  for (const std::size_t room : {1u, 20u}) CHECK(h.read(first, std::numeric_limits<std::uint64_t>::max(), room) == "");
}

TEST_CASE("small steps of two readers by turns do not mix", "[storage][content]") {
  house h(piece_size + 100);
  const std::string one = bytes_of(first, h.size), other = bytes_of(second, h.size);
  for (std::size_t offset = piece_size - 50; offset < h.size; offset += 7) {
    CHECK(h.read(first, offset, 7).value() == one.substr(offset, 7));
    CHECK(h.read(second, offset, 7).value() == other.substr(offset, 7));
  }
}

TEST_CASE("a content of which a piece is missing, short or changed says whose it is", "[storage][content]") {
  const auto broken = [](house& h) {
    const auto got = h.read(first, piece_size - 1, 10);
    REQUIRE_FALSE(got);
    CHECK(got.error().cause == cause::source_failed);
    CHECK(got.error().stage == stage::data);
    CHECK(got.error().detail == "the content of mail 5 is damaged");
    CHECK(h.read(first, 0, piece_size).value() == bytes_of(first, piece_size));  // what is there is there
    CHECK(h.read(second, piece_size - 1, 10).value().size() == 10);
    CHECK_FALSE(h.read(first, piece_size - 1, 10));
    CHECK(h.store->is_damaged(first));
    CHECK_FALSE(h.store->is_damaged(second));
  };
  house missing(piece_size + 100), empty(piece_size + 100), gone(piece_size + 100), moved(piece_size + 100);
  const std::string key = std::to_string(piece_key(first, 1));
  REQUIRE(missing.writing.execute("DELETE FROM content WHERE piece = " + key));
  broken(missing);
  REQUIRE(empty.writing.execute("UPDATE content SET bytes = x'' WHERE piece = " + key));
  broken(empty);
  REQUIRE(gone.writing.execute("UPDATE content SET bytes = substr(bytes, 1, 5) WHERE piece = " + key));
  broken(gone);
  REQUIRE(moved.writing.execute("UPDATE content SET (bytes, sum) = (SELECT bytes, sum FROM content WHERE piece = " +
                                std::to_string(piece_key(second, 1)) + ") WHERE piece = " + key));
  broken(moved);  // it is whole, and another mail's
}

TEST_CASE("pieces that were written before there were sums are taken as they are", "[storage][content]") {
  house h(100);
  REQUIRE(h.writing.execute("UPDATE content SET sum = NULL"));
  CHECK(h.read(first, 0, 100).value() == bytes_of(first, 100));
}

TEST_CASE("a database that fails is named, and is asked again", "[storage][content]") {
  house h(10);
  REQUIRE(h.writing.execute("ALTER TABLE content RENAME TO elsewhere"));
  const auto got = h.read(first, 0, 10);
  REQUIRE_FALSE(got);
  CHECK(got.error().cause == cause::source_failed);
  CHECK(got.error().stage == stage::data);
  CHECK_THAT(got.error().detail, Catch::StartsWith(h.file.native() + ": ") && Catch::Contains("no such table"));
  REQUIRE(h.writing.execute("ALTER TABLE elsewhere RENAME TO content"));
  CHECK(h.read(first, 0, 10).value() == bytes_of(first, 10));

  const auto none = content_store::over(database::open(":memory:", {"nothing", 0x98, {}}).value());
  REQUIRE_FALSE(none);
  CHECK(none.error().detail == "database in memory: no such table: content");
}

TEST_CASE("contents are read from several threads, and live as long as somebody reads them", "[storage][content]") {
  house h(piece_size + 100);
  const sqlite::stored_content one(h.store, first, h.size), other(h.store, second, h.size);
  h.store.reset();
  const auto reader = [&](const sqlite::stored_content& from, mail_id mail, bool& same) {
    std::string got(h.size, '#');
    for (std::size_t offset = 0; offset < h.size;) {
      const auto count = from.read(offset, std::span(got).subspan(offset, std::min<std::size_t>(999, h.size - offset)));
      if (!count || *count == 0) return;
      offset += *count;
    }
    same = got == bytes_of(mail, h.size);
  };
  bool results[2] = {false, false};
  std::thread beside([&] { reader(other, second, results[1]); });
  reader(one, first, results[0]);
  beside.join();
  CHECK(results[0]);
  CHECK(results[1]);
  std::string room(10, '#');
  CHECK(one.read(h.size, room).value() == 0);
}

}  // namespace sqlite_content_tests
