#pragma once

#include <nanobind/nanobind.h>

namespace weir::python {

/// `ParcelReader`, `TerminalStep`, `CustomerStep`: the keyed steps of a stream.
void bind_stream_steps(nanobind::module_& module);

}  // namespace weir::python
