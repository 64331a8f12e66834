# postrider::postrider: everything that needs only Asio, OpenSSL and tl::expected.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Asio REQUIRED)
find_package(tl-expected REQUIRED)

add_library(postrider INTERFACE)
add_library(postrider::postrider ALIAS postrider)
target_compile_features(postrider INTERFACE cxx_std_20)
target_include_directories(postrider INTERFACE
  "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>"
  "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
target_link_libraries(postrider INTERFACE Asio::Asio tl::expected OpenSSL::SSL OpenSSL::Crypto Threads::Threads)

# Asio before 1.26 does not see the coroutines of Clang with libstdc++; the whole program must agree.
target_compile_definitions(postrider INTERFACE
  "$<$<AND:$<CXX_COMPILER_ID:Clang,AppleClang>,$<BOOL:${Asio_NEEDS_CO_AWAIT}>>:ASIO_HAS_CO_AWAIT=1>")
# g++ 10 to 12 keep coroutines behind a switch in some configurations.
target_compile_options(postrider INTERFACE "$<$<CXX_COMPILER_ID:GNU>:-fcoroutines>")

# postrider::sqlite: the storages of <postrider/storage/sqlite.hpp>, only where SQLite and zlib are present.
find_package(SQLite3 QUIET)
find_package(ZLIB QUIET)
if(SQLite3_FOUND AND ZLIB_FOUND)
  add_library(postrider_sqlite INTERFACE)
  add_library(postrider::sqlite ALIAS postrider_sqlite)
  set_target_properties(postrider_sqlite PROPERTIES EXPORT_NAME sqlite)
  target_link_libraries(postrider_sqlite INTERFACE postrider SQLite::SQLite3 ZLIB::ZLIB)
endif()
