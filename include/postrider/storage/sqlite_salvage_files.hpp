// The files that a salvage leaves, and the last step of it, which may be taken by whoever starts next.
#pragma once

#include <postrider/core/result.hpp>

#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace postrider::sqlite {

namespace detail {

/// The names of the files that a salvage works with, in the folder of the spool.
class salvage_files {
 public:
  explicit salvage_files(std::filesystem::path spool) : spool(std::move(spool)) {}

  std::filesystem::path with(const char* suffix) const { return spool.native() + suffix; }
  std::filesystem::path source() const { return with(".salvage-source"); }
  std::filesystem::path making() const { return with(".salvage-making"); }
  std::filesystem::path made() const { return with(".salvaged"); }

  static void remove(const std::filesystem::path& database) {
    std::error_code ignored;
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(database.native() + suffix, ignored);
  }

  /// The first name for a damaged file that is free.
  std::filesystem::path aside() const {
    for (int number = 1;; ++number) {
      std::filesystem::path path = with(".damaged-") += std::to_string(number);
      if (!std::filesystem::exists(path)) return path;
    }
  }

  const std::filesystem::path spool;
};

inline result<void> moved(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (!error) return {};
  return fail(cause::spool_failed, stage::queue,
              from.native() + ": cannot be renamed to " + to.native() + ": " + error.message());
}

/// Makes names, or the bytes of a file, durable.
inline result<void> synced(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = file >= 0 && ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  if (done) return {};
  return fail(cause::spool_failed, stage::queue, path.native() + ": cannot be synced");
}

/// What marks a file of SQLite as some program's, whatever else is wrong with it; 0 if it is too short.
inline std::int32_t application_id_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  char header[100];
  if (!file.read(header, sizeof header)) return 0;
  std::uint32_t id = 0;
  for (int at = 68; at < 72; ++at) id = id << 8 | static_cast<unsigned char>(header[at]);
  return static_cast<std::int32_t>(id);
}

/// Whether the file was one of `application_id`, and says of itself what no such file says: SQLite takes it for
/// something else then.
inline bool has_damaged_header(const std::filesystem::path& path, std::int32_t application_id) {
  // Pages of 4,096 bytes, a log beside the file, nothing reserved in pages, and three constants.
  constexpr std::string_view usual("SQLite format 3\0\x10\0\2\2\0\x40\x20\x20", 24);
  char header[usual.size()];
  std::ifstream file(path, std::ios::binary);
  if (application_id_of(path) != application_id || !file.read(header, sizeof header)) return false;
  return std::string_view(header, sizeof header) != usual;
}

}  // namespace detail

/// Puts the results of `salvage_spool` in their place, if it was cut off when all but that was done. Does nothing else.
inline result<std::optional<std::filesystem::path>> finish_salvage(const std::filesystem::path& path) {
  const detail::salvage_files files(path);
  if (!std::filesystem::exists(files.made())) return std::nullopt;
  const auto aside = files.aside();
  // The log first, so that a second try finds the same name for both.
  if (std::filesystem::exists(files.with("-wal")))
    if (auto done = detail::moved(files.with("-wal"), aside.native() + "-wal"); !done)
      return fail(std::move(done.error()));
  std::error_code ignored;
  std::filesystem::remove(files.with("-shm"), ignored);
  if (std::filesystem::exists(path))
    if (auto done = detail::moved(path, aside); !done) return fail(std::move(done.error()));
  if (auto done = detail::moved(files.made(), path); !done) return fail(std::move(done.error()));
  if (auto done = detail::synced(std::filesystem::absolute(path).parent_path()); !done)
    return fail(std::move(done.error()));
  return aside;
}

}  // namespace postrider::sqlite
