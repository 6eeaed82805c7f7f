"""Which configuration is in force: a worker left on another one is refused every call.

The service, which takes requests in, says so when it starts; of several the newest counts. The
others only compare.
"""

import hashlib
import json
from functools import lru_cache
from typing import Final

from workers.settings import Settings

# Of a source, what decides who may be deleted. Its secrets decide what is believed to be genuine.
_OF_A_SOURCE: Final = {
    "vendor", "confirm_delete", "trust_flags", "approval", "grace_period", "itglue_integration",
    "max_deletions_per_day",
}  # fmt: skip


@lru_cache(maxsize=8)
def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def policy_digest(settings: Settings) -> str:
    """SHA-256 over everything that decides who may be deleted, where, and on whose word."""
    policy = settings.policy.model_dump(mode="json", exclude={"export_zip_password"})
    sources = {
        # Who asks must not stand beside one that does not; where nobody does, nothing is said.
        name: source.model_dump(mode="json", include=_OF_A_SOURCE)
        | ({"asks": True} if source.asks else {})
        | {"meaning": source.meaning}
        for name, source in settings.sources.items()
    }
    schedules = {
        name: schedule.model_dump(mode="json", exclude={"kind", "sources"})
        for name, schedule in settings.sweeps.items()
    }
    # Whose word counts: names and roles, not the tokens by which they are known.
    operators = {name: sorted(each.roles) for name, each in settings.operators.items()}
    claimed = {name: sorted(roles) for name, roles in settings.oidc.roles.items()}
    content = [settings.itglue.base_url, policy, sources, schedules, operators, claimed]
    return _digest(json.dumps(content, sort_keys=True))
