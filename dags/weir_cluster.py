"""A Spark cluster for one job: up, job, down; on this machine, in Yandex Cloud or on Kubernetes.

`WEIR_CLUSTER` says where: local (a stand-alone cluster that lives for the run), yandex (Data
Processing) or kubernetes (the Spark operator: the application's pods are the cluster). Downstream
work hangs on the job, never on the teardown, which succeeds after a failed job too. A cluster whose
creation failed half-way is not torn down by its run: `sweep_clusters` ends those.
"""

import os
import shlex
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.models.baseoperator import BaseOperator
from airflow.providers.cncf.kubernetes.operators.spark_kubernetes import SparkKubernetesOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.yandex.operators.dataproc import (
    DataprocCreateClusterOperator,
    DataprocCreatePysparkJobOperator,
    DataprocDeleteClusterOperator,
)
from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback

MODES = ("local", "yandex", "kubernetes")
LABELS = {"made-by": "weir"}
HOME = os.environ.get("WEIR_HOME", "/opt/weir")
PYTHON = os.environ.get("PYSPARK_PYTHON", f"{HOME}/.venv-lifecycle/bin/python")
NOTHING_TO_DO = 99
"""Exit code of a job's check that ends the run as skipped."""


def alert(context: Any) -> None:
    """A task failed for the last time."""
    instance = context["task_instance"]
    tell(f"weir: {instance.dag_id}.{instance.task_id} failed: {context.get('exception')}")


def late(context: Any, limit: str) -> None:
    """A run has not ended within its `limit`; it goes on."""
    run = context["dag_run"]
    tell(f"weir: {run['dag_id']} is late: run {run['dag_run_id']} has not ended within {limit}")


def tell(text: str) -> None:
    """Say it in the log, and to WEIR_ALERT_COMMAND where one is set."""
    import logging
    import subprocess

    logging.getLogger("weir.alert").error(text)
    command = os.environ.get("WEIR_ALERT_COMMAND")
    if command:
        subprocess.run([*shlex.split(command), text], check=False, timeout=30)


DEFAULTS = {
    "retries": int(os.environ.get("WEIR_RETRIES", "2")),
    "retry_delay": timedelta(seconds=float(os.environ.get("WEIR_RETRY_SECONDS", "60"))),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=20),
    "execution_timeout": timedelta(hours=6),
    "on_failure_callback": alert,
}


def due_within(**limit: float) -> DeadlineAlert:
    """Somebody is told when a run has not ended so long after it was asked for.

    `WEIR_DUE_SECONDS` is the limit of all, where it is set.
    """
    chosen = os.environ.get("WEIR_DUE_SECONDS")
    interval = timedelta(seconds=float(chosen)) if chosen else timedelta(**limit)
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=interval,
        # In the executor: a triggerer would be one more process.
        callback=SyncCallback(late, kwargs={"limit": str(interval)}),
    )


def mode() -> str:
    """Where clusters run."""
    chosen = os.environ.get("WEIR_CLUSTER", "local")
    if chosen not in MODES:
        raise ValueError(f"WEIR_CLUSTER is {chosen!r}, wanted one of {', '.join(MODES)}")
    return chosen


class CreateCluster(DataprocCreateClusterOperator):
    """The provider's operator, its name and labels rendered."""

    template_fields: Sequence[str] = ("cluster_name", "labels", "folder_id", "subnet_id")


class RunPyspark(DataprocCreatePysparkJobOperator):
    """The provider's operator, its arguments rendered: it hands templates to Spark as they are."""

    template_fields: Sequence[str] = (
        *DataprocCreatePysparkJobOperator.template_fields,
        "main_python_file_uri",
        "args",
        "properties",
    )


def job_command(job: str, arguments: Sequence[str]) -> str:
    """The shell line of a job on this machine."""
    words = [PYTHON, f"{HOME}/jobs/{job}.py", *arguments]
    # Templates must reach Jinja as they are; what they give is checked where it comes from.
    line = " ".join(f'"{word}"' if "{{" in word else shlex.quote(word) for word in words)
    return line


def local_job(task_id: str, job: str, arguments: Sequence[str], **options: Any) -> BashOperator:
    """A job that needs no cluster."""
    return BashOperator(
        task_id=task_id,
        bash_command=job_command(job, arguments),
        append_env=True,
        skip_on_exit_code=NOTHING_TO_DO,
        **options,
    )


def on_cluster(task_id: str, job: str, arguments: Sequence[str], **options: Any) -> BaseOperator:
    """`jobs/<job>.py` between the set-up and the teardown of a cluster; gives the job's task."""
    up, work, down = _MAKERS[mode()](task_id, job, arguments, options)
    # A teardown that fails must not decide: then its run would succeed though the job failed.
    up >> work >> down.as_teardown(setups=up)
    return work


def _local(task_id: str, job: str, arguments: Sequence[str], options: Any) -> Any:
    script = f"{HOME}/deploy/local/spark_cluster.sh"
    folder = "{{ dag.dag_id }}-{{ run_id | replace(':', '') | replace('+', '') }}"
    up = BashOperator(
        task_id=f"{task_id}_cluster_up",
        bash_command=f"{script} up {folder}",
        append_env=True,
    )
    work = BashOperator(
        task_id=task_id,
        bash_command=f"master=$({script} master {folder}) && export WEIR_SPARK_MASTER=$master && "
        + job_command(job, arguments),
        append_env=True,
        **options,
    )
    down = BashOperator(
        task_id=f"{task_id}_cluster_down",
        bash_command=f"{script} down {folder}",
        append_env=True,
    )
    return up, work, down


def _yandex(task_id: str, job: str, arguments: Sequence[str], options: Any) -> Any:
    code = os.environ.get("WEIR_CODE", "s3a://weir-code")
    up = CreateCluster(
        task_id=f"{task_id}_cluster_up",
        cluster_name="weir-{{ dag.dag_id | replace('_', '-') }}-{{ macros.uuid.uuid4().hex[:8] }}",
        labels={**LABELS, "dag": "{{ dag.dag_id }}"},
        folder_id="{{ var.value.get('yandex_folder', '') }}",
        subnet_id="{{ var.value.get('yandex_subnet', '') }}",
        s3_bucket=os.environ.get("WEIR_LOG_BUCKET", "weir-logs"),
        zone=os.environ.get("WEIR_ZONE", "ru-central1-a"),
        services=("SPARK", "YARN"),
        computenode_count=int(os.environ.get("WEIR_NODES", "2")),
        computenode_preemptible=True,
        initialization_actions=[{"uri": f"{code}/install.sh", "args": [], "timeout": 900}],
        connection_id="yandexcloud_default",
    )
    work = RunPyspark(
        task_id=task_id,
        name=f"weir-{job}",
        main_python_file_uri=f"{code}/jobs/{job}.py",
        args=list(arguments),
        properties={"spark.submit.deployMode": "cluster"},
        cluster_id=up.cluster_id,
        connection_id="yandexcloud_default",
        **options,
    )
    down = DataprocDeleteClusterOperator(
        task_id=f"{task_id}_cluster_down",
        cluster_id=up.cluster_id,
        connection_id="yandexcloud_default",
    )
    return up, work, down


def _kubernetes(task_id: str, job: str, arguments: Sequence[str], options: Any) -> Any:
    image = os.environ.get("WEIR_IMAGE", "weir-spark:latest")
    size = {"cores": 1, "memory": "2g", "serviceAccount": "weir-spark"}
    template = {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"labels": LABELS},
        "spec": {
            "type": "Python",
            "mode": "cluster",
            "image": image,
            "sparkVersion": "4.2.0",
            "mainApplicationFile": f"local:///opt/weir/jobs/{job}.py",
            "arguments": list(arguments),
            "restartPolicy": {"type": "Never"},
            "driver": size,
            "executor": {**size, "instances": int(os.environ.get("WEIR_NODES", "2"))},
        },
    }
    work = SparkKubernetesOperator(
        task_id=task_id,
        name=f"weir-{job}",
        namespace=os.environ.get("WEIR_NAMESPACE", "weir"),
        template_spec={"spark": template},
        delete_on_termination=True,
        **options,
    )
    up = EmptyOperator(task_id=f"{task_id}_cluster_up")
    return up, work, EmptyOperator(task_id=f"{task_id}_cluster_down")


_MAKERS = {"local": _local, "yandex": _yandex, "kubernetes": _kubernetes}
