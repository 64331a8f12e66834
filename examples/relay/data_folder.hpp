// A data folder: its files, and the lock that makes one process its owner.
#pragma once

#include <postrider/core/result.hpp>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace postrider::examples {

class data_folder {
 public:
  explicit data_folder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path registry() const { return path_ / "registry.db"; }
  std::filesystem::path spool() const { return path_ / "spool.db"; }
  std::filesystem::path accounts() const { return path_ / "console.db"; }
  std::filesystem::path lock() const { return path_ / "lock"; }
  std::filesystem::path control() const { return path_ / "control.sock"; }

 private:
  std::filesystem::path path_;
};

/// Where the key is kept if no option says so: $POSTRIDER_KEY_FILE, or a place in the user's home; empty without one.
inline std::filesystem::path usual_key_file() {
  if (const char* named = std::getenv("POSTRIDER_KEY_FILE"); named != nullptr && *named != '\0') return named;
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return std::filesystem::path(home) / ".config" / "postrider" / "key";
  return {};
}

/// The folder belongs to this process as long as this lives. The kernel releases it, however the process ends.
class folder_lock {
 public:
  /// Makes the folder if it is missing. Nothing if another process has it; an error names the path.
  static result<std::optional<folder_lock>> try_take(const data_folder& folder) {
    const auto broken = [](const std::filesystem::path& path, const std::string& why) {
      return fail(cause::invalid_configuration, stage::queue, path.native() + ": " + why);
    };
    std::error_code error;
    const bool made = std::filesystem::create_directories(folder.path(), error);
    if (error) return broken(folder.path(), "the data folder cannot be made: " + error.message());
    if (made) ::chmod(folder.path().c_str(), S_IRWXU);
    const int file = ::open(folder.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0) return broken(folder.lock(), "the data folder cannot be locked: " + message(errno));
    folder_lock taken(file);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return std::nullopt;
      return broken(folder.lock(), "the data folder cannot be locked: " + message(errno));
    }
    const std::string pid = std::to_string(::getpid()) + '\n';
    if (::ftruncate(file, 0) != 0 || ::pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
      return broken(folder.lock(), "the data folder cannot be written: " + message(errno));
    return taken;
  }

  /// The process that has the folder, as far as it said so; 0 if it did not.
  static int owner(const data_folder& folder) {
    const int file = ::open(folder.lock().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    char text[16];
    const ssize_t size = ::read(file, text, sizeof text);
    ::close(file);
    int pid = 0;
    if (size > 0) std::from_chars(text, text + size, pid);
    return pid;
  }

  folder_lock(folder_lock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  folder_lock& operator=(folder_lock&&) = delete;
  ~folder_lock() {
    if (file_ >= 0) ::close(file_);
  }

 private:
  explicit folder_lock(int file) : file_(file) {}
  static std::string message(int error) { return std::error_code(error, std::generic_category()).message(); }

  int file_;
};

/// "DIR is in use by process 1234"
inline failure in_use(const data_folder& folder) {
  const int pid = folder_lock::owner(folder);
  return failure(
      cause::invalid_configuration, stage::queue,
      folder.path().native() + " is in use by " + (pid != 0 ? "process " + std::to_string(pid) : "another process"));
}

}  // namespace postrider::examples
