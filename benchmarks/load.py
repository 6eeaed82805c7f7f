"""Requests that ConnectWise would send, and the process that sends them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from adapters.rehearsal import compact as _compact
from adapters.rehearsal import timestamp
from tests.support.service import COMPANY, HOST, signature

_LUA: Final = Path(__file__).with_name("load.lua")
CONNECTIONS: Final = 32
_FIRST: Final = 5000
_MORE: Final = 3.0
_companies = count(1000)


class Prepared(Protocol):
    """Where requests are kept, and where their sender keeps its key."""

    folder: Path
    key_url: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a generator saw. Latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def callback(company: int, key_url: str, *, status: str = "Inactive") -> bytes:
    """A company callback of 2 kB, as it is sent now."""
    saved = timestamp(datetime.now(UTC))
    where = f"https://{HOST}/v2025_1//apis/3.0/company"
    entity = {
        "id": company,
        "identifier": f"CLIENT{company}",
        "name": f"Client {company}",
        "status": {
            "id": 2,
            "name": status,
            "_info": {"status_href": f"{where}/companies/statuses/2"},
        },
        "types": [{"id": 5, "name": "Client", "_info": {"type_href": f"{where}/types/5"}}],
        "addressLine1": f"{company} Long Street",
        "city": "Tampa",
        "state": "FL",
        "zip": "33601",
        "phoneNumber": f"813555{company % 10000:04}",
        "website": f"www.client{company}.example.com",
        "territory": {"id": 38, "name": "South", "_info": {"location_href": f"{where}/38"}},
        "defaultContact": {
            "id": company + 7,
            "name": "A Person",
            "_info": {"contact_href": f"{where}/contacts/{company + 7}"},
        },
        "dateAcquired": "2019-03-01T18:04:26Z",
        "annualRevenue": 1250000.0,
        "numberOfEmployees": 12,
        "leadFlag": False,
        "unsubscribeFlag": False,
        "deletedFlag": False,
        "mobileGuid": str(uuid4()),
        "isVendorFlag": False,
        "_info": {
            "lastUpdated": saved,
            "updatedBy": "member",
            "dateEntered": "2019-03-01T14:02:11Z",
            "enteredBy": "member",
            "contacts_href": f"{where}/contacts?conditions=company/id={company}",
            "tickets_href": f"{where}/tickets?conditions=company/id={company}",
        },
    }
    return _compact(
        {
            "Action": "updated",
            "CallbackObjectRecId": 26601,
            "CompanyId": COMPANY,
            "Entity": _compact(entity).decode(),
            "FromUrl": HOST,
            "ID": company,
            "MemberId": "member",
            "MessageId": str(uuid4()),
            "Metadata": {"key_url": key_url},
            "PartnerId": uuid4().hex[:24],
            "ProductInstanceId": uuid4().hex[:24],
            "Type": "company",
        }
    )


def companies(number: int) -> list[int]:
    """So many that were in no request before."""
    return [next(_companies) for _ in range(number)]


def request_headers(body: bytes) -> dict[str, str]:
    """The fields that prove it."""
    return {"content-type": "application/json", "x-content-signature": signature(body)}


def request(body: bytes, path: str = "/webhooks/cw") -> bytes:
    """The signed request of a body."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: unglue.example.com\r\nuser-agent: ConnectWise\r\n"
        f"content-type: application/json\r\naccept: */*\r\nx-forwarded-proto: https\r\n"
        f"x-content-signature: {signature(body)}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def prepare(path: Path, requests: Iterable[bytes]) -> Path:
    """The file that the generator sends."""
    with path.open("wb") as file:
        for each in requests:
            file.write(b"%08d" % len(each) + each)
    return path


def send(url: str, requests: Path, seconds: float, *, rate: float | None = None) -> Measured:
    """Load on a server: as much as it answers, or at a `rate`."""
    parts = urlsplit(url)
    own = [sys.executable, "-m", "benchmarks.generator", str(requests), str(parts.hostname)]
    own += [str(parts.port), "--connections", str(CONNECTIONS), "--seconds", str(seconds)]
    wrk = shutil.which("wrk")
    if rate is not None:
        own += ["--rate", str(rate)]
    elif wrk is not None:
        own = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency"]
        own += ["-s", str(_LUA), url, "--", str(requests), "1"]
    done = subprocess.run(own, capture_output=True, text=True, check=True, timeout=seconds + 120)  # noqa: S603 - our own
    return Measured(**json.loads(done.stdout.strip().splitlines()[-1]))


def saturate(url: str, made: Prepared, seconds: float, *, status: str = "Inactive") -> Measured:
    """As much as it takes, each of another client; a first second says how many that is."""
    path = made.folder / "load"

    def some(number: int) -> Path:
        bodies = (callback(each, made.key_url, status=status) for each in companies(number))
        return prepare(path, map(request, bodies))

    first = send(url, some(_FIRST), 1)
    number = int(_MORE * first.rate * seconds) + CONNECTIONS
    done = send(url, some(number), seconds)
    assert not done.failed, done
    assert done.requests <= number, "some were sent twice"
    return done


def generator() -> str:
    """Which one closes the loop here."""
    return "wrk" if shutil.which("wrk") else "benchmarks.generator"
