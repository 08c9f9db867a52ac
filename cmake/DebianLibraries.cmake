# Imported targets for Debian libraries that bring no CMake package of their own.
find_path(TOMLPLUSPLUS_INCLUDE toml++/toml.h REQUIRED)
add_library(tomlplusplus INTERFACE IMPORTED GLOBAL)
target_include_directories(tomlplusplus SYSTEM INTERFACE ${TOMLPLUSPLUS_INCLUDE})
if(EXISTS ${TOMLPLUSPLUS_INCLUDE}/toml++/toml.hpp)
  # Newer packages ship a compiled library too; header-only keeps both alike.
  target_compile_definitions(tomlplusplus INTERFACE TOML_HEADER_ONLY=1)
endif()

function(_debian_library target header library)
  find_path(_include_${library} ${header} REQUIRED)
  find_library(_library_${library} ${library} REQUIRED)
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${_library_${library}}
    INTERFACE_INCLUDE_DIRECTORIES ${_include_${library}})
endfunction()
_debian_library(zstd zstd.h zstd)
_debian_library(xxhash xxhash.h xxhash)
if(NOT WEIR_PACKAGE_ONLY)
  _debian_library(http_parser http_parser.h http_parser)
  _debian_library(sqlite3 sqlite3.h sqlite3)
endif()
