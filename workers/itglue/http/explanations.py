"""What an operator reads when IT Glue refuses, and what to do next.

Pure texts. `said` is IT Glue's own wording, bounded and stripped of control characters.
Sources: the API documentation (https://api.itglue.com/developer), the help pages on PSA
synchronization and on structure and navigation, and users' reports where it is silent.
"""

NOTHING_SENT = "no connection to IT Glue, so nothing was sent"

_KEY = (
    "check that itglue.api_key is right and not revoked (a key that is unused for 90 days is "
    "revoked), that itglue.base_url names the account's region, that the account's IP Access "
    "Control admits this host, and that its plan includes the API"
)
_FORM = "this is a fault of Unglue or a change of the API; please report it"

_DELETION = {
    400: f"IT Glue does not understand the request; {_FORM}",
    401: _KEY,
    403: _KEY,
    404: "there is no such organization, or it was deleted before",
    415: f"IT Glue does not accept the form of the body; {_FORM}",
    422: (
        "most likely the organization is synced from a PSA: in the PSA make the company inactive, "
        "or give it a status or type that is not synced, wait for the next sync (or open the "
        "organization in IT Glue and stop its syncing), then try again; a synced organization "
        "that was deleted would be created again, empty, by the next sync"
    ),
    429: "too many requests; it is tried again later",
}
_STATUS = {
    **_DELETION,
    422: (
        "the status of an organization that is synced from a PSA can only be changed in the PSA; "
        "otherwise the status id is not one of this account"
    ),
}


def _told(what: str, status: int, said: str, explanation: str) -> str:
    quoted = f": {said}" if said else ""
    return f"{what} ({status}{quoted}); {explanation}"


def deletion_refused(org_id: str, status: int, said: str) -> str:
    """Why IT Glue does not delete an organization. `status` is one that means a refusal."""
    return _told(
        f"IT Glue refuses to delete organization {org_id}", status, said, _DELETION[status]
    )


def status_refused(org_id: str, status: int, said: str) -> str:
    """Why IT Glue does not change an organization's status."""
    what = f"IT Glue refuses to change the status of organization {org_id}"
    return _told(what, status, said, _STATUS[status])


def key_refused(what: str, status: int, said: str) -> str:
    """Why a read or an export is not allowed."""
    return _told(f"IT Glue refuses the API key for {what}", status, said, _KEY)


def unanswered(what: str, why: str) -> str:
    """That only reading can tell what became of a call."""
    return f"whether IT Glue carried out {what} is not known ({why}); only reading it can tell"


REFUSALS = frozenset(_DELETION)
"""The statuses with which IT Glue says no, and has done nothing."""
