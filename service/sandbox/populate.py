"""A world grown from a seed. Attribute names and shapes are those of IT Glue's own examples.

Source: the example answers on https://api.itglue.com/developer (2025-08-18); document folders and
checklists are newer than that page and follow what its clients read.
"""

from datetime import datetime, timedelta

from service.sandbox.shapes import JSON, Organization, Seed, SeedOrganization
from service.sandbox.world import World

_CREATED = "2021-05-11T08:30:00.000Z"
_UPDATED = "2025-06-24T11:05:00.000Z"
_TIMES = {"created-at": _CREATED, "updated-at": _UPDATED}


def _null(names: str) -> JSON:
    """The attributes of these names, which are there and say nothing."""
    return dict.fromkeys(names.split())


def populate(seed: Seed, now: datetime) -> World:
    """The account as the seed declares it; activity is dated back from `now`."""
    world = World(
        statuses=seed.statuses,
        types=seed.types,
        flexible_asset_types=seed.flexible_asset_types,
    )
    statuses = {name: key for key, name in seed.statuses.items()}
    types = {name: key for key, name in seed.types.items()}
    for each in seed.organizations:
        world.organizations[each.id] = Organization(
            id=each.id,
            name=each.name,
            status_id=None if each.status is None else statuses[each.status],
            type_id=None if each.type is None else types[each.type],
            primary=each.primary,
            parent_id=each.parent,
            psa=each.psa,
            my_glue_account_id=each.my_glue_account,
            alert=each.alert,
            quick_notes=each.quick_notes,
            description=each.description,
            short_name=each.short_name,
            created_at=each.created_at,
            updated_at=each.updated_at,
        )
        _fill(world, each)
        _live(world, each, now)
    return world


def _live(world: World, seed: SeedOrganization, now: datetime) -> None:
    if seed.idle_days is None:
        return
    newest = now - timedelta(days=seed.idle_days)
    for resource_type, viewed in (("Organization", 3), ("Configuration", 5)):
        world.add(
            "user-metrics",
            seed.id,
            {
                "user-id": 54,
                "resource-type": resource_type,
                "created": 0,
                "viewed": viewed,
                "edited": 1,
                "deleted": 0,
                "date": newest.date().isoformat(),
            },
        )
    world.log("update", world.organizations[seed.id], newest)


def _fill(world: World, seed: SeedOrganization) -> None:
    holds, short = seed.holds, (seed.short_name or "org").upper()
    for number in range(holds.configurations + holds.archived_configurations):
        world.add("configurations", seed.id, _configuration(short, number, holds.configurations))
    for number in range(holds.contacts):
        world.add("contacts", seed.id, _contact(number))
    for number in range(holds.locations):
        world.add("locations", seed.id, _location(number))
    for number in range(holds.passwords + holds.archived_passwords):
        world.add("passwords", seed.id, _password(number, archived=number >= holds.passwords))
    for number in range(holds.domains):
        _domain(world, seed, number)
    for number in range(holds.checklists):
        name = f"Offboarding checklist {number + 1}"
        world.add("checklists", seed.id, {"name": name, "completed": False, **_TIMES})
    for number in range(holds.attachments):
        world.add("attachments", seed.id, _attachment(f"contract-{number + 1}.pdf"))
    _flexible_assets(world, seed)
    _documents(world, seed)


def _configuration(short: str, number: int, unarchived: int) -> JSON:
    kind = "Managed Server" if number % 3 == 0 else "Managed Workstation"
    name = f"{short}-{'SRV' if number % 3 == 0 else 'WS'}-{number + 1:02d}"
    return {
        "restricted": False,
        "my-glue": False,
        "name": name,
        "hostname": name.lower(),
        "primary-ip": f"10.10.2.{number + 10}",
        "serial-number": f"SN{number + 1:06d}",
        "configuration-type-id": 65,
        "configuration-type-name": kind,
        "configuration-status-id": 29,
        "configuration-status-name": "Active",
        "archived": number >= unarchived,
        **_null(
            "psa-integration mac-address asset-tag position installed-by purchased-by notes "
            "operating-system-notes warranty-expires-at installed-at purchased-at location-id "
            "location-name"
        ),
        **_TIMES,
    }


def _contact(number: int) -> JSON:
    # Contacts are desks, so that nobody is invented.
    desk = ("Reception", "Accounts", "Dispatch", "Facilities")[number % 4]
    return {
        "name": f"{desk} Desk",
        "first-name": desk,
        "last-name": "Desk",
        "contact-type-id": 24,
        "contact-type-name": "Approver",
        "contact-emails": [],
        "contact-phones": [],
        **_null("title location-id location-name important notes"),
        **_TIMES,
    }


def _location(number: int) -> JSON:
    return {
        "name": "Head office" if number == 0 else f"Branch {number}",
        "primary": number == 0,
        "address-1": f"{number + 1} Example Street",
        "city": "Sampleton",
        "postal-code": "00000",
        "country-id": 84,
        "country-name": "United States",
        **_null("address-2 region-id region-name phone fax notes formatted-phone formatted-fax"),
        **_TIMES,
    }


def _password(number: int, *, archived: bool) -> JSON:
    # Every third one is embedded in another record: the real list shows those as well.
    embedded = number % 3 == 2
    return {
        "restricted": False,
        "my-glue": False,
        "name": f"Login {number + 1}",
        "username": f"login{number + 1}@example.com",
        "url": "https://login.example.com/",
        "password-updated-at": _UPDATED,
        "resource-id": 28631 if embedded else None,
        "resource-type": "flexible-asset-trait" if embedded else None,
        "cached-resource-type-name": "Wireless" if embedded else None,
        "cached-resource-name": "Office wireless" if embedded else None,
        "password-category-id": None if embedded else 15,
        "password-category-name": None if embedded else "Cloud",
        "otp-enabled": False,
        "archived": archived,
        **_null("autofill-selectors notes updated-by password-folder-id vault-id"),
        **_TIMES,
    }


def _domain(world: World, seed: SeedOrganization, number: int) -> None:
    name = f"{seed.short_name or 'org'}{number + 1}.example.com"
    domain = world.add(
        "domains",
        seed.id,
        {
            "name": name,
            "screenshot": None,
            "registrar-name": "Example Registrar",
            "notes": None,
            "expires-on": "2030-09-14T04:00:00.000Z",
            "updated-at": _UPDATED,
        },
    )
    world.add(
        "expirations",
        seed.id,
        {
            "description": "Domain expiration",
            "expiration-date": "2030-09-14T00:00:00.000Z",
            "resource-id": domain.id,
            "resource-type": "Domain",
            "resource-type-name": "Domain",
            "resource-name": name,
            **_TIMES,
        },
    )


def _attachment(name: str) -> JSON:
    return {
        "name": name,
        "attachment-file-name": name,
        "attachment-content-type": "application/pdf",
        "attachment-file-size": 314368,
        "ext": "pdf",
        "viewable": True,
        "download-url": "/download/url",
        **_TIMES,
    }


def _flexible_assets(world: World, seed: SeedOrganization) -> None:
    ids = {name: key for key, name in world.flexible_asset_types.items()}
    for type_name, how_many in seed.holds.flexible_assets.items():
        for number in range(how_many):
            name = f"{type_name} {number + 1}"
            world.add(
                "flexible-assets",
                seed.id,
                {
                    "restricted": False,
                    "my-glue": False,
                    "flexible-asset-type-id": ids[type_name],
                    "flexible-asset-type-name": type_name,
                    "name": name,
                    "traits": {"name": name},
                    "archived": False,
                    **_TIMES,
                },
            )


def _documents(world: World, seed: SeedOrganization) -> None:
    folders: dict[str, int] = {}
    for path, how_many in seed.holds.documents.items():
        folder = _folder(world, seed.id, path, folders) if path else None
        for number in range(how_many):
            name = f"{path.rpartition('/')[2] or 'Overview'} {number + 1}"
            world.add(
                "documents",
                seed.id,
                {
                    "restricted": False,
                    "my-glue": False,
                    "name": name,
                    "document-folder-id": folder,
                    "public": False,
                    "archived": False,
                    "content": f"<h1>{name}</h1><p>Kept for the rehearsal.</p>",
                    **_TIMES,
                },
            )
    for record in world.owned("document-folders", [seed.id]):
        record.attributes["documents-count"] = sum(
            document.attributes["document-folder-id"] == record.id
            for document in world.owned("documents", [seed.id])
        )


def _folder(world: World, organization_id: int, path: str, known: dict[str, int]) -> int:
    if path not in known:
        above, _, name = path.rpartition("/")
        parent = _folder(world, organization_id, above, known) if above else None
        ancestors: list[int] = []
        if parent is not None:
            by_id = {it.id: it for it in world.owned("document-folders", [organization_id])}
            ancestors = [*by_id[parent].attributes["ancestor-ids"], parent]
        known[path] = world.add(
            "document-folders",
            organization_id,
            {
                "name": name,
                "parent-id": parent,
                "ancestor-ids": ancestors,
                "restricted": False,
                **_TIMES,
            },
        ).id
    return known[path]
