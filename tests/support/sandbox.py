"""The IT Glue stand-in over real HTTP, with clocks that stand still until they are set forward."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from service.sandbox.app import create_sandbox
from service.sandbox.settings import SandboxSettings
from tests.support.serve import serve
from workers.network.tls import public_authorities

NOW = datetime(2026, 1, 22, 10, 30, tzinfo=UTC)
MEDIA_TYPE = "application/vnd.api+json"


@contextmanager
def running_sandbox(settings: SandboxSettings | None = None) -> Iterator[str]:
    """The base URL of a sandbox. Time passes only through `POST /_sandbox/advance`."""
    app = create_sandbox(settings or SandboxSettings(), clock=lambda: 0.0, now=lambda: NOW)
    with serve(app) as base_url:
        yield base_url


class Caller:
    """Talks to a sandbox as a client of IT Glue does, and looks behind its curtain."""

    def __init__(self, base_url: str, *, key: str | None = "ITG.sandbox") -> None:
        headers = {} if key is None else {"x-api-key": key}
        self.http = httpx.Client(
            base_url=base_url, headers=headers, verify=public_authorities(), timeout=10
        )

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.http.get(path, params=query or None)

    def send(
        self, method: str, path: str, body: Any = None, content_type: str = MEDIA_TYPE
    ) -> httpx.Response:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"content-type": content_type}
        return self.http.request(method, path, content=content, headers=headers)

    def records(self, path: str, query: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        response = self.http.get(path, params=query)
        assert response.status_code == 200, response.text
        data = response.json()["data"]
        assert isinstance(data, list)
        return data

    def ids(self, path: str, query: dict[str, Any] | None = None) -> list[str]:
        return [each["id"] for each in self.records(path, query)]

    def delete(self, *ids: int) -> httpx.Response:
        data = [{"type": "organizations", "attributes": {"id": each}} for each in ids]
        return self.send("DELETE", "/organizations", {"data": data})

    def exists(self, organization_id: int) -> bool:
        return self.get(f"/organizations/{organization_id}").status_code == 200

    def control(self, path: str, body: Any = None) -> Any:
        """The JSON of a control endpoint: GET without a body, POST with one."""
        url = f"/_sandbox/{path}"
        response = self.http.get(url) if body is None else self.http.post(url, json=body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def faults(self, **faults: Any) -> None:
        """Set faults; an underscore in a name stands for a dash."""
        self.control("faults", {name.replace("_", "-"): it for name, it in faults.items()})

    def advance(self, seconds: float) -> None:
        self.control("advance", {"seconds": seconds})

    def requests(self) -> list[dict[str, Any]]:
        found = self.control("requests")["requests"]
        assert isinstance(found, list)
        return found

    def close(self) -> None:
        self.http.close()


@contextmanager
def calling(settings: SandboxSettings | None = None) -> Iterator[Caller]:
    """A sandbox of its own, and a caller that knows its key."""
    with running_sandbox(settings) as base_url:
        caller = Caller(base_url, key=(settings or SandboxSettings()).api_key)
        try:
            yield caller
        finally:
            caller.close()
