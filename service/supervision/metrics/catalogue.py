"""Every metric of Unglue: its name, its meaning, and how it is read."""

from typing import Final

from service.supervision.metrics.reading import (
    Metric,
    attempts,
    beats,
    behind,
    by_source,
    caught_up,
    deliveries,
    ended,
    errors,
    one,
    patience,
    paused,
    requests,
    silence,
    step_seconds,
)
from workers.ledger.installation.measures import PARTS
from workers.pipeline.states import STATES, TERMINAL

METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        "unglue_deliveries_total",
        "counter",
        "Events of deliveries by what became of them; `unauthentic` was not signed by its sender, "
        "`limited` not looked at after too many of those.",
        ("source", "verdict"),
        deliveries,
    ),
    Metric(
        "unglue_source_silent_seconds",
        "gauge",
        "Time since a source's newest verified delivery; absent until there was one.",
        ("source",),
        silence,
    ),
    Metric(
        "unglue_source_patience_seconds",
        "gauge",
        "The source's `silence_days`; absent where it is 0.",
        ("source",),
        patience,
    ),
    Metric(
        "unglue_caught_up_total",
        "counter",
        "Changes that a PSA said when it was asked, and no event had said.",
        ("source", "said"),
        caught_up,
    ),
    Metric(
        "unglue_catch_up_age_seconds",
        "gauge",
        "Time since it was last known that nothing of a source is missing; absent until then.",
        ("source",),
        behind,
    ),
    Metric(
        "unglue_held_deliveries",
        "gauge",
        "Deliveries that were not understood and hold deletions (`unglue holds`).",
        ("source",),
        by_source(lambda seen, source: seen.measures.sources[source].held),
    ),
    Metric(
        "unglue_quarantined_deliveries",
        "gauge",
        "Deliveries that could not be proved yet and hold deletions.",
        ("source",),
        by_source(lambda seen, source: seen.measures.sources[source].quarantined),
    ),
    Metric(
        "unglue_deletions",
        "gauge",
        "Deletions in the ledger, by state.",
        ("state",),
        lambda seen: [((state,), seen.measures.deletions[state]) for state in STATES],
    ),
    Metric(
        "unglue_deletions_oldest_seconds",
        "gauge",
        "Time since the oldest open deletion of a state was asked for.",
        ("state",),
        lambda seen: [
            ((state,), max(0.0, seen.measures.oldest.get(state, 0.0)))
            for state in STATES
            if state not in TERMINAL
        ],
    ),
    Metric(
        "unglue_deletions_ended_total",
        "counter",
        "Deletions that ended, by who asked for them and how they ended.",
        ("source", "state"),
        ended,
    ),
    Metric(
        "unglue_deletion_errors_total",
        "counter",
        "Deletions that ended with an error, by its first code (docs/errors.md).",
        ("code",),
        errors,
    ),
    Metric(
        "unglue_deletions_begun_24h",
        "gauge",
        "Deletions whose call was granted within the last 24 hours.",
        (),
        one(lambda seen: seen.measures.begun),
    ),
    Metric(
        "unglue_deletions_per_day_limit",
        "gauge",
        "`policy.max_deletions_per_day`.",
        (),
        one(lambda seen: seen.settings.policy.max_deletions_per_day),
    ),
    Metric(
        "unglue_deletions_due",
        "gauge",
        "Deletions that are due now.",
        (),
        one(lambda seen: seen.measures.due),
    ),
    Metric(
        "unglue_deletions_overdue",
        "gauge",
        "Deletions that have been due for more than a minute, and nobody handed out.",
        (),
        one(lambda seen: seen.measures.overdue),
    ),
    Metric(
        "unglue_queue_jobs",
        "gauge",
        "Jobs in the queue of the workers, which is kept short.",
        (),
        one(lambda seen: seen.measures.jobs),
    ),
    Metric(
        "unglue_queue_oldest_seconds",
        "gauge",
        "How long the next job has been in the queue.",
        (),
        one(lambda seen: seen.measures.queue_oldest),
    ),
    Metric(
        "unglue_line_deletions",
        "gauge",
        "Deletions that wait in the lines of their sources for room in the queue.",
        (),
        one(lambda seen: seen.measures.in_line),
    ),
    Metric(
        "unglue_line_oldest_seconds",
        "gauge",
        "How long the first in those lines has waited.",
        (),
        one(lambda seen: max(0.0, seen.measures.line_oldest)),
    ),
    Metric(
        "unglue_jobs_failed",
        "gauge",
        "Jobs that broke off within the last 7 days (crashed, killed, none of Unglue's).",
        (),
        one(lambda seen: seen.measures.jobs_failed),
    ),
    Metric(
        "unglue_part_up",
        "gauge",
        "1 if at least one process of this part gave a sign of life lately.",
        ("part",),
        lambda seen: [((part,), float(part in seen.measures.beats)) for part in PARTS],
    ),
    Metric(
        "unglue_part_beat_age_seconds",
        "gauge",
        "Age of the part's newest sign of life; absent while it is not up.",
        ("part",),
        beats,
    ),
    Metric(
        "unglue_paused", "gauge", "1 while deletions are paused for this cause.", ("cause",), paused
    ),
    Metric(
        "unglue_itglue_requests_total",
        "counter",
        "Requests to IT Glue, counted when a job is over; status `none`: no answer came.",
        ("method", "endpoint", "status"),
        requests,
    ),
    Metric(
        "unglue_step_seconds",
        "histogram",
        "How long the steps of deletions took, counted when a job is over.",
        ("step",),
        step_seconds,
    ),
    Metric(
        "unglue_itglue_budget_left",
        "gauge",
        "Requests that may still be sent within the running 5 minutes.",
        (),
        one(
            lambda seen: max(
                0, seen.settings.itglue.requests_per_5_minutes - seen.measures.budget_used
            )
        ),
    ),
    Metric(
        "unglue_itglue_budget_limit",
        "gauge",
        "`itglue.requests_per_5_minutes`.",
        (),
        one(lambda seen: seen.settings.itglue.requests_per_5_minutes),
    ),
    Metric(
        "unglue_itglue_held_seconds",
        "gauge",
        "For how long nothing is asked of IT Glue after a 429; 0 while it is asked.",
        (),
        one(lambda seen: seen.measures.budget_held),
    ),
    Metric(
        "unglue_callback_attempts_total",
        "counter",
        "Attempts to send a result or a notification; `pending` failed and is tried again.",
        ("kind", "outcome"),
        attempts,
    ),
    Metric(
        "unglue_results_due",
        "gauge",
        "Results and notifications that are to be sent now.",
        (),
        one(lambda seen: seen.measures.results_due),
    ),
    Metric(
        "unglue_results_oldest_seconds",
        "gauge",
        "For how long the first of them has been due.",
        (),
        one(lambda seen: seen.measures.results_oldest),
    ),
    Metric(
        "unglue_receivers_silent",
        "gauge",
        "Hosts of results and notifications that do not answer.",
        (),
        one(lambda seen: seen.measures.silent_hosts),
    ),
    Metric(
        "unglue_notification_targets_failing",
        "gauge",
        "Notification targets whose newest attempt failed.",
        (),
        one(lambda seen: seen.measures.failing_targets),
    ),
    Metric(
        "unglue_audit_head",
        "gauge",
        "Number of the newest entry of the audit log.",
        (),
        one(lambda seen: seen.measures.chain_seq),
    ),
    Metric(
        "unglue_audit_pending",
        "gauge",
        "Decisions that are yet to join the audit log.",
        (),
        one(lambda seen: seen.measures.audit_pending),
    ),
    Metric(
        "unglue_spools",
        "gauge",
        "Spools of services that the ledger knows.",
        (),
        one(lambda seen: seen.measures.spools),
    ),
    Metric(
        "unglue_spools_holding",
        "gauge",
        "Spools that hold deletions: they may have what the ledger has not seen.",
        (),
        one(lambda seen: seen.measures.spools_holding),
    ),
    Metric(
        "unglue_spool_deliveries",
        "gauge",
        "Deliveries on disk that wait for the ledger, as the services last said.",
        (),
        one(lambda seen: seen.measures.spooled),
    ),
    Metric(
        "unglue_spool_oldest_seconds",
        "gauge",
        "Age of the oldest of them.",
        (),
        one(lambda seen: max(0.0, seen.measures.spool_oldest)),
    ),
)

# What is there even if Redis is not: its own answer is then the only one.
REDIS_UP: Final = "unglue_redis_up"
BUILD: Final = "unglue_build_info"
ALWAYS: Final = (
    (REDIS_UP, "gauge", "1 if Redis answered this scrape; else all but these two are absent.", ()),
    (BUILD, "gauge", "Always 1; the version and the configured mode.", ("version", "mode")),
)  # fmt: skip
