// The write-ahead log of a SQLite file as bytes (https://www.sqlite.org/fileformat2.html#walformat): SQLite takes
// whatever stands behind a frame that is damaged for the rest of an older log, and says nothing.
#pragma once

#include <postrider/core/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::sqlite {

namespace detail {

constexpr std::uint32_t big_endian(std::string_view bytes, std::size_t at) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}
inline void put_big_endian(std::string& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 4; i-- > 0; value >>= 8) bytes[at + i] = static_cast<char>(value & 0xff);
}

/// The sum that each frame continues from the one before.
struct log_sum {
  std::uint32_t first = 0, second = 0;

  void add(std::string_view bytes, bool big) noexcept {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      first += word(bytes, at, big) + second;
      second += word(bytes, at + 4, big) + first;
    }
  }
  friend bool operator==(const log_sum&, const log_sum&) = default;

 private:
  static std::uint32_t word(std::string_view bytes, std::size_t at, bool big) noexcept {
    const std::uint32_t value = big_endian(bytes, at);
    return big ? value : value >> 24 | (value >> 8 & 0xff00) | (value << 8 & 0xff0000) | value << 24;
  }
};

inline constexpr std::size_t log_header_size = 32;
inline constexpr std::size_t frame_header_size = 24;

/// Reads a log frame by frame.
class log_reader {
 public:
  struct frame {
    std::string head{};  ///< frame_header_size bytes
    std::string page{};
    bool ours = false;    ///< written since the log was last begun anew, as its header says
    bool proven = false;  ///< it and all before it are what was written: SQLite uses it
    bool whole = false;   ///< it is what was written, if the one before told its sum rightly

    std::uint32_t page_number() const noexcept { return big_endian(head, 0); }
    /// Pages of the database after the commit that this frame ends; 0: it ends none.
    std::uint32_t commits() const noexcept { return big_endian(head, 4); }
  };

  explicit log_reader(const std::filesystem::path& path) : file_(path, std::ios::binary) {
    header_.resize(log_header_size);
    if (!file_.read(header_.data(), log_header_size)) return;
    const std::uint32_t magic = big_endian(header_, 0);
    page_size = big_endian(header_, 8);
    big_ = (magic & 1) != 0;
    log_sum sum;
    sum.add(std::string_view(header_).substr(0, 24), big_);
    const bool known = (magic & ~1U) == 0x377f0682 && page_size >= 512 && page_size <= 65536;
    header_valid = known && sum == sum_at(header_, 24);
    if (!known) page_size = 4096;
    stored_ = computed_ = sum;
    proven_ = header_valid;
  }

  /// False at the end.
  bool next(frame& into) {
    into.head.resize(frame_header_size);
    into.page.resize(page_size);
    if (!file_.read(into.head.data(), frame_header_size)) return false;
    if (!file_.read(into.page.data(), static_cast<std::streamsize>(page_size))) return false;
    const auto sum_from = [&](log_sum sum) {
      sum.add(std::string_view(into.head).substr(0, 8), big_);
      sum.add(into.page, big_);
      return sum;
    };
    const log_sum told = sum_at(into.head, 16), by_stored = sum_from(stored_);
    into.ours = into.head.compare(8, 8, header_, 16, 8) == 0;
    // One that is itself damaged may have told its sum rightly, or not.
    into.whole = into.ours && (by_stored == told || sum_from(computed_) == told);
    proven_ = into.proven = proven_ && into.ours && by_stored == told;
    computed_ = by_stored;
    stored_ = told;
    return true;
  }

  bool header_valid = false;
  std::size_t page_size = 4096;

 private:
  static log_sum sum_at(std::string_view bytes, std::size_t at) noexcept {
    return {big_endian(bytes, at), big_endian(bytes, at + 4)};
  }

  std::ifstream file_;
  std::string header_;
  log_sum stored_, computed_;
  bool big_ = false;
  bool proven_ = false;
};

}  // namespace detail

/// What SQLite would pass over in the log at `path`: nothing, or a sentence. A commit that was being written when the
/// power failed is none: of that nobody was told. (One that was damaged later looks like it, if it is the last one.)
inline std::optional<std::string> damage_of_log(const std::filesystem::path& path) {
  detail::log_reader log(path);
  detail::log_reader::frame one;
  std::uint64_t number = 0, broken_at = 0, commits = 0;
  while (log.next(one)) {
    ++number;
    if (one.proven) continue;
    if (broken_at == 0) broken_at = number;
    if (one.ours && one.commits() != 0) ++commits;
  }
  if (commits < 2) return std::nullopt;
  return path.native() + ": is damaged at frame " + std::to_string(broken_at) + " of " + std::to_string(number) +
         ", with " + std::to_string(commits) + " commits behind it";
}

/// Writes what is whole in the log at `from` as a log of its own to `to`; `first_page`, if there is one, replaces that
/// of the database unless the log has a newer one. `pages`: how many the database has, if the log does not say. False
/// if there is nothing to be written.
inline result<bool> mend_log(const std::filesystem::path& from, const std::filesystem::path& to,
                             const std::optional<std::string>& first_page, std::uint32_t pages) {
  using namespace detail;
  std::uint64_t last = 0, number = 0;
  std::size_t page_size = first_page ? first_page->size() : 4096;
  {
    log_reader log(from);
    log_reader::frame one;
    bool unbroken = true;  // the commit that is being looked at
    while (log.next(one)) {
      ++number;
      unbroken &= one.proven || one.whole;
      if (!one.ours || one.commits() == 0) continue;
      // A broken last commit is one that nobody was told of; behind it there would be others.
      if (unbroken || last != 0) last = unbroken ? number : last;
      if (one.proven || one.whole) pages = one.commits();
      unbroken = true;
    }
    if (last != 0) page_size = log.page_size;
  }
  if (last == 0 && !first_page) return false;

  std::ofstream out(to, std::ios::binary | std::ios::trunc);
  std::string header(log_header_size, '\0');
  put_big_endian(header, 0, 0x377f0682);
  put_big_endian(header, 4, 3'007'000);
  put_big_endian(header, 8, static_cast<std::uint32_t>(page_size));
  put_big_endian(header, 16, 0x706f7374);
  put_big_endian(header, 20, 0x72696465);
  log_sum sum;
  sum.add(std::string_view(header).substr(0, 24), false);
  put_big_endian(header, 24, sum.first);
  put_big_endian(header, 28, sum.second);
  out << header;
  const auto put = [&](std::uint32_t page_number, std::uint32_t commits, const std::string& page) {
    std::string head(frame_header_size, '\0');
    put_big_endian(head, 0, page_number);
    put_big_endian(head, 4, commits);
    head.replace(8, 8, header, 16, 8);
    sum.add(std::string_view(head).substr(0, 8), false);
    sum.add(page, false);
    put_big_endian(head, 16, sum.first);
    put_big_endian(head, 20, sum.second);
    out << head << page;
  };
  if (first_page) put(1, pages, *first_page);
  log_reader log(from);
  log_reader::frame one;
  std::optional<log_reader::frame> before;  // the last one is written as the end of a commit, whatever it was
  for (number = 1; number <= last && log.next(one); ++number) {
    if (!one.proven && !one.whole) continue;
    if (before) put(before->page_number(), before->commits(), before->page);
    before = one;
  }
  if (before) put(before->page_number(), pages, before->page);
  out.close();
  if (!out) return fail(cause::spool_failed, stage::queue, to.native() + ": cannot be written");
  return true;
}

}  // namespace postrider::sqlite
