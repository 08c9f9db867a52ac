include(GoogleTest)

add_library(weir_options INTERFACE)
target_include_directories(weir_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(weir_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  # Errors with the compiler of CI; a newer one may know warnings that nobody has seen, and must still build. So must
  # a build with sanitizers, whose own code gives g++ false ones.
  $<$<AND:$<NOT:$<BOOL:${WEIR_SANITIZED}>>,$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Werror>
  # g++ 12 warns of overlaps inside std::string that cannot happen (its bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # Bits must be the same on every machine and at every optimisation level.
  -ffp-contract=off)

# One library a folder: weir_library(core_features SOURCES … TESTS … DEPENDS core_transaction fmt::fmt)
# builds the static library and, from TESTS, one GoogleTest program <name>_test; headers must compile alone.
function(weir_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;TESTS;DEPENDS;TEST_DEPENDS")
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC weir_options ${arg_DEPENDS})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  file(GLOB _headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR}/src FILES ${_headers})
  set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  if(arg_TESTS AND NOT WEIR_PACKAGE_ONLY)
    weir_test(${name}_test SOURCES ${arg_TESTS} DEPENDS ${name} ${arg_TEST_DEPENDS})
  endif()
endfunction()

function(weir_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  add_executable(${name} ${arg_SOURCES})
  # GoogleTest's macros make most of the code: optimising it takes half the time of a cold build.
  target_compile_options(${name} PRIVATE $<IF:$<CONFIG:Release>,-O1,-O0>)
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE WEIR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endfunction()
