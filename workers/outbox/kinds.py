"""What people are told of: the kinds of notices, and what each of them says."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Kind = Literal[
    "approval_wanted", "held_by_limit", "failed", "unverified_deletion", "callback_exhausted",
    "source_silent", "source_deactivated", "source_alert", "sequence_gap", "chain_broken",
    "audit_file_failed", "paused", "resumed", "reactivated_after_call",
    "reactivated_after_deletion", "recreated", "shown_again", "spool_holds", "spool_set_aside",
    "blocked", "expired", "rejected_event", "unproved_event", "event_id_reused", "ledger_lost",
    "account_changed", "configuration_differs", "clock_off", "redis_filling", "receiver_silent",
    "target_failing", "psa_refused", "psa_silent", "catch_up_failing", "events_missed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meaning:
    """What happened, in a line, and what to do next."""

    title: str
    advice: str


MEANINGS: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        "approval_wanted": Meaning(
            "A deletion waits for approval",
            "Look at the plan, then approve or reject it. A deletion in IT Glue has no undo.",
        ),
        "held_by_limit": Meaning(
            "Deletions wait: a limit is reached",
            "More was asked for than the limit allows. Find out why before you approve any of it: "
            "unglue deletions --state awaiting_approval",
        ),
        "failed": Meaning(
            "A deletion failed",
            "Nothing was deleted as far as is known. Look at its errors, then ask again.",
        ),
        "unverified_deletion": Meaning(
            "A deletion could not be verified",
            "A DELETE was sent and the organization was not seen gone. Look in IT Glue; Unglue "
            "sends no second one.",
        ),
        "callback_exhausted": Meaning(
            "A result could not be delivered",
            "Every attempt to reach the callback URL failed. Whoever waits for it does not know "
            "what became of the deletion.",
        ),
        "source_silent": Meaning(
            "A source fell silent",
            "Nothing genuine came from it for longer than its silence_days. Check the webhook at "
            "the vendor.",
        ),
        "source_deactivated": Meaning(
            "A vendor switched a webhook off",
            "Until it is switched on again no event arrives. Check it and its owner.",
        ),
        "source_alert": Meaning(
            "A source needs attention", "Its vendor reports something that a person should see."
        ),
        "sequence_gap": Meaning(
            "Events of a source are missing",
            "The sender's own counter has a gap. Compare the clients' statuses with the PSA.",
        ),
        "chain_broken": Meaning(
            "The audit log is broken", "Run: unglue audit verify. Keep what is there."
        ),
        "audit_file_failed": Meaning(
            "The audit log's file cannot be written",
            "What is decided is kept in Redis meanwhile. Look at the disk and its permissions.",
        ),
        "paused": Meaning(
            "Deletions are paused",
            "Nothing is deleted until somebody resumes; events are still taken in.",
        ),
        "resumed": Meaning("Deletions go on", "What waited is taken up again."),
        "reactivated_after_call": Meaning(
            "A client was reactivated too late",
            "The DELETE had been sent when the client became active again. Look in IT Glue, and "
            "restore from the export if it is gone.",
        ),
        "reactivated_after_deletion": Meaning(
            "A deleted client is active again",
            "Its organization was deleted before. Restore from the export what is needed.",
        ),
        "recreated": Meaning(
            "A deleted organization came back",
            "The PSA's sync created it again. Make the company inactive in the PSA, then delete "
            "the new organization.",
        ),
        "shown_again": Meaning(
            "A deleted organization is shown again",
            "Its result said that it is gone, and IT Glue shows it under the same id. Look there; "
            "if it is to go, ask again by its id.",
        ),
        "spool_holds": Meaning(
            "A spool holds deletions",
            "A service has not said for 15 minutes that its spool is empty, and there may be a "
            "reactivation in it. Start it again on that folder, or see: unglue spools.",
        ),
        "spool_set_aside": Meaning(
            "A delivery was set aside",
            "It waited in a spool and cannot be recorded; deletions of its source wait. Cure the "
            "cause and rename the file to .spool, or remove the file.",
        ),
        "blocked": Meaning(
            "A deletion is blocked",
            "A gate forbids it, and no approval can pass that gate. The organization stays; the "
            "errors of the deletion say what to change, then replay it.",
        ),
        "expired": Meaning(
            "Nobody approved a deletion in time",
            "It was cancelled. If the client is to go all the same, replay the deletion.",
        ),
        "rejected_event": Meaning(
            "An event was not understood",
            "It is genuine, so it may say that a client is active: deletions that it may concern "
            "are held until it is replayed or dismissed. See: unglue deliveries --verdict rejected",
        ),
        "unproved_event": Meaning(
            "An event cannot be proved",
            "The vendor's key server has not answered for 15 minutes, or what it answers by now "
            "does not prove it; deletions that it may concern are held. Look at the way to that "
            "server. Where it is full, more were refused: compare the clients with the PSA before "
            "you end it by unglue dismiss.",
        ),
        "event_id_reused": Meaning(
            "A sender used an event id twice",
            "The second event has another content, so it was taken as a new one. Ask the sender.",
        ),
        "ledger_lost": Meaning(
            "Redis is not the ledger that it was",
            "It was emptied, replaced or restored from a copy. Nothing is deleted until an admin "
            "accepts it: unglue resume --accept-ledger",
        ),
        "account_changed": Meaning(
            "The API key belongs to another IT Glue account",
            "Nothing is deleted until an admin resumes. Check itglue.api_key and itglue.region.",
        ),
        "configuration_differs": Meaning(
            "A worker runs with another configuration",
            "It is refused every deletion. Restart it with the file that is in force.",
        ),
        "clock_off": Meaning(
            "A clock is wrong",
            "It differs from the clock of Redis by more than 2 s, so this part does not act.",
        ),
        "redis_filling": Meaning(
            "Redis is nearly full",
            "Once it is, no event is taken in. Raise maxmemory, or find out what fills it: a "
            "source that sends too much, or retention_days.",
        ),
        "receiver_silent": Meaning(
            "A receiver of results does not answer",
            "What is for it waits and is tried again, one at a time, until it answers. Nothing is "
            "lost and nothing else is held up. See: unglue results --state pending",
        ),
        "target_failing": Meaning(
            "Notifications do not arrive at a target",
            "Whoever reads only that one hears nothing. Check its URL; unglue doctor lists it "
            "until it works, unglue notifications test tries it.",
        ),
        "psa_refused": Meaning(
            "A PSA refuses to be asked",
            "Deletions of its clients wait. Correct the credentials in [sources.NAME.api], "
            "or what their user may read; unglue sources check NAME tries them.",
        ),
        "psa_silent": Meaning(
            "A PSA does not answer",
            "Deletions of its clients wait for it, and fail when eligibility_window is over. Look "
            "at the way there; unglue sources check NAME tries it.",
        ),
        "catch_up_failing": Meaning(
            "What a PSA changed cannot be caught up with",
            "An event that got lost is not found meanwhile. Nothing is skipped: once it works it "
            "begins where it stopped. See: unglue doctor.",
        ),
        "events_missed": Meaning(
            "Events of a source never came, and were made up for",
            "The PSA itself said it when it was asked, so nothing is lost. Find out why: unglue "
            "sources register NAME --check.",
        ),
        "test": Meaning("A test", "Somebody tries whether notifications arrive here. They do."),
    }
)


def meaning(kind: str) -> Meaning:
    """What this kind says; one without words of its own is told by its name."""
    return MEANINGS.get(kind) or Meaning(kind.replace("_", " ").capitalize(), "")
