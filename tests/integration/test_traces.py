"""One trace from the request to the callback, carried by the ledger; nothing where it is off."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from redis.asyncio import Redis

from adapters.errors import ConfigurationError
from service.sandbox.app import create_sandbox
from service.sandbox.settings import SandboxSettings
from service.supervision.checks import trace
from tests.support.receiver import receiving
from tests.support.rehearsal import RELAXED
from tests.support.sending import send
from tests.support.serve import serve
from tests.support.service import (
    SECRET,
    Service,
    configured,
    only_error,
    service_with_keys,
    signature,
)
from workers.ledger.ledger import Ledger
from workers.outbox.outgoing import Means
from workers.pipeline.advance import advance
from workers.processes.connections import open_context
from workers.settings import Settings
from workers.times.clock import system_clock
from workers.traces.otlp import OpenTelemetry
from workers.traces.tracing import trace_by

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    trace_by(OpenTelemetry("test", SimpleSpanProcessor(kept)))
    yield kept
    trace_by(None)


def named(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


async def ends(ledger: Ledger, settings: Settings, deletion_id: str) -> None:
    """What workers do, each job in a context of its own."""
    for _ in range(9):
        async with open_context(settings, memory=ledger.store.memory) as context:
            await advance(deletion_id, context)
        if (await ledger.deletions.get(deletion_id)).terminal:
            return


async def test_one_trace_from_the_webhook_to_the_callback(
    valkey_url: str, ledger: Ledger, redis: Redis, spans: InMemorySpanExporter
) -> None:
    sandbox = create_sandbox(SandboxSettings(removal_seconds=0), now=system_clock)
    async with receiving() as receiver:
        with serve(sandbox) as url:
            changes = {
                "policy": {**RELAXED, "export": False},
                "itglue": {"api_key": "ITG.sandbox", "base_url": url},
                "callback": {
                    "url": receiver.url, "secrets": [SECRET], "allow_private_networks": True,
                },
            }  # fmt: skip
            with service_with_keys(valkey_url, **changes) as service:
                # Nobody outside chooses the trace of a delivery.
                body = service.callback(2).replace(b"Client 2", b"TestCompany")
                deletion_id = sent(service, body, {"traceparent": CALLER})
                settings = configured(valkey_url, service.key_origin, **changes)
                await ends(ledger, settings, deletion_id)
        clock = lambda: datetime.now(UTC) + timedelta(seconds=1)  # noqa: E731
        means = Means(ledger, settings, clock, Random(7))  # noqa: S311 - jitter
        await send(f"cb_{deletion_id.removeprefix('del_')}_1", means)
        (callback,) = receiver.received
    assert (await ledger.deletions.get(deletion_id)).state == "deleted"
    found = named(spans)
    expected = {
        "POST /webhooks/{source}": SpanKind.SERVER, "ledger receive": SpanKind.INTERNAL,
        "enqueue": SpanKind.PRODUCER, "advance": SpanKind.CONSUMER, "step plan": SpanKind.INTERNAL,
        "step delete": SpanKind.INTERNAL, "DELETE /organizations": SpanKind.CLIENT,
        "POST callback": SpanKind.CLIENT,
    }  # fmt: skip
    assert expected.items() <= {name: span.kind for name, span in found.items()}.items()
    one = found["POST /webhooks/{source}"].context
    assert one is not None
    traces = {
        span.context.trace_id
        for name in expected
        if (span := found[name]).context is not None
    }  # fmt: skip
    assert traces == {one.trace_id}
    trace_id = f"{one.trace_id:032x}"
    assert trace_id not in CALLER
    assert callback.headers["traceparent"].split("-")[1] == trace_id
    # And the times of its steps are counted.
    assert {b"plan|sum", b"delete|sum"} <= set(await redis.hkeys("unglue:counts:steps"))
    # Ids and numbers alone: nothing that a vendor or a person wrote.
    told = {str(value) for span in found.values() for value in (span.attributes or {}).values()}
    assert not [text for text in told if "Client" in text or "TestCompany" in text]


def sent(service: Service, body: bytes, headers: dict[str, str]) -> str:
    answer = service.send(body, headers={"x-content-signature": signature(body), **headers})
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["deletion_id"]
    return found


@pytest.mark.usefixtures("redis")
async def test_a_caller_of_the_api_goes_on_with_its_own_trace(
    valkey_url: str, ledger: Ledger, spans: InMemorySpanExporter
) -> None:
    with service_with_keys(valkey_url) as service:
        asked = service.ask({"org_id": "301", "confirm_delete": True}, traceparent=CALLER)
        assert asked.status_code == 202
        only_error(service.http.get("/v1/deletions"), 401, "Unauthorized")
    deletion = await ledger.deletions.get(asked.json()["id"])
    assert deletion.trace.split("-")[1] == CALLER.split("-")[1]
    one = named(spans)["POST /v1/deletions"]
    assert one.attributes is not None
    assert one.attributes["http.response.status_code"] == 202


@pytest.mark.usefixtures("redis")
async def test_untraced_nothing_is_carried(valkey_url: str, ledger: Ledger) -> None:
    with service_with_keys(valkey_url) as service:
        asked = service.ask({"org_id": "301", "confirm_delete": True}, traceparent=CALLER)
    assert (await ledger.deletions.get(asked.json()["id"])).trace == ""


def test_nothing_is_imported_where_it_is_off() -> None:
    # redis-py imports OpenTelemetry's interface where that is installed, whoever asks.
    program = (
        "import sys, redis.asyncio\n"
        "before = set(sys.modules)\n"
        "import service.api.app, service.cli, workers.processes.jobs, workers.outbox.process\n"
        "import workers.processes.scheduler\n"
        "ours = ('opentelemetry', 'joserfc', 'workers.traces.otlp', 'service.access.oidc')\n"
        "print([name for name in set(sys.modules) - before if name.startswith(ours)])"
    )
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_none_starts_without_the_extra(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "workers.traces.otlp", None)
    settings = configured(valkey_url, traces={"endpoint": "http://127.0.0.1:4318/v1/traces"})
    with pytest.raises(ConfigurationError, match=r"unglue\[otel\]"):
        trace(settings, "service")
