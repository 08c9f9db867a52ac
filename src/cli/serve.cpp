#include "cli/serve.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cmath>
#include <csignal>
#include <ctime>

#include "cli/huge_pages.h"
#include "cli/kafka_options.h"
#include "cli/replica/replica_handler.h"
#include "cli/replica/replica_service.h"
#include "cli/serve/admin_handler.h"
#include "cli/serve/bundle_url.h"
#include "cli/serve/decision_service.h"
#include "cli/serve/journal_handler.h"
#include "cli/serve/notify.h"
#include "cli/terminals_option.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/files/staged.h"
#include "edge/http/download.h"
#include "edge/http/server.h"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kRecordsBetweenRounds = 2000;
constexpr Seconds kUrlPoll = 30;
constexpr auto kDrainTime = std::chrono::seconds(10);

/// Lets the server's rounds end in the journal's commits.
class ServiceCommits : public http::Commits {
 public:
  explicit ServiceCommits(DecisionService& service) : service_(service) {}
  void end_round() override { service_.commits().end_round(); }
  http::Settlement settlement(std::uint64_t ticket) const override {
    switch (service_.commits().state(ticket)) {
      case journal::GroupCommit::State::kDone:
        return http::Settlement::kDone;
      case journal::GroupCommit::State::kFailed:
        return http::Settlement::kFailed;
      default:
        return http::Settlement::kPending;
    }
  }
  int wake_descriptor() const override { return service_.commits().wake_descriptor(); }
  void tick() override { service_.tick(); }

 private:
  DecisionService& service_;
};

/// Lets the server's rounds follow the log.
class ReplicaRounds : public http::Commits {
 public:
  ReplicaRounds(ReplicaService& service, ReplicaHandler& handler)
      : service_(service), handler_(handler) {}
  void end_round() override { more_ = service_.poll(); }
  http::Settlement settlement(std::uint64_t ticket) const override {
    return handler_.settled(ticket) ? http::Settlement::kDone : http::Settlement::kPending;
  }
  int wake_descriptor() const override { return service_.wake_descriptor(); }
  void tick() override {
    service_.tick();
    handler_.tick();
  }
  bool more() const { return more_; }

 private:
  ReplicaService& service_;
  ReplicaHandler& handler_;
  bool more_ = false;
};

http::ServerLimits limits_of(const ServeOptions& options) {
  http::ServerLimits limits;
  limits.parser = {options.max_header_bytes, options.max_body_bytes};
  limits.connections = options.max_connections;
  limits.request_time = milliseconds(options.request_timeout_ms);
  limits.idle_time = milliseconds(options.idle_timeout_ms);
  return limits;
}

/// As many descriptors as the system gives: each client takes one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void check(const ServeOptions& options, const http::Address& address) {
  if (options.clock != "system" && options.clock != "payments") {
    throw UsageError(fmt::format(
        "--clock is \"{}\", wanted system, or payments to send the past through the service",
        options.clock));
  }
  if (options.keys.empty() && !address.is_loopback()) {
    throw UsageError(fmt::format(
        "--listen {} can be reached from other machines and there are no --keys; give a file of "
        "keys, or listen on 127.0.0.1",
        options.listen));
  }
  if (!(options.challenger_share >= 0 && options.challenger_share <= 1)) {
    throw UsageError(fmt::format("--challenger-share is {}, wanted a share from 0 (shadow) to 1",
                                 options.challenger_share));
  }
  if (options.challenger_share > 0 && options.challenger.empty()) {
    throw UsageError("--challenger-share needs --challenger, the bundle that shall decide");
  }
  if (!(options.reasons_share >= 0 && options.reasons_share <= 1)) {
    throw UsageError(
        fmt::format("--reasons-share is {}, wanted a share from 0 to 1", options.reasons_share));
  }
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    throw UsageError("--tls-certificate and --tls-key go together; give both or none");
  }
  if (!options.tls_client_ca.empty() && options.tls_certificate.empty()) {
    throw UsageError("--tls-client-ca needs --tls-certificate and --tls-key");
  }
}

/// What stands before the log, whatever that is.
struct Front {
  http::Address address;
  RestOptions rest;
  std::optional<http::TlsContext> tls;
  RequestTally tally;
};

Front make_front(const ServeOptions& options) {
  Front front{http::parse_address(options.listen, "--listen"), {}, std::nullopt, {}};
  check(options, front.address);
  raise_descriptor_limit();
  // A client that went away ends its connection, also where OpenSSL writes.
  std::signal(SIGPIPE, SIG_IGN);
  // A file that may grow no more is a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  front.rest.cleaning.terminals = read_terminals(options.terminals);
  if (!options.keys.empty()) {
    front.rest.keys = http::ApiKeys::parse(files::read_text(options.keys), options.keys);
  }
  front.rest.damage_budget_minor = options.damage_budget * 100;
  if (!options.tls_certificate.empty()) {
    front.tls.emplace(
        http::TlsFiles{options.tls_certificate, options.tls_key, options.tls_client_ca});
  }
  return front;
}

void listen(const ServeOptions& options,
            const Front& front,
            http::Server& server,
            http::Handler& handler,
            AdminHandler& admin,
            std::string_view what,
            const Terminal& terminal) {
  admin.watch(server);
  const http::TlsContext* tls = front.tls ? &*front.tls : nullptr;
  const std::uint16_t port = server.listen(front.address, handler, tls);
  std::uint16_t metrics_port = 0;
  if (!options.metrics_listen.empty()) {
    metrics_port = server.listen(http::parse_address(options.metrics_listen, "--metrics-listen"),
                                 admin, nullptr);
  }
  if (terminal.quiet) return;
  fmt::print(stderr, "weir: {}, {}://{}:{}\n", what, tls != nullptr ? "https" : "http",
             front.address.host, port);
  if (metrics_port != 0) fmt::print(stderr, "weir: metrics on port {}\n", metrics_port);
}

/// Answers what is under way, and takes nothing more.
void drain(http::Server& server) {
  notify_supervisor("STOPPING=1");
  server.drain();
  const auto deadline = std::chrono::steady_clock::now() + kDrainTime;
  while (!server.drained() && std::chrono::steady_clock::now() < deadline) {
    server.run_round(milliseconds(10));
  }
}

/// The rules of a full disk; nothing where it stops the service.
std::optional<FallbackRules> fallback_of(const ServeOptions& options) {
  const auto& challenge = options.rules_challenge_over;
  const auto& decline = options.rules_decline_over;
  if (options.on_full_disk != "stop" && options.on_full_disk != "rules") {
    throw UsageError(
        fmt::format("--on-full-disk is \"{}\", wanted stop or rules", options.on_full_disk));
  }
  const bool rules = options.on_full_disk == "rules";
  if (rules != (challenge || decline)) {
    throw UsageError(
        "--on-full-disk rules needs --rules-challenge-over or --rules-decline-over (roubles), and "
        "these need it");
  }
  if (!rules) return std::nullopt;
  if (challenge.value_or(0) < 0 || decline.value_or(0) < 0 ||
      (challenge && decline && *decline < *challenge)) {
    throw UsageError(fmt::format(
        "--rules-challenge-over is {}, --rules-decline-over {}: wanted roubles from 0, the second "
        "not below the first",
        challenge.value_or(0), decline.value_or(0)));
  }
  const auto minor = [](const std::optional<double>& roubles) -> std::optional<std::int64_t> {
    if (!roubles) return std::nullopt;
    return std::llround(*roubles * 100);
  };
  return FallbackRules{minor(challenge), minor(decline), options.rules_queue};
}

void serve_journal(const ServeOptions& options, Terminal& terminal) {
  const auto progress = terminal.make_progress();
  Front front = make_front(options);
  ServiceOptions settings;
  settings.journal = options.journal;
  settings.durability = journal::parse_durability(options.durability);
  settings.snapshot_every = options.snapshot_every.value_or(settings.snapshot_every);
  settings.retention = options.retention.value_or(settings.retention);
  settings.history = options.history;
  settings.history_to = options.history_to;
  settings.threads = options.threads;
  settings.challenger = options.challenger;
  settings.challenger_share = options.challenger_share;
  settings.experiment = options.experiment;
  const bool of_url = http::is_url(options.bundle) || http::is_url(options.challenger);
  settings.model_poll = options.model_poll.value_or(of_url ? kUrlPoll : 0);
  settings.clock_of_payments = options.clock == "payments";
  settings.reasons_share = options.reasons_share;
  settings.fallback = fallback_of(options);
  auto champion = LoadedModel::load(bundle_folder_of(options.bundle, options.journal, "champion"));
  champion->source = options.bundle;
  DecisionService service(
      settings, std::move(champion), [] { return std::time(nullptr); }, *progress);
  ServiceCommits commits(service);
  JournalHandler handler(service, std::move(front.rest), front.tally);
  handler.log_requests(options.log_requests);
  AdminHandler admin(service, front.tally, WEIR_VERSION, options.damage_budget * 100);
  http::Server server(limits_of(options), commits);
  listen(options, front, server, handler, admin,
         fmt::format("bundle {}, journal {}", service.champion().version(), options.journal),
         terminal);
  catch_reload_signal();
  while (!stop_requested()) {
    if (take_reload_request()) service.reload();
    if (take_log_request()) handler.log_requests(!handler.logs_requests());
    server.run_round(milliseconds(service.ready() && !service.has_unrecorded() ? 100 : 0));
    service.take_unrecorded(kRecordsBetweenRounds);
    if (service.ready() || !service.catch_up(kRecordsBetweenRounds)) continue;
    go_on_with_small_pages();
    if (!terminal.quiet) fmt::print(stderr, "weir: ready at position {}\n", service.position());
    notify_supervisor("READY=1");
  }
  drain(server);
  if (!service.stop()) {
    throw Error(
        fmt::format("journal \"{}\": the last entries or the snapshot were not written: {}; "
                    "what was acknowledged before is there{}",
                    options.journal, service.commits().fault(),
                    service.unrecorded() == 0
                        ? std::string()
                        : fmt::format("; {} payments that were answered by rules are not recorded",
                                      service.unrecorded())));
  }
  if (!terminal.quiet) fmt::print(stderr, "weir: stopped at position {}\n", service.position());
}

StreamOptions log_of(const ServeOptions& options, const RestOptions& rest) {
  StreamOptions log = options.kafka;
  log.bundle = options.bundle;
  log.kafka.properties = read_kafka_properties(options.kafka_properties);
  log.state = options.journal;
  log.history = options.history;
  log.history_to = options.history_to;
  log.cleaning = rest.cleaning;
  log.keep_answers = true;
  log.snapshot_every = options.snapshot_every.value_or(log.snapshot_every);
  log.connect_timeout = options.connect_timeout.value_or(log.connect_timeout);
  log.threads = options.threads;
  return log;
}

void serve_kafka(const ServeOptions& options, Terminal& terminal) {
  const auto progress = terminal.make_progress();
  Front front = make_front(options);
  const auto say = [&](const std::string& text) {
    if (!terminal.quiet) fmt::print(stderr, "weir: {}\n", text);
  };
  ReplicaService service(log_of(options, front.rest), milliseconds(options.log_timeout_ms), say,
                         *progress);
  ReplicaHandler handler(service, std::move(front.rest), front.tally);
  handler.log_requests(options.log_requests);
  ReplicaRounds rounds(service, handler);
  AdminHandler admin(service, front.tally, WEIR_VERSION, options.damage_budget * 100);
  http::Server server(limits_of(options), rounds);
  listen(options, front, server, handler, admin,
         fmt::format("bundle {}, log {} at {}", service.champion().version(), options.kafka.events,
                     options.kafka.kafka.brokers),
         terminal);
  catch_reload_signal();
  bool announced = false;
  while (!stop_requested()) {
    if (take_reload_request()) say("SIGHUP: behind a log in Kafka the bundle is fixed");
    if (take_log_request()) handler.log_requests(!handler.logs_requests());
    server.run_round(milliseconds(rounds.more() ? 0 : 100));
    if (announced || !service.caught_up()) continue;
    announced = true;
    go_on_with_small_pages();
    say(fmt::format("ready at offset {}, position {}", service.next(), service.position()));
    notify_supervisor("READY=1");
  }
  drain(server);
  service.stop();
  say(fmt::format("stopped at offset {}, position {}", service.next(), service.position()));
}

/// What has no meaning behind a log that several processes follow.
void check_log(const ServeOptions& options) {
  if (options.log != "journal" && options.log != "kafka") {
    throw UsageError(fmt::format("--log is \"{}\", wanted journal or kafka", options.log));
  }
  if (options.log_timeout_ms < 100) {
    throw UsageError(
        fmt::format("--log-timeout-ms is {}, wanted 100 or more", options.log_timeout_ms));
  }
  if (options.log == "journal") return;
  const auto refuse = [](std::string_view flag, std::string_view why) {
    throw UsageError(fmt::format("{} does not go with --log kafka: {}", flag, why));
  };
  if (!options.challenger.empty()) refuse("--challenger", "a log in Kafka has one champion");
  if (options.model_poll) refuse("--model-poll", "start new replicas with a new bundle");
  if (options.clock != "system") refuse("--clock", "the time of the log is that of its messages");
  if (http::is_url(options.bundle)) {
    throw UsageError(fmt::format("bundle \"{}\": behind a log in Kafka it is fixed; give a folder",
                                 options.bundle));
  }
  if (options.on_full_disk != "stop") refuse("--on-full-disk", "the log is not on this disk");
  if (options.retention) refuse("--retention", "the topic has its own, retention.ms");
}

}  // namespace

void run_serve(const ServeOptions& options, Terminal& terminal) {
  check_log(options);
  return options.log == "kafka" ? serve_kafka(options, terminal) : serve_journal(options, terminal);
}

void add_serve_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command =
      add_command(weir, terminal, "serve",
                  "Answer payments over REST: a decision with reasons, recorded before it is given",
                  "weir serve out/run/bundle --history out/run/lake --journal out/journal");
  auto options = std::make_shared<ServeOptions>();
  command
      ->add_option("bundle", options->bundle,
                   "Model bundle: a folder, or the http(s) address of one")
      ->required();
  command->add_option("--log", options->log,
                      "Where payments are recorded: journal (this machine), or kafka (for several "
                      "replicas)");
  command->add_option("--journal", options->journal,
                      "Folder of the log and its snapshots; with --log kafka of snapshots only");
  add_kafka_options(*command, options->kafka.kafka, options->kafka_properties);
  add_log_options(*command, options->kafka, options->connect_timeout);
  command->add_option("--log-timeout-ms", options->log_timeout_ms,
                      "With --log kafka: how long a payment waits for its return from the log");
  command->add_option("--listen", options->listen, "Address of REST and the console");
  command->add_option("--metrics-listen", options->metrics_listen,
                      "Address of /metrics and health, without keys and TLS; empty: none");
  command->add_option("--damage-budget", options->damage_budget,
                      "Roubles that 30 days of fraud may cost, for metrics and the console");
  command->add_option("--durability", options->durability,
                      "What an answered payment survives: os (end of the process) or full (power "
                      "cut)");
  command->add_option("--on-full-disk", options->on_full_disk,
                      "When the journal cannot be written: stop (503), or rules (answer by amount, "
                      "marked, and record it when there is room)");
  command->add_option("--rules-challenge-over", options->rules_challenge_over,
                      "With --on-full-disk rules: challenge above so many roubles");
  command->add_option("--rules-decline-over", options->rules_decline_over,
                      "With --on-full-disk rules: decline above so many roubles");
  command->add_option("--rules-queue", options->rules_queue,
                      "Payments answered by rules that may wait for the journal; then 503");
  command->add_option("--reasons-share", options->reasons_share,
                      "Of the time, that may go into reasons; above it answers come without");
  command->add_option("--history", options->history,
                      "Lake of the payments before the journal's first: fills the windows");
  add_time_option(*command, "--history-to", options->history_to,
                  "The day after the history's last; its end if not given");
  command->add_option("--challenger", options->challenger,
                      "A second bundle (folder or address), asked beside the first");
  command->add_option("--challenger-share", options->challenger_share,
                      "Share of the customers whose payments it decides; 0: none (shadow)");
  command->add_option("--experiment", options->experiment,
                      "Name of the experiment: its hash draws the customers");
  add_duration_option(
      *command, "--model-poll", options->model_poll,
      "How often the bundles' folders or addresses are looked at for a new one; 30s for "
      "an address, never for a folder, if not given (SIGHUP and POST "
      "/v1/model/reload always work)");
  command->add_option("--clock", options->clock,
                      "Time of the log: system, or payments (that of the newest one: to send the "
                      "past through the service)");
  command->add_option("--terminals", options->terminals,
                      "Terminals that exist: 0..999 or a file; every number if not given");
  command->add_option("--keys", options->keys, "File of API keys: `name roles sha256` a line");
  command->add_flag(
      "--log-requests", options->log_requests,
      "A line of JSON on stderr for each request, with ids and what was decided only; "
      "SIGUSR1 turns it on and off");
  command->add_option("--tls-certificate", options->tls_certificate, "PEM; with --tls-key: HTTPS");
  command->add_option("--tls-key", options->tls_key, "PEM");
  command->add_option("--tls-client-ca", options->tls_client_ca,
                      "PEM; only clients with a certificate of this authority are heard");
  add_duration_option(*command, "--snapshot-every", options->snapshot_every,
                      "Time between snapshots of the state; 5m if not given");
  add_duration_option(*command, "--retention", options->retention,
                      "How long the journal keeps entries; 400d if not given");
  command->add_option("--max-connections", options->max_connections, "Clients at once");
  command->add_option("--max-body-bytes", options->max_body_bytes, "Of one request");
  command->add_option("--max-header-bytes", options->max_header_bytes, "Of one request");
  command->add_option("--request-timeout-ms", options->request_timeout_ms,
                      "From a request's first byte to its last; slower clients are cut");
  command->add_option("--idle-timeout-ms", options->idle_timeout_ms,
                      "Between the requests of a connection");
  command->add_option("--threads", options->threads, "For reading the history; 0 = all cores");
  command->callback([options, &terminal] { run_serve(*options, terminal); });
}

}  // namespace weir::cli
