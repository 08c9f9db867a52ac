#include "core/evaluation/card_precision.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

struct Card {
  std::int64_t customer_id = 0;
  float score = 0;
  bool compromised = false;
};

}  // namespace

double card_precision(std::span<const float> scores, const PaymentView& payments, std::size_t k) {
  WEIR_CHECK(scores.size() == payments.size() && payments.has_labels() && k > 0);
  std::map<Seconds, std::unordered_map<std::int64_t, Card>> days;
  for (std::size_t row = 0; row < scores.size(); ++row) {
    const std::int64_t customer = payments.customer_id[row];
    auto& cards = days[day_start(payments.event_time[row])];
    const auto [card, first] = cards.try_emplace(customer, Card{customer, scores[row], false});
    card->second.score = std::max(card->second.score, scores[row]);
    card->second.compromised |= payments.is_fraud[row] != 0;
  }
  std::unordered_set<std::int64_t> found;
  double sum = 0;
  for (const auto& [day, by_customer] : days) {
    std::vector<Card> cards;
    for (const auto& [customer, card] : by_customer) {
      if (!found.contains(customer)) cards.push_back(card);
    }
    const std::size_t looked_at = std::min(k, cards.size());
    std::partial_sort(cards.begin(), cards.begin() + static_cast<std::ptrdiff_t>(looked_at),
                      cards.end(), [](const Card& left, const Card& right) {
                        return left.score != right.score ? left.score > right.score
                                                         : left.customer_id < right.customer_id;
                      });
    std::size_t compromised = 0;
    for (std::size_t i = 0; i < looked_at; ++i) {
      if (!cards[i].compromised) continue;
      ++compromised;
      found.insert(cards[i].customer_id);
    }
    sum += static_cast<double>(compromised) / static_cast<double>(k);
  }
  return days.empty() ? 0.0 : sum / static_cast<double>(days.size());
}

}  // namespace weir
