"""Which records a list's filters choose.

A filter that is not in these tables has no effect, as with the real service: the answer is then
200 and everything. Of the documented ones they hold what a deletion may depend on. Names are in
snake case; flexible assets also take the kebab case in which their page documents them.
`filter[psa_id]` has no effect alone.
"""

from collections.abc import Callable, Mapping

from service.sandbox.query import Path, alternatives, truths
from service.sandbox.shapes import Organization, Record
from service.sandbox.world import World

Filters = Mapping[Path, str]
_Test = Callable[[Organization], bool]
_Filter = Callable[[World, str], _Test]


def _ids(world: World, text: str) -> set[int]:
    return {found.id for value in alternatives(text) if (found := world.organization(value))}


def _id(world: World, text: str) -> _Test:
    wanted = _ids(world, text)
    return lambda each: each.id in wanted


def _equal(value: Callable[[Organization], object]) -> _Filter:
    def build(_world: World, text: str) -> _Test:
        wanted = alternatives(text)
        return lambda each: str(value(each)) in wanted

    return build


def _primary(_world: World, text: str) -> _Test:
    wanted = truths(text)
    return lambda each: str(each.primary).lower() in wanted


def _not(build: _Filter) -> _Filter:
    def built(world: World, text: str) -> _Test:
        test = build(world, text)
        return lambda each: not test(each)

    return built


_NAME = _equal(lambda each: each.name)
_TYPE = _equal(lambda each: each.type_id)
_STATUS = _equal(lambda each: each.status_id)

_ORGANIZATION_FILTERS: Mapping[Path, _Filter] = {
    ("id",): _id,
    ("name",): _NAME,
    ("organization_type_id",): _TYPE,
    ("organization_status_id",): _STATUS,
    ("psa_integration_type",): _equal(lambda each: each.psa and each.psa.integration),
    ("primary",): _primary,
    ("exclude", "id"): _not(_id),
    ("exclude", "name"): _not(_NAME),
    ("exclude", "organization_type_id"): _not(_TYPE),
    ("exclude", "organization_status_id"): _not(_STATUS),
}
_COMPANY = _equal(lambda each: each.psa and each.psa.company_id)


def select_organizations(world: World, filters: Filters) -> list[Organization]:
    """The organizations that every filter lets through, by id."""
    known = filters.keys() & _ORGANIZATION_FILTERS.keys()
    tests = [_ORGANIZATION_FILTERS[path](world, filters[path]) for path in known]
    if {("psa_id",), ("psa_integration_type",)} <= filters.keys():
        tests.append(_COMPANY(world, filters["psa_id",]))
    chosen = [each for _, each in sorted(world.organizations.items())]
    for test in tests:
        chosen = [each for each in chosen if test(each)]
    return chosen


# The filters of other kinds, beside `id` and `organization_id`; all compare an attribute.
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "configurations": ("name", "archived"),
    "passwords": ("name", "archived"),
    "flexible-assets": ("name", "flexible_asset_type_id"),
}


def normalised(kind: str, filters: Filters) -> Filters:
    """The filters under their snake-case names, where the kind takes the others too."""
    if kind != "flexible-assets":
        return filters
    return {tuple(part.replace("-", "_") for part in path): it for path, it in filters.items()}


def select_records(world: World, kind: str, filters: Filters) -> list[Record]:
    """The records of a kind that every filter lets through, by organization."""
    filters = normalised(kind, filters)
    owners = filters.get(("organization_id",))
    records = world.owned(kind, None if owners is None else sorted(_ids(world, owners)))
    if ("id",) in filters:
        ids = alternatives(filters["id",])
        records = [record for record in records if str(record.id) in ids]
    for name in _ATTRIBUTES.get(kind, ()):
        if (name,) in filters:
            wanted, attribute = filters[name,], name.replace("_", "-")
            records = [it for it in records if _matches(it.attributes[attribute], wanted)]
    return records


def _matches(value: object, wanted: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() in truths(wanted)
    return str(value) in alternatives(wanted)
