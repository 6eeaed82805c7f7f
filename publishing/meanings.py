"""What each setting means, in a line. A test finds one that is missing, or of no setting."""

from collections.abc import Mapping
from typing import Final

# A vendor's own settings are explained in its README, beside what the vendor calls them.
MEANINGS: Final[Mapping[str, str]] = {
    "redis_url": "Where Redis or Valkey is: `redis://`, `rediss://`, `unix://` or "
    "`redis+sentinel://`. Without it, `unglue up` runs a Valkey of its own",
    "dashboard_redis_url": "The same with a user who may only read, for `/rq`; empty: `redis_url`",
    "redis_ca": "The private authority that signs the certificate of Redis: a PEM file, or its text",
    "min_replicas": "How many replicas have what is answered with 202 (with Sentinel 1 if not "
    "said); fewer in time: it is answered so that the sender repeats it",
    "redis_prefix": "What every key of this installation begins with; two installations on one "
    "server need two",
    "public_url": "Under which address people and senders reach the service; in links",
    "secret_keys": "Sign approval links, sessions and the audit log; newest first, 32 characters "
    "or more each",
    "durability": '`"fsync"`: a 202 waits until Redis has the event on disk '
    "([running it](running.md#redis))",
    "spool_dir": "Where verified events are kept while Redis is away; empty: none are taken then",
    "state_dir": "Where it is remembered outside Redis which ledger is ours, and how far it came",
    "spool_max_bytes": "How much one service may keep there; more is answered with the status for "
    "which the vendor sends again",
    "retention_days": "What is older leaves Redis; registers, protections and what is open stay",
    "trusted_proxies": "Addresses or networks of your own proxies, whose `X-Forwarded-For` counts",
    "itglue.base_url": "The API's address; wins over `region`",
    "itglue.region": "The account's region, in place of `base_url`",
    "itglue.api_key": "The account's API key",
    "itglue.requests_per_5_minutes": "Unglue's share of IT Glue's request limit (3000 in 5 "
    "minutes for the whole account)",
    "itglue.timeout_seconds": "How long one answer is waited for",
    "itglue.max_concurrent_requests": "Requests that one process may have under way at once",
    "callback.url": "Where results go; a request may name another one",
    "callback.secrets": "Sign results (Standard Webhooks); newest first, each of them signs",
    "callback.allowed_hosts": "If not empty: the only hosts to which results may go",
    "callback.allow_private_networks": "Whether results may go into your own network",
    "policy.mode": '`"preview"`: everything is a dry run. `"soft_delete"`: only the status is set. '
    '`"delete"`: it is deleted',
    "policy.only_ids": "If not empty: no other organization may be deleted. For a pilot",
    "policy.soft_delete_status": "The status that `soft_delete` sets",
    "policy.eligible_statuses": "Statuses in IT Glue with which an organization may be deleted; "
    "empty: any, which takes the last safeguard off",
    "policy.eligible_types": "Types with which it may be deleted; empty: any",
    "policy.required_tags": "Every one of these words must stand in its quick notes, alert or "
    "description",
    "policy.blocking_tags": "None of these words may stand there",
    "policy.min_idle_days": "Days since the last activity or change of the record",
    "policy.protected_ids": "Never deleted; remembered, also when it is taken out of the list",
    "policy.protected_names": "Never deleted: shell patterns like `*internal*`, in any case",
    "policy.protected_types": "Never deleted: organizations of these types",
    "policy.block_psa_synced": "Whether an organization that is linked to a PSA is refused",
    "policy.dependency_limits": "How many records of each kind may be lost without a person; "
    '`"unlimited"` lifts a kind',
    "policy.approval": '`"always"`: a person decides each. `"webhooks"`: those that no source '
    'confirmed. `"never"`: those are blocked',
    "policy.approval_ttl": "What nobody approves within this time is cancelled",
    "policy.grace_period": "Time after everything is decided in which it can be stopped; left "
    "out: 24h for webhooks and schedules, 0s for requests",
    "policy.eligibility_window": "How long a webhook's deletion waits for the status in IT Glue to "
    "follow, and any deletion for a PSA that does not answer",
    "policy.max_event_age": "Events that are signed as older than this are ignored",
    "policy.max_deletions_per_day": "In 24 hours; more waits for a person",
    "policy.max_deletions_per_hour": "In an hour; more waits for a person",
    "policy.max_api_deletions_per_day": "The same for what operators and programs ask for",
    "policy.max_share_of_organizations": "The same as a share of all organizations, 0 to 1",
    "policy.export": "Export and download the organization before it is deleted",
    "policy.export_dir": "Where exports are kept, mode 0600; all workers need the same one",
    "policy.export_max_age": "An export that is older is made again",
    "policy.export_retention_days": "After this many days exports are removed",
    "policy.export_timeout": "How long IT Glue may take for one",
    "policy.export_max_bytes": "A larger one blocks its deletion",
    "policy.export_zip_password": "Encrypts exports at IT Glue; 16 characters or more",
    "policy.export_include_logs": "Whether they hold the activity log, too",
    "policy.verify_window": "How long it is looked for whether the organization is gone",
    "policy.resend_after": "How long an unanswered DELETE is left alone before another one may be "
    "sent; longer than `itglue.timeout_seconds` and `worker.lease` together",
    "notifications.NAME.url": "Where the notification is posted",
    "notifications.NAME.format": "Whose message it is",
    "notifications.NAME.kinds": "Only these kinds; empty: all ([notifications](notifications.md))",
    "notifications.NAME.secrets": '`format = "json"` only: sign them as Standard Webhooks',
    "notifications.NAME.allow_private_networks": "Whether it may lie in your own network",
    "operators.NAME.token_sha256": "The hash of the token (`unglue operators add`)",
    "operators.NAME.sign_on": "How a proxy or an identity provider names the same person",
    "operators.NAME.roles": "What the operator may do; none: only look",
    "sources.NAME.vendor": "Who sends: one of the adapters",
    "sources.NAME.confirm_delete": "Whether a webhook of this source needs no approval",
    "sources.NAME.approval": "In place of the policy's",
    "sources.NAME.grace_period": "May make the policy's longer, never shorter",
    "sources.NAME.silence_days": "Without a genuine delivery for this long people are told; 0: "
    "silence is normal",
    "sources.NAME.max_deletions_per_day": "Of this source; more waits for a person",
    "sources.NAME.itglue_integration": "Which of IT Glue's integrations it is, where two sources "
    "are of one kind",
    "login.header": "The header in which a proxy says who somebody is; empty: none does",
    "login.header_peers": "The addresses of those proxies; from anybody else it is ignored",
    "oidc.issuer": "The identity provider, to the letter; empty: nobody logs in by one",
    "oidc.client_id": "What the provider calls Unglue",
    "oidc.client_secret": "What the provider gave Unglue with it",
    "oidc.scopes": "What the provider is asked for",
    "oidc.claim": "The claim that names the person, as `sign_on` does",
    "oidc.roles_claim": "The claim whose values `roles` knows; empty: roles stand in `operators`",
    "oidc.roles": "What each value of that claim lets somebody do",
    "traces.endpoint": "Where traces go, by OTLP over HTTP ([monitoring](monitoring.md#traces)); "
    "empty: nowhere",
    "schedules.NAME.kind": "Look for organizations to delete, or ask PSAs what was not sent",
    "schedules.NAME.sources": "Of a `catch_up`: only these sources; empty: all with credentials",
    "schedules.NAME.cron": "When: minute hour day month weekday",
    "schedules.NAME.timezone": "Of these times",
    "schedules.NAME.statuses": "Only organizations of these statuses; empty: the policy's",
    "schedules.NAME.types": "Only of these types; empty: the policy's",
    "schedules.NAME.required_tags": "Only with all of these words; empty: the policy's",
    "schedules.NAME.idle_days": "Only those that are idle for so many days",
    "schedules.NAME.confirm_delete": "Whether its deletions need no approval",
    "schedules.NAME.dry_run": "Whether its deletions are dry runs",
    "schedules.NAME.callback_url": "Where its summary and results go, in place of `callback.url`",
    "schedules.NAME.limit": "With more candidates than this nothing is requested",
    "schedules.NAME.max_share": "The same for a share of all organizations, beyond 5",
    "schedules.NAME.max_deletions_per_day": "Of this schedule; more waits for a person",
    "worker.lease": "How long a worker's work is its own without a beat, of which it has five",
    "worker.requeue_after": "How long a job may lie in the queue before it is handed out again",
    "worker.scheduler_interval": "How often the scheduler looks",
    "worker.max_attempts": "How often a step is tried while IT Glue does not answer",
    "worker.concurrency": "How many deletions the process of a job advances at once; 1: each has a "
    "process of its own",
    "worker.pulse": "A file that worker, scheduler and outbox touch while they turn, for "
    "`unglue alive`; empty: none",
    "audit.file": "Where the audit log goes beside Redis; empty: nowhere",
    "audit.keep_entries": "How many entries Redis keeps, if there is a file",
    "metrics.access": "Who may read `/metrics` without a token ([monitoring](monitoring.md))",
    "heartbeat.url": "Called once a minute while all is well",
    "heartbeat.allow_private_networks": "Whether it may lie in your own network",
}
