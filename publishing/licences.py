"""`docs/licences.md`: what Unglue brings along, and under which licences.

Written from the metadata of what is installed (`python -m publishing.licences`), which with every
extra is everything. A test finds a package that is not on the page, or under another licence.
"""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Final

from packaging.requirements import Requirement

EXTRAS: Final = ("embedded", "dashboard", "oidc", "otel")
_CLASSIFIER: Final = re.compile(r"^License :: (?:OSI Approved :: )?(.*)$")
_PERMISSIVE: Final = re.compile(
    r"MIT|BSD|Apache|PSF|Python Software Foundation|ISC|MPL|Mozilla|Zlib|Unlicense|CNRI",
    re.IGNORECASE,
)
# What only other Pythons than the newest need, so that it is not always here to be read.
_BEFORE_3_11_3: Final = {"async-timeout": "Apache Software License"}


def packages() -> dict[str, str]:
    """Every package that an installation with all extras needs, with its licence."""
    found = dict(_BEFORE_3_11_3)
    waiting = [("unglue", extra) for extra in ("", *EXTRAS)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = needed = waiting.pop()
        if needed in seen:
            continue
        seen.add(needed)
        try:
            found[_plain(name)] = licence(distribution(name))
        except PackageNotFoundError:
            continue
        waiting += _needs(name, extra)
    del found["unglue"]
    return dict(sorted(found.items()))


def licence(package: Distribution) -> str:
    """What its metadata says; "unknown" if nothing."""
    told = package.metadata.json
    classified = [
        match[1]
        for each in told.get("classifier") or []
        if (match := _CLASSIFIER.match(each)) and match[1] != "OSI Approved"
    ]
    stated = str(told.get("license") or "").strip()
    short = stated if stated and "\n" not in stated and len(stated) < 80 else ""
    return str(told.get("license_expression") or "") or ", ".join(classified) or short or "unknown"


def permissive(text: str) -> bool:
    """Whether it asks for no more than to be named (or, as MPL, that its own files stay open)."""
    return bool(_PERMISSIVE.search(text)) and "GPL" not in text


def _needs(name: str, extra: str) -> Iterator[tuple[str, str]]:
    """What a package needs with one of its extras, each once more with every extra of its own."""
    for line in distribution(name).requires or []:
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            yield from ((wanted.name, each) for each in ("", *wanted.extras))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Licences"
    yield ""
    yield "<!-- Written by `make reference` from what is installed. Do not edit. -->"
    yield ""
    yield "Unglue is under the MIT licence. This is what it needs at run time, with every extra, and"
    yield "each one's licence as its own metadata has it. All of them allow use and redistribution"
    yield "with their licence text; MPL-2.0 (certifi) asks besides that changed files of its own stay open."
    yield ""
    yield "| package | licence |"
    yield "|---|---|"
    yield from (f"| `{name}` | {text} |" for name, text in packages().items())


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - its output is the file
