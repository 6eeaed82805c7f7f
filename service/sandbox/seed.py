"""The account a sandbox starts with. Every business in it is invented.

An id that ends in a star is Active, every other one Inactive.

| id               | name                      | linked to    | what it is there for             |
|------------------|---------------------------|--------------|----------------------------------|
| 101*             | Lantern & Loop Managed IT |              | the MSP's own: primary           |
| 201*             | Copper Kettle Bakery      | manage 11    | a busy customer                  |
| 202*             | Blue Heron Canoes         | manage 12    | a customer                       |
| 203*             | Marble Umbrella Works     | manage 13    | a customer                       |
| 301              | TestCompany               | manage 2     | ConnectWise's example            |
| 302              | Paper Moon Cinema         | manage 21    | 12 assets, 4 configs, 7 docs     |
| 303              | Tin Whistle Holdings      | manage 22    | has sub-organizations            |
| 304              | Tin Whistle Workshops     |              | below 303                        |
| 305*             | Tin Whistle Deliveries    |              | below 304                        |
| 306              | Glass Harbour Aquarium    | manage 23    | has a MyGlue account             |
| 307              | Clockwork Orchard         | manage 24    | `#keep` in quick notes           |
| 308              | Saffron Bicycle Repair    | manage 25    | same name as 309                 |
| 309              | Saffron Bicycle Repair    | manage 26    | same name as 308                 |
| 310              | Moss, Fern and Partners   | manage 27    | a comma in its name              |
| 311              | Velvet Anchor Laundry     |              | empty, not linked: may go        |
| 312              | Kettle Drum Archives      | manage 29    | archived records; link orphaned  |
| 313              | Autotask Corporation      | autotask 174 | Autotask's example               |
| 314              | Example Client            |              | NinjaOne's example               |
| 401*             | Quill & Compass Supplies  |              | a vendor                         |
| 4489414129010794 | Far Meridian Surveying    | manage 28    | an id of 16 digits               |
"""

from typing import Any

from service.sandbox.shapes import Holds, Psa, Seed, SeedOrganization

MSP = 101
BUSY = 201
TEST_COMPANY = 301
WITH_DEPENDENTS = 302
PARENT = 303
CHILD = 304
GRANDCHILD = 305
MY_GLUE = 306
TAGGED = 307
TWINS = (308, 309)
WITH_COMMA = 310
EMPTY = 311
ORPHANED = 312
EXAMPLE_CLIENT = 314
LONG_ID = 4489414129010794

_BUSY = Holds(
    flexible_assets={"Email": 1, "LAN": 2, "Backup": 1},
    documents={"": 2, "Runbooks": 3},
    configurations=9,
    archived_configurations=1,
    passwords=6,
    contacts=4,
    locations=2,
    domains=1,
    checklists=1,
    attachments=1,
)

_DEPENDENTS = Holds(
    flexible_assets={"Email": 3, "LAN": 4, "Wireless": 2, "Backup": 3},
    documents={"": 2, "Runbooks": 3, "Runbooks/Network": 1, "Contracts": 1},
    configurations=4,
    passwords=5,
    contacts=3,
    locations=2,
    domains=2,
    checklists=1,
    attachments=1,
)


def _client(
    number: int,
    name: str,
    company: str = "",
    *,
    status: str = "Inactive",
    **more: Any,  # noqa: ANN401 - fields of the organization
) -> SeedOrganization:
    """A client, linked to a company of Manage if one is named."""
    psa = Psa("manage", company) if company else None
    return SeedOrganization(id=number, name=name, status=status, psa=psa, **more)


_ORGANIZATIONS = (
    SeedOrganization(
        id=MSP,
        name="Lantern & Loop Managed IT",
        type="Owner",
        primary=True,
        short_name="lantern",
        idle_days=0,
        holds=Holds(documents={"": 3, "Policies": 4}, configurations=6, passwords=8, locations=1),
    ),
    _client(
        BUSY, "Copper Kettle Bakery", "11", status="Active", short_name="copper", idle_days=0,
        holds=_BUSY,
    ),
    _client(
        202, "Blue Heron Canoes", "12", status="Active", short_name="heron", idle_days=2,
        holds=Holds(flexible_assets={"Email": 1}, configurations=3, contacts=2, locations=1),
    ),
    _client(
        203, "Marble Umbrella Works", "13", status="Active", short_name="marble", idle_days=5,
        holds=Holds(configurations=2, passwords=2, locations=1),
    ),
    _client(
        TEST_COMPANY, "TestCompany", "2", short_name="test", idle_days=120,
        holds=Holds(contacts=1, locations=1),
    ),
    _client(
        WITH_DEPENDENTS, "Paper Moon Cinema", "21", short_name="moon", idle_days=45,
        holds=_DEPENDENTS,
    ),
    _client(
        PARENT, "Tin Whistle Holdings", "22", short_name="tin", holds=Holds(locations=1)
    ),
    _client(CHILD, "Tin Whistle Workshops", parent=PARENT, short_name="tinw"),
    _client(
        GRANDCHILD, "Tin Whistle Deliveries", status="Active", parent=CHILD, short_name="tind",
        idle_days=1, holds=Holds(configurations=2, locations=1),
    ),
    _client(
        MY_GLUE, "Glass Harbour Aquarium", "23", my_glue_account=9001, short_name="glass"
    ),
    _client(
        TAGGED, "Clockwork Orchard", "24", quick_notes="Contract under review. #keep",
        short_name="clock",
    ),
    _client(TWINS[0], "Saffron Bicycle Repair", "25", created_at="2018-01-16T10:00:00.000Z"),
    _client(TWINS[1], "Saffron Bicycle Repair", "26", created_at="2022-08-30T16:45:00.000Z"),
    _client(WITH_COMMA, "Moss, Fern and Partners", "27", short_name="moss"),
    _client(EMPTY, "Velvet Anchor Laundry", short_name="velvet"),
    SeedOrganization(
        id=ORPHANED,
        name="Kettle Drum Archives",
        status="Inactive",
        psa=Psa("manage", "29", synced=False),
        short_name="drum",
        idle_days=400,
        holds=Holds(archived_configurations=3, archived_passwords=2, documents={"Archive": 1}),
    ),
    SeedOrganization(
        id=313, name="Autotask Corporation", status="Inactive", psa=Psa("autotask", "174")
    ),
    _client(EXAMPLE_CLIENT, "Example Client"),
    _client(
        401, "Quill & Compass Supplies", status="Active", type="Vendor", short_name="quill",
        holds=Holds(contacts=1),
    ),
    _client(LONG_ID, "Far Meridian Surveying", "28"),
)  # fmt: skip

DEFAULT_SEED = Seed(
    organizations=_ORGANIZATIONS,
    statuses={68: "Active", 69: "Inactive", 70: "Testing Only"},
    types={15: "Owner", 86: "Customer", 87: "Vendor"},
    flexible_asset_types={
        33: "Email",
        34: "File Sharing",
        35: "LAN",
        36: "Wireless",
        37: "Backup",
        38: "Applications",
    },
)
