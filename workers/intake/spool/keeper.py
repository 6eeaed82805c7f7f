"""The keeper of a spool: says how it stands, drains it when Redis is back, and signs off."""

import asyncio
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog
from redis.exceptions import RedisError

from workers.intake.intake import Acknowledged, Intake
from workers.intake.spool.frames import Spooled
from workers.intake.spool.spool import Spool
from workers.ledger.installation.condition import condition_of
from workers.ledger.ledger import Ledger
from workers.times.clock import Clock, rfc3339

_BEAT_SECONDS: Final = 1.0
_LOOK_AROUND_BEATS: Final = 5
_LAST_SECONDS: Final = 3.0

log = structlog.get_logger()


@dataclass
class SpoolKeeper:
    """What a service process does about its spool, besides appending to it."""

    spool: Spool
    ledger: Ledger
    intake: Intake
    clock: Clock
    recorded: Callable[[str, Acknowledged], None]
    process: str = field(default_factory=partial(secrets.token_hex, 8))
    _trouble: str | None = None
    _disk_trouble: str | None = None

    @property
    def _where(self) -> str:
        return f"{socket.gethostname()}:{self.spool.folder.absolute()}"

    async def run(self) -> None:
        """Beat and drain until cancelled."""
        rounds = 0
        while True:
            rounds += 1
            if rounds % _LOOK_AROUND_BEATS == 0 or self.spool.id is None:
                await self.look_around()
            await self.once()
            # What has just come may be taken at once, unless that was tried a moment ago.
            await asyncio.sleep(_BEAT_SECONDS if self._trouble or not self.spool.waiting else 0)

    async def once(self) -> None:
        """One round: say how it stands, drain what waits, and say it again."""
        try:
            await self._beat()
            if self.spool.waiting:
                count = await self.spool.drain(self._record, self._tell)
                log.info("spool_drained", deliveries=count)
                await self._beat()
            await self.spool.release_taken(self._sign_off)
        except (RedisError, OSError) as error:
            trouble = condition_of(error) or type(error).__name__
            if trouble != self._trouble:
                log.warning("spool_waits", redis=trouble, waiting=self.spool.waiting)
            self._trouble = trouble
        except Exception as error:
            log.error("spool_not_drained", exc_info=error)
            self._trouble = type(error).__name__
        else:
            if self._trouble is not None:
                log.info("spool_empty")
            self._trouble = None

    async def stop(self) -> None:
        """The last round: an empty spool is waited for no more, a full one is left on the disk."""
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self.once()
        except TimeoutError:
            log.warning("spool_left", waiting=self.spool.waiting)
        spool_id = self.spool.id
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self.spool.close(self._sign_off)
        except (RedisError, OSError) as error:
            kind = type(error).__name__
            log.warning("spool_not_signed_off", spool=spool_id, error=kind)

    async def look_around(self) -> None:
        """See what the folder holds; that it cannot be used is logged once."""
        try:
            await self.spool.look_around()
        except OSError as error:
            if str(error) != self._disk_trouble:
                log.error("spool_unusable", folder=str(self.spool.folder), error=str(error))
            self._disk_trouble = str(error)
        else:
            self._disk_trouble = None

    async def _beat(self) -> None:
        spool_id = self.spool.id
        if spool_id is None:
            return
        # Taken together, with nothing between: what comes now lies in the spool of the next beat.
        as_of, waiting = self.spool.as_of(self.clock()), self.spool.waiting
        await self.ledger.spools.beat(
            spool_id,
            as_of,
            where=self._where,
            waiting=waiting,
            oldest=await self.spool.oldest() if waiting else None,
            aside=self.spool.aside,
            durable=not self.spool.known,
            process=self.process,
        )
        await self.spool.note_known()

    async def _record(self, delivery: Spooled) -> None:
        self.recorded(delivery.source, await self.intake.unspool(delivery))

    async def _tell(self, file: str, delivery: Spooled | None, why: str) -> None:
        detail = {
            "file": file,
            "where": self._where,
            "why": why,
        }
        if delivery is not None:
            detail |= {
                "source": delivery.source,
                "delivery_id": delivery.id,
                "received_at": rfc3339(delivery.received_at),
            }
        now = self.clock()
        await self.ledger.notices.write("spool_set_aside", detail, now, once=file)
        await self.ledger.audit.write("spool_set_aside", detail, now)

    async def _sign_off(self, spool_id: str) -> None:
        await self.ledger.spools.sign_off(spool_id, self.clock())
