"""Throw mutated deliveries at the adapters, for as long as one likes.

    python -m tests.fuzz --inputs 1000000 --adapter autotask --seed 7

Proving may raise `SignatureInvalid` and nothing else, and accepts no body that was not signed;
reading always gives verdicts, and what they hold can be stored. The first input that breaks this
ends the run with exit code 1 and is printed. Ends with the number of inputs for each adapter.
"""

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.contract import Adapter, SourceConfig
from adapters.errors import SignatureInvalid
from adapters.headers import Headers
from adapters.models import Verdict
from adapters.registry import VENDORS
from tests.support.deliveries import Recorded, recorded

INTERESTING: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**39, 0.5, 1e300, "", " ", "0", "1", "true",
    "False", "\x00", "\n", "\ud800", "\u202e", "\ufeff", "null", "{}", "[]", '{"id":2}', "a" * 300,
    "\u0662", [], {}, [[]], [{}], {"id": 2}, {"name": "x"}, {"": None}, "2026-06-10T08:15:02Z",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-06-10", "https://[::1",
)  # fmt: skip
HEADER_VALUES = ("", " ", "v1,", "sha1=", "Basic ", "Bearer ", "=" * 44, "\ud800", "ü", "9" * 400)


@dataclass(frozen=True)
class Sample:
    """A recorded delivery, read once."""

    config: SourceConfig
    key: str | None
    headers: Headers
    body: bytes
    origin: Recorded
    signs: bool

    @classmethod
    def of(cls, delivery: Recorded) -> "Sample":
        config = delivery.config
        unsigned = delivery.folder.name in {"ninjaone", "halopsa"}
        return cls(
            config=config,
            key=delivery.key,
            headers=delivery.headers,
            body=delivery.body,
            origin=delivery,
            signs=not unsigned or getattr(config, "hmac_header", None) is not None,
        )


class Broken(Exception):
    """An input that an adapter does not stand."""


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def exchanged(document: Any, chance: random.Random) -> Any:
    """The document with one value exchanged, also inside a text that holds JSON."""
    found = list(places(document))
    if not found:
        return deepcopy(chance.choice(INTERESTING))
    container, key = chance.choice(found)
    nested = container[key]
    if isinstance(nested, str) and nested.startswith('{"') and chance.random() < 0.9:
        container[key] = json.dumps(exchanged(json.loads(nested), chance))
    elif isinstance(container, dict) and chance.random() < 0.2:
        container[str(key).swapcase()] = container.pop(key)
    else:
        container[key] = deepcopy(chance.choice(INTERESTING))
    return document


def noisy(body: bytes, chance: random.Random) -> bytes:
    """The bytes with something taken out, put in, doubled or flipped."""
    result = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(result))
        end = min(len(result), start + chance.randint(0, 12))
        match chance.randint(0, 3):
            case 0:
                del result[start:end]
            case 1:
                result[start:start] = chance.randbytes(chance.randint(1, 6))
            case 2:
                result[start:start] = result[start:end]
            case _ if start < len(result):
                result[start] ^= 1 << chance.randint(0, 7)
    return bytes(result)


def mutated(samples: list[Sample], sample: Sample, chance: random.Random) -> bytes:
    match chance.randint(0, 9):
        case 0:
            return chance.randbytes(chance.randint(0, 300))
        case 9:
            return json.dumps(chance.choice(INTERESTING)).encode()
        case 1:
            other = chance.choice(samples).body
            return (
                sample.body[: chance.randint(0, len(sample.body))]
                + other[chance.randint(0, len(other)) :]
            )
        case 2 | 3 | 4:
            return noisy(sample.body, chance)
        case _:
            document = json.loads(sample.body)
            for _ in range(chance.randint(1, 3)):
                document = exchanged(document, chance)
            return json.dumps(document, ensure_ascii=chance.random() < 0.5).encode(
                errors="surrogatepass"
            )


def headers_for(sample: Sample, chance: random.Random) -> Headers:
    items = list(sample.headers.items)
    if chance.random() < 0.7:
        return sample.headers
    at = chance.randrange(len(items))
    name, value = items[at]
    match chance.randint(0, 3):
        case 0:
            del items[at]
        case 1:
            items.append(items[at])
        case 2:
            items[at] = (name, chance.choice(HEADER_VALUES))
        case _:
            cut = chance.randint(0, len(value))
            items[at] = (name, value[:cut] + chance.choice("aA0=+ ,") + value[cut + 1 :])
    return Headers(tuple(items))


def meaning(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def check_texts(value: Any) -> None:
    """What leaves an adapter can be stored, logged and shown."""
    match value:
        case str():
            value.encode()
        case dict():
            for item in value.values():
                check_texts(item)
        case list() | tuple():
            for item in value:
                check_texts(item)
        case datetime():
            assert value.utcoffset() == timedelta()


def check_reading(
    adapter: Adapter, config: SourceConfig, headers: Headers, body: bytes, now: datetime
) -> tuple[Verdict, ...]:
    """Read it; what an adapter says can be stored, logged and shown."""
    verdicts = adapter.read(config, headers, body, now)
    if not verdicts:
        raise Broken("no verdict")
    for verdict in verdicts:
        assert 0 < len(verdict.event_id) <= 400
        assert re.fullmatch("[0-9a-f]{64}", verdict.content)
        check_texts(asdict(verdict))
    return verdicts


def judge(adapter: Adapter, sample: Sample, headers: Headers, body: bytes) -> str:
    """Run one input through the adapter; return what became of it. Raises Broken."""
    now = sample.origin.now
    try:
        adapter.key_url(sample.config, headers, body)
        adapter.verify(sample.config, headers, body, sample.key, now)
        proved = "proved"
    except SignatureInvalid:
        proved = "refused"
    if proved == "proved" and sample.signs and meaning(body) != meaning(sample.body):
        raise Broken("a body that was never signed was accepted")
    verdicts = check_reading(adapter, sample.config, headers, body, now)
    return f"{proved}, {type(verdicts[0]).__name__}"


def fuzz(vendor: str, inputs: int, seed: int) -> Counter[str]:
    """Try this many inputs; return how many had each outcome. Raises Broken."""
    chance = random.Random(f"{vendor} {seed}")  # noqa: S311 - repeatable, nothing secret
    adapter, samples = VENDORS[vendor], [Sample.of(delivery) for delivery in recorded(vendor)]
    outcomes: Counter[str] = Counter()
    for number in range(inputs):
        sample = chance.choice(samples)
        body, headers = mutated(samples, sample, chance), headers_for(sample, chance)
        try:
            outcomes[judge(adapter, sample, headers, body)] += 1
        except Exception as error:
            raise Broken(
                f"input {number} of seed {seed}, from {vendor}/{sample.origin.event}: "
                f"{type(error).__name__}: {error}\nheaders: {headers.items!r}\nbody: {body!r}"
            ) from error
    return outcomes


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="for each adapter")
    parser.add_argument("--adapter", choices=sorted(VENDORS), action="append")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for vendor in options.adapter or sorted(VENDORS):
        started = time.monotonic()
        try:
            outcomes = fuzz(vendor, options.inputs, options.seed)
        except Broken as error:
            print(f"{vendor}: BROKEN: {error}")  # noqa: T201 - the command's answer
            return 1
        shown = "; ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
        seconds = time.monotonic() - started
        print(f"{vendor}: {options.inputs} inputs in {seconds:.0f} s: {shown}", flush=True)  # noqa: T201 - the command's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
