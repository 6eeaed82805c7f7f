"""The form in which the ledger is written: an older one is brought up to date, a newer one refused.

Every script refuses a newer one by itself, so a part that still runs an older release writes
nothing into it; what is sent meanwhile is spooled or sent again, as while Redis is away.
"""

from datetime import datetime

from redis.exceptions import ResponseError

from adapters.errors import ConfigurationError
from workers.ledger.installation.condition import NEWER
from workers.ledger.store import Part


class NewerLedger(ConfigurationError):
    """The ledger was written by a newer release."""

    code = "NewerLedger"


class Form(Part):
    """The form of this installation's ledger."""

    async def require_known(self, now: datetime) -> None:
        """Go on only with a form that this release knows; writes nothing. Raises NewerLedger."""
        await self._run(now, take_on=False)

    async def take_on(self, now: datetime) -> tuple[int, int]:
        """Bring the ledger into the present form: the old and the present. Raises NewerLedger."""
        before, present = await self._run(now, take_on=True)
        return before, present

    async def _run(self, now: datetime, *, take_on: bool) -> list[int]:
        try:
            answer: list[int] = await self._store.run("take_form", now, take_on)
        except ResponseError as error:
            if NEWER not in str(error):
                raise
            written, known = str(error).rpartition(f"{NEWER} ")[2].split()[:2]
            raise NewerLedger(
                f"this ledger has the form {written}, and this release knows forms up to {known}: "
                "a newer Unglue wrote it. Start that one again, or restore the copy that was made "
                "before the upgrade (docs/backup.md)"
            ) from None
        return answer
