"""The call the product exists for: marked, removed later, with everything below it."""

from typing import Any

import pytest

from service.sandbox.seed import CHILD, EMPTY, GRANDCHILD, LONG_ID, MSP, PARENT, WITH_DEPENDENTS
from service.sandbox.settings import SandboxSettings
from tests.support.sandbox import Caller, calling

REMOVAL = SandboxSettings().removal_seconds
KINDS = (
    "configurations",
    "contacts",
    "locations",
    "passwords",
    "domains",
    "expirations",
    "checklists",
)


def test_a_deletion_is_accepted_now_and_takes_effect_later(caller: Caller) -> None:
    response = caller.delete(EMPTY)
    assert response.status_code == 200
    (named,) = response.json()["data"]
    assert (named["id"], named["type"]) == (str(EMPTY), "organizations")
    assert named["attributes"]["name"] == "Velvet Anchor Laundry"
    caller.advance(REMOVAL - 0.1)
    assert caller.exists(EMPTY)
    caller.advance(0.1)
    assert not caller.exists(EMPTY)
    assert caller.ids("/organizations", {"filter[id]": EMPTY}) == []
    assert caller.exists(MSP)


def test_several_in_one_call(caller: Caller) -> None:
    response = caller.delete(EMPTY, LONG_ID)
    assert [each["id"] for each in response.json()["data"]] == [str(EMPTY), str(LONG_ID)]
    caller.advance(REMOVAL)
    assert not caller.exists(EMPTY)
    assert not caller.exists(LONG_ID)


def test_marked_twice_is_accepted_twice_and_not_delayed(caller: Caller) -> None:
    assert caller.delete(EMPTY).status_code == 200
    caller.advance(REMOVAL / 2)
    assert caller.delete(EMPTY).status_code == 200
    caller.advance(REMOVAL / 2)
    assert not caller.exists(EMPTY)
    assert caller.delete(EMPTY).status_code == 404


def test_one_unknown_id_spares_the_whole_batch(caller: Caller) -> None:
    assert caller.delete(EMPTY, 999).status_code == 404
    caller.advance(REMOVAL)
    assert caller.exists(EMPTY)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400),
        ([], 400),
        ({}, 400),
        ({"data": []}, 400),
        ({"data": {"type": "organizations", "attributes": {"id": EMPTY}}}, 400),
        ({"data": [{"type": "organizations", "id": EMPTY}]}, 400),
        ({"data": [{"type": "passwords", "attributes": {"id": EMPTY}}]}, 400),
        ({"data": [{"type": "organizations", "attributes": {"id": str(EMPTY)}}]}, 422),
        ({"data": [{"type": "organizations", "attributes": {"id": True}}]}, 422),
    ],
)
def test_only_the_documented_body_deletes(caller: Caller, body: Any, status: int) -> None:
    assert caller.send("DELETE", "/organizations", body).status_code == status
    caller.advance(REMOVAL)
    assert caller.exists(EMPTY)
    assert caller.control("world")["removed"] == []


def test_everything_below_goes_too(caller: Caller) -> None:
    of_it = {"filter[organization_id]": WITH_DEPENDENTS}
    owned = {kind: caller.ids(f"/{kind}", of_it) for kind in KINDS}
    assert all(owned.values())
    caller.delete(WITH_DEPENDENTS)
    caller.advance(REMOVAL)
    for kind, ids in owned.items():
        assert not {*ids} & {*caller.ids(f"/{kind}", {"page[size]": 1000})}
    assert not any(caller.ids(f"/{kind}", of_it) for kind in KINDS)
    assets = {**of_it, "filter[flexible_asset_type_id]": "33"}
    assert caller.ids("/flexible_assets", assets) == []
    documents = f"/organizations/{WITH_DEPENDENTS}/relationships/documents"
    assert caller.get(documents).status_code == 404
    assert caller.ids("/configurations", {"filter[organization_id]": 201})


def test_sub_organizations_go_with_their_parent(caller: Caller) -> None:
    caller.delete(PARENT)
    caller.advance(REMOVAL)
    assert [caller.exists(each) for each in (PARENT, CHILD, GRANDCHILD)] == [False] * 3


def test_the_account_s_own_organization_is_not_protected(caller: Caller) -> None:
    caller.delete(MSP)
    caller.advance(REMOVAL)
    assert not caller.exists(MSP)


def test_a_filter_deletes_every_match_and_an_unknown_one_the_whole_account(caller: Caller) -> None:
    by_name = caller.http.request(
        "DELETE", "/organizations", params={"filter[name]": "Saffron Bicycle Repair"}
    )
    assert len(by_name.json()["data"]) == 2
    caller.advance(REMOVAL)
    left = caller.ids("/organizations")
    assert not {"308", "309"} & set(left)
    unknown = caller.http.request("DELETE", "/organizations", params={"filter[nmae]": "x"})
    assert len(unknown.json()["data"]) == len(left)
    caller.advance(REMOVAL)
    assert caller.ids("/organizations") == []
    effects = [each["effect"] for each in caller.requests() if each["method"] == "DELETE"]
    assert all(effect.endswith("(by filter)") for effect in effects)


def test_a_filter_and_a_body_exclude_each_other(caller: Caller) -> None:
    body = {"data": [{"type": "organizations", "attributes": {"id": EMPTY}}]}
    response = caller.send("DELETE", f"/organizations?filter[id]={EMPTY}", body)
    assert response.status_code == 400
    caller.advance(REMOVAL)
    assert caller.exists(EMPTY)


def test_a_removal_without_delay_is_seen_at_once() -> None:
    with calling(SandboxSettings(removal_seconds=0)) as caller:
        assert caller.delete(EMPTY).status_code == 200
        assert not caller.exists(EMPTY)
