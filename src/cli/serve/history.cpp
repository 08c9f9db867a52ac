#include "cli/serve/history.h"

#include "edge/files/lake.h"

namespace weir::cli {

Seconds apply_history(Pipeline& pipeline,
                      const std::string& lake,
                      std::optional<Seconds> to,
                      Seconds label_delay,
                      int threads,
                      Progress& progress) {
  const PaymentColumns columns = files::read_lake(lake, std::nullopt, to, threads, progress);
  const PaymentView payments = columns.view();
  std::size_t labelled_until = 0;
  const auto learn_until = [&](Seconds time) {
    while (payments.has_labels() && labelled_until < payments.size() &&
           payments.event_time[labelled_until] + label_delay <= time) {
      const std::size_t row = labelled_until++;
      const bool fraud = payments.is_fraud[row] != 0;
      Feedback feedback;
      feedback.payment = payments[row];
      feedback.outcome = fraud ? Outcome::kFraud : Outcome::kGenuine;
      feedback.source = fraud ? OutcomeSource::kChargeback : OutcomeSource::kMaturity;
      feedback.known_at = payments.event_time[row] + label_delay;
      pipeline.apply(feedback);
    }
  };
  progress.begin("history", payments.size(), "payments");
  for (std::size_t row = 0; row < payments.size(); ++row) {
    learn_until(payments.event_time[row]);
    pipeline.apply(payments[row], payments.event_time[row]);
    if (row % 4096 == 0) progress.update(row);
  }
  progress.update(payments.size());
  progress.end();
  return payments.event_time.back();
}

}  // namespace weir::cli
