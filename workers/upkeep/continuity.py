"""Whether Redis still holds the ledger that this process works with, by a clock that agrees.

Absence of memory is not permission: whoever remembers another ledger, or more of this one, stops
every deletion until an admin accepts what is there.
"""

import asyncio
import secrets
from datetime import timedelta
from typing import Any, Final, Literal, cast

import structlog

from workers.ledger.installation.condition import NotDurable
from workers.ledger.installation.heartbeats import SERVICE
from workers.ledger.installation.memory import Memory
from workers.ledger.installation.stop_switch import LEDGER_LOST
from workers.ledger.ledger import Ledger
from workers.settings import Settings
from workers.times.clock import Clock, to_ms
from workers.upkeep.witness import Witness, Witnesses, witness_places

CLOCK_OFF: Final = "clock_off"
_MOST_OFF_MS: Final = 2000
_HOUR: Final = timedelta(hours=1)
# In place of a tip: no ledger has it. `found_ledger` knows it, too.
_MISSED: Final = ":missed"
Trouble = Literal["ledger_lost", "clock_off"]

log = structlog.get_logger()


class Continuity:
    """What one process knows of the ledger, and compares with Redis again and again."""

    def __init__(self, ledger: Ledger, witnesses: Witnesses, clock: Clock, part: str) -> None:
        self._ledger = ledger
        self._witnesses = witnesses
        self._clock = clock
        self._part = part
        self._off_ms = 0

    async def look(self) -> Trouble | None:
        """Compare; what keeps this process from acting, if anything does.

        A ledger that is new and of which nobody knows another one is founded here. Raises
        redis.RedisError, OSError: Redis does not answer.
        """
        memory = self._ledger.store.memory
        try:
            known = await asyncio.to_thread(self._witnesses.known) if self._witnesses.any else []
        except OSError as error:
            await self._ledger.stop_switch.lose_ledger(
                f"what is known of the ledger on disk cannot be read: {error}", self._clock()
            )
            await self._say(LEDGER_LOST)
            return LEDGER_LOST
        written = memory.written
        if memory.id:
            known = [each for each in known if not _within(each, memory)]
            if written[0] > memory.mark:
                # What was said since the last look, and answered, may be lost by now.
                known.append(Witness(memory.id, *written))
            known.append(Witness(memory.id, memory.mark, memory.tip))
        known = known or [Witness("", 0)]
        answers = [await self._met(each) for each in known]
        if memory.written == written:
            memory.written = (0, "")
        lost = [each for each, (what, _) in zip(known, answers, strict=True) if what == "lost"]
        trouble: Trouble | None = None
        if lost:
            trouble = LEDGER_LOST
            for each in lost:
                await self._miss(each)
        else:
            _, here = answers[-1]
            memory.remember(here.ledger, here.mark, here.tip)
            here = Witness(memory.id, memory.mark, memory.tip)
            if self._witnesses.kept:
                await asyncio.to_thread(self._witnesses.keep, here)
            if self._off_ms > _MOST_OFF_MS:
                trouble = CLOCK_OFF
        await self._say(trouble)
        return trouble

    async def _miss(self, seen: Witness) -> None:
        """Nothing can be what was known: if it comes back, what was said meanwhile is not in it."""
        if seen.tip.endswith(_MISSED):
            return
        mark = seen.mark + 1
        missed = Witness(seen.ledger, mark, f"{mark}{_MISSED}")
        if seen.ledger == self._ledger.store.memory.id:
            self._ledger.store.memory.remember(missed.ledger, missed.mark, missed.tip)
        if self._witnesses.kept:
            await asyncio.to_thread(self._witnesses.keep, missed)

    async def _met(self, known: Witness) -> tuple[str, Witness]:
        before = self._clock()
        seen = (known.ledger, known.mark, known.tip)
        try:
            answer = await self._ledger.store.run(
                "found_ledger", before, secrets.token_hex(16), *seen, self._ledger.store.own_clock,
                self._part == SERVICE, replicated=True,
            )  # fmt: skip
        except NotDurable as error:
            # A fail-over may lose what was seen, and who remembers it would stop everything.
            answer = list(cast("list[Any]", error.answer))
            same = answer[1].decode() == known.ledger
            answer[2], answer[4] = (known.mark, known.tip.encode()) if same else (0, b"")
        after = self._clock()
        server = int(answer[3])
        # The server was asked between the two: only what is outside of them is a difference.
        ahead, behind = to_ms(before) - server, server - to_ms(after)
        self._off_ms = 0 if self._ledger.store.own_clock else max(ahead, behind, 0)
        here = Witness(answer[1].decode(), int(answer[2]), answer[4].decode())
        return answer[0].decode(), here

    async def _say(self, trouble: Trouble | None) -> None:
        if trouble == CLOCK_OFF:
            detail = {"part": self._part, "off_seconds": round(self._off_ms / 1000, 1)}
            await self._ledger.notices.write(
                CLOCK_OFF, detail, self._clock(), once=self._part, lasts=_HOUR
            )
        memory = self._ledger.store.memory
        if trouble != memory.trouble:
            if trouble is None:
                log.info("ledger_as_expected", part=self._part)
            else:
                log.error(trouble, part=self._part, off_seconds=round(self._off_ms / 1000, 1))
        memory.trouble = trouble


def _within(witness: Witness, memory: Memory) -> bool:
    """Whether the process remembers as much itself."""
    return witness.ledger == memory.id and witness.mark <= memory.mark


def continuity_of(
    settings: Settings, ledger: Ledger, clock: Clock, part: str, *, writes: bool
) -> Continuity:
    """The comparison for one part of this installation; `writes`: it keeps the files up to date."""
    return Continuity(ledger, Witnesses(witness_places(settings), writes=writes), clock, part)
