// What a damaged disk may hand to the spool: records that are read as well as they can be, logs that are mended.
#include <postrider/storage/record_text.hpp>
#include <postrider/storage/sqlite_log.hpp>

#include "fuzz/require.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

using namespace postrider;

namespace {

/// A file in memory, with a path.
class memory_file {
 public:
  explicit memory_file(std::string_view bytes) : descriptor_(::memfd_create("log", 0)) {
    require(descriptor_ >= 0);
    require(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<::ssize_t>(bytes.size()));
  }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  ~memory_file() { ::close(descriptor_); }

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);

  // What was read once is written, and read again, as the same.
  const std::string whole = storage::to_text(storage::receipt_from_text(bytes));
  require(storage::to_text(storage::receipt_from_text(whole)) == whole);
  const std::string why = storage::to_text(storage::failure_from_text(bytes));
  require(storage::to_text(storage::failure_from_text(why)) == why);

  // A mended log has nothing to mend.
  const memory_file log(bytes), mended("");
  static_cast<void>(sqlite::damage_of_log(log.path()));
  const auto done = sqlite::mend_log(log.path(), mended.path(), std::nullopt, 1);
  require(done.has_value());
  require(!*done || !sqlite::damage_of_log(mended.path()));
  return 0;
}
