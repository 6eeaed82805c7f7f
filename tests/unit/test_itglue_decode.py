import json
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import InvalidIdentifier
from workers.itglue.http.decode import (
    checked_id,
    export,
    ids_in,
    included,
    one_value,
    organization,
    own_id,
    resources,
    text_id,
    total_count,
    whole,
)
from workers.itglue.http.failures import CallFailed
from workers.itglue.models import Organization

FIXTURES = Path(__file__).parents[1] / "fixtures" / "itglue"


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / name).read_bytes())


def decoded(payload: dict[str, Any]) -> list[Organization]:
    alongside = included(payload)
    return [organization(row, alongside) for row in resources(payload)]


def one(attributes: dict[str, Any], **more: Any) -> Organization:
    row = {"id": "5", "type": "organizations", "attributes": {"name": "A", **attributes}, **more}
    return decoded({"data": row})[0]


def test_the_documented_list_of_organizations() -> None:
    happy, kraken, dell = decoded(fixture("documentation/GET_organizations.json"))
    assert happy == Organization(
        id="2",
        name="Happy Frog",
        status="Active",
        type="Customer",
        primary=False,
        parent_id="1",
        ancestor_ids=("1", "6"),
        created_at="2016-09-14T17:02:44.000Z",
        updated_at="2016-09-14T17:02:44.000Z",
        short_name="happy",
    )
    assert (kraken.id, kraken.type, kraken.primary) == ("6", "Owner", True)
    assert (dell.id, dell.type, dell.primary) == ("9", "Vendor", False)


def test_the_documented_single_organization_is_the_listed_one() -> None:
    listed = decoded(fixture("documentation/GET_organizations.json"))[0]
    assert decoded(fixture("documentation/GET_organizations_id.json")) == [listed]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ("", ()),
        ("null", ()),
        (False, ()),
        (0, ()),
        (6, ("6",)),
        (4489414129010794, ("4489414129010794",)),
        ("574989297464115201", ("574989297464115201",)),
        ("1", ("1",)),
        ([], ()),
        ("[]", ()),
        ([1, 6], ("1", "6")),
        (["1", "6"], ("1", "6")),
        ("[1,6]", ("1", "6")),
        ("[1, 6]", ("1", "6")),
        ('["1", "6"]', ("1", "6")),
        ("1/6", ("1", "6")),
        (6.0, ("6",)),
        ({"id": 6}, ("6",)),
        ([[1], None, "6"], ("1", "6")),
    ],
)
def test_ids_in_every_form(value: object, expected: tuple[str, ...]) -> None:
    assert ids_in(value) == expected
    assert one({"parent-id": value}).parent_id == (expected[0] if expected else None)
    assert one({"ancestor-ids": value}).ancestor_ids == expected


def test_snake_case_is_read_as_well() -> None:
    found = one({"parent_id": 3, "organization_status_name": "Inactive", "quick_notes": "#keep"})
    assert (found.parent_id, found.status, found.quick_notes) == ("3", "Inactive", "#keep")


@pytest.mark.parametrize(
    ("value", "primary"),
    [(True, True), (False, False), (None, False), ("true", True), ("false", False), (1, True)],
)
def test_what_is_not_plainly_false_is_primary(value: object, primary: bool) -> None:
    assert one({"primary": value}).primary is primary


@pytest.mark.parametrize(("value", "account"), [(None, None), ("", None), (7, "7"), ("7", "7")])
def test_a_my_glue_account_is_kept_as_text(value: object, account: str | None) -> None:
    assert one({"my-glue-account-id": value}).my_glue_account_id == account


def link(key: str, data: object) -> dict[str, Any]:
    return {"relationships": {key: {"data": data}}}


REFERENCE = {"id": "900", "type": "adapters-resources"}
REMOTE = [
    {**REFERENCE, "attributes": {"remote-id": 19303}},
    {"id": "901", "type": "adapters-resources", "attributes": {"remote-id": "CW-1"}},
    {"id": "903", "type": "adapters-resources", "attributes": {"remote-id": 250.0}},
]


@pytest.mark.parametrize(
    ("relationships", "expected"),
    [
        ({}, None),
        ({"relationships": {}}, None),
        ({"relationships": {"adapters-resources": {"links": {}}}}, None),
        (link("adapters-resources", []), ()),
        (link("adapters-resources", None), ()),
        (link("adapters-resources", [REFERENCE]), ("19303",)),
        (link("adapters_resources", REFERENCE), ("19303",)),
        (link("adapters-resources", [REFERENCE, {**REFERENCE, "id": 901}]), ("19303", "CW-1")),
        (link("adapters-resources", {**REFERENCE, "id": "903"}), ("250",)),
        # A link whose remote id did not come along must not look like no link.
        (link("adapters-resources", [REFERENCE, {**REFERENCE, "id": "902"}]), None),
    ],
)
def test_psa_ids_of_links(relationships: dict[str, Any], expected: tuple[str, ...] | None) -> None:
    row = {"id": "5", "type": "organizations", "attributes": {"name": "A"}, **relationships}
    assert decoded({"data": row, "included": REMOTE})[0].psa_ids == expected


def test_attachments_are_counted_from_their_relationship() -> None:
    assert one({}).attachments is None
    assert one({}, **link("attachments", [])).attachments == 0
    two = [{"id": "1", "type": "attachments"}, {"id": "2", "type": "attachments"}]
    assert one({}, **link("attachments", two)).attachments == 2


@pytest.mark.parametrize(
    "payload",
    [
        {"data": [{"type": "organizations", "attributes": {"name": "A"}}]},
        {"data": [{"id": "5; DROP", "attributes": {"name": "A"}}]},
        {"data": [{"id": True, "attributes": {"name": "A"}}]},
        {"data": [{"id": "5"}]},
        {"data": [{"id": "5", "attributes": {"name": None}}]},
        {"data": ["5"]},
        {"data": 5},
    ],
)
def test_what_is_no_organization_is_an_error_and_not_a_guess(payload: dict[str, Any]) -> None:
    with pytest.raises(CallFailed):
        decoded(payload)


def test_an_id_may_come_as_a_number_of_any_length() -> None:
    assert decoded({"data": [{"id": 574989297464115201, "attributes": {"name": "A"}}]})[0].id == (
        "574989297464115201"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, "5"), ("5", "5"), (" 5 ", "5"), (True, None), (None, None), (5.5, None), ("05", None)],
)
def test_text_id(value: object, expected: str | None) -> None:
    assert text_id(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), ("7", 7), (-1, None), (True, None), (1.5, None), (None, None), ("²", None)],
)
def test_whole(value: object, expected: int | None) -> None:
    assert whole(value) == expected


@pytest.mark.parametrize(
    "value", ["", "0", "05", "-5", "5 ", "5/6", "../5", "abc", "1" * 20, "\u0665"]
)
def test_what_may_not_stand_in_a_path(value: str) -> None:
    with pytest.raises(InvalidIdentifier):
        checked_id(value)


def test_a_comma_in_a_filter_value_is_escaped() -> None:
    assert one_value("Kub, Reynolds and Gibson") == r"Kub\, Reynolds and Gibson"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("recorded/organization-statuses__TestGetOrganizationStatuses.json", 2),
        ("recorded/user-metrics__TestGetUserMetrics.json", 2),
        ("issues/empty_list_result.json", 0),
        ("documentation/GET_organizations.json", None),
    ],
)
def test_total_count_of_recorded_answers(name: str, expected: int | None) -> None:
    assert total_count(fixture(name)) == expected


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("documentation/GET_flexible_asset_types.json", ["33", "34", "35"]),
        ("recorded/flexible-asset-types__TestGetFlexibleAssetTypes.json", ["1"]),
        ("documentation/GET_organization_statuses.json", ["68", "69", "70"]),
        ("recorded/organization-statuses__TestGetOrganizationStatuses.json", ["1", "2"]),
    ],
)
def test_the_accounts_own_vocabulary(name: str, ids: list[str]) -> None:
    assert [own_id(row) for row in resources(fixture(name))] == ids


def test_the_documented_exports() -> None:
    one_organization, whole_account = resources(fixture("documentation/GET_exports.json"))
    ready = export(one_organization)
    assert (ready.id, ready.organization_id, ready.encrypted) == ("2", "7", True)
    assert ready.download_url == "https://itglue.com/export.zip"
    assert "export.zip" not in repr(ready)
    with pytest.raises(CallFailed, match="not of one organization"):
        export(whole_account)
    shown = resources(fixture("documentation/GET_exports_id.json"))[0]
    assert export(shown) == ready
