"""`[sources.<name>]` with `vendor = "standard"`."""

from adapters.contract import SourceConfig
from adapters.standard.signature import Secrets


class StandardConfig(SourceConfig):
    """One sender of Standard Webhooks.

    With `trust_flags` the body's `confirm_delete` and `force_delete` count. Without, the body can
    only make a deletion less likely: `dry_run` and `confirm_delete = false` always count.
    """

    secrets: Secrets
    trust_flags: bool = False

    @property
    def may_confirm(self) -> bool:
        """Whether a confirmation that came with an event of this source is believed."""
        return self.confirm_delete or self.trust_flags
