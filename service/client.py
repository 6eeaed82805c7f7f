"""The command line's way to the API: so that roles and audit always apply."""

import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from adapters.errors import ConfigurationError, UnglueError
from workers.states import TERMINAL

_DEFAULT_URL = "http://127.0.0.1:8000"
_LONGEST_WAIT = 30


class ServiceError(UnglueError):
    """The service refused, or does not answer."""

    code = "ServiceError"


class ServiceClient:
    """The API of a running service, as the operator whose token is in `UNGLUE_TOKEN`."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_LONGEST_WAIT + 10,
            trust_env=False,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The client that the environment describes.

        Raises:
            ConfigurationError: there is no token.
        """
        token = environment.get("UNGLUE_TOKEN")
        if not token:
            raise ConfigurationError("set UNGLUE_TOKEN to an operator's token")
        return cls(environment.get("UNGLUE_URL", _DEFAULT_URL), token)

    def __enter__(self) -> Self:
        """Ready to be used."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Give the connections back."""
        self._http.close()

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Any:  # noqa: ANN401 - any JSON value
        """The answer's JSON.

        Raises:
            ServiceError: the service refused (with its message) or does not answer.
        """
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise ServiceError(
                f"the service at {self._http.base_url} does not answer ({type(error).__name__}); "
                "is it running, and is UNGLUE_URL right?"
            ) from None
        try:
            content = answer.json()
        except ValueError:
            raise ServiceError(f"{self._http.base_url} is not Unglue's service") from None
        if answer.is_error:
            errors = content.get("errors", []) if isinstance(content, dict) else []
            message = "; ".join(f"{error['code']}: {error['message']}" for error in errors)
            raise ServiceError(message or f"the service answered {answer.status_code}")
        return content

    def finished(self, deletion: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The deletion once it ended, or as it stands when the time is up."""
        deadline = time.monotonic() + seconds
        while deletion["state"] not in TERMINAL and time.monotonic() < deadline:
            time.sleep(0.3)
            deletion = self.call("GET", f"/v1/deletions/{deletion['id']}")
        return deletion
