#pragma once

#include <deque>
#include <optional>
#include <string>

#include "core/pipeline/pipeline.h"
#include "core/transaction/payment.h"
#include "core/transaction/progress.h"

namespace weir::cli {

/// The past as a pipeline sees it before weir decides anything: every payment was executed, nobody
/// was asked, each label is known `label_delay` after its payment.
class PastPayments {
 public:
  PastPayments(Pipeline& pipeline, const PaymentView& payments, Seconds label_delay)
      : pipeline_(pipeline), payments_(payments), label_delay_(label_delay) {}

  /// The next payment, and before it the labels known by then.
  void apply_next();
  /// All labels known by `time`, of the payments applied so far.
  void learn_until(Seconds time);
  std::size_t applied() const { return applied_; }

 private:
  Pipeline& pipeline_;
  PaymentView payments_;
  Seconds label_delay_;
  std::size_t applied_ = 0;
  std::size_t labelled_ = 0;
  // Of the payments whose labels are awaited, as ingest would add them to feedback.
  std::deque<DecisionBeliefs> awaited_;
};

/// Applies the payments of a lake before `to` to an empty pipeline: the part of the log before a
/// journal's first entry. Returns the newest event time.
Seconds apply_history(Pipeline& pipeline,
                      const std::string& lake,
                      std::optional<Seconds> to,
                      Seconds label_delay,
                      int threads,
                      Progress& progress);

}  // namespace weir::cli
