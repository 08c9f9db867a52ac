#pragma once

#include <cstddef>
#include <span>

#include "core/transaction/payment.h"

namespace weir {

/// Card Precision@k: of the `k` cards that analysts can look at in a day, the share that is
/// compromised.
///
/// By UTC day: a card's score is the highest of its payments, it is compromised when one of its
/// payments is a fraud; the k cards of highest score are looked at (ties: the smaller customer id
/// first). Compromised cards that were found are left out on later days. The result is the mean
/// over the days that have payments (Fraud Detection Handbook, chapter 4). Rows may come in any
/// order. 0 without payments. A perfect ranking reaches less than 1 when fewer than k cards are
/// compromised.
double card_precision(std::span<const float> scores, const PaymentView& payments, std::size_t k);

}  // namespace weir
