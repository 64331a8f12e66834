# What the project asks of its own code; users of the library never see it.
add_library(postrider_developer INTERFACE)
target_compile_options(postrider_developer INTERFACE
  -Wall -Wextra -Wpedantic $<IF:$<CXX_COMPILER_ID:GNU>,-Wshadow=local,-Wshadow> -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  # With optimisation g++ 12 sees these in coroutine frames and its own library (std::string's operator+, std::optional).
  "$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-maybe-uninitialized;-Wno-mismatched-new-delete>")
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(POSTRIDER_CCACHE ccache)
if(POSTRIDER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${POSTRIDER_CCACHE}")
endif()

# A third of the time for everything from nothing, more for one change.
option(POSTRIDER_UNITY "Compile the sources of each program as one" OFF)
set(CMAKE_UNITY_BUILD ${POSTRIDER_UNITY})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 0)
if(POSTRIDER_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # a source that is included is no header
  target_compile_options(postrider_developer INTERFACE -Wno-subobject-linkage)
endif()

set(POSTRIDER_SANITIZE "" CACHE STRING "Sanitizers to build with, comma separated: address, undefined, thread")
if(POSTRIDER_SANITIZE)
  add_compile_options(-fsanitize=${POSTRIDER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${POSTRIDER_SANITIZE})
  if(POSTRIDER_SANITIZE MATCHES "address")
    add_compile_definitions(ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
  endif()
  if(POSTRIDER_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)
  endif()
endif()
