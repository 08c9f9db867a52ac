"""What the dashboards show: each panel's title, unit, words and PromQL, by dashboard."""

from panel import SELECT, Panel, largest, quantile, rate
from panels_around import LIFECYCLE, STREAM

SERVICE = [
    Panel(
        1,
        "Up and ready",
        "none",
        "1: Prometheus reaches it; payments are answered.",
        {"up {{instance}}": f"up{{{SELECT}}}", "ready {{instance}}": f"weir_ready{{{SELECT}}}"},
    ),
    Panel(
        2,
        "Errors",
        "percentunit",
        "Share of 5xx; the objective is 0.1 % of a month.",
        {
            "5 min": 'job:weir_request_errors:ratio5m{job=~"$job"} or vector(0)',
            "1 h": 'job:weir_request_errors:ratio1h{job=~"$job"} or vector(0)',
        },
    ),
    Panel(
        3,
        "Time of a decision",
        "s",
        "From a whole request to its answer, commit not included.",
        {
            f"p{q}": quantile(q / 100, "weir_http_request_seconds", ',endpoint="decide"')
            for q in (50, 99)
        }
        | {"slower than 20 ms": 'job:weir_request_slow:ratio5m{job=~"$job"}'},
    ),
    Panel(
        4,
        "Requests by endpoint",
        "reqps",
        "Answered, whatever the status.",
        {"{{endpoint}} {{status}}": rate("weir_http_requests_total", "endpoint", "status")},
    ),
    Panel(
        5,
        "Age of the newest payment",
        "s",
        "Now minus the newest event time.",
        {"{{instance}}": f"weir_event_time_lag_seconds{{{SELECT}}}"},
    ),
    Panel(
        6,
        "Rejected payments by rule",
        "cps",
        "Not decided.",
        {
            "{{rule}}": rate("weir_payments_rejected_total", "rule"),
            "unknown fields": rate("weir_unknown_fields_total"),
        },
    ),
    Panel(
        7,
        "Connections",
        "none",
        "Clients now; those that came, were refused or cut, a second.",
        {
            "now": f"sum(weir_http_connections{{{SELECT}}})",
            "came": rate("weir_http_connections_accepted_total"),
            "refused {{reason}}": rate("weir_http_connections_refused_total", "reason"),
            "cut": rate("weir_http_timeouts_total"),
        },
    ),
    Panel(
        8,
        "Decisions with less",
        "cps",
        "Without reasons or challenger, because time was short.",
        {"{{rung}}": rate("weir_degraded_total", "rung")},
    ),
    Panel(
        9,
        "Commits of the journal",
        "s",
        "An answer waits for its commit.",
        {
            "p50": quantile(0.5, "weir_journal_commit_seconds"),
            "p99": quantile(0.99, "weir_journal_commit_seconds"),
            "failed/s": rate("weir_journal_commit_failures_total"),
            "stuck": largest("weir_journal_stuck"),
        },
    ),
    Panel(
        10,
        "Disk of the journal",
        "bytes",
        "Free.",
        {"{{instance}}": f"weir_journal_free_bytes{{{SELECT}}}"},
    ),
    Panel(
        11,
        "Age of the last snapshot",
        "s",
        "A restart applies the log from there.",
        {
            "{{instance}}": f"weir_snapshot_age_seconds{{{SELECT}}}",
            "{{result}}": rate("weir_snapshots_total", "result"),
        },
    ),
    Panel(
        12,
        "Memory",
        "bytes",
        "Of the process, state included.",
        {"{{instance}}": f"weir_resident_bytes{{{SELECT}}}"},
    ),
    Panel(
        13,
        "Log",
        "cps",
        "Entries committed a second, and those waiting.",
        {
            "entries": rate("weir_journal_records_total"),
            "position/s": f"sum(deriv(weir_log_position{{{SELECT}}}[5m]))",
            "waiting": f"sum(weir_journal_queue_records{{{SELECT}}})",
            "by rules, waiting": f"sum(weir_journal_unrecorded_payments{{{SELECT}}})",
        },
    ),
    Panel(
        14,
        "Bytes",
        "Bps",
        "Bodies received and answered.",
        {
            "in": rate("weir_http_request_bytes_total"),
            "out": rate("weir_http_response_bytes_total"),
        },
    ),
    Panel(
        15,
        "Build",
        "none",
        "Version and compiler of what runs.",
        {"{{version}}": f"count by (version, compiler) (weir_build_info{{{SELECT}}})"},
        stat=True,
    ),
]

MODEL = [
    Panel(
        1,
        "Decisions by action",
        "cps",
        "Of the replica that shows most.",
        {
            "{{action}}": f"max by (action) ({rate('weir_decisions_total', 'instance', 'action')})",
            "touched, share of 1 h": 'job:weir_touched:ratio1h{job=~"$job"}',
        },
    ),
    Panel(
        2,
        "Probability of fraud",
        "percentunit",
        "Calibrated; of all payments decided.",
        {
            "mean": f"{rate('weir_decision_probability_sum')}"
            f" / {rate('weir_decision_probability_count')}",
            "p50": quantile(0.5, "weir_decision_probability"),
            "p99": quantile(0.99, "weir_decision_probability"),
        },
    ),
    Panel(
        3,
        "Drift of the score",
        "none",
        "PSI; above 0.25 it has moved.",
        {
            "score": largest("weir_score_drift_psi"),
            "{{input}}": largest("weir_input_drift_psi", "input"),
        },
    ),
    Panel(
        4,
        "Outcomes learned",
        "cps",
        "By source and outcome.",
        {"{{source}} {{outcome}}": rate("weir_feedback_total", "source", "outcome")},
    ),
    Panel(
        5,
        "Challenges and answers",
        "cps",
        "What goes out and what comes back.",
        {
            "asked": rate("weir_decisions_total", more=',action="challenge"'),
            "answered": rate(
                "weir_feedback_total", more=',source="challenge",outcome!="unanswered"'
            ),
        },
    ),
    Panel(
        6,
        "Age of the model",
        "d",
        "Since the last label that went into it.",
        {
            "{{role}}": "(time() - "
            f"{largest('weir_model_labels_known_timestamp_seconds', 'role')}) / 86400"
        },
    ),
    Panel(
        7,
        "Bundles in use",
        "none",
        "By role and version.",
        {
            "{{role}} {{version}}": f"count by (role, version) (weir_model_info{{{SELECT}}})",
            "reloads {{result}}": f"{largest('weir_model_reloads_total', 'result')} or vector(0)",
        },
        stat=True,
    ),
    Panel(
        8,
        "Arms",
        "percentunit",
        "Share of the decisions by arm; disagreements of the challenger.",
        {
            "{{arm}}": 'job_arm:weir_decisions:rate1h{job=~"$job"} / on (job) group_left '
            'sum by (job) (job_arm:weir_decisions:rate1h{job=~"$job"})',
            "disagree/s": f"{rate('weir_challenger_disagreements_total')} or vector(0)",
        },
    ),
    Panel(
        11,
        "The comparison by arm",
        "none",
        "Payments and touches a second; expected and confirmed loss.",
        {
            "{{arm}} payments": f"{rate('weir_arm_payments_total', 'arm')} or vector(0)",
            "{{arm}} touched": f"{rate('weir_arm_touched_total', 'arm')} or vector(0)",
            "{{arm}} expected, roubles/h": "("
            f"{rate('weir_arm_damage_expected_minor_total', 'arm')} * 36) or vector(0)",
            "{{arm}} confirmed, roubles": "("
            f"{largest('weir_arm_damage_confirmed_minor', 'arm')} / 100) or vector(0)",
        },
    ),
    Panel(
        9,
        "Applied again at the start",
        "none",
        "Entries, and decisions that came out differently.",
        {
            "entries": largest("weir_replayed_entries_total"),
            "different": largest("weir_replay_mismatches_total"),
        },
    ),
    Panel(
        10,
        "Repeated and late payments",
        "cps",
        "Sent again; older than the newest of their key.",
        {
            "repeated": rate("weir_payments_repeated_total"),
            "late": rate("weir_payments_late_total"),
        },
    ),
]

MONEY = [
    Panel(
        1,
        "The month's loss against its budget",
        "percentunit",
        "Last 30 days by event time.",
        {"{{kind}}": 'job_kind:weir_damage_spent:ratio{job=~"$job"}'},
    ),
    Panel(
        2,
        "Burn rate",
        "none",
        "1: the budget lasts exactly a month.",
        {
            "1 h": 'job:weir_damage_burn:1h{job=~"$job"}',
            "6 h": 'job:weir_damage_burn:6h{job=~"$job"}',
        },
    ),
    Panel(
        3,
        "Loss of 30 days",
        "currencyRUB",
        "Expected and confirmed, with the budget.",
        {
            "{{kind}}": f"{largest('weir_damage_month_minor', 'kind')} / 100",
            "budget": f"{largest('weir_damage_budget_minor')} / 100",
        },
    ),
    Panel(
        4,
        "Loss an hour",
        "currencyRUB",
        "Expected of what was approved; confirmed as it becomes known.",
        {
            "expected": f"max({rate('weir_damage_expected_minor_total', 'instance')}) * 36",
            "confirmed": f"max({rate('weir_damage_confirmed_minor_total', 'instance')}) * 36",
        },
    ),
    Panel(
        5,
        "Budgets of friction",
        "none",
        "With a policy in roubles: used against allowed.",
        {
            "{{budget}} used": f"{largest('weir_budget_used', 'budget')} or vector(0)",
            "{{budget}} allowed": f"{largest('weir_budget_limit', 'budget')} or vector(0)",
            "multiplier": f"{largest('weir_budget_multiplier')} or vector(0)",
        },
    ),
]

BOARDS = {
    "service": ("weir: service", SERVICE),
    "model": ("weir: model and decisions", MODEL),
    "money": ("weir: money", MONEY),
    "stream": ("weir: stream", STREAM),
    "lifecycle": ("weir: lifecycle", LIFECYCLE),
}
