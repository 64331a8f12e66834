// The console's page: the files of examples/relay/console, as the build put them into the program.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace postrider::examples {

struct page_file {
  std::string_view path;  ///< of the request: "/", "/console.css"
  std::string_view type;  ///< for Content-Type
  std::string_view text;
};

/// Every file of the page. They live as long as the program.
std::span<const page_file> page_files() noexcept;

}  // namespace postrider::examples
