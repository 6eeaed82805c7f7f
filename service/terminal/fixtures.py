"""An event made up from what it says, for the senders whose form is ours: pure."""

import json
from typing import Final

import click

from adapters.errors import ConfigurationError

# Its id, source and time are set when it is sent.
_FORMS: Final = {
    "standard": {},
    "cloudevents": {"specversion": "1.0", "id": "", "source": "unglue", "time": ""},
}


def body_of(vendor: str, *, org_id: str | None, org_name: str | None, inactive: bool) -> bytes:
    """The body of an event of this client. Raises click.UsageError, ConfigurationError."""
    if vendor not in _FORMS:
        raise ConfigurationError(
            f"an event of {vendor} is not made up from options; give a file with its body"
        )
    data = {"org_id": org_id, "org_name": org_name}
    said = {name: value for name, value in data.items() if value is not None}
    if not said:
        raise click.UsageError("give a FIXTURE, or --org-id and --org-name of the client")
    kind = "client.inactive" if inactive else "client.active"
    return json.dumps({**_FORMS[vendor], "type": kind, "data": said}).encode()
