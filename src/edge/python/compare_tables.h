#pragma once

#include <string>

#include "core/evaluation/paired_comparison.h"
#include "edge/python/arrow_input.h"

namespace weir::python {

/// Champion against challenger on the same labelled payments, each as it would have decided; JSON.
///
/// `champion` and `challenger` have `margin` (float32), `touched` and `declined` (boolean), one row
/// a payment in the payments' order. A challenged genuine payment counts as executed (the
/// cardholder confirms), a challenged fraud does not.
std::string compare_tables(const ArrowTable& payments,
                           const ArrowTable& champion,
                           const ArrowTable& challenger,
                           const ComparisonOptions& options);

}  // namespace weir::python
