# %% [markdown]
# # A new input for the model
# A data scientist's afternoon: load the lake, add an input to the spec, train, and ask whether the
# new model beats the champion. Open it as a notebook (each `# %%` is a cell), or run it:
#
#     python examples/tour.py LAKE [CHAMPION]
#
# LAKE is what `jobs/clean.py` or `weir clean` wrote, a folder or `s3://…`; CHAMPION a bundle's
# folder. Without one the tour trains the built-in spec first and challenges that.

# %%
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import weir
from weir import command
from weir.lake import Lake
from weir.training import train_bundle
from weir.validation import drift, first_day_after, known_until, measures, score_period

lake = sys.argv[1] if len(sys.argv) > 1 else "s3://weir-clean/lake"
work = Path(tempfile.mkdtemp(prefix="weir-tour-"))

# %% [markdown]
# ## The lake
# A state is published as a whole; what is read here stays the same while new months arrive.

# %%
state = Lake(lake).newest()
print(f"state {state.number}: {state.rows:,} payments of {len(state.files)} days")
print("rejected:", {rule: n["rows"] for rule, n in state.report["rules"].items() if n["rows"]})

# %% [markdown]
# ## A feature
# The vocabulary is fixed (docs/reference/features.md), so a spec is a list and never code: the
# service, Spark and this notebook compute it alike, to the bit. Does it matter how often a customer
# comes back to the same terminal?

# %%
idea = '  { key = "pair", aggregate = "count", window = "30d" },\n]'
spec = work / "with_pairs.toml"
text = weir.spec_toml("weir").replace('name = "weir"', 'name = "with_pairs"')
spec.write_text(text.rstrip().removesuffix("]") + idea + "\n")
table = work / "features.parquet"
command.run("features", lake, "--spec", spec, "--out", table)
rows = pq.read_table(table, columns=["pair_count_30d", "is_fraud"])
for label in (False, True):
    mean = pc.mean(rows.filter(pc.equal(rows["is_fraud"], label))[0]).as_py()
    print(f"{'fraud' if label else 'genuine':<8} pair_count_30d on average {mean:.2f}")

# %% [markdown]
# ## Training
# The last two weeks with known labels are kept to judge by, and the label delay before them:
# their labels came while those payments were made.

# %%
week = timedelta(days=7)
training = {"valid_to": known_until(lake, 4 * week), "rounds": 100, "refit": True}
if len(sys.argv) > 2:
    champion = Path(sys.argv[2])
else:
    champion = work / "champion"
    train_bundle(lake, champion, features={"spec": "weir"}, training=training)
challenger = work / "challenger"
train_bundle(lake, challenger, features={"spec": spec}, training=training)
print("\n".join(weir.load_model(challenger).card.splitlines()[:12]))

# %% [markdown]
# ## The comparison
# Payments that neither side learned from, the same for both; a paired bootstrap by customer,
# terminal and day, and the widest interval decides.

# %%
begin = max(first_day_after(bundle) for bundle in (champion, challenger))
end = known_until(lake, week)
old, new = (
    score_period(lake, bundle, begin, end).combine_chunks() for bundle in (champion, challenger)
)
for name, scored in (("champion", old), ("challenger", new)):
    numbers = measures(scored)
    if numbers is not None:
        print(f"{name:<11} average precision {numbers['average_precision']:.3f}")
verdict = weir.compare(old, old, new)
difference = verdict["damage_roubles_per_30_days"]
print(f"damage {difference['champion']:,.0f} → {difference['challenger']:,.0f} roubles in 30 days")
print(f"verdict: {verdict['verdict']}, {verdict['reason']}")

# %% [markdown]
# ## Has the world moved meanwhile?

# %%
print({name: round(value, 3) for name, value in drift(old, new, ["amount"]).items()})
