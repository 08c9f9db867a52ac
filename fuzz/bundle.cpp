// A bundle's files. The first line names one of them, the rest is its content: any bytes give an
// Error or values that their own text gives again. The hashes would stop every change, so each file
// goes to its reader, and the manifest to the whole loader beside sound files.
#include <string>
#include <string_view>

#include "core/beliefs/rates.h"
#include "core/decision/money_policy.h"
#include "core/decision/policy.h"
#include "core/model/bundle.h"
#include "core/model/training_reference.h"
#include "core/pipeline/test_bundle.h"
#include "core/transaction/error.h"

namespace {

void read_file(std::string_view name, std::string_view text) {
  static const weir::Bundle sound = weir::stump_bundle();
  static const weir::BundleFiles sound_files = weir::bundle_files(sound);
  if (name == "model.json") {
    weir::BundleFiles files = sound_files;
    files["model.json"] = text;
    const weir::Bundle bundle = weir::parse_bundle(files, "fuzz");
    WEIR_CHECK(weir::bundle_files(bundle).at("forest.ubj") == sound.forest_ubj);
  } else if (name == "calibration.json") {
    weir::Bundle bundle = sound;
    bundle.calibration = weir::Calibration::parse(text, "fuzz");
    const double low = bundle.calibration.probability(-3);
    const double high = bundle.calibration.probability(3);
    WEIR_CHECK(low >= 0 && low <= high && high <= 1);
    WEIR_CHECK(weir::parse_bundle(weir::bundle_files(bundle), "back").calibration ==
               bundle.calibration);
  } else if (name == "policy.toml") {
    const weir::Policy policy = weir::Policy::parse(text, "fuzz");
    WEIR_CHECK(weir::Policy::parse(policy.to_toml(), "back") == policy);
  } else if (name == "money_policy.toml") {
    const weir::MoneyPolicy policy = weir::MoneyPolicy::parse(text, "fuzz");
    WEIR_CHECK(weir::MoneyPolicy::parse(policy.to_toml(), "back") == policy);
  } else if (name == "beliefs.toml") {
    const weir::BeliefRates rates = weir::BeliefRates::parse(text, "fuzz");
    WEIR_CHECK(weir::BeliefRates::parse(rates.to_toml(), "back") == rates);
  } else if (name == "reference.json") {
    const auto reference = weir::TrainingReference::parse(text, "fuzz", sound.features);
    WEIR_CHECK(weir::TrainingReference::parse(reference.to_json(), "back", sound.features) ==
               reference);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\n');
  if (end == std::string_view::npos) return 0;
  try {
    read_file(input.substr(0, end), input.substr(end + 1));
  } catch (const weir::Error&) {
    // Refused, with a text.
  }
  return 0;
}
