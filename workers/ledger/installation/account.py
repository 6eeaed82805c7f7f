"""The IT Glue account that this record is for, and what is remembered of it.

A record belongs to one account: the address, and the account's own (primary) organization. Another
one on the same Redis is refused, never mixed in.
"""

from datetime import datetime, timedelta
from typing import Any, Final, cast

from adapters.errors import ConfigurationError, UnglueError
from workers.itglue.presence.witnesses import normalised
from workers.ledger.store import Store
from workers.times.clock import from_ms, to_ms

# It is read once a day; a read may fail.
_LASTS: Final = timedelta(days=2)


class AnotherAccount(ConfigurationError):
    """This Redis holds the ledger of another IT Glue account."""

    code = "AnotherAccount"


class AccountChanged(UnglueError):
    """IT Glue answered for another account than the record is for."""

    code = "AccountChanged"
    http_status = 409


class Account:
    """The account, as the last read saw it."""

    def __init__(self, store: Store, base_url: str = "") -> None:
        self._store = store
        self._base_url = normalised(base_url) if base_url else ""

    async def require_ours(self, now: datetime) -> None:
        """Go on only if this record is for the account at our address; the first says so.

        Raises AnotherAccount: it is for another one.
        """
        if not self._base_url:
            return
        answer, *bound = await self._store.run("bind_account", now, self._base_url, "")
        if answer == b"other_base_url":
            raise AnotherAccount(
                f"this Redis holds the ledger of the IT Glue account at {bound[0].decode()}, and "
                f"this installation is for the one at {self._base_url}; give each installation a "
                "Redis of its own, or another redis_prefix"
            )

    async def recognise(self, primary: str | None, now: datetime) -> None:
        """Compare the account's own organization, as IT Glue shows it. Raises AccountChanged."""
        if primary is None:
            return
        answer, *bound = await self._store.run("bind_account", now, "", primary)
        if answer == b"other_primary":
            raise AccountChanged(
                f"IT Glue answers for the account of organization {primary}, and this ledger is "
                f"for that of organization {bound[0].decode()}; check itglue.api_key and "
                "itglue.region, or accept the other account: unglue resume --accept-account"
            )

    async def primary(self) -> str | None:
        """Id of the account's own organization, as this record knows it."""
        return (await self._store.hash("account")).get("primary")

    async def accept(self, operator: str, now: datetime) -> None:
        """From here on this record is for the account that IT Glue answers for now."""
        await self._store.run("accept_account", now, operator, durable=True)

    async def removed(self, since: datetime) -> frozenset[str]:
        """Organizations that Unglue deleted since, or may have: those it holds a claim on."""
        redis = self._store.redis
        found = await redis.zrangebyscore(self._store.key("gone"), to_ms(since), "+inf")
        claimed = await self._store.hash("claims")
        return frozenset({each.decode() for each in cast("list[bytes]", found)} | set(claimed))

    async def remember(self, organizations: int, now: datetime) -> None:
        """How many organizations there are."""
        fields: dict[Any, Any] = {"organizations": organizations, "at": to_ms(now)}
        await self._store.redis.hset(self._store.key("account"), mapping=fields)

    async def organizations(self, now: datetime) -> int | None:
        """How many there were; `None` if nobody looked within two days."""
        fields = await self._store.hash("account")
        if "at" not in fields or now - from_ms(fields["at"]) > _LASTS:
            return None
        return int(fields["organizations"])

    async def next_read(self) -> int:
        """The number of the job that reads it."""
        return int(await self._store.redis.incr(self._store.key("jobs")))
