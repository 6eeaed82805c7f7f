"""The OpenAPI 3.1 document, made from the table of operations. Pure, but for the version."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from adapters import errors
from service.api.openapi import answers
from service.api.openapi.examples import ANSWERS, BODIES, ERROR
from service.api.openapi.operations import HTML, OPERATIONS, Error, Operation, described
from service.terminal.messages_page import codes, name_of

_REF: Final = "#/components/schemas/{model}"
_JSON: Final = "application/json"
_SECURITY: Final[Mapping[str, list[dict[str, list[str]]]]] = {
    "operator": [{"operator": []}],
    "metrics": [{"operator": []}, {}],
    "sender": [{"signature": []}],
    "anybody": [],
    "link": [],
}
_PATHS: Final[Mapping[str, str]] = {
    "source": "The name of a source of the configuration.",
    "deletion_id": "A deletion, `del_…`.",
    "delivery_id": "A delivery, `dlv_…`.",
    "org_id": "An IT Glue organization's id.",
    "name": "The name of a schedule of the configuration.",
    "sweep_id": "A sweep, `swp_…`.",
    "spool_id": "A spool, as `GET /v1/spools` names it.",
    "replay_id": "A bulk replay, `rpl_…`.",
    "notification_id": "A notification, `ntc_…`.",
    "token": "The token of an approval link.",
}
_HEADERS: Final[Mapping[str, str]] = {
    "Idempotency-Key": "1 to 200 characters. With the same key the same request happens once.",
    "Prefer": "`wait=30` waits for the end for up to so many seconds (60 at most): 200 if it came, "
    "else 202.",
}
_ABOUT: Final = (
    "Unglue deletes an offboarded client's organization from IT Glue: verified webhook in, proven "
    'deletion out.\n\nEvery refusal is `{"errors": [{"code", "message", "timestamp"}]}`; match '
    "on `code`, read `message`. Times are UTC. Operators send their token as "
    "`Authorization: Bearer …`."
)


def document(public_url: str) -> dict[str, Any]:
    """The document; `public_url` is where this installation is reached."""
    return {**_document(), "servers": [{"url": public_url.rstrip("/") or "/"}]}


@cache
def _document() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Unglue",
            "version": version("unglue"),
            "summary": "Deletes what was offboarded, and nothing else.",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in OPERATIONS)],
        "paths": paths,
        "webhooks": {"result": {"post": _result()}},
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An operator's token (`unglue operators add`).",
                },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "webhook-signature",
                    "description": "Of Standard Webhooks. Each vendor signs in its own way, "
                    "most in another header: see `adapters/VENDOR`.",
                },
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    summary, text = described(operation.route)
    if operation.needs:
        text = "\n\n".join(filter(None, (text, f"Needs a role: {operation.needs}.")))
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": summary,
        "tags": [operation.tag],
        "security": _SECURITY[operation.who],
        "responses": _responses(operation),
    }
    if text:
        found["description"] = text
    if parameters := list(_parameters(operation)):
        found["parameters"] = parameters
    if operation.body is not None:
        found["requestBody"] = {
            "required": not operation.body_optional,
            "content": {
                _JSON: {
                    "schema": _ref(operation.body),
                    "examples": {
                        name: {"value": value}
                        for name, value in BODIES.get(operation.id, {}).items()
                    },
                }
            },
        }
    elif operation.who == "sender":
        found["requestBody"] = {
            "required": True,
            "description": "What the vendor sends, byte for byte as it signed it.",
            "content": {"*/*": {}},
        }
    elif operation.who == "link" and operation.method == "POST":
        found["requestBody"] = {
            "required": True,
            "description": "The form of the page.",
            "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
        }
    return found


def _responses(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, kind in operation.answers.items():
        content: dict[str, Any] = {}
        if isinstance(kind, str):
            content[kind] = {"schema": {"type": "string"}}
        elif kind is not None:
            content[_JSON] = {"schema": _ref(kind)}
            if status in ANSWERS.get(operation.id, {}):
                content[_JSON]["example"] = ANSWERS[operation.id][status]
        content |= {kind: {"schema": {"type": "string"}} for kind in operation.also}
        about = kind.__doc__ if isinstance(kind, type) else ""
        found[str(status)] = {"description": " ".join((about or "As asked.").split())}
        if content:
            found[str(status)]["content"] = content
    # A page tells people what went wrong, by the same statuses.
    media = HTML if operation.who == "link" else _JSON
    schema = {"type": "string"} if operation.who == "link" else _ref(answers.Errors)
    for refused, raised in _by_status(operation).items():
        if refused in found:
            continue
        lines = [f"`{name_of(each)}`: {_meaning(each)}" for each in raised]
        found[refused] = {"description": "\n\n".join(lines), "content": {media: {"schema": schema}}}
    return found


def _by_status(operation: Operation) -> dict[str, list[Error]]:
    found: dict[str, list[Error]] = {}
    for error in dict.fromkeys((*operation.raises, *_of_its_kind(operation))):
        found.setdefault(str(error.http_status), []).append(error)
    return dict(sorted(found.items()))


def _of_its_kind(operation: Operation) -> Iterator[Error]:
    """What any operation that is asked like this one may answer."""
    if operation.who in {"operator", "metrics"}:
        yield from (errors.Unauthorized, errors.TooManyAttempts)
    if operation.who == "link":
        yield from (
            errors.Forbidden,
            errors.Unauthorized,
            errors.NotFound,
            errors.Conflict,
            errors.InvalidRequest,
            errors.TooManyAttempts,
        )
    if operation.needs:
        yield errors.RoleMissing
    acts = operation.who == "operator" and operation.method != "GET"
    if operation.body is not None or operation.query is not None or acts:
        yield errors.InvalidRequest
    if operation.body is not None:
        yield errors.PayloadTooLarge
    if operation.path != "/healthz":
        yield errors.StorageUnavailable
    yield errors.UnglueError


def _meaning(error: Error) -> str:
    return " ".join((error.__doc__ or "").partition("\n\n")[0].split())


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for part in operation.path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}")
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "description": _PATHS[name],
                "schema": {"type": "string"},
            }
    if operation.query is not None:
        schema = operation.query.model_json_schema()
        required = schema.get("required", ())
        for name, each in schema["properties"].items():
            if name not in operation.without:
                yield {"name": name, "in": "query", "required": name in required, "schema": each}
    for name in operation.headers:
        yield {
            "name": name,
            "in": "header",
            "required": False,
            "description": _HEADERS[name],
            "schema": {"type": "string"},
        }


def _result() -> dict[str, Any]:
    return {
        "operationId": "result",
        "summary": "The result of a deletion, sent to the callback URL.",
        "description": "Signed by Standard Webhooks (`webhook-id`, `webhook-timestamp`, "
        "`webhook-signature`). Anything but a 2xx is tried again; see `docs/results.md`.",
        "requestBody": {"required": True, "content": {_JSON: {"schema": _ref(answers.Result)}}},
        "responses": {"2XX": {"description": "Received."}},
    }


def _modes() -> Iterator[tuple[type[BaseModel], JsonSchemaMode]]:
    for operation in OPERATIONS:
        if operation.body is not None:
            yield operation.body, "validation"
        for kind in operation.answers.values():
            if isinstance(kind, type):
                yield kind, "serialization"
    yield answers.Errors, "serialization"
    yield answers.Result, "serialization"


def _schemas() -> dict[str, Any]:
    _, schema = models_json_schema(list(dict.fromkeys(_modes())), ref_template=_REF)
    found: dict[str, Any] = dict(schema["$defs"])
    # Adapters set it; a request that does is refused.
    del found["DeletionRequest"]["properties"]["psa"], found["PsaLink"]
    found["Error"]["properties"]["code"]["description"] = "\n".join(
        f"- `{each.code}` ({each.http_status}): {_meaning(each)}" for each in codes()
    )
    found["Error"]["example"] = dict(ERROR)
    return found


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
