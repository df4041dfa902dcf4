# liblvr, a static library with a plain C face, and the example that uses it. From CMakeLists.txt; needs no Python:
#
#   cmake -S . -B build/lvr -DLEVERET_PYTHON=OFF
#   cmake --build build/lvr
#   cmake --install build/lvr --prefix /usr/local
#
# For another CPU, such as arm64 from a PC:
#
#   cmake -S . -B build/lvr-arm64 -DLEVERET_PYTHON=OFF -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
#     -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++
#
# LEVERET_PORTABLE_ALONE leaves out the instruction sets that need flags of their own: smaller, slower, for any CPU of 64
# bits, little-endian, that C++20 is compiled for.
include(GNUInstallDirs)
enable_language(C)

option(LEVERET_PORTABLE_ALONE "leave out all instruction sets but the portable one" OFF)

set(lvr_shared ${leveret_sources})
if(LEVERET_PORTABLE_ALONE)
  list(FILTER lvr_shared EXCLUDE REGEX "isa/(popcnt|avx2|avx512|neon|neon_dotprod).cpp")
endif()
add_library(lvr STATIC
  ${lvr_shared}
  src/kernels/lvr/builder.cpp
  src/kernels/lvr/codings.cpp
  src/kernels/lvr/container.cpp
  src/kernels/lvr/contract.cpp
  src/kernels/lvr/graph.cpp
  src/kernels/lvr/json.cpp
  src/kernels/lvr/lvr.cpp
  src/kernels/lvr/net.cpp
  src/kernels/lvr/sha256.cpp
  src/kernels/lvr/shape.cpp
  src/kernels/lvr/text.cpp
  src/kernels/lvr/unicode.cpp
  src/kernels/lvr/ops/bit_ops.cpp
  src/kernels/lvr/ops/float_ops.cpp
  src/kernels/lvr/ops/layer.cpp
  src/kernels/lvr/ops/map_ops.cpp
  src/kernels/lvr/ops/pool_ops.cpp
  src/kernels/lvr/ops/sparse_op.cpp
  src/kernels/lvr/ops/table.cpp
  src/kernels/lvr/ops/value_ops.cpp
  src/kernels/lvr/ops/whole_ops.cpp
)
target_include_directories(lvr PRIVATE src/kernels PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src/kernels/lvr>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(lvr PUBLIC Threads::Threads)
target_compile_options(lvr PRIVATE -Wall -Wextra)
# it may become part of a shared library
set_target_properties(lvr PROPERTIES POSITION_INDEPENDENT_CODE ON PUBLIC_HEADER src/kernels/lvr/lvr.h)
if(LEVERET_PORTABLE_ALONE)
  target_compile_definitions(lvr PRIVATE LEVERET_PORTABLE_ALONE)
endif()

add_executable(predict examples/c/predict.c)
target_compile_options(predict PRIVATE -Wall -Wextra)
target_link_libraries(predict PRIVATE lvr m)
# C++'s library comes along
set_target_properties(predict PROPERTIES LINKER_LANGUAGE CXX C_STANDARD 99)

# what the tests run: logits as they are
add_executable(run_lvr EXCLUDE_FROM_ALL tests/native/run_lvr.c)
target_compile_options(run_lvr PRIVATE -Wall -Wextra)
target_link_libraries(run_lvr PRIVATE lvr m)
set_target_properties(run_lvr PROPERTIES LINKER_LANGUAGE CXX C_STANDARD 99)

install(TARGETS lvr
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
