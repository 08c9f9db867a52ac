# Imported target for the libxgboost inside the xgboost-cpu wheel of ${Python_EXECUTABLE}.
# The wheel has no headers: src/edge/training declares the few functions of the C interface it calls.
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
    "import importlib.metadata as m; d = m.distribution('xgboost-cpu'); print(d.locate_file('xgboost/lib/libxgboost.so'), d.version, sep=';')"
  OUTPUT_VARIABLE _xgboost OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
list(GET _xgboost 0 _xgboost_library)
list(GET _xgboost 1 XGBOOST_VERSION)
if(NOT XGBOOST_VERSION VERSION_EQUAL 3.2.0)
  message(FATAL_ERROR "xgboost-cpu ${XGBOOST_VERSION} found, 3.2.0 wanted; run tools/setup.sh")
endif()
add_library(xgboost::xgboost SHARED IMPORTED GLOBAL)
set_target_properties(xgboost::xgboost PROPERTIES
  IMPORTED_LOCATION ${_xgboost_library} IMPORTED_NO_SONAME ON)
