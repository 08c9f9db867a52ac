#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/features/feature_spec.h"
#include "core/model/calibration.h"
#include "core/transaction/payment.h"

namespace weir {

/// Payments of a period: event_time in [from, to).
struct BundlePeriod {
  Seconds from = 0;
  Seconds to = 0;
  std::uint64_t rows = 0;
  std::uint64_t frauds = 0;

  friend bool operator==(const BundlePeriod&, const BundlePeriod&) = default;
};

/// What `model.json` says of a bundle.
struct BundleManifest {
  std::string name;
  /// The first 16 hex digits of a SHA-256 over everything in the bundle. Set by bundle_files.
  std::string version;
  std::string feature_fingerprint;
  Seconds label_delay = 0;
  BundlePeriod training;  ///< What the forest learned from.
  /// What stopped the training, fitted the calibration and set the thresholds; no rows when the
  /// number of rounds was given instead.
  BundlePeriod validation;
  /// From this time on every label that went in was known: using the model before is a leak.
  Seconds labels_known_at = 0;
  std::uint64_t seed = 0;
  std::map<std::string, double> parameters;
  std::map<std::string, std::string> libraries;  ///< Name → version.
  std::map<std::string, std::string> sha256;     ///< File → 64 hex digits. Set by bundle_files.

  friend bool operator==(const BundleManifest&, const BundleManifest&) = default;
};

/// A model with all that is needed to use it and to judge it. Immutable once saved.
struct Bundle {
  BundleManifest manifest;
  FeatureSpec features;
  std::string forest_ubj;  ///< XGBoost's UBJ, for Forest::parse_ubj.
  Calibration calibration;
  /// For Policy::parse; with beliefs for MoneyPolicy::parse.
  std::string policy_toml;
  std::string metrics_json;  ///< Of the validation period.
  std::string card;          ///< Markdown: what a validator wants to read.
  /// For BeliefRates::parse; empty in a bundle without beliefs, which decides by thresholds.
  std::string beliefs_toml = {};
  /// Of TrainingReference; empty in bundles from before there was one.
  std::string reference_json = {};
};

/// The files of a bundle by name: `model.json`, `forest.ubj`, `features.toml`, `calibration.json`,
/// `policy.toml`, `metrics.json`, `card.md`, `reference.json`, and with beliefs `beliefs.toml`.
using BundleFiles = std::map<std::string, std::string>;

/// The files of `bundle`, with hashes and version computed. Equal bundles give equal bytes.
BundleFiles bundle_files(const Bundle& bundle);

/// Reads a bundle and checks every hash, the version and the feature fingerprint.
///
/// `source` is the bundle's place, for error texts. Throws Error naming it, the file, what was
/// found and what was wanted. Files that are not part of a bundle are ignored.
Bundle parse_bundle(const BundleFiles& files, std::string_view source);

/// Throws Error naming both fingerprints when `bundle` (at `source`) was made for other features
/// than `features` (at `features_source`, e.g. a table).
void check_features(const Bundle& bundle,
                    std::string_view source,
                    const FeatureSpec& features,
                    std::string_view features_source);

/// SHA-256 as 64 hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace weir
