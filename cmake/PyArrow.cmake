# Imported targets for the libarrow and libparquet inside the pyarrow wheel of ${Python_EXECUTABLE}.
# The wheel brings headers and versioned .so files but no ArrowConfig.cmake.
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
    "import pyarrow as a; b = a.cpp_build_info; print(a.get_include(), a.get_library_dirs()[0], b.so_version, b.version, sep=';')"
  WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
  OUTPUT_VARIABLE _pyarrow OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
list(GET _pyarrow 0 _pyarrow_include)
list(GET _pyarrow 1 _pyarrow_libdir)
list(GET _pyarrow 2 PYARROW_SO)
list(GET _pyarrow 3 _pyarrow_version)
# C++ Arrow promises nothing across major versions (25 has S3 inside libarrow, 26 beside it).
if(NOT _pyarrow_version VERSION_GREATER_EQUAL 26 OR NOT _pyarrow_version VERSION_LESS 27)
  message(FATAL_ERROR "pyarrow ${_pyarrow_version} found, 26.x wanted; run tools/setup.sh")
endif()

function(_pyarrow_library target file)
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${_pyarrow_libdir}/lib${file}.so.${PYARROW_SO}
    IMPORTED_SONAME lib${file}.so.${PYARROW_SO}
    INTERFACE_INCLUDE_DIRECTORIES ${_pyarrow_include}
    INTERFACE_LINK_LIBRARIES "${ARGN}")
endfunction()
_pyarrow_library(pyarrow::arrow arrow)
_pyarrow_library(pyarrow::parquet parquet pyarrow::arrow)
