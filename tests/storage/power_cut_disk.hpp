// A disk that loses its power: a VFS of SQLite that knows what was synced, and forgets the rest in part when it is cut.
#pragma once

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

namespace test {

/// Becomes SQLite's default for databases opened while it lives; one at a time. Files lie where they are named. What is
/// written to them stays in doubt until they are synced: of each sector the old bytes, the new ones or some of both may
/// be there after the cut, a file may be as long as it was or as it is, and a directory entry that was made or removed
/// may be there or not until a log or journal that was created is synced (as SQLite does on Unix).
class power_cut_disk {
 public:
  explicit power_cut_disk(std::uint64_t seed) : chance_(seed), real_(sqlite3_vfs_find(nullptr)) {
    vfs_ = *real_;
    vfs_.zName = "power-cut-disk";
    vfs_.szOsFile = static_cast<int>(sizeof(file)) + real_->szOsFile;
    vfs_.pAppData = this;
    vfs_.xOpen = [](sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* opened, int flags, int* out) {
      return static_cast<power_cut_disk*>(vfs->pAppData)->open(name, opened, flags, out);
    };
    vfs_.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync_folder) {
      return static_cast<power_cut_disk*>(vfs->pAppData)->remove(name, sync_folder != 0);
    };
    if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::runtime_error("cannot register");
  }
  power_cut_disk(const power_cut_disk&) = delete;
  power_cut_disk& operator=(const power_cut_disk&) = delete;
  ~power_cut_disk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }

  /// The power fails at the operation after `count` more; from then on nothing can be written.
  void cut_after(long count) { left_ = count; }
  bool dark() const { return dark_; }

  /// Once all databases are closed: the power is back, and the files are what the cut has left of them.
  void restore() {
    const std::lock_guard lock(mutex_);
    if (!dark_) cut();
    for (auto& [name, one] : files_) {
      std::filesystem::remove(name);
      std::filesystem::remove(name + "-shm");
      if (one.left) std::ofstream(name, std::ios::binary) << *one.left;
      one.on_disk = one.named = one.left.has_value();
      one.synced = one.left.value_or(std::string());
      one.left.reset();
      one.removed.reset();
      one.doubtful.clear();
    }
    dark_ = false;
    left_ = plenty;
  }

 private:
  static constexpr long plenty = std::numeric_limits<long>::max();
  static constexpr std::int64_t sector = 512;

  /// What is known of one name.
  struct entry {
    bool named = false;                  // the directory has it, as far as programs see
    bool on_disk = false;                // ... and as far as the disk knows
    std::string synced;                  // the content that is on stable storage
    std::set<std::int64_t> doubtful;     // sectors written since
    std::optional<std::string> removed;  // the content of a file that was removed, and may be back
    std::optional<std::string> left;     // what the cut has left
  };

  struct file {
    sqlite3_file base;
    power_cut_disk* disk;
    entry* of;         // nullptr: not of interest
    bool sync_folder;  // a log or journal that was just created
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    static file& from(sqlite3_file* f) { return *reinterpret_cast<file*>(f); }
  };

  /// Called before each operation that the disk would have to remember. True if there is power for it.
  bool powered() {
    if (dark_) return false;
    if (left_ == plenty || left_-- > 0) return true;
    cut();
    return false;
  }

  void cut() {
    dark_ = true;
    // Sometimes all that was not synced is lost, sometimes nothing, most often a part.
    const unsigned share = chance_() % 4;
    const auto lucky = [&] { return share == 0 ? false : share == 1 ? true : chance_() % 2 == 0; };
    for (auto& [name, one] : files_) {
      const bool there = one.named == one.on_disk ? one.named : (lucky() ? one.named : one.on_disk);
      if (!there) one.left.reset();
      else if (one.removed && (!one.named || !lucky())) one.left = *one.removed;
      else one.left = remains(name, one, lucky);
    }
  }

  template <class Lucky>
  std::string remains(const std::string& name, const entry& one, Lucky lucky) {
    const std::string now = content(name);
    std::string left = one.synced;
    if (lucky()) left.resize(now.size());
    else if (now.size() > left.size() && lucky())
      left.resize(left.size() + chance_() % ((now.size() - left.size()) / sector + 1) * sector);
    for (const std::int64_t number : one.doubtful) {
      const auto begin = static_cast<std::size_t>(number * sector);
      const std::size_t end = std::min({begin + sector, left.size(), now.size()});
      if (begin >= end || !lucky()) continue;
      const std::size_t written = chance_() % 8 == 0 ? chance_() % (end - begin) : end - begin;  // torn, now and then
      left.replace(begin, written, now, begin, written);
    }
    return left;
  }

  static std::string content(const std::string& name) {
    std::ifstream in(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  void folder_synced() {
    for (auto& [name, one] : files_) {
      one.on_disk = one.named;
      one.removed.reset();
    }
  }

  int open(sqlite3_filename name, sqlite3_file* opened, int flags, int* out) {
    auto* wrapper = reinterpret_cast<file*>(opened);
    wrapper->disk = this;
    wrapper->of = nullptr;
    wrapper->sync_folder = false;
    wrapper->base.pMethods = nullptr;
    const int kept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
    const bool watched = name != nullptr && (flags & kept) != 0;
    const std::lock_guard lock(mutex_);
    if (watched && dark_) return SQLITE_CANTOPEN;
    const int code = real_->xOpen(real_, name, wrapper->real(), flags, out);
    if (wrapper->real()->pMethods == nullptr) return code;
    wrapper->base.pMethods = &methods();
    if (!watched) return code;
    entry& one = files_[name];
    const bool made = !one.named;
    one.named = true;
    wrapper->of = &one;
    wrapper->sync_folder = made && (flags & SQLITE_OPEN_MAIN_DB) == 0;
    return code;
  }

  int remove(const char* name, bool sync_folder) {
    const std::lock_guard lock(mutex_);
    if (!powered()) return SQLITE_IOERR_DELETE;
    const auto found = files_.find(name);
    if (found != files_.end()) {
      entry& one = found->second;
      if (one.on_disk && !one.removed) one.removed = one.synced;
      one.named = false;
      one.synced.clear();
      one.doubtful.clear();
    }
    const int code = real_->xDelete(real_, name, 0);
    if (sync_folder) folder_synced();
    return code;
  }

  int write(file& to, const void* from, int count, sqlite3_int64 at) {
    const std::lock_guard lock(mutex_);
    const bool interrupted = !dark_ && left_ == 0;
    if (!interrupted && !powered()) return SQLITE_IOERR_WRITE;
    const int code = to.real()->pMethods->xWrite(to.real(), from, count, at);
    for (std::int64_t number = at / sector; number * sector < at + count; ++number) to.of->doubtful.insert(number);
    if (!interrupted) return code;
    cut();  // while this is being written
    return SQLITE_IOERR_WRITE;
  }

  int truncate(file& of, sqlite3_int64 size) {
    const std::lock_guard lock(mutex_);
    if (!powered()) return SQLITE_IOERR_TRUNCATE;
    return of.real()->pMethods->xTruncate(of.real(), size);
  }

  int sync(file& of) {
    const std::lock_guard lock(mutex_);
    if (!powered()) return SQLITE_IOERR_FSYNC;
    sqlite3_int64 size = 0;
    of.real()->pMethods->xFileSize(of.real(), &size);
    of.of->synced.resize(static_cast<std::size_t>(size));
    for (const std::int64_t number : of.of->doubtful) {
      const std::int64_t count = std::min<std::int64_t>(sector, size - number * sector);
      if (count > 0)
        of.real()->pMethods->xRead(of.real(), of.of->synced.data() + number * sector, static_cast<int>(count),
                                   number * sector);
    }
    of.of->doubtful.clear();
    if (std::exchange(of.sync_folder, false)) folder_synced();
    return SQLITE_OK;
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods watching = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;
      m.xClose = [](sqlite3_file* f) { return file::from(f).real()->pMethods->xClose(file::from(f).real()); };
      m.xRead = [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
        return file::from(f).real()->pMethods->xRead(file::from(f).real(), to, n, at);
      };
      m.xWrite = [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
        file& to = file::from(f);
        if (to.of == nullptr) return to.real()->pMethods->xWrite(to.real(), from, n, at);
        return to.disk->write(to, from, n, at);
      };
      m.xTruncate = [](sqlite3_file* f, sqlite3_int64 n) {
        file& of = file::from(f);
        if (of.of == nullptr) return of.real()->pMethods->xTruncate(of.real(), n);
        return of.disk->truncate(of, n);
      };
      m.xSync = [](sqlite3_file* f, int) {
        file& of = file::from(f);
        return of.of == nullptr ? SQLITE_OK : of.disk->sync(of);
      };
      m.xFileSize = [](sqlite3_file* f, sqlite3_int64* n) {
        return file::from(f).real()->pMethods->xFileSize(file::from(f).real(), n);
      };
      m.xLock = [](sqlite3_file* f, int level) {
        return file::from(f).real()->pMethods->xLock(file::from(f).real(), level);
      };
      m.xUnlock = [](sqlite3_file* f, int level) {
        return file::from(f).real()->pMethods->xUnlock(file::from(f).real(), level);
      };
      m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
        return file::from(f).real()->pMethods->xCheckReservedLock(file::from(f).real(), out);
      };
      // Nothing of what the real file may do behind our back: no preallocation, no hints.
      m.xFileControl = [](sqlite3_file* f, int op, void* arg) {
        if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE) return SQLITE_OK;
        return file::from(f).real()->pMethods->xFileControl(file::from(f).real(), op, arg);
      };
      m.xSectorSize = [](sqlite3_file*) { return static_cast<int>(sector); };
      m.xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; };
      m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
        return file::from(f).real()->pMethods->xShmMap(file::from(f).real(), page, size, extend, out);
      };
      m.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
        return file::from(f).real()->pMethods->xShmLock(file::from(f).real(), offset, n, flags);
      };
      m.xShmBarrier = [](sqlite3_file* f) { file::from(f).real()->pMethods->xShmBarrier(file::from(f).real()); };
      m.xShmUnmap = [](sqlite3_file* f, int remove) {
        return file::from(f).real()->pMethods->xShmUnmap(file::from(f).real(), remove);
      };
      return m;
    }();
    return watching;
  }

  std::mutex mutex_;
  std::mt19937_64 chance_;
  sqlite3_vfs* real_;
  sqlite3_vfs vfs_{};
  std::map<std::string, entry> files_;
  long left_ = plenty;
  std::atomic<bool> dark_{false};
};

}  // namespace test
