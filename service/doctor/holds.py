"""What `doctor` says of deliveries that hold deletions."""

from collections import Counter
from typing import Final, Literal

from adapters.counting import counted
from workers.ledger.ledger import Ledger
from workers.times.clock import rfc3339

_CURES: Final = {
    "rejected": "correct the source and replay them, or look at them: unglue holds, then dismiss",
    "unverified": "look at the way to the vendor's key server; or: unglue holds, then dismiss",
}
_SAID: Final = {"rejected": "not understood", "unverified": "not proved to be genuine"}


async def held_findings(ledger: Ledger) -> list[tuple[str, Literal["warn"], str, str]]:
    """One a source and verdict: part, level, why, how to end it. Raises RedisError, OSError."""
    held = await ledger.holds.all()
    found: list[tuple[str, Literal["warn"], str, str]] = []
    for source, verdict in sorted({(each.source, each.verdict) for each in held}):
        these = [each for each in held if (each.source, each.verdict) == (source, verdict)]
        reasons = Counter(each.reason for each in these)
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        clients = {client for each in these for client in each.clients}
        every = any(not each.clients for each in these)
        whose = "all deletions" if every else f"the deletions of {counted(len(clients), 'clients')}"
        since = rfc3339(these[0].at)
        many = counted(len(these), "deliveries hold", "delivery holds")
        said = f"{many} {whose} of {source} since {since}: {_SAID[verdict]} ({why})"
        found.append((f"source {source}", "warn", said, _CURES[verdict]))
    return found
