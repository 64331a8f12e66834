// What a spool in an SQLite file is told when it is opened.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace postrider::sqlite {

struct spool_options {
  bool sync_every_commit = true;                     ///< false: fast and not durable, for tests
  std::size_t fresh_content = 64 * 1024 * 1024;      ///< bytes of new contents kept in memory for their first delivery
  std::chrono::milliseconds check_records_for{500};  ///< so long, at most, records are checked on opening
  std::uintmax_t keep_free = 32 * 1024 * 1024;  ///< bytes of the disk that no new mail may take: settlements need room
};

}  // namespace postrider::sqlite
