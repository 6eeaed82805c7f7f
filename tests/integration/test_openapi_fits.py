"""The running service answers as its description says, whatever is sent to it: by schemathesis."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.service import Service, secret_key, token

pytestmark = pytest.mark.usefixtures("redis")

EXAMPLES = 6
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


SETTINGS = {"secret_keys": [secret_key("k")]}


def described(service: Service) -> tuple[Any, list[Any]]:
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    schema.config.update(base_url=service.url)
    found = []
    for each in schema.get_all_operations():
        assert isinstance(each, Ok), each
        found.append(each.ok())
    assert len(found) > 40
    return schema, found


def fits(case: schemathesis.Case[Any]) -> int:
    """The answer, which is as it is described: its status, headers and content."""
    answer = case.call(headers={"authorization": f"Bearer {token('alice')}"})
    assert answer.status_code != 500, case.as_curl_command()
    case.validate_response(answer, checks=CHECKS)
    return answer.status_code


async def test_every_operation_answers_as_it_is_described(service: Service) -> None:
    faults: list[str] = []
    for operation in described(service)[1]:

        @settings(
            max_examples=EXAMPLES, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate],
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def answers(case: schemathesis.Case[Any]) -> None:
            fits(case)

        try:
            answers()
        except FailureGroup as group:
            faults.append(f"{operation.label}: {group}")
    assert not faults, "\n\n".join(faults)


async def test_what_does_not_fit_is_answered_as_it_is_described(service: Service) -> None:
    """Wrong bodies, parameters, headers and methods, each that follows from the description."""
    schema, found = described(service)
    statuses: Counter[int] = Counter()
    faults: list[str] = []
    for operation in found:
        for case in schema.iter_coverage_cases(
            operation,
            generation_modes=[GenerationMode.NEGATIVE],
            generation_config=schema.config.generation_for(operation=operation),
        ):
            try:
                statuses[fits(case)] += 1
            except FailureGroup as group:
                faults.append(f"{operation.label}: {group}")
    assert not faults, "\n\n".join(faults)
    # What is let through is what the path makes right again, or an optional value left out.
    assert statuses[422] > 300
    assert {401, 403, 404, 405} < set(statuses)


NO_BODIES = (
    b"", b"null", b"[]", b"{", b"\xff\xfe", b'"\\ud800"', b'{"a":1,"a":2}', b"NaN", b"1e999",
    b"[" * 2000, b'{"ids":' + b"9" * 5000 + b"}", b'{"reason":"\\u0000"}',
)  # fmt: skip


async def test_what_is_no_body_is_refused_as_it_is_described(service: Service) -> None:
    """Also as another kind of content, and larger than any may be."""
    faults = []
    for operation in described(service)[1]:
        if not operation.body or operation.path.startswith(("/webhooks", "/approve")):
            continue
        case = operation.Case(
            path_parameters={each.name: "x" for each in operation.path_parameters}
        )
        for body in (*NO_BODIES, b" " * (1024 * 1024 + 1)):
            for kind in ("application/json", "text/plain"):
                headers = {"authorization": f"Bearer {token('alice')}", "content-type": kind}
                path = operation.path.format(**case.path_parameters)
                answer = service.http.request(
                    operation.method.upper(), path, content=body, headers=headers
                )
                known = operation.definition.raw["responses"]
                fits = str(answer.status_code) in known and answer.status_code != 500
                if not fits or (answer.status_code >= 400 and not answer.json()["errors"]):
                    faults.append((operation.label, body[:20], kind, answer.status_code))
    assert faults == []
