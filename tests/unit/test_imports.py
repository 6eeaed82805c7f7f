"""The shape of the program, as its import statements tell it."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("adapters", "workers", "service")  # each may import itself and those before it

# What a pure function needs. Nothing here reads a file, a socket, a clock or a source of chance.
PURE = {
    "base64",
    "binascii",
    "collections",
    "collections.abc",
    "dataclasses",
    "datetime",
    "functools",
    "hashlib",
    "hmac",
    "html",
    "ipaddress",
    "json",
    "math",
    "pydantic",
    "pydantic_core",
    "re",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
    "uuid",
}
IMPURE_CALLS = {
    "open",
    "print",
    "input",
    "exec",
    "eval",
    "now",
    "utcnow",
    "today",
    "uuid1",
    "uuid4",
}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the program by its dotted name."""
    found = {}
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def imports(tree: ast.Module) -> Iterator[str]:
    """What the module imports, to the module; relative imports are none of our style."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            base = node.module or ""
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in modules() else base


def edges() -> dict[str, set[str]]:
    return {
        name: {target for target in imports(tree) if target in modules()} - {name}
        for name, tree in modules().items()
    }


def test_dependencies_point_one_way() -> None:
    wrong = [
        f"{name} imports {target}"
        for name, tree in modules().items()
        for target in imports(tree)
        if target.partition(".")[0] in LAYERS
        and LAYERS.index(target.partition(".")[0]) > LAYERS.index(name.partition(".")[0])
    ]
    assert wrong == []


def test_there_are_no_cycles() -> None:
    try:
        TopologicalSorter(edges()).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


def test_adapters_import_nothing_that_reads_the_world() -> None:
    wrong = [
        f"{name} imports {target}"
        for name, tree in modules().items()
        if name.startswith("adapters")
        for target in imports(tree)
        if target not in PURE
        and not target.startswith("adapters.")
        # It loads vendors by their names, when they are asked for.
        and (name, target) != ("adapters.registry", "importlib")
    ]
    assert wrong == []


def test_adapters_call_nothing_that_reads_the_world() -> None:
    wrong = [
        f"{name}:{node.lineno} calls {called}"
        for name, tree in modules().items()
        if name.startswith("adapters")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for called in [getattr(node.func, "id", getattr(node.func, "attr", ""))]
        if called in IMPURE_CALLS
    ]
    assert wrong == []


def test_a_vendor_knows_no_other_vendor() -> None:
    vendors = {path.parent.name for path in (ROOT / "adapters").glob("*/adapter.py")}
    wrong = [
        f"{name} imports {target}"
        for name, targets in edges().items()
        for target in targets
        if name.split(".")[0] == target.split(".")[0] == "adapters"
        and name.count(".") == target.count(".") == 2
        and {own := name.split(".")[1], other := target.split(".")[1]} <= vendors
        and own != other
        # CloudEvents are Standard Webhooks with another body.
        and (own, other) != ("cloudevents", "standard")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "targets"),
    [
        ("import workers.times.clock", ["workers.times.clock"]),
        ("from adapters import payload", ["adapters.payload"]),
        ("from adapters.payload import parse_json", ["adapters.payload"]),
        ("def f():\n    import socket, os.path", ["socket", "os.path"]),
    ],
)
def test_the_tests_see_every_form_of_import(source: str, targets: list[str]) -> None:
    assert list(imports(ast.parse(source))) == targets
