// Sums that tell whether what a disk gives back is what was written to it.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>
#include <zlib.h>

namespace postrider::storage {

/// CRC-32 (ISO 3309) over values in their order: finds what disks and cables do, and every error of up to 32 bits in a
/// row; it is no protection against somebody who wants it to fit.
class checksum {
 public:
  /// Bytes, whose number is part of the sum: two texts are not one that is as long as both.
  checksum& add(std::string_view bytes) noexcept {
    add(bytes.size());
    sum_ = crc32_z(sum_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    return *this;
  }
  checksum& add(std::integral auto number) noexcept {
    Bytef octets[8];
    auto rest = static_cast<std::uint64_t>(number);
    for (Bytef& one : octets) {
      one = static_cast<Bytef>(rest & 0xff);
      rest >>= 8;
    }
    sum_ = crc32_z(sum_, octets, sizeof octets);
    return *this;
  }

  std::uint32_t value() const noexcept { return static_cast<std::uint32_t>(sum_); }

 private:
  uLong sum_ = crc32_z(0, nullptr, 0);
};

}  // namespace postrider::storage
