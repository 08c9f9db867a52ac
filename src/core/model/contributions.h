#pragma once

#include <span>

#include "core/model/forest.h"

namespace weir {

/// How much each input moved the margin of `row` away from the forest's mean: exact TreeSHAP,
/// path-dependent, as XGBoost's `pred_contribs` (within 1e-5 of it, which adds in float32).
///
/// Writes `forest.feature_count() + 1` values: one an input, then the bias (base margin plus the
/// mean of each tree over its training rows, weighted by cover). They add up to the margin.
/// The values of Algorithm 2 of Lundberg, Erion, Lee, "Consistent Individualized Feature
/// Attribution for Tree Ensembles", arXiv 1802.03888 (2018), by sums over edges as in Yu, Xu,
/// Bifet, Read, "Linear TreeSHAP" (NeurIPS 2022), with Gauss-Legendre points, exact up to rounding:
/// O(nodes · depth), no allocation a node.
void contributions(const Forest& forest, std::span<const float> row, std::span<double> out);

}  // namespace weir
