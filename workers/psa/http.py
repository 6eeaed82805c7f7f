"""One request to a PSA: checked address, verified TLS, no redirect, a bounded answer, one try."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import httpx

from adapters.errors import PsaAnswerUnreadable, PsaRefused, PsaUnreachable
from adapters.fields import Unreadable, as_object, positive_id, printable
from adapters.origin import is_loopback, split_url
from adapters.payload import Malformed, parse_json
from workers.network.addresses import AddressRefused, NameUnknown, resolve
from workers.network.pinned import exchange, new_client, read_raw
from workers.network.retry import retry_after
from workers.network.tls import public_authorities
from workers.psa.company import Company, Page

SECONDS: Final = 15.0
_ANSWER_LIMIT: Final = 4 * 1024**2
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_LATER: Final = {408, 425, 429}

# At INFO httpx logs whole URLs, and one of ours holds a user's name.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Reply:
    """A status of 200, 201, 204 or 404, and its JSON; `None` if a 204 or a 404 had none."""

    status: int
    content: Any

    @property
    def fields(self) -> Mapping[str, Any]:
        """The content, if it is an object; else nothing."""
        return self.content if isinstance(self.content, dict) else {}


class PsaHttp:
    """The way to one source's API. The addresses it is given come from the configuration.

    They are checked all the same: a network of one's own is allowed, as a PSA may stand there, and
    where clouds keep credentials is not.
    """

    def __init__(self, source: str, *, seconds: float = SECONDS) -> None:
        self.source = source
        self._seconds = seconds

    async def __aenter__(self) -> Self:
        # A PSA of one's own may have a certificate of one's own: SSL_CERT_FILE counts.
        self._client = new_client(self._seconds, public_authorities(trust_env=True))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._client.aclose()

    async def get(
        self, url: str, headers: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> Reply:
        """What the PSA answers, if it is an answer to the question. Raises PsaError."""
        return await self.send("GET", url, headers, query)

    async def send(
        self,
        method: Method,
        url: str,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        content: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Reply:
        """What the PSA answers to a request, which may change something there.

        `form` asks for a token, which is refused with 400 as well.

        Raises:
            PsaUnreachable: no complete answer in time, 5xx, or not now (408, 425, 429).
            PsaRefused: 401 or 403.
            PsaAnswerUnreadable: a redirect, another 4xx, too large, or no JSON.
        """
        try:
            async with asyncio.timeout(self._seconds):
                status, body, wait = await self._fetch(method, url, headers, query, content, form)
        except TimeoutError:
            raise self.unreachable(f"did not answer within {self._seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its text may quote a header.
            raise self.unreachable(f"could not be asked ({type(error).__name__})") from None
        except (AddressRefused, NameUnknown) as error:
            raise self.unreachable(f"could not be asked: {error.message}") from None
        if status in {401, 403} or (form is not None and status == 400):
            raise PsaRefused(
                f"the PSA of source {self.source} refuses its credentials ({status}){_why(body)}; "
                f"look at sources.{self.source}.api, and at what its user may read",
                self.source,
            )
        if status >= 500 or status in _LATER:
            raise self.unreachable(f"answers {status}", wait)
        if status not in {200, 201, 204, 404}:
            raise self.unreadable(f"answers {status}{_why(body)}")
        if len(body) > _ANSWER_LIMIT:
            raise self.unreadable(f"answers more than {_ANSWER_LIMIT} bytes")
        try:
            return Reply(status, parse_json(body))
        except Malformed as error:
            if status == 404 or (status == 204 and not body):
                return Reply(status, None)
            raise self.unreadable(f"answers what is no JSON ({error})") from None

    def unreachable(self, what: str, wait: float | None = None) -> PsaUnreachable:
        """The error for a PSA that says nothing now."""
        return PsaUnreachable(f"the PSA of source {self.source} {what}", self.source, wait)

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Read an answer, saying `what` of one that cannot be. Raises PsaAnswerUnreadable."""
        try:
            yield
        except Unreadable as error:
            raise self.unreadable(f"{what} ({error})") from None

    def unreadable(self, what: str) -> PsaAnswerUnreadable:
        """The error for an answer that says nothing."""
        return PsaAnswerUnreadable(f"the PSA of source {self.source} {what}", self.source)

    async def _fetch(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
        content: Mapping[str, Any] | None,
        form: Mapping[str, str] | None,
    ) -> tuple[int, bytes, float | None]:
        headers = {"accept": "application/json", **headers}
        async with exchange(
            self._client, method, url, await _address(url), headers,
            params=query, json=content, data=form,
        ) as answer:  # fmt: skip
            body = await read_raw(answer, _ANSWER_LIMIT)
            return answer.status_code, body, retry_after(answer.headers)


class OverHttp:
    """What all clients of a PSA are; `_http` is their way to it."""

    _http: PsaHttp

    def unreadable(self, what: str) -> PsaAnswerUnreadable:
        """The error for an answer that says nothing."""
        return self._http.unreadable(what)


async def _address(url: str) -> str:
    """A checked address of the URL's host. Raises AddressRefused, NameUnknown."""
    _, parts = split_url(url)
    host, plain = parts.hostname or "", parts.scheme != "https"
    address = await resolve(host, parts.port or (80 if plain else 443), allow_private=True)
    if plain and not is_loopback(address):
        raise AddressRefused("plain http is for a PSA on this machine only")
    return address


def _why(body: bytes) -> str:
    """The vendor's own message, short, if there is one."""
    try:
        said = parse_json(body[:4096])
    except Malformed:
        return ""
    told = printable(said.get("message"), 200) if isinstance(said, dict) else None
    return f": {told}" if told else ""


def flag_of(record: Mapping[str, Any], field: str, reason: str) -> bool:
    """A field that must say yes or no. Raises Unreadable: with this reason."""
    if not isinstance(record.get(field), bool):
        raise Unreadable(reason)
    return bool(record[field])


def name_of(record: Mapping[str, Any], field: str = "name") -> str:
    """A company's name. Raises Unreadable: it has none."""
    name = record.get(field)
    if not isinstance(name, str) or not name:
        raise Unreadable("name_missing")
    return name


def page_of(
    http: PsaHttp, rows: object, after: str, read: Callable[[dict[str, Any]], Company | None]
) -> Page:
    """The page that these rows are; `read` answers nothing for what is no company to speak of.

    Raises PsaAnswerUnreadable: it is no list, or not of the ids that were asked for.
    """
    if not isinstance(rows, list):
        raise http.unreadable("answers no list of companies")
    companies, faults, last = [], [], int(after)
    for row in rows:
        with http.reading("answers no companies"):
            record = as_object(row, "company_malformed")
            number = int(positive_id(record.get("id"), "id"))
        if number <= last:
            raise http.unreadable(f"lists company {number} after {last}, which was not asked for")
        last = number
        try:
            company = read(record)
        except Unreadable as error:
            faults.append(f"company {number} cannot be read ({error})")
        else:
            companies += [company] if company is not None else []
    return Page(tuple(companies), str(last) if rows else None, tuple(faults))
