"""JSON pointers, with the examples of RFC 6901 section 5."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from adapters.pointer import Pointer, at, put

DOCUMENT: dict[str, Any] = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_examples_of_the_standard(pointer: str, value: Any) -> None:
    assert at(DOCUMENT, TypeAdapter(Pointer).validate_python(pointer)) == value


@pytest.mark.parametrize(
    "pointer",
    [
        "/none",
        "/foo/2",
        "/foo/-",
        "/foo/-1",
        "/foo/01",
        "/foo/\u0661",
        "/foo/0/0",
        "/foo/x",
        "/m~0n/0",
        "/foo/99999999999999999999",
    ],
)
def test_what_is_not_there_is_none(pointer: str) -> None:
    assert at(DOCUMENT, pointer) is None


def test_an_escape_is_undone_once() -> None:
    assert at({"~1": 1, "/": 2}, "/~01") == 1


@pytest.mark.parametrize("pointer", ["foo", "#/foo", "/~", "/~2", "/a~b", "/" * 501])
def test_a_misspelt_pointer_is_an_error(pointer: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Pointer).validate_python(pointer)


@pytest.mark.parametrize(
    ("pointer", "result"),
    [
        ("/a", {"a": 9, "b": {"c": 2}}),
        ("/n", {"a": 1, "b": {"c": 2}, "n": 9}),
        ("/b/c", {"a": 1, "b": {"c": 9}}),
        ("/b/~1~0", {"a": 1, "b": {"c": 2, "/~": 9}}),
        ("/a/x", {"a": 1, "b": {"c": 2}}),
        ("/x/y", {"a": 1, "b": {"c": 2}}),
        ("", {"a": 1, "b": {"c": 2}}),
    ],
)
def test_a_value_is_put_where_an_object_can_hold_it(pointer: str, result: dict[str, Any]) -> None:
    document: dict[str, Any] = {"a": 1, "b": {"c": 2}}
    put(document, pointer, 9)
    assert document == result
