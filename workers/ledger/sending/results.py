"""The outbox as a list: results and summaries on their way, with what came back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from adapters.errors import NotFound
from workers.ledger.records import loaded, read_lines
from workers.ledger.store import Part, Store, text
from workers.times.clock import from_ms, ms_or_none, to_ms

# Entries looked through for a page, however few fit.
_MOST: Final = 2000
_AT_ONCE: Final = 100


async def fields_of(store: Store, names: Sequence[str]) -> list[dict[str, str]]:
    """The fields of each of these results; empty where there is none."""
    return [text(flat) for flat in await store.run("results", *names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result's way to its receiver. `status` and `answer` are the newest attempt's.

    `waits_for` is the host that does not answer, for which it waits without using up attempts.
    """

    id: str
    of: str
    kind: str = "deletion"
    generation: int = 1
    state: str
    attempts: int
    status: int | None
    answer: str
    created_at: datetime
    due_at: datetime | None
    replayed_by: str = ""
    waits_for: str

    @classmethod
    def load(cls, fields: Mapping[str, str]) -> "Result":
        """The same from the callback's hash."""
        pending = fields["state"] == "pending"
        return loaded(
            cls,
            fields,
            of=fields.get("deletion_id") or fields.get("of", ""),
            status=int(fields.get("last_status") or 0) or None,
            answer=fields.get("last_answer", ""),
            due_at=ms_or_none(fields.get("ready_at")) if pending else None,
            waits_for=fields.get("waits_for", "") if pending else "",
        )


class Results(Part):
    """The results."""

    async def newest(
        self, limit: int, *, state: str | None = None, until: datetime | None = None
    ) -> tuple[list[Result], datetime | None]:
        """The newest ones of this state, and where to go on for older ones."""
        newest = f"({to_ms(until)}" if until else "+inf"
        names = cast(
            "list[tuple[bytes, float]]",
            await self._store.redis.zrevrangebyscore(
                self._store.key("callbacks"), newest, "-inf", start=0, num=_MOST,
                withscores=True,
            ),
        )  # fmt: skip
        found: list[Result] = []
        last: float | None = None
        for start in range(0, len(names), _AT_ONCE):
            chunk = names[start : start + _AT_ONCE]
            rows = await fields_of(self._store, [name.decode() for name, _ in chunk])
            for (_, score), fields in zip(chunk, rows, strict=True):
                # A page ends between two moments.
                if len(found) >= limit and score != last:
                    return found, from_ms(cast("float", last))
                last = score
                if fields and state in (None, fields["state"]):
                    found.append(Result.load(fields))
        more = len(names) == _MOST and last is not None
        return found, from_ms(cast("float", last)) if more else None

    async def get(self, callback_id: str) -> Result:
        """One result. Raises NotFound: there is none of this id."""
        (fields,) = await fields_of(self._store, [callback_id])
        if not fields:
            raise NotFound(f"there is no result {callback_id}")
        return Result.load(fields)

    async def lines(self, callback_id: str) -> list[dict[str, Any]]:
        """The journal of a result that is no deletion's, oldest first; its times are RFC 3339."""
        lines = await self._store.redis.lrange(self._store.key("journal", callback_id), 0, -1)
        return read_lines(cast("list[bytes]", lines))
