"""Every DAG is imported in every mode and run with stub jobs. In .venv-airflow."""

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAGS = str(ROOT / "dags")
IDS = {"clean_lake", "retrain", "validate_and_compare", "watch_trial", "watch", "sweep_clusters"}
MODES = ["local", "yandex", "kubernetes"]


@pytest.fixture(scope="session", autouse=True)
def airflow(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An Airflow of this process with a fresh database: its imports are most of the time."""
    home = tmp_path_factory.mktemp("airflow")
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": DAGS,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "WEIR_RETRIES": "0",
    }
    sys.path.insert(0, DAGS)
    from airflow.utils.db import initdb

    initdb()


def load(mode: str) -> Any:
    """The DAGs as Airflow reads them in a mode."""
    from airflow.dag_processing.dagbag import DagBag

    for name in ("weir_cluster", "weir_lifecycle"):
        sys.modules.pop(name, None)
    os.environ["WEIR_CLUSTER"] = mode
    return DagBag(DAGS)


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """A stand-in for the checkout: jobs and clusters that write down how they were called."""
    log = tmp_path / "calls"
    script = tmp_path / "python"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$(basename "$1" .py) $* master=$WEIR_SPARK_MASTER" >>{log}\n'
        f'code={tmp_path}/exit-"$(basename "$1" .py)"\n'
        'test ! -e "$code" || exit "$(cat "$code")"\n'
    )
    (tmp_path / "deploy/local").mkdir(parents=True)
    cluster = tmp_path / "deploy/local/spark_cluster.sh"
    cluster.write_text(
        '#!/bin/sh\n[ "$1" != master ] || { echo spark://here:1; exit; }\n'
        f'echo "cluster $1" >>{log}\n'
    )
    for path in (script, cluster):
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return tmp_path


Run = Callable[..., tuple[str, list[str]]]


@pytest.fixture
def run(stubs: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`dag.test()` with stubs: (the run's state, how the stubs were called)."""
    monkeypatch.setenv("WEIR_HOME", str(stubs))
    monkeypatch.setenv("PYSPARK_PYTHON", str(stubs / "python"))
    monkeypatch.setenv("WEIR_CLUSTER", "local")

    def run_dag(dag: str, mode: str = "local", **conf: object) -> tuple[str, list[str]]:
        state = load(mode).dags[dag].test(run_conf=conf).state
        log = stubs / "calls"
        calls = log.read_text().splitlines() if log.exists() else []
        return str(state), calls

    return run_dag


@pytest.mark.parametrize("mode", MODES)
def test_every_dag_is_imported_in_every_mode(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_CLUSTER", mode)
    bag = load(mode)
    assert not bag.import_errors
    assert set(bag.dags) == IDS
    jobs = [bag.dags["clean_lake"].get_task("clean"), bag.dags["retrain"].get_task("train")]
    kind = {
        "local": "BashOperator",
        "yandex": "RunPyspark",
        "kubernetes": "SparkKubernetesOperator",
    }
    for job in jobs:
        assert type(job).__name__ == kind[mode]
        if mode == "yandex":  # The provider would hand the arguments' templates to Spark as is.
            assert "args" in job.template_fields
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    ends = [task for task in tasks if task.task_id.endswith("_cluster_down")]
    assert len(ends) == 2
    assert all(task.is_teardown and not task.downstream_task_ids for task in ends)


def test_an_unknown_mode_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_CLUSTER", "moon")
    text = " ".join(load("moon").import_errors.values())
    assert "WEIR_CLUSTER is 'moon', wanted one of local, yandex, kubernetes" in text


def test_cleaning_runs_between_cluster_up_and_down(run: Run, stubs: Path) -> None:
    state, calls = run("clean_lake")
    assert state == "success"
    assert [call.split(" ")[0] for call in calls] == ["clean", "cluster", "clean", "cluster"]
    assert "--check" in calls[0] and calls[0].endswith("master=")
    assert calls[1] == "cluster up" and calls[3] == "cluster down"
    assert "--keep 12" in calls[2] and calls[2].endswith("master=spark://here:1")


def test_without_new_files_no_cluster_is_started(run: Run, stubs: Path) -> None:
    (stubs / "exit-clean").write_text("99")
    _, calls = run("clean_lake")
    assert [call.split(" ")[0] for call in calls] == ["clean"]


def test_a_failed_job_still_ends_its_cluster(run: Run, stubs: Path) -> None:
    (stubs / "exit-clean").write_text("0")
    with (stubs / "python").open("a") as script:  # The check succeeds, the job does not.
        script.write('case "$*" in *train.py*--check*) ;; *train.py*) exit 1 ;; esac\n')
    state, calls = run("retrain")
    assert [" ".join(call.split(" ")[:2]).split(" /")[0] for call in calls] == [
        "train",
        "cluster up",
        "train",
        "cluster down",
    ]
    assert state == "failed"


def test_a_lake_without_a_state_starts_no_cluster(run: Run, stubs: Path) -> None:
    (stubs / "exit-train").write_text("99")
    _, calls = run("retrain")
    assert len(calls) == 1 and "--check" in calls[0]


def test_flags_of_a_retraining_are_one_word_and_only_flags(run: Run) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    _, calls = run("retrain", training="--rounds 1 --depth 1")
    assert "--also=--rounds 1 --depth 1" in calls[-2]
    with pytest.raises(ParamValidationError, match="does not match"):
        run("retrain", training="$(touch x)")


def test_a_refused_validation_compares_nothing(run: Run, stubs: Path) -> None:
    (stubs / "exit-validate").write_text("1")
    _, calls = run("validate_and_compare")
    assert [call.split(" ")[0] for call in calls] == ["validate"]


@pytest.mark.parametrize("mode", MODES)
def test_a_better_challenger_is_tried_online_where_a_service_is(
    run: Run, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, calls = run("validate_and_compare", mode)
    assert state == "success"
    assert [call.split(" ")[0] for call in calls] == ["validate", "compare"]
    assert "--trial" not in calls[1]
    monkeypatch.setenv("WEIR_JOURNAL", "/var/lib/weir journal")
    state, calls = run("validate_and_compare", mode)
    assert state == "success" and "--trial" in calls[3]
    state, calls = run("watch_trial", mode)
    assert state == "success"
    assert "trial.py --name weir --journal /var/lib/weir journal master=" in calls[4]


@pytest.mark.parametrize("code", ["99", "1"])
def test_a_look_at_no_trial_is_skipped_and_a_fault_of_the_look_fails(
    run: Run, stubs: Path, code: str
) -> None:
    (stubs / "exit-trial").write_text(code)
    state, calls = run("watch_trial")
    assert len(calls) == 1
    assert state == ("failed" if code == "1" else "success")


def test_a_yandex_cluster_is_made_used_and_deleted(
    run: Run, stubs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.yandex.operators import dataproc

    def note(text: str) -> Callable[..., str]:
        def execute(self: Any, context: Any) -> str:
            more = " ".join([*getattr(self, "args", []), str(getattr(self, "cluster_name", ""))])
            with (stubs / "calls").open("a") as log:
                log.write(f"{text} {self.cluster_id if text != 'up' else ''} {more}\n")
            return "cluster-7"

        return execute

    for operator, text in (
        (dataproc.DataprocCreateClusterOperator, "up"),
        (dataproc.DataprocCreatePysparkJobOperator, "job"),
        (dataproc.DataprocDeleteClusterOperator, "down"),
    ):
        monkeypatch.setattr(operator, "execute", note(text))
    state, calls = run("clean_lake", "yandex")
    assert state == "success"
    assert [call.split(" ")[0] for call in calls] == ["clean", "up", "job", "down"]
    assert "weir-clean-lake-" in calls[1] and "{{" not in calls[1]
    assert calls[2].startswith("job cluster-7 --raw") and "--keep 12" in calls[2]
    assert calls[3].startswith("down cluster-7")


def test_a_spark_application_gets_the_arguments(
    run: Run, stubs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.cncf.kubernetes.operators.spark_kubernetes import (
        SparkKubernetesOperator,
    )

    def execute(self: Any, context: Any) -> None:
        spec = self.template_spec["spark"]["spec"]
        with (stubs / "calls").open("a") as log:
            log.write(f"application {spec['mainApplicationFile']} {' '.join(spec['arguments'])}\n")

    monkeypatch.setattr(SparkKubernetesOperator, "execute", execute)
    state, calls = run("clean_lake", "kubernetes")
    assert state == "success"
    assert calls[1].startswith("application local:///opt/weir/jobs/clean.py --raw s3://weir-raw")
    assert len(calls) == 2
