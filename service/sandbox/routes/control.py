"""`/_sandbox/`: what happened, what is there, and what shall go wrong. No key is needed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import JSONResponse, Response

from service.sandbox.faults import FAULTS, InvalidFault, parse_specification
from service.sandbox.journal import Call
from service.sandbox.shapes import JSON, Organization, Psa
from service.sandbox.state import Sandbox
from service.sandbox.world import timestamp


class _PsaChange(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    integration: str
    company_id: str
    synced: bool = True


class _Change(BaseModel):
    """What may be changed at run time. `status` and `type` are names of the account."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = ""
    status: str = ""
    type: str = ""
    alert: str | None = None
    quick_notes: str | None = None
    description: str | None = None
    created_at: str = ""
    parent_id: int | None = None
    my_glue_account_id: int | None = None
    primary: bool = False
    psa: _PsaChange | None = None
    recreate: bool = False


class _Advance(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    seconds: float


def _problem(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)


def _content(call: Call) -> Any:  # noqa: ANN401 - JSON is any value until it is checked
    try:
        return json.loads(call.body or b"{}")
    except ValueError:
        return None


def requests(sandbox: Sandbox, call: Call) -> Response:
    """Every request so far, or those after `?since=NUMBER`, or of one `?method=`."""
    wanted = dict(call.pairs())
    since = int(wanted["since"]) if wanted.get("since", "").isdecimal() else 0
    method = wanted.get("method")
    entries = [
        entry.plain()
        for entry in sandbox.journal.entries
        if entry.number > since and method in (None, entry.method)
    ]
    return JSONResponse({"requests": entries})


def world(sandbox: Sandbox, _call: Call) -> Response:
    """The account as it is, without the manners of the API."""
    state = sandbox.world
    return JSONResponse(
        {
            "organizations": [
                _organization(sandbox, each) for _, each in sorted(state.organizations.items())
            ],
            "removed": [str(each) for each in state.removed],
            "recreations": [
                {"name": it.lost.name, "in_seconds": it.due - sandbox.seconds()}
                for it in state.recreations
            ],
            "exports": len(state.exports),
        }
    )


def _organization(sandbox: Sandbox, each: Organization) -> JSON:
    state, due = sandbox.world, each.removal_due
    kinds = {kind: len(state.owned(kind, [each.id])) for kind in sorted(state.records)}
    return {
        "id": str(each.id),
        "name": each.name,
        "status": state.statuses.get(each.status_id or 0),
        "type": state.types.get(each.type_id or 0),
        "primary": each.primary,
        "parent_id": each.parent_id,
        "psa": asdict(each.psa) if each.psa else None,
        "created_at": each.created_at,
        "updated_at": each.updated_at,
        "marked": due is not None,
        "removal_in_seconds": None if due is None else max(0.0, due - sandbox.seconds()),
        "records": {kind: number for kind, number in kinds.items() if number},
    }


def faults(sandbox: Sandbox, _call: Call) -> Response:
    """The faults that exist, and those in force."""
    return JSONResponse({"faults": dict(FAULTS), "active": _active(sandbox)})


def _active(sandbox: Sandbox) -> JSON:
    return {
        name: {**fault.model_dump(), "struck": sandbox.faults.struck.get(name, 0)}
        for name, fault in sandbox.faults.active.items()
    }


def set_faults(sandbox: Sandbox, call: Call) -> Response:
    """Put faults into force by name; `null` or `false` lifts one. All are set, or none."""
    given = _content(call)
    if not isinstance(given, dict):
        return _problem(422, "the body is an object of fault names and values")
    try:
        parsed = {name: parse_specification(name, value) for name, value in given.items()}
    except InvalidFault as error:
        return _problem(422, str(error))
    for name, fault in parsed.items():
        sandbox.faults.set(name, fault)
    # "After the second read" counts from here.
    sandbox.reads.clear()
    return JSONResponse({"active": _active(sandbox)})


def change_organization(sandbox: Sandbox, call: Call) -> Response:
    """Change it behind everybody's back; `recreate`: another of its id and name, empty."""
    each = sandbox.world.organization(call.params["id"])
    if each is None:
        return _problem(404, "no such organization")
    given = _content(call)
    if not isinstance(given, dict):
        return _problem(422, "the body is an object of attributes")
    try:
        change = _Change.model_validate(
            {str(name).replace("-", "_"): value for name, value in given.items()}
        )
    except ValidationError as error:
        return _problem(422, str(error))
    fields = {name: getattr(change, name) for name in change.model_fields_set}
    for name, known in (("status", sandbox.world.statuses), ("type", sandbox.world.types)):
        if name in fields:
            key = _key(known, fields.pop(name))
            if key is None:
                return _problem(422, f"{name} is one of: {', '.join(known.values())}")
            fields[f"{name}_id"] = key
    if fields.pop("recreate", False):
        sandbox.world.recreate(each, sandbox.moment())
    if isinstance(change.psa, _PsaChange):
        fields["psa"] = Psa(**change.psa.model_dump())
    for name, value in fields.items():
        setattr(each, name, value)
    each.updated_at = timestamp(sandbox.moment())
    return JSONResponse(_organization(sandbox, each))


def _key(known: Mapping[int, str], name: object) -> int | None:
    return next((key for key, each in known.items() if each == name), None)


def advance(sandbox: Sandbox, call: Call) -> Response:
    """Set both clocks forward, so that a rehearsal need not wait for a removal or an export."""
    try:
        ahead = _Advance.model_validate(_content(call)).seconds
    except ValidationError as error:
        return _problem(422, str(error))
    sandbox.ahead += max(0.0, ahead)
    sandbox.settle()
    return JSONResponse({"ahead": sandbox.ahead})


def reset(sandbox: Sandbox, _call: Call) -> Response:
    """Start anew."""
    sandbox.reset()
    return Response(status_code=204)


CONTROL: Mapping[tuple[str, str], Callable[[Sandbox, Call], Response]] = {
    ("GET", "/_sandbox/requests"): requests,
    ("GET", "/_sandbox/world"): world,
    ("GET", "/_sandbox/faults"): faults,
    ("POST", "/_sandbox/faults"): set_faults,
    ("POST", "/_sandbox/organizations/{id}"): change_organization,
    ("POST", "/_sandbox/advance"): advance,
    ("POST", "/_sandbox/reset"): reset,
}
