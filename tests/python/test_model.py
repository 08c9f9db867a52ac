"""`weir.features`, `score` and `evaluate`: equal to the command's files, to the bit."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import weir
from conftest import ROOT, Run


@pytest.fixture(scope="module")
def payments(lake: Path) -> pa.Table:
    """The lake as one table."""
    table = ds.dataset(lake / "clean", partitioning=None).to_table()
    table = table.sort_by([("event_time", "ascending"), ("transaction_id", "ascending")])
    return table.combine_chunks()


@pytest.fixture(scope="module")
def model(bundle: Path) -> weir.Model:
    """The bundle, loaded."""
    return weir.load_model(bundle)


def same_bits(left: pa.Table, right: pa.Table) -> bool:
    """Equal, where NaN equals NaN: compares the memory of float columns."""
    if left.column_names != right.column_names or left.num_rows != right.num_rows:
        return False
    for name in left.column_names:
        a, b = left[name].combine_chunks(), right[name].combine_chunks()
        if pa.types.is_floating(a.type):
            a, b = a.view(pa.int32()), b.view(pa.int32())
        if not a.equals(b):
            return False
    return True


def test_features_equal_the_commands(payments: pa.Table, features: Path) -> None:
    wanted = pq.read_table(features)
    for threads in (1, 2):
        got = pa.table(weir.features(payments, "weir", threads=threads))
        assert same_bits(got, wanted)
    for key in (b"weir.spec", b"weir.fingerprint", b"weir.label_delay_seconds"):
        assert got.schema.metadata[key] == wanted.schema.metadata[key]


def test_scores_equal_the_decisions_of_a_replay(
    succeed: Run, payments: pa.Table, lake: Path, bundle: Path, model: weir.Model, tmp_path: Path
) -> None:
    out = tmp_path / "decisions.parquet"
    succeed("replay", bundle, lake, "--out", out)
    decisions = pq.read_table(out)
    table = weir.features(payments, "weir", label_delay=model.label_delay)
    scores = pa.table(model.score(table))
    assert scores["transaction_id"].equals(decisions["transaction_id"])
    for name in ("margin", "probability", "action"):
        assert scores[name].to_pylist() == decisions[name].to_pylist(), name


def test_evaluation_equals_the_commands(
    succeed: Run, payments: pa.Table, lake: Path, bundle: Path, model: weir.Model, tmp_path: Path
) -> None:
    begin = datetime(2019, 9, 25, tzinfo=UTC)
    done = succeed(
        *("evaluate", bundle, lake, "--from", f"{begin:%Y-%m-%d}", "--json"),
        *("--out", tmp_path / "evaluation"),
    )
    wanted = json.loads(done.stdout)
    table = pa.table(weir.features(payments, "weir", label_delay=model.label_delay))
    test = table.filter(pa.compute.greater_equal(table["event_time"], pa.scalar(begin)))
    got = weir.evaluate(test, model.score(test))
    for name in set(got) - {"point", "recall_by_scenario"}:
        assert got[name] == wanted[name], name
    point = wanted["points"][-1]
    assert got["point"] == {name: point[name] for name in got["point"]}
    assert got["recall_by_scenario"] == wanted["recall_by_scenario"]


def test_average_precision_is_scikit_learns(payments: pa.Table, model: weir.Model) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores = pa.table(model.score(weir.features(payments)))
    got = weir.evaluate(payments, scores, bootstrap=0)
    truth, margins = payments["is_fraud"].to_numpy(), scores["margin"].to_numpy()
    assert got["average_precision"]["value"] == pytest.approx(
        average_precision_score(truth, margins), abs=1e-12
    )
    assert got["roc_auc"]["value"] == pytest.approx(roc_auc_score(truth, margins), abs=1e-12)


def test_slices_chunks_and_types_give_the_same_bits(payments: pa.Table, model: weir.Model) -> None:
    part = payments.slice(0, 5_000)
    wanted = pa.table(weir.features(part, "handbook"))
    inside = pa.concat_tables([payments.slice(0, 3), payments]).combine_chunks().slice(3, 5_000)
    chunked = pa.concat_tables([part.slice(0, 1_234), part.slice(1_234)])
    seconds = part.set_column(1, "event_time", part["event_time"].cast(pa.timestamp("s", "UTC")))
    narrow = part.set_column(2, "customer_id", part["customer_id"].cast(pa.int32()))
    batch = part.combine_chunks().to_batches()[0]
    as_ints = part.set_column(5, "is_fraud", part["is_fraud"].cast(pa.int64()))
    for table in (inside, chunked, seconds, narrow, batch, as_ints):
        got = pa.table(weir.features(table, "handbook"))
        assert same_bits(got.drop_columns("is_fraud"), wanted.drop_columns("is_fraud"))
    full = pa.table(weir.features(part))
    both = [
        pa.table(model.score(table))
        for table in (full, pa.concat_tables([full.slice(0, 77), full.slice(77)]))
    ]
    assert same_bits(both[0].drop_columns("probability"), both[1].drop_columns("probability"))
    assert both[0].equals(both[1])


def test_a_result_is_shared_not_copied(payments: pa.Table) -> None:
    result = weir.features(payments.slice(0, 1_000))
    first, second = pa.table(result), pa.record_batch(result)
    address = first["amount"].chunk(0).buffers()[1].address
    assert second["amount"].buffers()[1].address == address
    del result, second
    assert first["amount"].to_pylist()[0] >= 0  # Outlives what it came from.


def test_nothing_is_leaked_nor_kept(payments: pa.Table) -> None:
    part = payments.slice(0, 1_000).combine_chunks()
    before = pa.total_allocated_bytes()
    for _ in range(5):
        weir.features(part)
        weir.clean(part.slice(0, 50))
    assert pa.total_allocated_bytes() == before


def test_errors_say_what_is_wanted(
    payments: pa.Table, model: weir.Model, bundle: Path, tmp_path: Path
) -> None:
    part = payments.slice(0, 100).combine_chunks()

    def replaced(name: str, values: object) -> pa.Table:
        return part.set_column(part.schema.get_field_index(name), name, values)

    with pytest.raises(weir.Error, match="payments lack the column customer_id; nearest is"):
        weir.features(part.drop_columns("customer_id"))
    with pytest.raises(weir.Error, match="column amount_minor is float64, wanted int64; cast it"):
        weir.features(replaced("amount_minor", part["amount_minor"].cast(pa.float64())))
    with pytest.raises(weir.Error, match="column event_time is int64, wanted timestamp"):
        weir.features(replaced("event_time", part["event_time"].cast(pa.int64())))
    holed = pa.array([None if i == 7 else 1 for i in range(100)], pa.int64())
    with pytest.raises(weir.Error, match="customer_id has an empty value in row 7"):
        weir.features(replaced("customer_id", holed))
    with pytest.raises(weir.Error, match="stands after payment"):
        weir.features(part.take(list(reversed(range(100)))))
    with pytest.raises(weir.UsageError, match='label_delay is "a week"'):
        weir.features(part, label_delay="a week")
    with pytest.raises(weir.UsageError, match="handbok"):
        weir.features(part, "handbok")
    with pytest.raises(weir.Error, match="wanted rows of named columns"):
        weir.features(pa.chunked_array([[1, 2]]))
    handbook = weir.features(part, "handbook")
    with pytest.raises(weir.Error, match=f"{model.fingerprint}.*{'15 columns'}"):
        model.score(handbook)
    with pytest.raises(weir.Error, match="features lack the column"):
        model.score(part)
    with pytest.raises(weir.Error, match="no such folder; wanted one written by weir train"):
        weir.load_model(tmp_path / "none")
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in bundle.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "card.md").write_text("better")
    with pytest.raises(weir.Error, match=r"card\.md has SHA-256"):
        weir.load_model(broken)
    scores = model.score(weir.features(part))
    with pytest.raises(weir.Error, match="100 scores for 99 payments"):
        weir.evaluate(part.slice(1), scores)
    with pytest.raises(weir.Error, match="payments have no labels"):
        weir.evaluate(part.drop_columns("is_fraud"), scores)


def test_a_spec_file_is_read_like_the_commands(payments: pa.Table, tmp_path: Path) -> None:
    spec = tmp_path / "mine.toml"
    spec.write_text(
        'name = "mine"\ninput = [{ key = "customer", aggregate = "count", window = "1d" }]\n'
    )
    table = pa.table(weir.features(payments.slice(0, 10), spec, label_delay=timedelta(days=7)))
    assert table.column_names[-1] == "customer_count_1d"
    spec.write_text('name = "mine"\ninput = [{ key = "customer", aggregate = "cuont" }]\n')
    with pytest.raises(weir.Error, match=r"mine\.toml.*cuont"):
        weir.features(payments, spec)


def test_polars_tables_go_in_and_come_out(payments: pa.Table) -> None:
    polars = pytest.importorskip("polars", reason="Polars is a rival of make bench only")
    part = payments.slice(0, 1_000)
    got = polars.from_arrow(pa.table(weir.features(polars.from_arrow(part))))
    assert got.equals(polars.from_arrow(pa.table(weir.features(part))))


def test_the_package_is_typed(tmp_path: Path) -> None:
    use = tmp_path / "use.py"
    use.write_text(
        "import pyarrow\nimport weir\n"
        "def run(table: weir.ArrowStream) -> float:\n"
        "    cleaned: weir.Cleaned = weir.clean(table)\n"
        "    scores = weir.load_model('m').score(weir.features(cleaned.payments))\n"
        "    return float(weir.evaluate(cleaned.payments, scores)['average_precision']['value'])\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")),
            *("--cache-dir", str(tmp_path), str(ROOT / "python/weir"), str(use)),
        ],
        capture_output=True,
        text=True,
        env={"MYPYPATH": str(ROOT / "python")},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
