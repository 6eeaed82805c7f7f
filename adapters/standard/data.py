"""`data` of an event: the fields of a deletion request, from somebody who signed them."""

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from adapters.clients import known_as, reactivated
from adapters.fields import Identity, Unreadable, as_object, printable
from adapters.models import DeletionRequest, Reactivated, Request
from adapters.standard.config import StandardConfig


def inactive(
    config: StandardConfig,
    data: Any,  # noqa: ANN401 - any JSON
    identity: Identity,
    occurred_at: datetime | None,
    *,
    may_confirm: bool = True,
) -> tuple[Request, ...]:
    """The client became inactive.

    Types are strict and unknown fields an error, as in `POST /v1/deletions`. `may_confirm` is
    false where what makes this a request is not signed.

    Raises:
        Unreadable: `data_not_object` or `data_invalid`, with the field and what is wrong with it.
    """
    fields = as_object(data, "data_not_object")
    try:
        request = DeletionRequest.model_validate(fields)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "data"
        detail = printable(f"{where}: {fault['msg']}", 300) or ""
        raise Unreadable("data_invalid", detail) from None
    asked = request.confirm_delete if "confirm_delete" in fields else config.confirm_delete
    allowed = config.trust_flags or config.confirm_delete
    judged = request.model_copy(
        update={
            "confirm_delete": asked and allowed and may_confirm,
            "force_delete": request.force_delete and config.trust_flags and may_confirm,
            "reason": printable(request.reason, 500),
        }
    )
    client = _identities(request)[0]
    return (
        Request(event_id=identity.event, occurred_at=occurred_at, client=client, request=judged),
    )


def active(data: Any, identity: Identity, occurred_at: datetime | None) -> tuple[Reactivated, ...]:  # noqa: ANN401 - any JSON
    """The client is active, under every identity that can be read.

    Nothing else of the data matters: a misspelt flag must not keep a deletion alive.

    Raises:
        Unreadable: `data_not_object` or `client_missing`.
    """
    fields = as_object(data, "data_not_object")
    clients: list[str] = []
    for name in ("psa", "org_id", "org_name"):
        try:
            clients += _identities(DeletionRequest.model_validate({name: fields.get(name)}))
        except ValidationError:
            continue
    return reactivated(clients, identity, occurred_at)


def _identities(request: DeletionRequest) -> tuple[str, ...]:
    psa = request.psa
    return known_as(
        psa=f"{psa.integration_type}:{psa.company_id}" if psa else None,
        org=request.org_id,
        name=request.org_name,
    )
