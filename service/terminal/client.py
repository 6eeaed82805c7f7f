"""The command line's way to the API: so that roles and audit always apply."""

import os
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from adapters.errors import ConfigurationError, InvalidRequest, UnglueError
from service.terminal.screen import say
from workers.network.addresses import may_be_plain

_RIGHT = "is UNGLUE_URL right?"
_DEFAULT_URL = "http://127.0.0.1:8000"
# The service ends every request itself, in 20 s; the audit log may take it two minutes more.
_TIMEOUT = httpx.Timeout(40, connect=10)
_VERIFYING = httpx.Timeout(160, connect=10)


def service_url(environment: Mapping[str, str] = os.environ) -> str:
    """Where the service is: `UNGLUE_URL`, or the local one."""
    return environment.get("UNGLUE_URL", _DEFAULT_URL).rstrip("/")


class ServiceError(UnglueError):
    """The service refused, or does not answer; `code_of_service` is what it said, if it did."""

    code = "ServiceError"

    def __init__(self, message: str, code_of_service: str = "") -> None:
        super().__init__(message)
        self.code_of_service = code_of_service


def silent(url: str, error: httpx.HTTPError) -> ServiceError:
    """What is said of a service that does not answer."""
    why = str(error) or type(error).__name__
    return ServiceError(
        f"the service at {url} does not answer ({why}); is it running, and {_RIGHT}"
    )


class RequestRefused(InvalidRequest):
    """The service does not understand the request; `code_of_service` is what it said."""

    def __init__(self, message: str, code_of_service: str) -> None:
        super().__init__(message)
        self.code_of_service = code_of_service


class ServiceClient:
    """The API of a running service, as the operator whose token is in `UNGLUE_TOKEN`."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
            trust_env=False,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The client that the environment describes. Raises ConfigurationError."""
        token = environment.get("UNGLUE_TOKEN", "").strip()
        if not token:
            raise ConfigurationError("set UNGLUE_TOKEN to an operator's token")
        if not (token.isascii() and token.isprintable()):
            raise ConfigurationError("UNGLUE_TOKEN holds characters that no header can carry")
        url = service_url(environment)
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError("UNGLUE_URL must begin with https:// or http://")
        try:
            if not may_be_plain(url):
                raise ConfigurationError("UNGLUE_URL must be https: a token would cross in clear")
            return cls(url, token)
        except (httpx.InvalidURL, ValueError):
            raise ConfigurationError("UNGLUE_URL is not a URL") from None

    def __enter__(self) -> Self:
        """Ready to be used."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Give the connections back."""
        self._http.close()

    def text(self, method: str, path: str, headers: Mapping[str, str]) -> str:
        """An answer that is not JSON. Raises ServiceError."""
        try:
            answer = self._http.request(method, path, headers=headers)
        except httpx.HTTPError as error:
            raise silent(str(self._http.base_url), error) from None
        if answer.is_error:
            raise ServiceError(f"the service answered {answer.status_code}: {answer.text[:500]}")
        return answer.text

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON value
        """The answer's JSON. Raises RequestRefused, ServiceError."""
        try:
            patience = _VERIFYING if path.startswith("/v1/audit/verify") else _TIMEOUT
            answer = self._http.request(method, path, json=body, timeout=patience)
        except httpx.HTTPError as error:
            raise silent(str(self._http.base_url), error) from None
        except KeyboardInterrupt:
            if method != "GET":
                say("Nobody waited for the answer: it may have been done all the same.", err=True)
            raise
        try:
            content = answer.json()
        except ValueError:
            raise ServiceError(f"{answer.url} is not Unglue's service; {_RIGHT}") from None
        if answer.is_error:
            code, message = _first_error(content)
            if not message:
                status = answer.status_code
                message = f"{answer.url} answered {status}, and not as Unglue does; {_RIGHT}"
            if message == "there is nothing at this address":
                # No command asks for what Unglue does not have: the path in front is wrong.
                message = f"there is nothing at {answer.url}; {_RIGHT}"
            if answer.status_code == 422:
                raise RequestRefused(message, code)
            raise ServiceError(message, code)
        return content


def narrowed(path: str, filters: Mapping[str, Any]) -> str:
    """The address of a list with these filters; one that is `None` was not given."""
    query = urlencode({name: value for name, value in filters.items() if value is not None})
    return f"{path}?{query}"


def ask(method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON value
    """One call of the client that the environment describes. Raises as that does."""
    with ServiceClient.from_environment() as service:
        return service.call(method, path, body)


def _first_error(content: Any) -> tuple[str, str]:  # noqa: ANN401 - any JSON value
    """The first error's code, and the messages of all: of an answer in the API's form."""
    errors = content.get("errors") if isinstance(content, dict) else None
    known = [
        (str(error["code"]), str(error["message"]))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict) and error.keys() >= {"code", "message"}
    ]
    return (known[0][0], "; ".join(message for _, message in known)) if known else ("", "")
