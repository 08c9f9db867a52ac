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
JOBS = [("clean_lake", "clean"), ("retrain", "train")]
"""What runs on a cluster."""


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
        found = load(mode).dags[dag]
        found.deadline = None  # test() takes no DAG with one: they are rows of the database.
        state = found.test(run_conf=conf).state
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
    assert all(dag.deadline for dag in bag.dags.values()), "somebody is told when a run is late"


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
    assert {call.split(" ")[0] for call in calls} == {"validate"}


def test_the_champion_is_measured_whoever_waits(run: Run, stubs: Path) -> None:
    with (stubs / "python").open("a") as script:
        script.write('case "$*" in *"--alias challenger"*) exit 99 ;; esac\n')
    state, calls = run("validate_and_compare")
    assert state == "success"
    assert [("--alias champion" in call, "--or-skip" in call) for call in sorted(calls)] == [
        (False, True),
        (True, True),
    ]


@pytest.mark.parametrize("mode", MODES)
def test_a_better_challenger_is_tried_online_where_a_service_is(
    run: Run, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compared(calls: list[str]) -> list[str]:
        names = [call.split(" ")[0] for call in calls]
        assert names.count("validate") == 2 * names.count("compare")
        assert names.index("validate") < names.index("compare")
        return [call for call in calls if call.startswith("compare")]

    state, calls = run("validate_and_compare", mode)
    assert state == "success" and "--trial" not in compared(calls)[-1]
    monkeypatch.setenv("WEIR_JOURNAL", "/var/lib/weir journal")
    state, calls = run("validate_and_compare", mode)
    assert state == "success" and "--trial" in compared(calls)[-1]
    state, calls = run("watch_trial", mode)
    assert state == "success"
    assert "trial.py --name weir --journal /var/lib/weir journal master=" in calls[-1]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_left_behind_is_swept_where_it_is(run: Run, stubs: Path, mode: str) -> None:
    script = stubs / f"deploy/{mode}/sweep_clusters.sh"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\necho "sweep {mode} $1" >>{stubs}/calls\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    assert (ROOT / f"deploy/{mode}/sweep_clusters.sh").stat().st_mode & stat.S_IXUSR
    assert run("sweep_clusters", mode) == ("success", [f"sweep {mode} 12"])


@pytest.mark.parametrize("mode", MODES)
def test_a_watch_that_sees_nothing_trains_nothing(
    run: Run, stubs: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_LOSS_BUDGET", "500000")
    (stubs / "exit-watch").write_text("99")
    state, calls = run("watch", mode)
    assert state == "success" and len(calls) == 1 and "--budget 500000" in calls[0]


def test_a_watch_that_sees_drift_starts_a_retraining(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

    started: list[str] = []
    monkeypatch.setattr(
        TriggerDagRunOperator, "execute", lambda self, context: started.append(self.trigger_dag_id)
    )
    state, _ = run("watch")
    assert (state, started) == ("success", ["retrain"])


def test_a_task_is_tried_again_with_growing_pauses(
    run: Run, stubs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_RETRIES", "3")
    for dag in load("local").dags.values():
        for task in dag.tasks:
            assert (task.retries, bool(task.retry_exponential_backoff)) == (3, True), task
            assert task.retry_delay < task.max_retry_delay
            assert task.on_failure_callback
    monkeypatch.setenv("WEIR_RETRY_SECONDS", "0.1")
    with (stubs / "python").open("a") as script:  # The first two tries fail.
        script.write(f'[ "$(grep -c watch {stubs}/calls)" -gt 2 ] && exit 99\nexit 1\n')
    state, calls = run("watch")
    assert state == "success" and len(calls) == 3


def test_who_is_told_when_a_run_is_late_or_a_task_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta
    from types import SimpleNamespace

    monkeypatch.setenv("WEIR_DUE_SECONDS", "90")
    assert load("local").dags["retrain"].deadline[0].interval == timedelta(seconds=90)
    monkeypatch.delenv("WEIR_DUE_SECONDS")
    (deadline,) = load("local").dags["retrain"].deadline
    assert deadline.interval == timedelta(hours=6)
    assert deadline.callback.path == "weir_cluster.late"
    told = tmp_path / "told"
    script = tmp_path / "tell"
    script.write_text(f'#!/bin/sh\necho "$1" >>{told}\n')
    script.chmod(0o755)
    monkeypatch.setenv("WEIR_ALERT_COMMAND", str(script))
    import weir_cluster

    run = {"dag_id": "retrain", "dag_run_id": "manual-7"}
    weir_cluster.late(context={"dag_run": run}, **deadline.callback.kwargs)
    instance = SimpleNamespace(dag_id="retrain", task_id="train")
    weir_cluster.alert({"task_instance": instance, "exception": "no memory"})
    assert told.read_text().splitlines() == [
        "weir: retrain is late: run manual-7 has not ended within 6:00:00",
        "weir: retrain.train failed: no memory",
    ]


@pytest.mark.parametrize("code", ["99", "1"])
def test_a_look_at_no_trial_is_skipped_and_a_fault_of_the_look_fails(
    run: Run, stubs: Path, code: str
) -> None:
    (stubs / "exit-trial").write_text(code)
    state, calls = run("watch_trial")
    assert len(calls) == 1
    assert state == ("failed" if code == "1" else "success")


@pytest.mark.parametrize(("dag", "job"), JOBS)
def test_a_yandex_cluster_is_made_used_and_deleted(
    run: Run, stubs: Path, monkeypatch: pytest.MonkeyPatch, dag: str, job: str
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
    state, calls = run(dag, "yandex")
    assert state == "success"
    assert [call.split(" ")[0] for call in calls] == [job, "up", "job", "down"]
    assert f"weir-{dag.replace('_', '-')}-" in calls[1]
    assert calls[2].startswith("job cluster-7 --") and "s3://weir-clean/lake" in calls[2]
    assert not any("{{" in call for call in calls)
    assert calls[3].startswith("down cluster-7")


def test_a_cluster_that_cannot_be_made_runs_no_job(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.yandex.operators import dataproc

    def refused(self: Any, context: Any) -> None:
        raise RuntimeError("quota exceeded")

    monkeypatch.setattr(dataproc.DataprocCreateClusterOperator, "execute", refused)
    state, calls = run("clean_lake", "yandex")
    # What it left half made is for sweep_clusters: without a set-up there is no teardown.
    assert state == "failed" and [call.split(" ")[0] for call in calls] == ["clean"]


@pytest.mark.parametrize(("dag", "job"), JOBS)
def test_a_spark_application_gets_the_arguments(
    run: Run, stubs: Path, monkeypatch: pytest.MonkeyPatch, dag: str, job: str
) -> None:
    from airflow.providers.cncf.kubernetes.operators.spark_kubernetes import (
        SparkKubernetesOperator,
    )

    def execute(self: Any, context: Any) -> None:
        spec = self.template_spec["spark"]["spec"]
        with (stubs / "calls").open("a") as log:
            log.write(f"application {spec['mainApplicationFile']} {' '.join(spec['arguments'])}\n")

    monkeypatch.setattr(SparkKubernetesOperator, "execute", execute)
    state, calls = run(dag, "kubernetes")
    assert state == "success" and len(calls) == 2
    assert calls[1].startswith(f"application local:///opt/weir/jobs/{job}.py --")
    assert "s3://weir-clean/lake" in calls[1] and "{{" not in calls[1]
