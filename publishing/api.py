"""`docs/api.md`: every route in a line, from the table that the OpenAPI document is made of. Pure.

Written by `python -m publishing.api`; a test compares the file.
"""

from collections.abc import Iterator

from service.api.openapi.operations import OPERATIONS, Operation, described

_WHO = {
    "operator": "an operator",
    "sender": "a signed sender",
    "anybody": "anybody",
    "metrics": "as `[metrics] access` says",
    "link": "who has the link",
}


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    tags: dict[str, list[Operation]] = {}
    for operation in OPERATIONS:
        tags.setdefault(operation.tag, []).append(operation)
    for tag, members in tags.items():
        yield f"\n## {tag.capitalize()}\n"
        yield "| route | does | who |"
        yield "|---|---|---|"
        for each in members:
            yield f"| `{each.method} {each.path}` | {described(each.route)[0]} | {_who(each)} |"


def _who(operation: Operation) -> str:
    match operation.needs:
        case "":
            return _WHO[operation.who]
        case "any":
            return "an operator with any role"
        case roles:
            named = " or ".join(f"`{role}`" for role in roles.split(" or "))
            return f"an operator with the role {named}"


_HEAD = """\
# The API

<!-- Written by `make reference` from the code. Do not edit. -->

A running service describes itself: `/docs` is a page to read and to try, `/openapi.json` the OpenAPI
3.1 document, with every field, answer and example. This is its table of contents.

`/v1` takes `Authorization: Bearer TOKEN` with an operator's token. Bodies are JSON with strict types:
a text `"true"` or an unknown field is an error. Every error is
`{"errors": [{"code", "message", "timestamp"}]}`; [errors](errors.md) lists the codes. A POST that
makes something takes an `Idempotency-Key`; `Prefer: wait=N` (at most 60) waits for a deletion's end.

```sh
curl -s https://unglue.example.com/v1/deletions -H "Authorization: Bearer $UNGLUE_TOKEN" \\
  -H 'Prefer: wait=20' -d '{"org_id": "302", "dry_run": true}'
```"""


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - its output is the file
