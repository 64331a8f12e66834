# Turns the files of a folder into a C++ source that holds their bytes: run at build time as
#   cmake -DFOLDER=... -DOUTPUT=... "-DFILES=index.html;js/main.js" -P embed.cmake
# A file's path is its address; index.html is that of /.
set(types_html "text/html; charset=utf-8")
set(types_css "text/css; charset=utf-8")
set(types_js "text/javascript; charset=utf-8")
set(types_svg "image/svg+xml")

set(arrays "")
set(entries "")
set(number 0)
foreach(file IN LISTS FILES)
  string(REGEX REPLACE "^.*\\." "" extension "${file}")
  if(NOT DEFINED types_${extension})
    message(FATAL_ERROR "${file}: no type is known for .${extension}")
  endif()
  file(READ "${FOLDER}/${file}" bytes HEX)
  if(bytes STREQUAL "")
    message(FATAL_ERROR "${file} is empty")
  endif()
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "index\\.html$" "" address "/${file}")
  string(APPEND arrays "constexpr unsigned char file_${number}[] = {${bytes}};\n")
  string(APPEND entries "    {\"${address}\", \"${types_${extension}}\", text_of(file_${number})},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${OUTPUT}" "// Made by cmake/embed.cmake.
#include \"relay/page.hpp\"

namespace postrider::examples {
namespace {

template <std::size_t N>
std::string_view text_of(const unsigned char (&bytes)[N]) {
  return {reinterpret_cast<const char*>(bytes), N};
}

${arrays}
const page_file files[] = {
${entries}};

}  // namespace

std::span<const page_file> page_files() noexcept { return files; }

}  // namespace postrider::examples
")
