"""Panels of the stream with its broker, and of what the model's life runs on."""

from panel import SELECT, Panel, largest, quantile, rate

STREAM = [
    Panel(
        1,
        "Behind",
        "s",
        "Now minus the time of the last event read, while there are more.",
        {"{{instance}}": f"weir_stream_lag_seconds{{{SELECT}}}"},
    ),
    Panel(
        2,
        "Events waiting",
        "none",
        "In the topic and not decided yet; what an autoscaler may go by.",
        {"{{instance}}": f"weir_stream_lag_messages{{{SELECT}}}"},
    ),
    Panel(
        3,
        "Partitions",
        "none",
        "Each belongs to one worker; 0 is a standby.",
        {"{{instance}}": f"weir_stream_partitions{{{SELECT}}}"},
    ),
    Panel(
        4,
        "Transactions",
        "cps",
        "Aborted ones are sent again.",
        {"{{result}}": rate("weir_stream_transactions_total", "result")},
    ),
    Panel(
        5,
        "Commits",
        "s",
        "From a batch's last event to its commit.",
        {
            "p50": quantile(0.5, "weir_stream_commit_seconds"),
            "p99": quantile(0.99, "weir_stream_commit_seconds"),
        },
    ),
    Panel(
        6,
        "Changes of hands",
        "cps",
        "Partitions assigned, revoked and lost.",
        {"{{kind}}": rate("weir_stream_rebalances_total", "kind")},
    ),
    Panel(
        7,
        "Last restore",
        "s",
        "From the assignment to the first event decided.",
        {"{{instance}}": f"weir_stream_restore_seconds{{{SELECT}}}"},
    ),
    Panel(
        8,
        "Events of a transaction",
        "none",
        "Mean: few under a light load, up to --batch under a heavy one.",
        {
            "mean": f"{rate('weir_stream_batch_messages_sum')}"
            f" / {rate('weir_stream_batch_messages_count')}",
        },
    ),
    Panel(
        9,
        "Kafka: written by topic",
        "cps",
        "Messages a second, as the broker counts them.",
        {
            "{{topic}}": "sum by (topic) "
            "(rate(kafka_server_brokertopicmetrics_messagesin_total[$__rate_interval]))"
        },
    ),
    Panel(
        10,
        "Kafka: time of a request",
        "ms",
        "The 99th percentile at the broker, since its start; a fetch waits for messages.",
        {"{{request}}": "max by (request) (kafka_network_requestmetrics_totaltimems)"},
    ),
    Panel(
        11,
        "Kafka: brokers and partitions",
        "none",
        "Brokers that answer; partitions without a leader, and with fewer copies than they should.",
        {
            "up {{instance}}": 'up{job="kafka"}',
            "without a leader": "max(kafka_controller_kafkacontroller_offlinepartitionscount)",
            "too few copies": "sum(kafka_server_replicamanager_underreplicatedpartitions)",
        },
    ),
    Panel(
        12,
        "Kafka: memory and disk",
        "bytes",
        "Heap in use; what the topics take on disk.",
        {
            "heap {{instance}}": 'jvm_memory_used_bytes{job="kafka",area="heap"}',
            "{{topic}}": "sum by (topic) (kafka_log_log_size)",
        },
    ),
]

LIFECYCLE = [
    Panel(
        1,
        "Programs that answer",
        "none",
        "Airflow, MLflow, S3: 1 while they do.",
        {"{{service}}": "max by (service) (probe_success)"},
    ),
    Panel(
        2,
        "Time of their answer",
        "s",
        "As the probe sees it.",
        {"{{service}}": "max by (service) (probe_duration_seconds)"},
    ),
    Panel(
        3,
        "Age of the champion",
        "d",
        "Since the last label that went into it; a schedule that trains keeps it low.",
        {
            "{{role}}": "(time() - "
            f"{largest('weir_model_labels_known_timestamp_seconds', 'role')}) / 86400"
        },
    ),
    Panel(
        4,
        "Versions in use",
        "none",
        "A promotion shows as a new version.",
        {"{{role}} {{version}}": f"count by (role, version) (weir_model_info{{{SELECT}}})"},
        stat=True,
    ),
    Panel(
        5,
        "Labels that came back",
        "cps",
        "Without them there is nothing to train on.",
        {"{{outcome}}": rate("weir_feedback_total", "outcome")},
    ),
    Panel(
        6,
        "Drift of the score",
        "none",
        "PSI; above 0.25 the schedules retrain.",
        {"PSI": largest("weir_score_drift_psi")},
    ),
    Panel(
        7,
        "Airflow: signs of life",
        "cps",
        "Heartbeats of the scheduler and of the reader of schedules.",
        {
            "scheduler": "sum(rate(airflow_scheduler_heartbeat[$__rate_interval]))",
            "reader": "sum(rate(airflow_dag_processor_heartbeat[$__rate_interval]))",
        },
    ),
    Panel(
        8,
        "Airflow: tasks",
        "none",
        "Running, waiting for the executor, and without a place in their pool.",
        {
            "running": "sum(airflow_executor_running_tasks)",
            "queued": "sum(airflow_executor_queued_tasks)",
            "starving": "sum(airflow_scheduler_tasks_starving)",
        },
    ),
    Panel(
        9,
        "Airflow: runs that ended",
        "none",
        "Since Airflow's figures are received, by schedule.",
        {
            "{{dag_id}}": "sum by (dag_id) (airflow_dagrun_duration_success_count) or vector(0)",
            "{{dag_id}} failed": "sum by (dag_id) (airflow_dagrun_duration_failed_count)"
            " or vector(0)",
        },
    ),
    Panel(
        10,
        "Airflow: reading the schedules",
        "none",
        "Files that could not be read; seconds to read them all.",
        {
            "unreadable": "sum(airflow_dag_processing_import_errors)",
            "seconds": "sum(airflow_dag_processing_total_parse_time)",
        },
    ),
    Panel(
        11,
        "MLflow: requests",
        "reqps",
        "Answered, by status.",
        {"{{status}}": "sum by (status) (rate(mlflow_http_request_total[$__rate_interval]))"},
    ),
    Panel(
        12,
        "MLflow: time of an answer",
        "s",
        "Of all requests.",
        {
            f"p{q}": f"histogram_quantile({q / 100}, sum by (le) "
            "(rate(mlflow_http_request_duration_seconds_bucket[$__rate_interval])))"
            for q in (50, 99)
        },
    ),
    Panel(
        13,
        "S3: requests",
        "reqps",
        "Answered by what was asked; failed ones by status too.",
        {
            "{{action}}": "sum by (action) (rate(versitygw_success_count[$__rate_interval]))",
            "{{action}} {{status}}": "sum by (action, status) "
            "(rate(versitygw_failed_count[$__rate_interval]))",
        },
    ),
    Panel(
        14,
        "S3: bytes",
        "Bps",
        "Read and written.",
        {
            "read": "sum(rate(versitygw_bytes_read[$__rate_interval]))",
            "written": "sum(rate(versitygw_bytes_written[$__rate_interval]))",
        },
    ),
]
