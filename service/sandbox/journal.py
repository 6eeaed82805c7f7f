"""The log of requests, and the request as the routes see it."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from heapq import merge
from itertools import count
from operator import attrgetter
from typing import Literal
from urllib.parse import parse_qsl

from service.sandbox.faults import ActiveFaults, Fault
from service.sandbox.shapes import JSON

Outcome = Literal["open", "answered", "dropped-before", "dropped-after", "client-left"]

_KEPT = 20_000


@dataclass(slots=True)
class Entry:
    """One request.

    `started` and `finished` are places in one order of all starts and ends, so two requests
    overlapped exactly if each started before the other finished. `key` says whether the API key
    came along, `effect` what a write did to the world, `faults` which ones struck.
    """

    number: int
    method: str
    path: str
    query: str
    body: object
    key: Literal["right", "wrong", "none"]
    started: int
    finished: int | None = None
    status: int | None = None
    outcome: Outcome = "open"
    effect: str | None = None
    faults: list[str] = field(default_factory=list)

    def plain(self) -> JSON:
        """The entry as JSON."""
        return asdict(self)


class Journal:
    """The newest requests. Reads push out no write, for those are counted after long runs."""

    def __init__(self) -> None:
        self._reads: deque[Entry] = deque(maxlen=_KEPT)
        self._writes: deque[Entry] = deque(maxlen=_KEPT)
        self._numbers = count(1)
        self._order = count(1)

    def start(
        self,
        method: str,
        path: str,
        query: str,
        body: bytes,
        key: Literal["right", "wrong", "none"],
    ) -> Entry:
        """Note that a request has arrived."""
        entry = Entry(
            next(self._numbers), method, path, query, _shown(body), key, next(self._order)
        )
        (self._reads if method == "GET" else self._writes).append(entry)
        return entry

    @property
    def entries(self) -> Iterator[Entry]:
        """The requests, oldest first."""
        return merge(self._reads, self._writes, key=attrgetter("number"))

    def finish(self, entry: Entry, outcome: Outcome, status: int | None) -> None:
        """Note how it ended."""
        entry.finished = next(self._order)
        entry.outcome = outcome
        entry.status = status


def _shown(body: bytes) -> object:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


@lru_cache(maxsize=256)
def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(query, keep_blank_values=True))


@dataclass(slots=True, kw_only=True)
class Call:
    """A request on its way through the gateway and the routes."""

    body: bytes
    content_type: str
    base_url: str
    faults: ActiveFaults
    entry: Entry
    params: JSON = field(default_factory=dict)

    def fault(self, name: str) -> Fault | None:
        """The fault if it strikes this request; the log says so."""
        fault = self.faults.take(name, self.entry.method, self.path)
        if fault is not None:
            self.entry.faults.append(name)
        return fault

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The query as name and value, decoded, in order."""
        return _pairs(self.entry.query)

    @property
    def path(self) -> str:
        """As its entry has it."""
        return self.entry.path
