# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What every room is built with, and the one way to declare a room.

add_library(synfate_flags INTERFACE)
target_compile_options(synfate_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
                                               -Wold-style-cast -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms of g++ 12: overlapping copies in std::string's operator+ (GCC bug 105651), the empty value of a std::optional (80635).
  target_compile_options(synfate_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # What libbpf's macro for options is made of.
  target_compile_options(synfate_flags INTERFACE -Wno-gnu-statement-expression -Wno-c99-extensions)
endif()
if(SYNFATE_SANITIZE STREQUAL "address")
  # Numbers of newer kernels go into enumerations of the headers that this is built with, as the kernel's interface means it.
  target_compile_options(synfate_flags INTERFACE -fsanitize=address,undefined -fno-sanitize=enum -fno-sanitize-recover=undefined)
  target_link_options(synfate_flags INTERFACE -fsanitize=address,undefined)
  if(SYNFATE_FUZZ)
    target_compile_options(synfate_flags INTERFACE -fsanitize=fuzzer-no-link)
  endif()
elseif(SYNFATE_SANITIZE STREQUAL "thread")
  target_compile_options(synfate_flags INTERFACE -fsanitize=thread)
  target_link_options(synfate_flags INTERFACE -fsanitize=thread)
elseif(SYNFATE_SANITIZE)
  message(FATAL_ERROR "SYNFATE_SANITIZE is address, thread or nothing, not ${SYNFATE_SANITIZE}")
endif()

# synfate_room(NAME SOURCES a.cpp ... ROOMS base model ... LIBRARIES PkgConfig::LIBBPF ...)
# A static library synfate_NAME; ROOMS are the rooms that it may include, LIBRARIES stay private to it.
function(synfate_room name)
  cmake_parse_arguments(arg "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  add_library(synfate_${name} STATIC ${arg_SOURCES})
  target_include_directories(synfate_${name} PUBLIC ${CMAKE_SOURCE_DIR}/userspace)
  target_link_libraries(synfate_${name} PRIVATE synfate_flags ${arg_LIBRARIES})
  foreach(room IN LISTS arg_ROOMS)
    target_link_libraries(synfate_${name} PUBLIC synfate_${room})
  endforeach()
endfunction()
