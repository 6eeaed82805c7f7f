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


def _gauge(name: str, about: str, measure: str) -> Metric:
    """One of the measures, as it is."""
    return Metric(name, "gauge", about, (), one(lambda seen: getattr(seen.measures, measure)))


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
    _gauge(
        "unglue_deletions_begun_24h",
        "Deletions whose call was granted within the last 24 hours.",
        "begun",
    ),
    Metric(
        "unglue_deletions_per_day_limit",
        "gauge",
        "`policy.max_deletions_per_day`.",
        (),
        one(lambda seen: seen.settings.policy.max_deletions_per_day),
    ),
    _gauge("unglue_deletions_due", "Deletions that are due now.", "due"),
    _gauge(
        "unglue_deletions_overdue",
        "Deletions that have been due for more than a minute, and nobody handed out.",
        "overdue",
    ),
    _gauge("unglue_queue_jobs", "Jobs in the queue of the workers, which is kept short.", "jobs"),
    _gauge(
        "unglue_queue_oldest_seconds",
        "How long the next job has been in the queue.",
        "queue_oldest",
    ),
    _gauge(
        "unglue_line_deletions",
        "Deletions that wait in the lines of their sources for room in the queue.",
        "in_line",
    ),
    Metric(
        "unglue_line_oldest_seconds",
        "gauge",
        "How long the first in those lines has waited.",
        (),
        one(lambda seen: max(0.0, seen.measures.line_oldest)),
    ),
    _gauge(
        "unglue_jobs_failed",
        "Jobs that broke off within the last 7 days (crashed, killed, none of Unglue's).",
        "jobs_failed",
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
    _gauge(
        "unglue_itglue_held_seconds",
        "For how long nothing is asked of IT Glue after a 429; 0 while it is asked.",
        "budget_held",
    ),
    Metric(
        "unglue_callback_attempts_total",
        "counter",
        "Attempts to send a result or a notification; `pending` failed and is tried again.",
        ("kind", "outcome"),
        attempts,
    ),
    _gauge(
        "unglue_results_due", "Results and notifications that are to be sent now.", "results_due"
    ),
    _gauge(
        "unglue_results_oldest_seconds",
        "For how long the first of them has been due.",
        "results_oldest",
    ),
    _gauge(
        "unglue_receivers_silent",
        "Hosts of results and notifications that do not answer.",
        "silent_hosts",
    ),
    _gauge(
        "unglue_notification_targets_failing",
        "Notification targets whose newest attempt failed.",
        "failing_targets",
    ),
    _gauge("unglue_audit_head", "Number of the newest entry of the audit log.", "chain_seq"),
    _gauge(
        "unglue_audit_pending", "Decisions that are yet to join the audit log.", "audit_pending"
    ),
    _gauge("unglue_spools", "Spools of services that the ledger knows.", "spools"),
    _gauge(
        "unglue_spools_holding",
        "Spools that hold deletions: they may have what the ledger has not seen.",
        "spools_holding",
    ),
    _gauge(
        "unglue_spool_deliveries",
        "Deliveries on disk that wait for the ledger, as the services last said.",
        "spooled",
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
