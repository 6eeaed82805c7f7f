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
    password_folders=1,
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
    password_folders=2,
    contacts=3,
    locations=2,
    domains=2,
    checklists=1,
    attachments=1,
)

_ORGANIZATIONS = (
    SeedOrganization(
        id=MSP,
        name="Lantern & Loop Managed IT",
        type="Owner",
        primary=True,
        short_name="lantern",
        groups=(42,),
        idle_days=0,
        holds=Holds(documents={"": 3, "Policies": 4}, configurations=6, passwords=8, locations=1),
    ),
    SeedOrganization(
        id=BUSY,
        name="Copper Kettle Bakery",
        psa=Psa("manage", "11"),
        short_name="copper",
        groups=(42, 43),
        idle_days=0,
        holds=_BUSY,
    ),
    SeedOrganization(
        id=202,
        name="Blue Heron Canoes",
        psa=Psa("manage", "12"),
        short_name="heron",
        groups=(42,),
        idle_days=2,
        holds=Holds(flexible_assets={"Email": 1}, configurations=3, contacts=2, locations=1),
    ),
    SeedOrganization(
        id=203,
        name="Marble Umbrella Works",
        psa=Psa("manage", "13"),
        short_name="marble",
        idle_days=5,
        holds=Holds(configurations=2, passwords=2, locations=1),
    ),
    SeedOrganization(
        id=TEST_COMPANY,
        name="TestCompany",
        status="Inactive",
        psa=Psa("manage", "2"),
        short_name="test",
        idle_days=120,
        holds=Holds(contacts=1, locations=1),
    ),
    SeedOrganization(
        id=WITH_DEPENDENTS,
        name="Paper Moon Cinema",
        status="Inactive",
        psa=Psa("manage", "21"),
        short_name="moon",
        idle_days=45,
        holds=_DEPENDENTS,
    ),
    SeedOrganization(
        id=PARENT,
        name="Tin Whistle Holdings",
        status="Inactive",
        psa=Psa("manage", "22"),
        short_name="tin",
        holds=Holds(locations=1),
    ),
    SeedOrganization(
        id=CHILD, name="Tin Whistle Workshops", status="Inactive", parent=PARENT, short_name="tinw"
    ),
    SeedOrganization(
        id=GRANDCHILD,
        name="Tin Whistle Deliveries",
        parent=CHILD,
        short_name="tind",
        idle_days=1,
        holds=Holds(configurations=2, locations=1),
    ),
    SeedOrganization(
        id=MY_GLUE,
        name="Glass Harbour Aquarium",
        status="Inactive",
        psa=Psa("manage", "23"),
        my_glue_account=9001,
        short_name="glass",
    ),
    SeedOrganization(
        id=TAGGED,
        name="Clockwork Orchard",
        status="Inactive",
        psa=Psa("manage", "24"),
        quick_notes="Contract under review. #keep",
        short_name="clock",
    ),
    SeedOrganization(
        id=TWINS[0],
        name="Saffron Bicycle Repair",
        status="Inactive",
        psa=Psa("manage", "25"),
        created_at="2018-01-16T10:00:00.000Z",
    ),
    SeedOrganization(
        id=TWINS[1],
        name="Saffron Bicycle Repair",
        status="Inactive",
        psa=Psa("manage", "26"),
        created_at="2022-08-30T16:45:00.000Z",
    ),
    SeedOrganization(
        id=WITH_COMMA,
        name="Moss, Fern and Partners",
        status="Inactive",
        psa=Psa("manage", "27"),
        short_name="moss",
    ),
    SeedOrganization(
        id=EMPTY, name="Velvet Anchor Laundry", status="Inactive", short_name="velvet"
    ),
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
    SeedOrganization(id=EXAMPLE_CLIENT, name="Example Client", status="Inactive"),
    SeedOrganization(
        id=401,
        name="Quill & Compass Supplies",
        type="Vendor",
        short_name="quill",
        holds=Holds(contacts=1),
    ),
    SeedOrganization(
        id=LONG_ID, name="Far Meridian Surveying", status="Inactive", psa=Psa("manage", "28")
    ),
)

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
    groups={42: "Tech", 43: "Senior Tech"},
)
