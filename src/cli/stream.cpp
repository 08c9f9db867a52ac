#include "cli/stream.h"

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <chrono>

#include "cli/kafka_options.h"
#include "cli/serve/notify.h"
#include "cli/stream/stream_worker.h"
#include "cli/terminals_option.h"
#include "core/transaction/error.h"
#include "edge/http/listener.h"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;

struct StreamFlags {
  StreamOptions stream;
  std::string kafka_properties;
  std::string terminals;
  std::string metrics_listen = "127.0.0.1:9091";
  bool no_reasons = false;
  std::optional<Seconds> snapshot_every;
  std::optional<Seconds> connect_timeout;
};

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

void run_stream(StreamFlags& flags, Terminal& terminal) {
  StreamOptions& options = flags.stream;
  options.kafka.properties = read_kafka_properties(flags.kafka_properties);
  options.cleaning.terminals = read_terminals(flags.terminals);
  options.reasons = !flags.no_reasons;
  options.snapshot_every = flags.snapshot_every.value_or(options.snapshot_every);
  options.connect_timeout = flags.connect_timeout.value_or(options.connect_timeout);
  if (options.instance.empty()) options.instance = host_name();
  if (options.batch == 0) throw UsageError("--batch 0: a transaction holds at least one event");
  const auto progress = terminal.make_progress();
  const bool quiet = terminal.quiet || terminal.json;
  StreamAdmin admin;
  if (!flags.metrics_listen.empty()) {
    const auto port = admin.listen(http::parse_address(flags.metrics_listen, "--metrics-listen"));
    if (!quiet) fmt::print(stderr, "weir: metrics on port {}\n", port);
  }
  StreamWorker worker(options, admin, *progress, quiet);
  while (!stop_requested() && !(options.until_end && worker.at_end())) {
    worker.run_batch(milliseconds(20));
  }
  const double seconds = worker.seconds();
  notify_supervisor("STOPPING=1");
  worker.stop();
  if (terminal.json) {
    fmt::print("{{\"events\": {}, \"seconds\": {:.3f}}}\n", worker.decided(), seconds);
  } else if (!quiet) {
    fmt::print(stderr, "weir: stopped after {} events\n", worker.decided());
  }
}

}  // namespace

void add_stream_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command = add_command(
      weir, terminal, "stream",
      "Decide on the payments of a Kafka topic, exactly once: decisions and rejects to topics",
      "weir stream out/run/bundle --brokers 127.0.0.1:22004 --create-topics 1");
  auto flags = std::make_shared<StreamFlags>();
  StreamOptions& options = flags->stream;
  command->add_option("bundle", options.bundle, "Model bundle (folder)")->required();
  add_kafka_options(*command, options.kafka, flags->kafka_properties);
  add_log_options(*command, options, flags->connect_timeout);
  command->add_option("--instance", options.instance,
                      "Name of this process in the group, kept over restarts; the host's if not "
                      "given");
  command->add_option("--state", options.state, "Folder of snapshots");
  command->add_option("--history", options.history,
                      "Lake of the payments before the log's first: fills the windows");
  add_time_option(*command, "--history-to", options.history_to,
                  "The day after the history's last; its end if not given");
  command->add_option("--terminals", flags->terminals,
                      "Terminals that exist: 0..999 or a file; every number if not given");
  command->add_option("--metrics-listen", flags->metrics_listen,
                      "Address of /metrics and health; empty: none");
  add_duration_option(*command, "--snapshot-every", flags->snapshot_every,
                      "Time between snapshots of the state; 5m if not given");
  command->add_option("--batch", options.batch, "Events of a transaction at most");
  command->add_flag("--no-reasons", flags->no_reasons,
                    "Leave reasons out of decisions, which are then marked as degraded");
  command->add_flag("--until-end", options.until_end,
                    "Stop when the end of the log is reached and committed");
  command->add_option("--threads", options.threads, "For reading the history; 0 = all cores");
  command->callback([flags, &terminal] { run_stream(*flags, terminal); });
}

}  // namespace weir::cli
