"""Whether IT Glue accepts the key: told to the record, so that all workers stop together."""

from workers.ledger.installation.stop_switch import StopSwitch
from workers.times.clock import Clock


class KeyWatch:
    """The client's hook, one for each job.

    Of answers in a row that say the same, only the first is told: one look that asks three times
    at once is one refusal, and thirty accepted reads are one command to Redis.
    """

    def __init__(self, switch: StopSwitch, clock: Clock) -> None:
        self._switch = switch
        self._clock = clock
        self._accepted: bool | None = None

    async def key_judged(self, accepted: bool, status: int) -> None:
        """Hear of one answer."""
        if accepted is self._accepted:
            return
        self._accepted = accepted
        if accepted:
            await self._switch.key_accepted()
        else:
            await self._switch.key_refused(status, self._clock())
