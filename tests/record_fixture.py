"""Turn a captured body into a fixture: sign it with the fixtures' secret, write what it means.

    python -m tests.record_fixture connectwise company-updated-inactive

reads `tests/fixtures/connectwise/company-updated-inactive.body` and writes its `.headers.json`
and `.expected.json`. Read the latter before you keep it: it says what the adapter does, and you
decide whether that is right.
"""

import json
import sys

from adapters.headers import Headers
from tests.support.deliveries import FIXTURES, Recorded, described


def record(vendor: str, event: str) -> dict[str, object]:
    """Write the headers, unless there are any, and what is expected; return the latter."""
    delivery = Recorded(FIXTURES / vendor, event)
    adapter, config = delivery.adapter, delivery.config
    if not delivery.path("headers.json").exists():
        signed = adapter.sign(config, delivery.body, delivery.key, f"msg_{event}", delivery.now)
        delivery.path("headers.json").write_text(json.dumps(signed, indent=2) + "\n")
    headers: Headers = delivery.headers
    url = adapter.key_url(config, headers, delivery.body)
    adapter.verify(config, headers, delivery.body, delivery.key, delivery.now)
    verdicts = adapter.read(config, headers, delivery.body, delivery.now)
    expected = dict(delivery.expected)
    if url is not None:
        expected["key_url"] = url
    expected["verdicts"] = [described(verdict) for verdict in verdicts]
    delivery.path("expected.json").write_text(json.dumps(expected, indent=2) + "\n")
    return expected


if __name__ == "__main__":
    print(json.dumps(record(*sys.argv[1:3]), indent=2))  # noqa: T201 - a command's answer
