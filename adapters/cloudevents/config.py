"""`[sources.<name>]` with `vendor = "cloudevents"`."""

from typing import Annotated

from pydantic import Field, StringConstraints

from adapters.standard.config import StandardConfig

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Types = Annotated[tuple[Text, ...], Field(min_length=1)]


class CloudEventsConfig(StandardConfig):
    """One sender of CloudEvents that signs them as Standard Webhooks.

    `inactive_types` and `active_types` are the event types that mean so, compared exactly.
    `event_source`, if given, must be the events' `source`. `allowed_origins` are the senders that
    may ask before they send (`WebHook-Request-Origin`), compared exactly; by default none.
    """

    inactive_types: Types = ("client.inactive",)
    active_types: Types = ("client.active",)
    event_source: Text | None = None
    allowed_origins: tuple[Text, ...] = ()
