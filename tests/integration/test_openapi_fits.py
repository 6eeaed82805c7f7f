"""The running service answers as its description says, whatever is sent to it: by schemathesis."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.service import Service, configured, running_service, secret_key, token

# Wrong bodies cost ten times as much to invent, and have tests of their own.
EXAMPLES = 6
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def service(valkey_url: str) -> Iterator[Service]:
    with running_service(configured(valkey_url, secret_keys=[secret_key("k")])) as running:
        running.http.get("/healthz")
        yield running


@pytest.mark.usefixtures("redis")
async def test_every_operation_answers_as_it_is_described(service: Service) -> None:
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    schema.config.update(base_url=service.url)
    headers = {"authorization": f"Bearer {token('alice')}"}
    faults: list[str] = []
    operations = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        operations += 1

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate],
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def answers(case: schemathesis.Case[Any]) -> None:
            answer = case.call(headers=headers)
            assert answer.status_code != 500, case.as_curl_command()
            case.validate_response(answer, checks=CHECKS)

        try:
            answers()
        except FailureGroup as group:
            faults.append(f"{operation.label}: {group}")
    assert operations > 40
    assert not faults, "\n\n".join(faults)
