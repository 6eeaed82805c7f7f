"""Links that nobody but us can make, and that are good for one asking only."""

from dataclasses import replace
from typing import Any

import pytest

from workers.outbox.approval_link import opened, sealed, ticket_of
from workers.settings import Settings

CONTENT = ["del_1", 2, "f" * 64, 1_790_000_000_000]
SALT = "approval link"
URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def settings(*keys: str) -> Settings:
    return Settings(itglue={"api_key": "x"}, secret_keys=[long(each) for each in keys])


def long(key: str) -> str:
    return f"{key}: a key that nobody could guess"


def test_it_says_what_it_is_for() -> None:
    ticket = ticket_of(settings("new", "old"), sealed([long("new"), long("old")], SALT, CONTENT))
    assert ticket is not None
    assert [ticket.deletion_id, ticket.generation, ticket.seen, ticket.until] == CONTENT
    assert replace(ticket) == ticket


def test_a_key_that_is_no_longer_the_newest_still_opens() -> None:
    made = sealed(["old"], SALT, CONTENT)
    assert opened(["new", "old"], SALT, made) == CONTENT
    assert opened(["new"], SALT, made) is None
    assert sealed(["new", "old"], SALT, CONTENT) == sealed(["new"], SALT, CONTENT)


def test_no_character_of_it_can_be_another() -> None:
    made = sealed(["key"], SALT, CONTENT)
    for at, char in enumerate(made):
        for other in URL_SAFE if at > len(made) - 3 else "Ax_.":
            if other != char:
                assert opened(["key"], SALT, made[:at] + other + made[at + 1 :]) is None, at


@pytest.mark.parametrize(
    "text", ["", ".", "x", "x.y", "é.x", "x" * 2000, "..", "W10", "W10.", "\u202e", "%00"]
)
def test_what_is_no_link(text: str) -> None:
    assert opened(["key"], SALT, text) is None


def test_one_for_another_purpose_or_another_key_is_none() -> None:
    made: Any = sealed(["key"], "approval form", CONTENT)
    assert opened(["key"], SALT, made) is None
    assert opened(["other"], "approval form", made) is None
    assert opened([], "approval form", made) is None
