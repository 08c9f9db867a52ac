#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cli/serve/loaded_model.h"
#include "core/transaction/progress.h"
#include "edge/journal/journal.h"

namespace weir::cli {

struct ServiceOptions;

/// Where a model's snapshots are: state belongs to a bundle.
std::filesystem::path snapshot_folder(const ServiceOptions& options, const LoadedModel& model);

/// Gives `model` the newest usable snapshot, else the history; throws Error when neither reaches
/// the journal's first entry. Counts snapshots that were damaged and sets them aside. Returns the
/// newest event time of the history, 0 without one.
Seconds restore_model(LoadedModel& model,
                      const ServiceOptions& options,
                      journal::JournalReader& reader,
                      std::uint64_t& snapshots_damaged,
                      Progress& progress);

/// Reads a bundle and brings it close to the log's end in a thread of its own, while the service
/// goes on answering. What came since, whoever takes the model applies.
class ModelLoader {
 public:
  /// `running` are the versions that need not be loaded. `source` may be an address; `kept` and
  /// `etag` are of BundleUrl.
  ModelLoader(const ServiceOptions& options,
              std::string source,
              std::vector<std::string> running,
              std::filesystem::path kept,
              std::string etag);
  /// Goes on with a model that has fallen behind.
  ModelLoader(const ServiceOptions& options, std::unique_ptr<LoadedModel> model);
  /// Gives up and waits for the thread.
  ~ModelLoader();
  ModelLoader(const ModelLoader&) = delete;
  ModelLoader& operator=(const ModelLoader&) = delete;

  bool done() const { return done_.load(std::memory_order_acquire); }
  /// Once done: the model; null when the bundle is the running one, or `fault` says why not.
  std::unique_ptr<LoadedModel> take() { return std::move(model_); }
  const std::string& fault() const { return fault_; }
  /// Once done: of what was read from an address.
  const std::string& etag() const { return etag_; }

 private:
  void run(const std::vector<std::string>& running);
  void chase();

  const ServiceOptions& options_;
  std::string source_;
  std::filesystem::path kept_;
  std::string etag_;
  std::unique_ptr<LoadedModel> model_;
  std::string fault_;
  std::atomic<bool> done_ = false;
  std::atomic<bool> give_up_ = false;
  std::thread thread_;
};

}  // namespace weir::cli
