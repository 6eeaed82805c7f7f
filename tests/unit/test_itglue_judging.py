import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from workers.itglue.changes import judge, names_only
from workers.itglue.contents.activity import active_day, windows
from workers.itglue.contents.counting import Count, added, count
from workers.itglue.contents.documents import _ALL, _SUBSTITUTE, Folders, Listed, proven
from workers.itglue.contents.subtree import Place, below, place
from workers.itglue.http.decode import Resource, resources
from workers.itglue.http.explanations import REFUSALS, deletion_refused, status_refused
from workers.itglue.http.failures import CallFailed, KeyRefused, ResourceMissing
from workers.itglue.http.replies import Reply
from workers.itglue.http.transport import Query
from workers.itglue.models import AccountView, Organization
from workers.itglue.presence.presence import Failure, Listing
from workers.itglue.presence.presence import judge as judge_presence
from workers.itglue.presence.witnesses import normalised, view

FIXTURES = Path(__file__).parents[1] / "fixtures" / "itglue"


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / name).read_bytes())


def page(*owners: object, total: object = None, **attributes: object) -> dict[str, Any]:
    rows = [
        {"id": str(number), "attributes": {"organization-id": owner, **attributes}}
        for number, owner in enumerate(owners, 1)
    ]
    return {"data": rows, "meta": {} if total is None else {"total-count": total}}


COUNTS: list[tuple[str, dict[str, Any], dict[str, object], int | None]] = [
    ("one of many", page(2, total=45), {}, 45),
    ("the id as text", page("2", total="45"), {}, 45),
    ("nothing", fixture("issues/empty_list_result.json"), {}, 0),
    ("nothing, and no total", page(), {}, None),
    ("another organization's", page(3, total=45), {}, None),
    ("another organization's, second row", page(2, 3, total=2), {}, None),
    ("nobody's", page(None, total=45), {}, None),
    ("no total", page(2), {}, None),
    ("a total that contradicts the row", page(2, total=0), {}, None),
    ("a total without a row", page(total=3), {}, None),
    ("a negative total", page(2, total=-1), {}, None),
    ("the archived half", page(2, total=4, archived=True), {"archived": True}, 4),
    ("the wrong half", page(2, total=4, archived=False), {"archived": True}, None),
    ("a half that is not stated", page(2, total=4), {"archived": False}, None),
]


@pytest.mark.parametrize(
    ("payload", "expected", "number"), [row[1:] for row in COUNTS], ids=[row[0] for row in COUNTS]
)
def test_a_count_is_proved_by_its_row(
    payload: dict[str, Any], expected: dict[str, object], number: int | None
) -> None:
    found = count(payload, {"organization-id": "2", **expected})
    assert found.number == number
    assert bool(found.reason) == (number is None)


@pytest.mark.parametrize(
    ("name", "org_id"),
    [
        ("documentation/GET_organizations_organization_id_relationships_configurations.json", "2"),
        ("documentation/GET_organizations_organization_id_relationships_locations.json", "2"),
        ("documentation/GET_organizations_organization_id_relationships_expirations.json", "1"),
        ("documentation/GET_organizations_organization_id_relationships_passwords.json", "2"),
        ("recorded/passwords__TestGetPasswords.json", "123456"),
        ("recorded/flexible-assets__TestGetFlexibleAssetsByOrganizationID.json", "1"),
    ],
)
def test_every_kind_of_record_names_its_organization(name: str, org_id: str) -> None:
    payload = fixture(name)
    rows = len(resources(payload))
    payload["meta"] = {"total-count": rows}
    assert count(payload, {"organization-id": org_id}) == Count(rows)
    assert count(payload, {"organization-id": "99"}).number is None


def test_a_list_that_mixes_organizations_counts_for_none() -> None:
    name = "documentation/GET_organizations_organization_id_relationships_domains.json"
    payload = {**fixture(name), "meta": {"total-count": 2}}
    assert count(payload, {"organization-id": "2"}).number is None


def test_a_total_of_one_page_is_none() -> None:
    """It states as many in all as on this page, and a page that follows."""
    row = {"id": "1", "type": "passwords", "attributes": {"organization-id": 2}}
    for following, number in ((2, None), (None, 1), (1, 1)):
        payload = {"data": [row], "meta": {"total-count": 1, "next-page": following}}
        assert count(payload, {"organization-id": "2"}).number == number


def test_a_nested_route_need_not_repeat_its_organization_but_must_not_deny_it() -> None:
    bare = {"data": [{"id": "1", "attributes": {}}], "meta": {"total-count": 3}}
    assert count(bare, {"organization-id": "2"}, nested=True) == Count(3)
    assert count(bare, {"organization-id": "2"}).number is None
    assert count(page(3, total=3), {"organization-id": "2"}, nested=True).number is None


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    assert added() == Count(0)
    assert added(Count(1), Count(2)) == Count(3)
    assert added(Count(1), Count(None, "why")) == Count(None, "why")


NO_FOLDERS = Folders(Count(0), empty=True)
EMPTY = Folders(Count(2), empty=True)
HOLDING = Folders(Count(2), empty=False)
UNKNOWN = Folders(Count(None, "403"))


@pytest.mark.parametrize(
    ("filters", "listed", "loose", "outside", "folders", "expected"),
    [
        (_ALL, 197, True, 68, HOLDING, 197),
        (_ALL, 197, False, 68, UNKNOWN, 197),
        (_ALL, 68, True, 68, EMPTY, 68),
        (_ALL, 68, True, 68, HOLDING, None),
        (_ALL, 68, True, 68, UNKNOWN, None),
        (_ALL, 0, False, 0, UNKNOWN, None),
        (_ALL, 5, False, 68, HOLDING, None),
        (_SUBSTITUTE, 197, True, 68, HOLDING, 197),
        # A list of nothing but foldered documents would leave out the others.
        (_SUBSTITUTE, 197, False, 68, HOLDING, None),
        ((), 68, True, 68, NO_FOLDERS, 68),
        ((), 68, True, 68, HOLDING, None),
        ((), 68, True, 68, UNKNOWN, None),
    ],
)
def test_documents_are_counted_only_if_folders_are_proved_to_be_in_the_number(
    filters: Query, listed: int, loose: bool, outside: int, folders: Folders, expected: int | None
) -> None:
    found = proven(Listed(Count(listed), filters, loose), Count(outside), folders)
    assert found.number == expected
    if expected is None:
        assert f"at least {max(listed, outside)}" in found.reason


def places(*rows: tuple[int, object, object]) -> list[Any]:
    return [
        place(Resource(str(key), "", {"parent-id": parent, "ancestor-ids": ancestors}), {})
        for key, parent, ancestors in rows
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], None),
        ([(1, None, None), (2, None, None)], ()),
        ([(1, None, None), (2, 1, None), (3, "2", None)], ("2", "3")),
        ([(1, None, None), (2, None, "[1]"), (10, None, [1, 2])], ("2", "10")),
        ([(1, 1, "[1]"), (2, 7, "[7]")], ()),
        # Only the parent is known at each step, and the list is not in order.
        ([(4, 3, None), (3, 2, None), (2, 1, None), (1, None, None)], ("2", "3", "4")),
        # A circle ends.
        ([(1, 2, None), (2, 1, None)], ("2",)),
    ],
)
def test_what_lies_below(
    rows: list[tuple[int, object, object]], expected: tuple[str, ...] | None
) -> None:
    assert below("1", places(*rows)) == expected


def test_rows_that_state_no_place_at_all_prove_nothing() -> None:
    silent = [place(Resource("1", "", {}), {}), place(Resource("2", "", {}), {})]
    assert below("1", silent) is None


MINE = Organization(id="5", name="A")
OTHER = Organization(id="6", name="B")
MISSING = ResourceMissing("404", page=False)
FAILED = CallFailed("502", status=502)
CONTROL = Listing((OTHER,), 40)
EMPTY_LIST = Listing((), 0)
OWN = Organization(id="1", name="Own", primary=True)
SEEN = Listing((OWN, OTHER), 2)
BEFORE = AccountView("1", 41, ("1", "6"))


@pytest.mark.parametrize(
    ("shown", "listed", "controlled", "state"),
    [
        (MISSING, EMPTY_LIST, CONTROL, "gone"),
        (ResourceMissing("404", page=True), EMPTY_LIST, CONTROL, "gone"),
        (Listing((MINE,), 1), Listing((MINE,), 1), CONTROL, "visible"),
        (Listing((MINE,), 1), EMPTY_LIST, CONTROL, "visible"),
        (Listing((MINE,), 1), FAILED, FAILED, "visible"),
        (MISSING, Listing((MINE,), 1), CONTROL, "visible"),
        (FAILED, Listing((MINE,), 1), CONTROL, "visible"),
        (MISSING, EMPTY_LIST, FAILED, "unclear"),
        (MISSING, EMPTY_LIST, KeyRefused("403", status=403), "unclear"),
        (MISSING, FAILED, CONTROL, "unclear"),
        (MISSING, Listing((OTHER,), 40), CONTROL, "unclear"),
        (MISSING, Listing((OTHER,), 0), CONTROL, "unclear"),
        (MISSING, Listing((), None), CONTROL, "unclear"),
        (MISSING, Listing((), 3), CONTROL, "unclear"),
        (FAILED, EMPTY_LIST, CONTROL, "unclear"),
        (KeyRefused("401", status=401), EMPTY_LIST, CONTROL, "unclear"),
        (MISSING, MISSING, MISSING, "unclear"),
    ],
)
def test_gone_takes_three_answers_that_agree(
    shown: Listing | Failure, listed: Listing | Failure, controlled: Listing | Failure, state: str
) -> None:
    found = judge_presence("5", shown, listed, controlled, SEEN, BEFORE)
    assert found.state == state
    assert found.organization == (MINE if state == "visible" else None)
    for word in ("by id:", "in the list:", "control:"):
        assert word in found.evidence


@pytest.mark.parametrize(
    ("before", "seen", "total", "ours", "remains", "state"),
    [
        (BEFORE, SEEN, 40, (), 0, "gone"),
        (BEFORE, SEEN, 41, (), 0, "gone"),
        # A right that was lost to more than this one.
        (BEFORE, SEEN, 39, (), 0, "unclear"),
        (BEFORE, SEEN, None, (), 0, "unclear"),
        (BEFORE, SEEN, 39, ("7",), 0, "gone"),
        # Its own claim does not excuse two.
        (BEFORE, SEEN, 39, ("5",), 0, "unclear"),
        (BEFORE, Listing((OWN,), 1), 39, (), 0, "unclear"),
        (BEFORE, Listing((OWN,), 1), 39, ("6",), 0, "gone"),
        (BEFORE, Listing((OTHER,), 1), 40, (), 0, "unclear"),
        # Another account of which an organization has the same id.
        (BEFORE, Listing((replace(OWN, primary=False), OTHER), 2), 40, (), 0, "unclear"),
        (BEFORE, FAILED, 40, (), 0, "unclear"),
        (BEFORE, SEEN, 40, (), 1, "unclear"),
        (BEFORE, SEEN, 40, (), FAILED, "unclear"),
        (None, SEEN, 40, (), 0, "unclear"),
        (AccountView(None, 41, ()), Listing((), None), 40, (), 0, "unclear"),
        (AccountView(None, 41, ("6",)), Listing((OTHER,), 1), 40, (), 0, "gone"),
        (AccountView(None, 41, ("6",)), Listing((), 0), 40, ("6",), 0, "unclear"),
    ],
)
def test_gone_takes_the_same_point_of_view(
    before: AccountView | None,
    seen: Listing | Failure,
    total: int | None,
    ours: tuple[str, ...],
    remains: int | Failure,
    state: str,
) -> None:
    controlled = Listing((OTHER,), total)
    found = judge_presence("5", MISSING, EMPTY_LIST, controlled, seen, before, ours, remains)
    assert found.state == state


def test_witnesses_are_spread_and_never_leave_with_it() -> None:
    rows = [
        Place(str(each), frozenset(), stated=True, primary=each == 50) for each in range(1, 101)
    ]
    seen = view(("7", "8"), rows)
    assert (seen.primary, seen.total) == ("50", 100)
    assert seen.witnesses[0] == "50"
    assert len(set(seen.witnesses)) == 5
    quarters = sorted(int(each) // 25 for each in seen.witnesses[1:])
    assert quarters == [0, 1, 2, 3]
    everything = {str(each) for each in range(1, 101)}
    assert view(everything - {"9"}, rows).witnesses == ("9",)
    # Two that claim to be the account's own are none.
    two = [*rows, Place("200", frozenset(), stated=True, primary=True)]
    assert view((), two).primary is None


@pytest.mark.parametrize(
    "spelt", ["https://API.itglue.com/", "https://api.itglue.com:443", "HTTPS://api.itglue.com."]
)
def test_an_address_has_one_spelling(spelt: str) -> None:
    assert normalised(spelt) == "https://api.itglue.com"
    assert normalised("http://127.0.0.1:9000/a/") == "http://127.0.0.1:9000/a"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([{"id": "5", "type": "organizations", "attributes": {"name": "A"}}], True),
        ({"id": "5", "attributes": {}}, True),
        ([{"id": 5}], True),
        ([{"type": "organizations", "attributes": {"id": 5}}], True),
        ([{"id": "5", "attributes": {"id": "5"}}], True),
        ([{"id": "6", "attributes": {"id": 5}}], False),
        ([{"id": "5", "attributes": {"id": 6}}], False),
        ([{"id": "abc", "attributes": {"id": 5}}], False),
        ([{"id": "6"}], False),
        ([{"id": "5"}, {"id": "6"}], False),
        ([{"id": "5"}, {"id": "5"}], False),
        ([{"type": "organizations", "attributes": {}}], False),
        ([], False),
        (None, False),
    ],
)
def test_an_answer_must_name_exactly_the_organization(data: object, expected: bool) -> None:
    assert names_only({"data": data}, "5") is expected


@pytest.mark.parametrize("status", [200, 201, 202, 204, 302, 400, 401, 402, 403, 404, 405, 408])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"data":["5"]}', b'{"data":[{"id":"5"}]}', b"<p>"])
def test_only_a_200_that_names_it_is_accepted(status: int, body: bytes) -> None:
    answer = judge(
        Reply(status, body),
        "5",
        what="the deletion",
        names=lambda payload: names_only(payload, "5"),
        explain=lambda code, said: deletion_refused("5", code, said),
    )
    accepted = status == 200 and body == b'{"data":[{"id":"5"}]}'
    refused = status in REFUSALS
    assert answer.outcome == ("accepted" if accepted else "refused" if refused else "unknown")
    assert answer.status == status
    assert bool(answer.detail) != accepted


@pytest.mark.parametrize("status", sorted(REFUSALS))
def test_every_refusal_tells_an_operator_what_to_do(status: int) -> None:
    for text in (deletion_refused("5", status, "Said"), status_refused("5", status, "Said")):
        assert f"organization 5 ({status}: Said); " in text
    assert "PSA" in deletion_refused("5", 422, "")


@pytest.mark.parametrize("days", [-1, 0, 1, 6, 7, 8, 30, 365])
def test_windows_are_a_week_at_most_and_leave_no_day_out(days: int) -> None:
    today = date(2026, 3, 1)
    since = today - timedelta(days=days)
    found = list(windows(since, today))
    assert all(timedelta() < end - start <= timedelta(days=7) for start, end in found)
    # Whether the last day of a window counts is not known: without it every day is covered.
    covered = {
        start + timedelta(days=offset)
        for start, end in found
        for offset in range((end - start).days)
    }
    assert covered == {since + timedelta(days=offset) for offset in range(days + 1)}


def test_the_documented_user_metrics() -> None:
    row = resources(fixture("documentation/GET_user_metrics.json"))[0]
    assert active_day(row, "226") == date(2017, 8, 27)
    assert active_day(row, "227") is None


def metrics(**attributes: object) -> Resource:
    zero = {"created": 0, "viewed": 0, "edited": 0, "deleted": 0}
    return Resource("1", "", {"organization-id": 5, "date": "2026-01-02", **zero, **attributes})


@pytest.mark.parametrize(
    ("attributes", "active"),
    [
        ({}, False),
        ({"viewed": 1}, True),
        ({"deleted": "2"}, True),
        # What cannot be read counts as activity: it can only keep an organization alive.
        ({"edited": None}, True),
        ({"date": "2026-01-02T10:00:00.000Z", "created": 3}, True),
        ({"viewed": 1, "organization-id": 6}, False),
    ],
)
def test_a_day_is_active_by_any_counter(attributes: dict[str, object], active: bool) -> None:
    assert active_day(metrics(**attributes), "5") == (date(2026, 1, 2) if active else None)


@pytest.mark.parametrize("attributes", [{"organization-id": None}, {"date": "soon", "viewed": 1}])
def test_metrics_that_are_not_understood_are_an_error(attributes: dict[str, object]) -> None:
    with pytest.raises(CallFailed):
        active_day(metrics(**attributes), "5")
