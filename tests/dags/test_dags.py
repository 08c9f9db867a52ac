"""Every DAG is imported in every mode and run with stub jobs. In .venv-airflow."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IDS = {"clean_lake", "retrain", "validate_and_compare", "watch", "sweep_clusters"}


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An Airflow home with a fresh database; gives its environment."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "PYTHONPATH": str(ROOT / "dags"),
        "WEIR_RETRIES": "0",
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "airflow", "db", "migrate"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return environment


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


def run_dag(airflow: dict[str, str], stubs: Path, dag: str, *words: str) -> tuple[str, list[str]]:
    """`airflow dags test` with stubs: (what it printed, how the stubs were called)."""
    done = subprocess.run(
        [Path(sys.executable).parent / "airflow", "dags", "test", dag, *words],
        env={**airflow, "WEIR_HOME": str(stubs), "PYSPARK_PYTHON": str(stubs / "python")},
        capture_output=True,
        text=True,
    )
    log = stubs / "calls"
    calls = log.read_text().splitlines() if log.exists() else []
    return (
        "success" if done.returncode == 0 else "failed"
    ) + "\n" + done.stdout + done.stderr, calls


@pytest.mark.parametrize("mode", ["local", "yandex", "kubernetes"])
def test_every_dag_is_imported_in_every_mode(airflow: dict[str, str], mode: str) -> None:
    code = (
        "from airflow.dag_processing.dagbag import DagBag\n"
        f"bag = DagBag({str(ROOT / 'dags')!r})\n"
        "assert not bag.import_errors, bag.import_errors\n"
        "for dag in bag.dags.values():\n"
        "    for task in dag.tasks:\n"
        "        print(dag.dag_id, task.task_id, type(task).__name__, task.is_setup,"
        " task.is_teardown, sorted(task.downstream_task_ids), list(task.template_fields))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**airflow, "WEIR_CLUSTER": mode},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.split(" ")[0] in IDS]
    assert {line.split(" ")[0] for line in lines} == IDS
    jobs = [line for line in lines if line.startswith(("clean_lake clean ", "retrain train "))]
    assert len(jobs) == 2
    kind = {
        "local": "BashOperator",
        "yandex": "RunPyspark",
        "kubernetes": "SparkKubernetesOperator",
    }
    assert all(kind[mode] in line for line in jobs)
    if mode == "yandex":  # The provider would hand the arguments' templates to Spark as they are.
        assert all("'args'" in line for line in jobs)
    ends = [line for line in lines if line.split(" ")[1].endswith("_cluster_down")]
    assert len(ends) == 2 and all(" False True []" in line for line in ends)


def test_an_unknown_mode_is_an_import_error(airflow: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import weir_lifecycle"],
        env={**airflow, "WEIR_CLUSTER": "moon"},
        capture_output=True,
        text=True,
    )
    assert "WEIR_CLUSTER is 'moon', wanted one of local, yandex, kubernetes" in done.stderr


def test_cleaning_runs_between_cluster_up_and_down(airflow: dict[str, str], stubs: Path) -> None:
    state, calls = run_dag(airflow, stubs, "clean_lake")
    assert state.startswith("success"), state
    assert [call.split(" ")[0] for call in calls] == ["clean", "cluster", "clean", "cluster"]
    assert "--check" in calls[0] and calls[0].endswith("master=")
    assert calls[1] == "cluster up" and calls[3] == "cluster down"
    assert "--keep 12" in calls[2] and calls[2].endswith("master=spark://here:1")


def test_without_new_files_no_cluster_is_started(airflow: dict[str, str], stubs: Path) -> None:
    (stubs / "exit-clean").write_text("99")
    _, calls = run_dag(airflow, stubs, "clean_lake")
    assert [call.split(" ")[0] for call in calls] == ["clean"]


def test_a_failed_job_still_ends_its_cluster(airflow: dict[str, str], stubs: Path) -> None:
    (stubs / "exit-clean").write_text("0")
    with (stubs / "python").open("a") as script:  # The check succeeds, the job does not.
        script.write('case "$*" in *train.py*--check*) ;; *train.py*) exit 1 ;; esac\n')
    state, calls = run_dag(airflow, stubs, "retrain")
    assert [" ".join(call.split(" ")[:2]).split(" /")[0] for call in calls] == [
        "train",
        "cluster up",
        "train",
        "cluster down",
    ]
    assert "failed" in state


def test_a_lake_without_a_state_starts_no_cluster(airflow: dict[str, str], stubs: Path) -> None:
    (stubs / "exit-train").write_text("99")
    _, calls = run_dag(airflow, stubs, "retrain")
    assert len(calls) == 1 and "--check" in calls[0]


def test_flags_of_a_retraining_are_one_word_and_only_flags(
    airflow: dict[str, str], stubs: Path
) -> None:
    _, calls = run_dag(airflow, stubs, "retrain", "--conf", '{"training": "--rounds 1 --depth 1"}')
    assert "--also=--rounds 1 --depth 1" in calls[-2]
    state, calls = run_dag(airflow, stubs, "retrain", "--conf", '{"training": "$(touch x)"}')
    assert state.startswith("failed") and "does not match" in state


def test_a_refused_validation_compares_nothing(airflow: dict[str, str], stubs: Path) -> None:
    (stubs / "exit-validate").write_text("1")
    _, calls = run_dag(airflow, stubs, "validate_and_compare")
    assert [call.split(" ")[0] for call in calls] == ["validate"]
