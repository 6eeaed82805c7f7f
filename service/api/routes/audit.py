"""`GET /v1/audit` and `GET /v1/audit/verify`: who decided what, and whether the log is whole."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from adapters.errors import InvalidRequest
from service.api.answers import answer
from service.api.bodies import query_of
from service.api.openapi import answers
from service.api.state import caller_of, state_of
from workers.audit.chain import Head
from workers.audit.keys import Keyring
from workers.audit.reading import Filter, search, verify_log


class AuditQuery(BaseModel):
    """What may be asked for. `since` is included, `until` and `before` are not."""

    model_config = ConfigDict(extra="forbid")

    org_id: str | None = None
    deletion_id: str | None = None
    operator: str | None = None
    what: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    before: Annotated[int, Field(ge=1, lt=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


async def show(request: Request) -> Response:
    """Entries, newest first. `next_before` continues with older ones, and may come with none."""
    caller_of(request)
    query = query_of(request, AuditQuery)
    log = state_of(request).ledger.audit_log
    wanted = Filter(**query.model_dump(exclude={"before", "limit"}))
    found = await search(log, wanted, before=query.before, limit=query.limit)
    head = (await log.state()).head
    return answer(answers.AuditEntries.about(found, head=head))


async def verify(request: Request) -> Response:
    """Whether the chain in Redis is whole; `expect_head` is one from elsewhere, `SEQ:HASH`."""
    state = state_of(request)
    caller_of(request)
    expected = request.query_params.get("expect_head")
    try:
        head = Head.parse(expected) if expected is not None else None
    except ValueError as error:
        raise InvalidRequest(f"expect_head: {error}") from None
    keys = Keyring.of(state.settings.secret_keys)
    report = await verify_log(state.ledger.audit_log, keys, head)
    fault = str(report.fault) if report.fault else None
    return answer(answers.AuditVerdict.about(report, whole=fault is None, fault=fault))
