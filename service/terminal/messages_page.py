"""`docs/errors.md`: what an operator may be told, what it means and what to do. Pure.

Written from the code (`python -m service.terminal.messages_page`): the tree of errors, the gates,
the notices, and the codes of deliveries. A test compares the file, and finds codes without advice.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from adapters import errors
from workers.outbox.kinds import MEANINGS
from workers.pipeline.gates import GATES, psa_says

ADVICE: Final[Mapping[str, str]] = {
    "InternalError": "A fault of Unglue. The log has the details; the ledger is intact.",
    "ConfigurationError": "Correct the setting that the message names, then start again. "
    "`unglue config check` reads the file without starting anything.",
    "InvalidRequest": "Correct the fields that the message names.",
    "InvalidIdentifier": "Give the organization's id, or a name that is exactly one "
    "organization's.",
    "Unauthorized": "Set UNGLUE_TOKEN, or send `Authorization: Bearer …`. `unglue operators "
    "add` makes a token.",
    "SignatureInvalid": "Compare the source's secret with the sender's. Nothing was stored.",
    "RoleMissing": "Ask an operator who has the role, or an admin for the role.",
    "Forbidden": "Open the page again from the link, and send its form.",
    "NotFound": "Look for it in the list: `unglue deletions`, `unglue deliveries`.",
    "MethodNotAllowed": "The path is right; the method is not.",
    "Conflict": "Look at its state (`unglue deletions ID`). What ended is begun again by "
    "`unglue replay ID`.",
    "PayloadTooLarge": "Nothing was stored. No vendor sends such an event.",
    "TooManyAttempts": "Wait as long as `Retry-After` says.",
    "Unavailable": "Send the same again; a vendor's webhook does so by itself.",
    "StorageUnavailable": "See whether Redis runs and has room: `unglue doctor`.",
    "SigningKeyUnavailable": "Look at the way to the vendor's key server. The sender tries again.",
    "PsaError": "See which of the next three it is.",
    "PsaUnreachable": "Nothing to do at first: the PSA is asked again every minute until "
    "`policy.eligibility_window` ends. Then see that it answers, and `unglue replay ID`.",
    "PsaRefused": "Correct the credentials in `[sources.NAME.api]`, or what their user may "
    "read; `unglue sources check NAME` tries them. What waits goes on by itself.",
    "PsaAnswerUnreadable": "See that `api.base_url` is the PSA's: `unglue sources check NAME`. "
    "It is asked again meanwhile.",
    "OrganizationNotFound": "See whether it is gone already, and whether the key may read it.",
    "PermissionDenied": "Check the API key and its rights: `unglue doctor`.",
    "DeletionBlocked": "See the gate that the message names, below; then `unglue replay ID`.",
    "ITGlueConnectionError": "Nothing to do at first: it is tried again. When it ended, "
    "`unglue replay ID`.",
    "Postponed": "Nothing to do. It goes on when the budget of requests allows.",
    "CallsStopped": "Give Unglue a new API key, see that `unglue doctor` finds nothing wrong, "
    "then `unglue resume`.",
    "Cancelled": "Nothing to do. If it is to be deleted all the same: `unglue replay ID`.",
    "DeletionUnverified": "Look in IT Glue whether it is gone. Unglue sends no second DELETE "
    "by itself.",
}
# Codes of a result that no exception carries.
_IN_RESULTS: Final = {
    "Cancelled": "Somebody, or the client's own source, stopped it.",
    "DeletionUnverified": "A DELETE was sent, and the organization was not seen gone in time.",
}
_CURES: Final[Mapping[str, str]] = {
    "primary_organization": "None: it is never deleted.",
    "sub_organizations": "Delete or move its sub-organizations first.",
    "my_glue_account": "End its MyGlue account first.",
    "psa_name": "Make the names agree, or ask by `org_id`.",
    "proof": "Send the name with the number, or have a person approve it.",
    "identity": "Ask again: it was renamed, re-linked or made again meanwhile.",
    "psa_links": "Unlink it, or approve it after looking at every link.",
    "psa_says": "Look at the company in the PSA, then approve or reject.",
    "client_active": "Nothing: the client is active. If that is wrong, correct it in the PSA.",
    "event": "Look at both events (`unglue deliveries`), then approve or reject.",
    "declined": "Ask by name (`unglue replay ID`), or `unglue unprotect ORG_ID`.",
    "trust": "Look who asked, then approve or reject.",
    "act": "Look at the mode that changed, then approve or reject.",
    "loosened": "Look at what the policy does not forbid any more, then approve or reject.",
    "protection": "`unglue unprotect ORG_ID` (role admin).",
    "only_ids": "Add its id to `policy.only_ids`, or empty the list.",
    "protected_ids": "Take its id out of `policy.protected_ids`, then `unglue unprotect`.",
    "protected_names": "Change `policy.protected_names`.",
    "protected_types": "Change `policy.protected_types`.",
    "eligible_statuses": "Nothing at first: it waits for the PSA's next sync "
    "(`policy.eligibility_window`).",
    "eligible_types": "Change `policy.eligible_types`, or its type in IT Glue.",
    "required_tags": "Add the tag to its quick notes, alert or description.",
    "blocking_tags": "Remove the tag there, then `unglue unprotect ORG_ID`.",
    "idle": "Wait, or lower `policy.min_idle_days`.",
    "psa_synced": "Make the company inactive in the PSA, or stop its sync.",
    "schedule_statuses": "Change the schedule's `statuses`.",
    "dependencies": "Move or delete the records, raise `policy.dependency_limits`, or approve "
    "with `--force-delete`.",
    "confirmation": "Ask with `--confirm-delete`, or have a person approve it.",
}
# Why a delivery was `ignored` or `rejected`: the codes that all vendors share.
DELIVERIES: Final[Mapping[str, str]] = {
    "created": "It asked for a deletion.",
    "joined": "It asked for what an open deletion of this client already does.",
    "reactivated": "The client is active: its open deletions were cancelled.",
    "event_id": "The same event came before.",
    "stale": "A newer event of this client is known.",
    "client_active": "The client is active, and nothing was open for it.",
    "too_late": "The client is active, and the DELETE had been sent.",
    "order_unknown": "Nobody can say which of two events was the last: a person decides.",
    "already_deleted": "The organization of this client was deleted before.",
    "cancelled_by_operator": "A person stopped a deletion of this client.",
    "too_old": "It is older than `max_event_age`.",
    "spooled": "Redis was away: it is on disk, and recorded when Redis is back.",
    "signing_key_unknown": "The key server has no key that proves it, by now; it may have had one.",
    "signing_key_unavailable": "The vendor's key server did not answer; it is verified later.",
    "signing_key_not_asked_for": "The same, since that server was asked too often just now.",
    "not_genuine": "It was verified later, and its sender did not sign it.",
    "other_entity": "It is about something else than a company.",
    "other_event": "It is an activity that says nothing of a client's state.",
    "other_type": "Its type is none of those that mean inactive or active.",
    "known": "The PSA said it when it was asked, and an event had said it before.",
    "asks_for_nothing": "An event that said the same would ask for nothing.",
    "caught_up_malformed": "What was caught up with cannot be read again.",
    "own_write": "Unglue's own member made this change.",
    "own_company": "It is about the MSP's own company.",
    "no_convention": "The update names no client, and the source has no `inactive_when`.",
    "webhook_changed": "NinjaOne says that its webhook was changed. Look who did it.",
    "webhook_deactivated": "Autotask switched the webhook off. Switch it on again there.",
    "not_utf8": "Its body is not UTF-8.",
    "not_json": "Its body is not JSON.",
    "duplicate_key": "Its JSON has one key twice.",
    "nested_too_deeply": "Its JSON is nested too deeply.",
    "number_too_long": "Its JSON has a number with too many digits.",
}


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def codes() -> tuple[type[errors.UnglueError], ...]:
    """Every error of `adapters.errors`, parents before children."""
    return tuple(_tree(errors.UnglueError))


def name_of(error: type[errors.UnglueError]) -> str:
    """What is looked for: its code; two that share their parent's have names of their own."""
    return error.code if "code" in vars(error) else error.__name__


def gate_cures() -> Iterator[tuple[str, str, str]]:
    """Each gate: its name, its question, what to do."""
    for gate in (*GATES, psa_says):
        question = (gate.__doc__ or "").partition("\n")[0]
        yield gate.__name__, question, _CURES.get(gate.__name__, "")


def _tree(error: type[errors.UnglueError]) -> Iterator[type[errors.UnglueError]]:
    yield error
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child)


def _lines() -> Iterator[str]:
    yield "# Errors and messages"
    yield ""
    yield "<!-- Written by `make messages` from the code. Do not edit. -->"
    yield ""
    yield "Every error has a code, a message that says what happened, and the form"
    yield '`{"errors": [{"code", "message", "timestamp"}]}`. Exit status of a command: 0 success,'
    yield "1 it did not succeed, 2 usage or configuration, 130 interrupted. `unglue doctor` finds"
    yield "most causes."
    yield from _section("Codes", ("code", "HTTP", "try again", "means", "do"), _codes())
    yield from _section(
        "Gates",
        ("gate", "asks", "do"),
        gate_cures(),
        "A gate that refuses blocks the deletion (`DeletionBlocked`), or has a person decide.",
    )
    yield from _section(
        "Notifications",
        ("kind", "means", "do"),
        ((kind, meaning.title, meaning.advice) for kind, meaning in MEANINGS.items()),
    )
    yield from _section(
        "Deliveries",
        ("reason", "means"),
        DELIVERIES.items(),
        "What became of it, in `unglue deliveries`. Other codes are a vendor's: see its folder.",
    )


# What is answered before there is a request: the service's door, and the command line.
_AT_THE_DOOR: Final = (
    ("RequestTimeout", "408", "yes", "It did not come to its end in time.", "Send it again."),
    ("UriTooLong", "414", "no", "The URL is too long.", "Nothing was read of it. Send less."),
    ("TooManyConnections", "429", "yes", "Too many connections at once, of one sender or of all.",
     "Wait as long as `Retry-After` says; see who sends so much (`readyz`, the log)."),
    ("HeadTooLarge", "431", "no", "The head or the trailer is too large.", "Send less of it."),
    ("ServiceError", "", "yes", "A command found no service, or none that is Unglue's.",
     "See that `unglue up` or `serve` runs, and where `UNGLUE_URL` leads."),
    ("PortInUse", "", "yes", "Another process listens at that port.",
     "End it, or choose another `--port`."),
    ("OSError", "", "no", "A file or a disk of this machine: the message says which.",
     "See its permissions, and the room on the disk."),
    ("Interrupted", "", "yes", "Ctrl-C, or no answer to a question. Exit status 130.",
     "Nothing was asked of the service by an answer that was not given."),
    ("Usage", "", "no", "A command was given options that do not fit.", "See its `--help`."),
)  # fmt: skip


def _codes() -> Iterator[tuple[str, ...]]:
    for error in codes():
        means = " ".join((error.__doc__ or "").partition("\n\n")[0].split())
        again = "yes" if error.retryable else "no"
        name = name_of(error)
        if name in ADVICE:
            yield name, str(error.http_status), again, means, ADVICE[name]
    yield from _AT_THE_DOOR
    for code, means in _IN_RESULTS.items():
        yield code, "", "no", means, ADVICE[code]


def _section(
    title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], text: str = ""
) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if text:
        yield from (text, "")
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for name, *rest in rows:
        yield f"| `{name}` | {' | '.join(rest)} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - its output is the file
