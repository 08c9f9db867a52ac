"""The model's life on schedules: clean the lake, retrain, validate and compare, try, watch, sweep.

Wiring only: what is done stands in jobs/, where it runs in weir_cluster.
"""

import os
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param
from weir_cluster import DEFAULTS, HOME, due_within, local_job, mode, on_cluster

RAW = os.environ.get("WEIR_RAW", "s3://weir-raw")
LAKE = os.environ.get("WEIR_LAKE", "s3://weir-clean/lake")
MODEL = os.environ.get("WEIR_MODEL", "weir")
TERMINALS = os.environ.get("WEIR_TERMINALS", "")
JOURNAL = os.environ.get("WEIR_JOURNAL", "")
"""The service's journal: with it a challenger is tried online before it is promoted."""
BUDGET = os.environ.get("WEIR_LOSS_BUDGET", "0")
"""Roubles of damage in 30 days; above it the champion is trained anew. 0: not looked at."""
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
    deadline=due_within(hours=2),
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
    deadline=due_within(hours=6),
    **COMMON,
):
    training = ["--lake", LAKE, "--name", MODEL, "--also={{ params.training }}"]
    ready = local_job("look_for_a_state", "train", [*training, "--check"])
    train = on_cluster("train", "train", training, outlets=[CHALLENGER])
    ready >> train.upstream_list[0]

with DAG(
    "validate_and_compare",
    description="Both on labels that have become known: promote or try, keep, or wait",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 6 * * *", timezone="UTC"), assets=[CHALLENGER]
    ),
    dagrun_timeout=timedelta(hours=6),
    deadline=due_within(hours=3),
    **COMMON,
):
    model = ["--lake", LAKE, "--name", MODEL]
    validate = local_job("validate", "validate", [*model, "--alias", "challenger", "--or-skip"])
    compare = local_job("compare", "compare", [*model, *(["--trial"] if JOURNAL else [])])
    validate >> compare
    local_job("measure_champion", "validate", [*model, "--alias", "champion", "--or-skip"])

with DAG(
    "watch_trial",
    description="The model on trial against the champion, on live payments: promote, keep, go on",
    schedule="15 * * * *",
    dagrun_timeout=timedelta(hours=2),
    deadline=due_within(hours=1),
    **COMMON,
):
    local_job("look_at_the_trial", "trial", ["--name", MODEL, "--journal", JOURNAL])

with DAG(
    "watch",
    description="The champion on newly known labels; retrain on drift or when the budget burns",
    schedule="30 6 * * *",
    dagrun_timeout=timedelta(hours=6),
    deadline=due_within(hours=3),
    **COMMON,
):
    needed = local_job("look_at_champion", "watch", [*model, "--budget", BUDGET])
    needed >> TriggerDagRunOperator(task_id="retrain", trigger_dag_id="retrain")

with DAG(
    "sweep_clusters",
    description="End clusters that a run left behind",
    schedule="0 * * * *",
    deadline=due_within(minutes=30),
    **COMMON,
):
    BashOperator(
        task_id="sweep",
        # The hours come last: a command that ends in .sh is taken for the name of a template.
        bash_command=f"{HOME}/deploy/{mode()}/sweep_clusters.sh 12",
        append_env=True,
    )
