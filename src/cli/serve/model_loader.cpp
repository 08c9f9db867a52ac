#include "cli/serve/model_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "cli/serve/bundle_url.h"
#include "cli/serve/decision_service.h"
#include "cli/serve/history.h"
#include "cli/serve/log_entry.h"
#include "core/transaction/error.h"
#include "edge/files/staged.h"
#include "edge/http/download.h"
#include "edge/journal/snapshot_store.h"

namespace weir::cli {
namespace {

/// So near to the end the rest is applied between two requests: about ten milliseconds.
constexpr std::uint64_t kNear = 2'000;
constexpr std::uint64_t kEntriesAtOnce = 50'000;

/// Says nothing, and ends a long step when nobody wants its result any more.
class Abandonable : public Progress {
 public:
  explicit Abandonable(const std::atomic<bool>& give_up) : give_up_(give_up) {}
  void update(std::uint64_t) override {
    if (give_up_) throw Interrupted("the service is stopping");
  }

 private:
  const std::atomic<bool>& give_up_;
};

}  // namespace

std::filesystem::path snapshot_folder(const ServiceOptions& options, const LoadedModel& model) {
  return options.journal / model.version();
}

Seconds restore_model(LoadedModel& model,
                      const ServiceOptions& options,
                      journal::JournalReader& reader,
                      std::uint64_t& snapshots_damaged,
                      Progress& progress) {
  const auto folder = snapshot_folder(options, model);
  const journal::SnapshotStore store(folder);
  const auto first = reader.first_position();
  const std::uint64_t end = reader.end_position();
  for (const auto& snapshot : store.list()) {
    try {
      // One that is ahead of the journal holds entries that a power cut took back.
      if (snapshot.position > end && first) throw Error("ahead of the journal");
      if (first && snapshot.position < *first) throw Error("older than the journal's first entry");
      Pipeline pipeline = Pipeline::restore(model.bundle, files::MappedFile(snapshot.path).bytes());
      if (pipeline.position() != snapshot.position) throw Error("its position is not its name's");
      model.pipeline = std::move(pipeline);
      return 0;
    } catch (const Error& error) {
      ++snapshots_damaged;
      fmt::print(stderr, "weir: snapshot \"{}\": {}; it is set aside, an older one is tried\n",
                 snapshot.path.string(), error.what());
      std::error_code ignored;
      std::filesystem::rename(snapshot.path, snapshot.path.string() + ".unusable", ignored);
    }
  }
  Seconds newest = 0;
  if (!options.history.empty() && (!first || *first > 0)) {
    newest = apply_history(model.pipeline, options.history, options.history_to,
                           model.bundle.manifest.label_delay, options.threads, progress);
    // The next start must not need the lake again.
    std::string fault;
    std::filesystem::create_directories(folder);
    if (!store.write(model.pipeline.position(), model.pipeline.snapshot(), fault)) {
      throw Error(fmt::format("journal \"{}\": the snapshot of the history was not written: {}",
                              options.journal.string(), fault));
    }
  }
  if (first && *first != model.pipeline.position()) {
    throw Error(fmt::format(
        "journal \"{}\": its first entry is at {}, and no usable snapshot of bundle {} nor a "
        "--history reaches there; give the --history it was started with, or a bundle that has a "
        "snapshot",
        options.journal.string(), *first, model.version()));
  }
  return newest;
}

ModelLoader::ModelLoader(const ServiceOptions& options,
                         std::string source,
                         std::vector<std::string> running,
                         std::filesystem::path kept,
                         std::string etag)
    : options_(options),
      source_(std::move(source)),
      kept_(std::move(kept)),
      etag_(std::move(etag)) {
  thread_ = std::thread([this, versions = std::move(running)] { run(versions); });
}

ModelLoader::ModelLoader(const ServiceOptions& options, std::unique_ptr<LoadedModel> model)
    : options_(options), source_(model->source), model_(std::move(model)) {
  thread_ = std::thread([this] { run({}); });
}

ModelLoader::~ModelLoader() {
  give_up_ = true;
  thread_.join();
}

void ModelLoader::run(const std::vector<std::string>& running) {
  try {
    bool new_one = model_ == nullptr;
    std::string folder = source_;
    if (new_one && http::is_url(source_)) {
      BundleUrl bundle{source_, kept_, etag_};
      new_one = bundle.fetch(running);
      etag_ = bundle.etag;
      folder = kept_.string();
    }
    if (new_one) {
      auto model = LoadedModel::load(folder);
      model->source = source_;
      if (std::find(running.begin(), running.end(), model->version()) == running.end()) {
        journal::JournalReader reader(options_.journal);
        std::uint64_t damaged = 0;
        Abandonable progress(give_up_);
        restore_model(*model, options_, reader, damaged, progress);
        model_ = std::move(model);
      }
    }
    if (model_ != nullptr) chase();
  } catch (const std::exception& error) {
    model_.reset();
    fault_ = error.what();
  }
  done_.store(true, std::memory_order_release);
}

void ModelLoader::chase() {
  journal::JournalReader reader(options_.journal);
  Pipeline& pipeline = model_->pipeline;
  while (!give_up_) {
    const std::uint64_t end = reader.end_position();
    if (end < pipeline.position() + kNear) return;
    reader.read(pipeline.position(), std::min(end, pipeline.position() + kEntriesAtOnce),
                [&](const journal::Record& record) {
                  apply_entry(pipeline, record);
                  return !give_up_;
                });
  }
}

}  // namespace weir::cli
