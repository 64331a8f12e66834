// The only configuration of the library. No macro here changes the layout of a public type.
#pragma once

#if defined(__clang__) && !defined(ASIO_HAS_CO_AWAIT)
#include <asio/version.hpp>
#if ASIO_VERSION < 102600
#error "Clang with Asio older than 1.26 needs ASIO_HAS_CO_AWAIT=1 in the whole program; the CMake target sets it"
#endif
#endif

#define POSTRIDER_VERSION_MAJOR 0
#define POSTRIDER_VERSION_MINOR 1
#define POSTRIDER_VERSION_PATCH 0
