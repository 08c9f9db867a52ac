// The models in use, and their replacement.
#include <nlohmann/json.hpp>

#include "cli/serve/answer_json.h"
#include "cli/serve/rest_handler.h"
#include "core/transaction/calendar.h"
#include "core/transaction/money.h"

namespace weir::cli {
namespace {

using http::Request;
using http::Response;
using nlohmann::ordered_json;

ordered_json by_action(const std::array<std::uint64_t, 3>& counts) {
  return {{"approve", counts[0]}, {"challenge", counts[1]}, {"decline", counts[2]}};
}

ordered_json describe(const LoadedModel& model, const ServiceTally& tally, std::string_view arm) {
  const BundleManifest& manifest = model.bundle.manifest;
  ordered_json json = {{"name", manifest.name},
                       {"version", manifest.version},
                       {"source", model.source},
                       {"feature_fingerprint", manifest.feature_fingerprint},
                       {"features", model.bundle.features.names()},
                       {"beliefs", model.pipeline.loop() != nullptr},
                       {"label_delay", format_duration(manifest.label_delay)},
                       {"trained_from", format_date(manifest.training.from)},
                       {"trained_to", format_date(manifest.training.to)}};
  const auto decided = tally.decisions.find({std::string(arm), manifest.version});
  if (decided != tally.decisions.end()) json["decisions"] = by_action(decided->second);
  const auto shadow = tally.shadow.find(manifest.version);
  if (shadow != tally.shadow.end()) json["would_have_decided"] = by_action(shadow->second);
  if (const auto sums = tally.arms.find(arm); sums != tally.arms.end()) {
    const auto amount = [](double minor) {
      return format_amount(static_cast<std::int64_t>(minor));
    };
    json["arm"] = {{"payments", sums->second.payments},
                   {"touched", sums->second.touched},
                   {"expected_damage", amount(sums->second.expected_minor)},
                   {"confirmed_damage", amount(std::max(sums->second.confirmed_minor, 0.0))}};
  }
  return json;
}

ordered_json describe(const ServiceModels::State& state) {
  ordered_json json = {
      {"loading", state.loading}, {"taken", state.taken}, {"refused", state.refused}};
  if (state.at != 0) json["at"] = rfc3339(state.at);
  if (!state.fault.empty()) json["fault"] = state.fault;
  return json;
}

}  // namespace

void RestHandler::model(const Request&, Response& response) {
  ordered_json json;
  json["champion"] = describe(service_.champion(), service_.tally(), "champion");
  json["champion"]["reload"] = describe(service_.model_state(ModelRole::kChampion));
  json["challenger"] = nullptr;
  if (const LoadedModel* challenger = service_.challenger()) {
    json["challenger"] = describe(*challenger, service_.tally(), "challenger");
    json["challenger"]["mode"] = service_.challenger_share() > 0 ? "split" : "shadow";
    json["challenger"]["share"] = service_.challenger_share();
    json["challenger"]["disagreements"] = service_.tally().disagreements;
  }
  json["challenger_reload"] = describe(service_.model_state(ModelRole::kChallenger));
  response.body = json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace weir::cli
