"""The model's life on schedules: clean the lake, retrain, validate and compare, try, watch, sweep.

Wiring only: what is done stands in jobs/, where it runs in weir_cluster.
"""

import os
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param
from weir_cluster import DEFAULTS, HOME, local_job, mode, on_cluster

RAW = os.environ.get("WEIR_RAW", "s3://weir-raw")
LAKE = os.environ.get("WEIR_LAKE", "s3://weir-clean/lake")
MODEL = os.environ.get("WEIR_MODEL", "weir")
TERMINALS = os.environ.get("WEIR_TERMINALS", "")
JOURNAL = os.environ.get("WEIR_JOURNAL", "")
"""The service's journal: with it a challenger is tried online before it is promoted."""
CLEAN = Asset("weir-clean-lake", uri=f"{LAKE}/manifests")
CHALLENGER = Asset("weir-challenger", uri=f"weir-model://{MODEL}/challenger")
COMMON = {
    "start_date": datetime(2019, 8, 22),
    "catchup": False,
    "max_active_runs": 1,  # Also what serialises promotion: MLflow has no compare-and-swap.
    "default_args": DEFAULTS,
    "tags": ["weir"],
}

cleaning = ["--raw", RAW, "--lake", LAKE, *(["--terminals", TERMINALS] if TERMINALS else [])]
with DAG(
    "clean_lake",
    description="New raw files into the lake, published as one state",
    schedule="*/15 * * * *",
    dagrun_timeout=timedelta(hours=12),
    **COMMON,
):
    look = local_job("look_for_raw_files", "clean", [*cleaning, "--check"])
    clean = on_cluster("clean", "clean", [*cleaning, "--keep", "12"], outlets=[CLEAN])
    look >> clean.upstream_list[0]

with DAG(
    "retrain",
    description="A challenger from the newest state: when there is one, and every week",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 4 * * 1", timezone="UTC"), assets=[CLEAN]
    ),
    dagrun_timeout=timedelta(hours=12),
    params={
        # The pattern keeps what a person types from being more than flags to the shell.
        "training": Param(
            os.environ.get("WEIR_TRAINING", "--refit"),
            type="string",
            pattern=r"^[A-Za-z0-9 =.,_-]*$",
            description="Flags of jobs/train.py",
        )
    },
    **COMMON,
):
    training = ["--lake", LAKE, "--name", MODEL, "--also={{ params.training }}"]
    ready = local_job("look_for_a_state", "train", [*training, "--check"])
    train = on_cluster("train", "train", training, outlets=[CHALLENGER])
    ready >> train.upstream_list[0]

with DAG(
    "validate_and_compare",
    description="The challenger on labels that have become known: promote or try, keep, or wait",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 6 * * *", timezone="UTC"), assets=[CHALLENGER]
    ),
    dagrun_timeout=timedelta(hours=6),
    **COMMON,
):
    model = ["--lake", LAKE, "--name", MODEL]
    validate = local_job("validate", "validate", [*model, "--alias", "challenger", "--or-skip"])
    compare = local_job("compare", "compare", [*model, *(["--trial"] if JOURNAL else [])])
    validate >> compare

with DAG(
    "watch_trial",
    description="The model on trial against the champion, on live payments: promote, keep, go on",
    schedule="15 * * * *",
    dagrun_timeout=timedelta(hours=2),
    **COMMON,
):
    local_job("look_at_the_trial", "trial", ["--name", MODEL, "--journal", JOURNAL])

with DAG(
    "watch",
    description="The champion on newly known labels; retrain when its inputs have drifted",
    schedule="30 6 * * *",
    dagrun_timeout=timedelta(hours=6),
    **COMMON,
):
    drifted = local_job("look_for_drift", "watch", [*model])
    drifted >> TriggerDagRunOperator(task_id="retrain", trigger_dag_id="retrain")

with DAG(
    "sweep_clusters",
    description="End clusters that a run left behind",
    schedule="0 * * * *",
    **COMMON,
):
    BashOperator(
        task_id="sweep",
        bash_command=f"{HOME}/deploy/{mode()}/sweep_clusters.sh",
        append_env=True,
    )
