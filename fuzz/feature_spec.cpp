// A feature spec out of a file: any bytes give an Error or a spec that its own text gives again.
#include "core/features/feature_spec.h"
#include "core/transaction/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const weir::FeatureSpec spec = weir::FeatureSpec::parse(text, "fuzz");
    const weir::FeatureSpec back = weir::FeatureSpec::parse(spec.to_toml(), "canonical");
    WEIR_CHECK(back.inputs() == spec.inputs() && back.fingerprint() == spec.fingerprint());
    WEIR_CHECK(back.to_toml() == spec.to_toml());
  } catch (const weir::Error&) {
    // Refused, with a text.
  }
  return 0;
}
