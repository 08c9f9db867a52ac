#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "cli/serve/loaded_model.h"
#include "cli/serve/model_loader.h"

namespace weir::cli {

enum class ModelRole : std::uint8_t { kChampion, kChallenger };
inline constexpr int kModelRoles = 2;

/// The champion and, where one is asked for, a challenger; each can be replaced while payments are
/// decided. Both apply every entry of the log, so that either could decide the next payment.
///
/// A new bundle is read and brought to the log's end in the background, then takes the place of the
/// old one between two payments. One that does not work leaves the old one in place.
class ServiceModels {
 public:
  ServiceModels(const ServiceOptions& options, std::unique_ptr<LoadedModel> champion);
  ~ServiceModels();

  LoadedModel& champion() { return *champion_; }
  const LoadedModel& champion() const { return *champion_; }
  /// Null while there is none.
  const LoadedModel* challenger() const { return challenger_.get(); }
  LoadedModel* challenger() { return challenger_.get(); }

  /// Applies an entry to the challenger; what goes wrong there ends the challenger, never the
  /// service. Nothing when there is none.
  std::optional<Decision> challenge(const Payment& payment, Seconds logged_at);
  void apply(const Feedback& feedback);
  void apply(const Control& control);

  /// Begins to read the bundle folders again. Those already under way go on.
  void reload();
  void reload_challenger() { begin(ModelRole::kChallenger); }
  /// Looks whether a bundle folder changed since it was read, about every `options.model_poll`.
  void poll(Seconds now);
  /// Takes models that are ready. `catch_up` applies to a pipeline what the log has after it, or
  /// says that it is too much for now. True when the champion is a new one.
  bool take(Seconds now, const std::function<bool(Pipeline&)>& catch_up);

  struct State {
    bool loading = false;
    std::string fault;  ///< Why the last bundle was refused; empty when it was taken.
    Seconds at = 0;     ///< When the last one was taken or refused; 0 = never.
    std::uint64_t taken = 0;
    std::uint64_t refused = 0;
  };
  const State& state(ModelRole role) const { return places_[static_cast<int>(role)].state; }

 private:
  struct Place {
    std::string source;  // Empty: nobody is wanted here.
    State state;
    std::unique_ptr<ModelLoader> loader;
    std::string seen;  // What the folder looked like when it was read last.
    std::string etag;  // Of an address: what it gave last.
  };

  void begin(ModelRole role);
  void refuse(ModelRole role, std::string fault, Seconds now);
  void drop_challenger(const std::string& why);
  void retire(std::unique_ptr<LoadedModel> model);

  const ServiceOptions& options_;
  std::unique_ptr<LoadedModel> champion_;
  std::unique_ptr<LoadedModel> challenger_;
  Place places_[kModelRoles];
  Seconds polled_at_ = 0;
  std::thread retiring_;  // Frees the memory of an old model, which takes a while.
};

}  // namespace weir::cli
