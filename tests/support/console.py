"""Somebody with a browser before the console."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from tests.support.service import Service, token


@dataclass
class Browser:
    """A browser with cookies, which follows no redirects so that tests see them."""

    http: httpx.Client = field(repr=False)

    def log_in(self, operator: str) -> None:
        answer = self.http.post("/log-in", data={"name": operator, "token": token(operator)})
        assert answer.status_code == 303, answer.text

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def csrf(self, path: str = "/") -> str:
        """What a form of this page proves its origin with."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)
        assert found
        return found[1]

    def post(self, path: str, **fields: str) -> httpx.Response:
        """A form as the page gives it out."""
        return self.http.post(path, data={"csrf": self.csrf(), **fields})


def stranger(service: Service, cookies: Mapping[str, str] | None = None) -> Browser:
    """A browser with these cookies and no others."""
    # No connection outlives its request, so none has to be closed.
    limits = httpx.Limits(max_keepalive_connections=0)
    return Browser(
        httpx.Client(base_url=service.url, timeout=30, limits=limits, cookies=dict(cookies or {}))
    )


def logged_in(service: Service, operator: str) -> Browser:
    """The browser of this operator."""
    browser = stranger(service)
    browser.log_in(operator)
    return browser
