"""The PSAs as deletions ask them: a refusal counts for all of them, and silence is told."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from adapters.contract import AskableSource, SourceConfig
from adapters.errors import PsaError, PsaRefused
from workers.ledger.ledger import Ledger
from workers.psa.companies import Companies
from workers.psa.company import Company
from workers.times.clock import Clock, rfc3339

# Seldom: a PSA may lock an account that is refused often.
REFUSED_FOR: Final = timedelta(minutes=14)
SILENT_FOR: Final = timedelta(minutes=15)
_TOLD_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Watched:
    """What the PSAs say, asked through `companies`.

    One refusal counts for all deletions of the source until it is over, or other credentials are
    configured. A PSA that did not answer for 15 minutes is told of, once an hour.
    """

    companies: Companies
    ledger: Ledger
    sources: Mapping[str, SourceConfig]
    clock: Clock

    async def company(self, source: str, company_id: str) -> Company | None:
        """What this source's PSA says of the company; `None`: it has none. Raises PsaError."""
        known, digest = self.ledger.sources, _digest(self.sources.get(source))
        refusal = await known.refusal(source, digest, self.clock())
        if refusal is not None:
            raise PsaRefused(refusal, source)
        try:
            company = await self.companies.company(source, company_id)
        except PsaRefused as error:
            until = self.clock() + REFUSED_FOR
            await known.refused(source, digest, error.message, until)
            raise
        except PsaError as error:
            await self._tell(source, error)
            raise
        await known.answered(source)
        return company

    async def _tell(self, source: str, error: PsaError) -> None:
        now = self.clock()
        since = await self.ledger.sources.silent(source, now, SILENT_FOR)
        if now - since >= SILENT_FOR:
            detail = {"source": source, "since": rfc3339(since), "detail": error.message}
            await self.ledger.notices.write("psa_silent", detail, now, once=source, lasts=_TOLD_FOR)


def _digest(config: SourceConfig | None) -> str:
    """By which other credentials are seen; nothing can be read from it."""
    api = config.api if isinstance(config, AskableSource) else None
    content = api.model_dump_json() if api is not None else ""
    return hashlib.sha256(content.encode()).hexdigest()[:16]
