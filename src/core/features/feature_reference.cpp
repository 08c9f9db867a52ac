#include "core/features/feature_reference.h"

#include <fmt/format.h>

#include "core/features/feature_engine.h"
#include "core/features/feature_spec.h"
#include "core/transaction/calendar.h"

namespace weir {
namespace {

constexpr std::string_view kBegin = R"(# Features

<!-- Made by features_reference() in src/core/features/feature_reference.cpp; a test compares. -->

A feature spec is a TOML file that lists the inputs of a model in their order. Three are built in: `handbook`, the
15 inputs of the Fraud Detection Handbook, equal to its published transformed data; `weir`, ours; and `card`, ours for
a model with beliefs, in which no outcome is an input.

```toml
name = "mine"
input = [
  { key = "payment", aggregate = "amount" },
  { key = "customer", aggregate = "mean", window = ["1d", "7d"] },
  { key = "terminal", aggregate = "risk", window = "30d", delay = "7d" },
]
```

`weir features LAKE --spec mine.toml --out features.parquet` computes it. `window` and `delay` are durations
(`90s`, `12h`, `7d`) or arrays of them: each combination is an input of its own. Its name follows from its words:
`terminal_risk_30d_delay_7d`. The inputs and their order give the fingerprint that a model bundle holds; the
spec's own name and layout have no part in it.

## What counts

- A payment at time t sees the payments of its key with event_time in (t − window − delay, t − delay], exact to the
  second. With delay 0 it counts itself; of payments of the same second only those earlier in the log count.
- An outcome counts from its known_at on: known_at ≤ t is known at t. In historical files a label becomes known the
  label delay after its payment. The later known_at wins, a correction takes back what the earlier outcome added,
  and an unanswered challenge counts as nothing. The payment's own outcome is never among its inputs.
- Sums and counts are whole numbers (kopecks, payments, seconds); one division at the end, one rounding to float32.
  So a value has the same bits in a batch, in the service and on Spark.
- No value is missing or infinite: what cannot be said has the number named below.
- A payment that comes late gets the features of its own time and is put in order. A key remembers its longest
  window plus )";

constexpr std::string_view kAfterAllowance =
    R"( back from its newest payment; what is older than that is scored without history and not stored.

## Keys

| key | whose history |
|---|---|
| `payment` | none: the payment itself |
| `customer` | the payments of the customer |
| `terminal` | the payments of the terminal |
| `pair` | the payments of this customer at this terminal |

## Aggregates

| aggregate | unit | meaning | takes |
|---|---|---|---|
)";

}  // namespace

std::string features_reference() {
  std::string page(kBegin);
  page += format_duration(FeatureEngine::kLateAllowance);
  page += kAfterAllowance;
  for (const AggregateWord& word : aggregate_words()) {
    page += fmt::format("| `{}` | {} | {} | {} |\n", word.word, word.unit, word.meaning,
                        word.of_payment    ? "key `payment` only"
                        : word.takes_delay ? "window, delay"
                                           : "window");
  }
  page += fmt::format(
      "\nA spec has 1 to {} inputs, and window + delay is at most {}.\n\n## Built-in specs\n",
      FeatureSpec::kMaxInputs, format_duration(FeatureSpec::kMaxReach));
  for (const char* name : {"handbook", "weir", "card"}) {
    const FeatureSpec spec = FeatureSpec::builtin(name);
    page += fmt::format("\n`{}`, {} inputs, fingerprint `{}`:\n\n```toml\n{}```\n", name,
                        spec.size(), spec.fingerprint(), spec.to_toml());
  }
  return page;
}

}  // namespace weir
