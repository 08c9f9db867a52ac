#include "cli/serve/service_models.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "cli/serve/bundle_url.h"
#include "cli/serve/decision_service.h"
#include "edge/http/download.h"

namespace weir::cli {
namespace {

constexpr Seconds kTryAgainAfter = 60;
constexpr std::string_view kRoleNames[] = {"champion", "challenger"};

/// Changes when a bundle folder is replaced or written to.
std::string look_of(const std::string& folder) {
  std::error_code error;
  const auto file = std::filesystem::canonical(folder, error) / "model.json";
  struct stat look{};
  if (error || stat(file.c_str(), &look) != 0) return {};
  // Also the file itself: a copy may keep the times of what it is a copy of.
  return fmt::format("{} {} {}.{} {}", file.string(), look.st_ino, look.st_mtim.tv_sec,
                     look.st_mtim.tv_nsec, look.st_size);
}

}  // namespace

ServiceModels::ServiceModels(const ServiceOptions& options, std::unique_ptr<LoadedModel> champion)
    : options_(options), champion_(std::move(champion)) {
  places_[0].source = champion_->source;
  places_[0].seen = look_of(champion_->source);
  places_[1].source = options.challenger;
}

ServiceModels::~ServiceModels() {
  if (retiring_.joinable()) retiring_.join();
}

std::optional<Decision> ServiceModels::challenge(const Payment& payment, Seconds logged_at) {
  if (challenger_ == nullptr) return std::nullopt;
  try {
    const auto answer = challenger_->pipeline.apply(payment, logged_at);
    if (const auto* decision = std::get_if<Decision>(&answer)) return *decision;
  } catch (const std::exception& error) {
    drop_challenger(error.what());
  }
  return std::nullopt;
}

void ServiceModels::apply(const Feedback& feedback) {
  champion_->pipeline.apply(feedback);
  if (challenger_ == nullptr) return;
  try {
    challenger_->pipeline.apply(feedback);
  } catch (const std::exception& error) {
    drop_challenger(error.what());
  }
}

void ServiceModels::apply(const Control& control) {
  champion_->pipeline.apply(control);
  if (challenger_ != nullptr) challenger_->pipeline.apply(control);
}

void ServiceModels::drop_challenger(const std::string& why) {
  fmt::print(stderr, "weir: challenger {}: {}; the champion decides alone\n",
             challenger_->version(), why);
  places_[1].etag.clear();
  State& state = places_[1].state;
  state.fault = why;
  ++state.refused;
  retire(std::move(challenger_));
}

void ServiceModels::retire(std::unique_ptr<LoadedModel> model) {
  if (model == nullptr) return;
  if (retiring_.joinable()) retiring_.join();
  retiring_ = std::thread([old = std::move(model)]() mutable { old.reset(); });
}

void ServiceModels::reload() {
  begin(ModelRole::kChampion);
  begin(ModelRole::kChallenger);
}

void ServiceModels::begin(ModelRole role) {
  Place& place = places_[static_cast<int>(role)];
  if (place.source.empty() || place.loader != nullptr) return;
  place.seen = look_of(place.source);
  // A challenger that is the champion's own bundle would say nothing new.
  std::vector<std::string> running = {champion_->version()};
  if (role == ModelRole::kChallenger && challenger_ != nullptr) {
    running.push_back(challenger_->version());
  }
  place.loader = std::make_unique<ModelLoader>(
      options_, place.source, std::move(running),
      kept_bundle(options_.journal, kRoleNames[static_cast<int>(role)]), place.etag);
  place.state.loading = true;
}

void ServiceModels::poll(Seconds now) {
  if (options_.model_poll <= 0 || std::abs(now - polled_at_) < options_.model_poll) return;
  polled_at_ = now;
  for (int role = 0; role < kModelRoles; ++role) {
    const Place& place = places_[role];
    if (place.source.empty()) continue;
    // One that was refused may have been half copied, which its look does not tell.
    const bool again = http::is_url(place.source) ||
                       (!place.state.fault.empty() && now - place.state.at >= kTryAgainAfter);
    if (!again && place.seen == look_of(place.source)) continue;
    begin(static_cast<ModelRole>(role));
  }
}

void ServiceModels::refuse(ModelRole role, std::string fault, Seconds now) {
  places_[static_cast<int>(role)].etag.clear();
  State& state = places_[static_cast<int>(role)].state;
  if (fault != state.fault) {
    fmt::print(stderr, "weir: {} not replaced: {}\n", kRoleNames[static_cast<int>(role)], fault);
  }
  state.fault = std::move(fault);
  state.at = now;
  ++state.refused;
}

bool ServiceModels::take(Seconds now, const std::function<bool(Pipeline&)>& catch_up) {
  bool new_champion = false;
  for (int index = 0; index < kModelRoles; ++index) {
    Place& place = places_[index];
    if (place.loader == nullptr || !place.loader->done()) continue;
    const auto role = static_cast<ModelRole>(index);
    std::unique_ptr<LoadedModel> model = place.loader->take();
    const std::string fault = place.loader->fault();
    if (!place.loader->etag().empty()) place.etag = place.loader->etag();
    place.loader.reset();
    place.state.loading = false;
    if (!fault.empty()) {
      refuse(role, fault, now);
      continue;
    }
    if (model == nullptr) {  // It is the running one.
      place.state.fault.clear();
      continue;
    }
    if (role == ModelRole::kChallenger && model->version() == champion_->version()) {
      retire(std::move(model));
      continue;
    }
    try {
      if (!catch_up(model->pipeline)) {
        place.loader = std::make_unique<ModelLoader>(options_, std::move(model));
        place.state.loading = true;
        continue;
      }
    } catch (const std::exception& error) {
      refuse(role, error.what(), now);
      continue;
    }
    fmt::print(stderr, "weir: {} is now bundle {}\n", kRoleNames[index], model->version());
    auto& seat = role == ModelRole::kChampion ? champion_ : challenger_;
    std::swap(seat, model);
    retire(std::move(model));
    place.state.fault.clear();
    place.state.at = now;
    ++place.state.taken;
    if (role != ModelRole::kChampion) continue;
    new_champion = true;
    if (challenger_ != nullptr && challenger_->version() == champion_->version()) {
      retire(std::move(challenger_));
    }
  }
  return new_champion;
}

}  // namespace weir::cli
