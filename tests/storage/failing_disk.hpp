// A disk that fails when told to: a VFS of SQLite that passes everything on to the real one, until it does not.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace test {

/// Becomes SQLite's default for databases opened while it lives. One at a time.
class failing_disk {
 public:
  failing_disk() : real_(sqlite3_vfs_find(nullptr)) {
    vfs_ = *real_;
    vfs_.zName = "failing-disk";
    vfs_.szOsFile = static_cast<int>(sizeof(file)) + real_->szOsFile;
    vfs_.pAppData = this;
    vfs_.xOpen = [](sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* opened, int flags, int* out) {
      auto* self = static_cast<failing_disk*>(vfs->pAppData);
      auto* wrapper = reinterpret_cast<file*>(opened);
      wrapper->disk = self;
      wrapper->base.pMethods = nullptr;
      const int code = self->real_->xOpen(self->real_, name, wrapper->real(), flags, out);
      if (wrapper->real()->pMethods != nullptr) wrapper->base.pMethods = &methods();
      return code;
    };
    if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::runtime_error("cannot register");
  }
  failing_disk(const failing_disk&) = delete;
  failing_disk& operator=(const failing_disk&) = delete;
  ~failing_disk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }

  /// `count` more writes and syncs succeed, then all of them fail with `code`, until `repair`.
  void break_after(long count, int code) {
    code_ = code;
    left_ = count;
  }
  void repair() { left_ = healthy; }

  /// Writes and syncs so far.
  long operations() const { return operations_; }
  /// Syncs so far.
  long syncs() const { return syncs_; }

 private:
  static constexpr long healthy = std::numeric_limits<long>::max();

  struct file {
    sqlite3_file base;
    failing_disk* disk;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    static file& of(sqlite3_file* f) { return *reinterpret_cast<file*>(f); }
  };

  int next() {
    ++operations_;
    if (left_ == healthy) return SQLITE_OK;
    return left_-- > 0 ? SQLITE_OK : code_.load();
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods passing = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;
      m.xClose = [](sqlite3_file* f) { return file::of(f).real()->pMethods->xClose(file::of(f).real()); };
      m.xRead = [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
        return file::of(f).real()->pMethods->xRead(file::of(f).real(), to, n, at);
      };
      m.xWrite = [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
        const int code = file::of(f).disk->next();
        return code != SQLITE_OK ? code : file::of(f).real()->pMethods->xWrite(file::of(f).real(), from, n, at);
      };
      m.xTruncate = [](sqlite3_file* f, sqlite3_int64 n) {
        return file::of(f).real()->pMethods->xTruncate(file::of(f).real(), n);
      };
      m.xSync = [](sqlite3_file* f, int flags) {
        ++file::of(f).disk->syncs_;
        const int code = file::of(f).disk->next();
        static_cast<void>(flags);
        return code != SQLITE_OK ? SQLITE_IOERR_FSYNC
                                 : SQLITE_OK;  // power stays on here: nothing need reach the platter
      };
      m.xFileSize = [](sqlite3_file* f, sqlite3_int64* n) {
        return file::of(f).real()->pMethods->xFileSize(file::of(f).real(), n);
      };
      m.xLock = [](sqlite3_file* f, int level) {
        return file::of(f).real()->pMethods->xLock(file::of(f).real(), level);
      };
      m.xUnlock = [](sqlite3_file* f, int level) {
        return file::of(f).real()->pMethods->xUnlock(file::of(f).real(), level);
      };
      m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
        return file::of(f).real()->pMethods->xCheckReservedLock(file::of(f).real(), out);
      };
      m.xFileControl = [](sqlite3_file* f, int op, void* arg) {
        return file::of(f).real()->pMethods->xFileControl(file::of(f).real(), op, arg);
      };
      m.xSectorSize = [](sqlite3_file* f) { return file::of(f).real()->pMethods->xSectorSize(file::of(f).real()); };
      m.xDeviceCharacteristics = [](sqlite3_file* f) {
        return file::of(f).real()->pMethods->xDeviceCharacteristics(file::of(f).real());
      };
      m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
        return file::of(f).real()->pMethods->xShmMap(file::of(f).real(), page, size, extend, out);
      };
      m.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
        return file::of(f).real()->pMethods->xShmLock(file::of(f).real(), offset, n, flags);
      };
      m.xShmBarrier = [](sqlite3_file* f) { file::of(f).real()->pMethods->xShmBarrier(file::of(f).real()); };
      m.xShmUnmap = [](sqlite3_file* f, int remove) {
        return file::of(f).real()->pMethods->xShmUnmap(file::of(f).real(), remove);
      };
      return m;
    }();
    return passing;
  }

  sqlite3_vfs* real_;
  sqlite3_vfs vfs_{};
  std::atomic<long> left_{healthy};
  std::atomic<int> code_{SQLITE_OK};
  std::atomic<long> operations_{0};
  std::atomic<long> syncs_{0};
};

}  // namespace test
