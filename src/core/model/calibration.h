#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// Turns a model's margin (log-odds) into the probability of fraud that money decisions need.
///
/// Monotone: a higher margin never has a lower probability. Immutable, so callable from any thread.
class Calibration {
 public:
  enum class Method : std::uint8_t {
    kIsotonic,  ///< Free form, for many frauds.
    kPlatt,     ///< A logistic curve, for few.
  };
  /// With fewer frauds than this, `fit` takes Platt's curve: steps of an isotonic fit would be
  /// noise.
  static constexpr std::size_t kIsotonicFrauds = 100;

  /// The fit for this many frauds. `margins` and `is_fraud` are of one length, in any order.
  /// Throws Error when either class is missing or a margin is not finite.
  static Calibration fit(std::span<const float> margins, std::span<const std::int8_t> is_fraud);

  /// Centered isotonic regression (A. Oron, N. Flournoy 2017): pool adjacent violators, then
  /// straight lines between the mean margins of the blocks, flat outside. The ends are kept off 0
  /// and 1 by half a payment. Exact integer counts; equal inputs in any order give equal bytes.
  static Calibration fit_isotonic(std::span<const float> margins,
                                  std::span<const std::int8_t> is_fraud);

  /// J. Platt's sigmoid (1999) with his smoothed targets, by the Newton method of H.-T. Lin,
  /// C.-J. Lin and R. Weng (2007). The slope is never negative.
  static Calibration fit_platt(std::span<const float> margins,
                               std::span<const std::int8_t> is_fraud);

  /// P(fraud) in [0, 1]; about 20 ns. NaN gives the probability of the lowest margin.
  double probability(float margin) const;

  Method method() const { return method_; }

  /// The bytes of `calibration.json`; `parse` reads exactly this calibration back.
  std::string to_json() const;

  /// Throws Error naming `source` for text that is no calibration or is not monotone.
  static Calibration parse(std::string_view json, std::string_view source);

  friend bool operator==(const Calibration&, const Calibration&) = default;

 private:
  Calibration() = default;

  Method method_ = Method::kPlatt;
  double slope_ = 1;
  double intercept_ = 0;
  std::vector<double> knot_margins_;        // Ascending.
  std::vector<double> knot_probabilities_;  // Of the same length, never falling.
};

}  // namespace weir
