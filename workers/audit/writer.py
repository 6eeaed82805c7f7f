"""The one writer of the audit log: it chains what was decided, and follows the chain with a file.

Two of them do no harm. The chain grows by compare-and-append in one script, so what waits joins it
once, whoever dies where; the file is locked by the process that writes to it.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from workers.audit.chain import CHAIN_BROKEN, Head, compose, head_of
from workers.audit.file import LogFile, head_of_line, previous_of_line
from workers.audit.keys import Keyring
from workers.ledger.auditing.audit_log import Filed, Line, LogState
from workers.ledger.ledger import Ledger

log = structlog.get_logger()
# One script call: small, because nobody else is served meanwhile.
_BATCH: Final = 100
_MOST_BATCHES: Final = 40


def broken(state: LogState) -> dict[str, Any] | None:
    """What is wrong between the noted head and the log itself, or `None`: pure."""
    head, last = state.head, state.last
    if head is None and last is None:
        return None
    if head is None:
        return {"why": "the head of the chain is gone", "found": last.seq if last else None}
    if last is not None and (head.seq, head.hash) == (last.seq, last.hash):
        return None
    return {
        "why": "the log in Redis does not end with the entry that was written last",
        "expected": head.seq,
        "expected_hash": head.hash,
        "found": last.seq if last else None,
        "found_hash": last.hash if last else None,
    }


def base(state: LogState) -> Head | None:
    """The entry that the next one continues: the newest that anybody knows of."""
    head, last = state.head, state.last
    if head is None or last is None:
        return head or last
    # The key in force is the one that was noted: what was added behind it may name any.
    return Head(last.seq, last.hash, head.key) if last.seq > head.seq else head


class AuditWriter:
    """The writer of one scheduler process."""

    def __init__(self, ledger: Ledger, keys: Keyring, *, path: str, keep: int) -> None:
        self._ledger = ledger
        self._log = ledger.audit_log
        self._keys = keys
        self._file = LogFile(path) if path else None
        self._keep = keep
        self._at: Head | None = None
        self._seen: Head | None = None
        self._failing = False

    async def write(self, now: datetime) -> None:
        """Chain what waits, in bounded batches. Raises RedisError: nothing is lost."""
        for _ in range(_MOST_BATCHES):
            state = await self._log.state()
            waiting = await self._log.waiting(_BATCH, now)
            if not await self._chain(state, waiting, now) or len(waiting) < _BATCH:
                break
        await self._trim()
        for _ in range(_MOST_BATCHES):
            if not await self._log.fold():
                break

    async def _chain(self, state: LogState, waiting: list[Any], now: datetime) -> bool:
        wrong = broken(state) or await self._rewritten(state)
        head = base(state)
        numbers = [each.number for each in waiting if each.number is not None]
        entries = list(
            compose(waiting, head, number=state.number, keys=self._keys, broken=wrong, now=now)
        )
        if not entries:
            self._seen = state.head
            return False
        if wrong is not None:
            # First, because the entry that says so mends the chain.
            await self._tell(wrong, now, once=_name_of(wrong))
            if _end_lost(wrong):
                await self._ledger.stop_switch.lose_ledger(f"the audit log: {wrong['why']}", now)
        appended = await self._log.append(
            state.head, entries, taken=waiting, number=numbers[-1] if numbers else state.number
        )
        if appended:
            self._seen = head_of(entries[-1])
        return appended

    async def _rewritten(self, state: LogState) -> dict[str, Any] | None:
        """What is wrong if the entry that this process saw last is not in the log any more.

        Who may write to Redis can set the noted head, too; what is remembered here is out of reach.
        """
        seen = self._seen
        if seen is None or seen == state.head or await self._kept(seen.seq) == seen:
            return None
        later = await self._log.state()
        if later.head is not None and seen.seq < later.floor <= later.head.seq:
            # Another process went on, and let it go.
            return None
        return {
            "why": "an entry that was in the log is gone, or another one",
            "expected": seen.seq,
            "expected_hash": seen.hash,
            "found": state.head.seq if state.head else None,
            "found_hash": state.head.hash if state.head else None,
        }

    async def _trim(self) -> None:
        state = await self._log.state()
        if state.head is None:
            return
        floor = state.head.seq - self._keep + 1
        if self._file is not None:
            filed = await self._log.filed(self._file.path)
            floor = min(floor, filed.head.seq + 1 if filed else 0)
        if floor > state.floor:
            await self._log.trim(floor)

    async def _tell(self, wrong: Mapping[str, Any], now: datetime, *, once: str = "") -> None:
        """Have people told; of the same break `once`, whoever dies or races in between."""
        log.error(CHAIN_BROKEN, **wrong)
        await self._ledger.notices.write(CHAIN_BROKEN, wrong, now, once=once)

    # -- the file --------------------------------------------------------------------------------

    async def follow(self, now: datetime) -> None:
        """Bring the file up to the chain, in bounded batches. Raises RedisError."""
        if self._file is None:
            return
        try:
            opened = await asyncio.to_thread(self._file.open)
            if opened == "held":
                return
            if opened == "anew":
                self._at = await self._position(self._file, now)
            await self._keep_up(now)
            for _ in range(_MOST_BATCHES):
                if not await self._more(self._file, now):
                    break
        except OSError as error:
            await self._failed(self._file, error, now)
        else:
            if self._failing:
                log.info("audit_file_written_again", path=self._file.path)
            self._failing = False

    async def _more(self, file: LogFile, now: datetime) -> bool:
        """Write one batch; whether there may be more."""
        first = self._at.seq + 1 if self._at else 1
        lines = await self._log.lines(first, _BATCH)
        if not lines:
            return False
        if self._at is not None:
            wrong = _does_not_follow(self._at, lines[0])
            if wrong is not None:
                await self._note({**wrong, "file": file.path}, now)
        await asyncio.to_thread(file.append, [line.text for line in lines])
        written = head_of_line(lines[-1].text, Keyring())
        self._at = written or Head(lines[-1].seq, "unreadable")
        await self._log.note_filed(file.path, Filed(self._at, file.identity))
        return len(lines) == _BATCH

    async def _position(self, file: LogFile, now: datetime) -> Head | None:
        """The entry after which the file goes on."""
        filed = await self._log.filed(file.path)
        noted = filed.head if filed else None
        raw = await asyncio.to_thread(file.last_line)
        if raw is None:
            # New, or rotated: its first line continues the chain.
            return noted
        # What another file of this name came to says nothing of this one.
        noted = noted if filed and filed.identity == file.identity else None
        found = head_of_line(raw, Keyring())
        state = await self._log.state()
        if found is not None:
            ahead = state.head is None or found.seq > state.head.seq
            kept = None if ahead else await self._kept(found.seq)
            if found in (kept, noted) or (ahead and head_of_line(raw, self._keys)):
                if noted is not None and noted.seq > found.seq:
                    wrong = {"why": "the end of the file is gone", "file": file.path}
                    await self._note({**wrong, "expected": noted.seq, "found": found.seq}, now)
                return found
            if kept is None and noted is None and not ahead:
                # Older than what Redis keeps: nothing to compare with.
                return found
        wrong = {"why": "the last line of the file is not what was written", "file": file.path}
        await self._note({**wrong, "expected": noted.seq if noted else None}, now)
        return noted or state.head

    async def _kept(self, seq: int) -> Head | None:
        lines = await self._log.lines(seq, 1)
        return head_of_line(lines[0].text, Keyring()) if lines and lines[0].seq == seq else None

    async def _keep_up(self, now: datetime) -> None:
        """If Redis lost entries that the file has, the chain goes on after the file's last."""
        state = await self._log.state()
        at, head = self._at, state.head
        if at is None or (head is not None and head.seq >= at.seq):
            return
        wrong = {
            "why": "Redis lost entries that the file has",
            "expected": at.seq,
            "expected_hash": at.hash,
            "found": head.seq if head else None,
        }
        entries = list(compose([], at, number=state.number, keys=self._keys, broken=wrong, now=now))
        await self._tell(wrong, now, once=_name_of(wrong))
        await self._ledger.stop_switch.lose_ledger(f"the audit log: {wrong['why']}", now)
        if await self._log.append(head, entries, taken=[], number=state.number):
            self._seen = head_of(entries[-1])

    async def _note(self, wrong: Mapping[str, Any], now: datetime) -> None:
        await self._ledger.audit.write(CHAIN_BROKEN, wrong, now)
        await self._tell(wrong, now)

    async def _failed(self, file: LogFile, error: OSError, now: datetime) -> None:
        reason = error.strerror or type(error).__name__
        if not self._failing:
            log.error("audit_file_failed", path=file.path, error=reason)
        self._failing = True
        detail = {"file": file.path, "error": reason}
        await self._ledger.notices.write("audit_file_failed", detail, now, once=file.path)


def _end_lost(wrong: Mapping[str, Any]) -> bool:
    """Whether Redis has less of the log than it had: so it may have lost anything else, too."""
    found, expected = wrong.get("found"), wrong.get("expected")
    return expected is not None and (found is None or found < expected)


def _name_of(wrong: Mapping[str, Any]) -> str:
    """A short name of one break."""
    return hashlib.sha256(json.dumps(wrong, sort_keys=True).encode()).hexdigest()[:16]


def _does_not_follow(at: Head, line: Line) -> dict[str, Any] | None:
    """What is wrong between the file's end and what comes next from Redis."""
    if line.seq != at.seq + 1:
        why = "the file misses entries that Redis no longer keeps"
        return {"why": why, "first": at.seq + 1, "last": line.seq - 1}
    if previous_of_line(line.text) != at.hash:
        return {"why": "the log in Redis does not continue the file", "expected": at.seq}
    return None
