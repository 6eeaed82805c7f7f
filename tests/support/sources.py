"""Several sources on one rehearsal: what each of them signs and sends, and what comes of it."""

import json
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import Any

from adapters.headers import Headers
from service.sandbox.shapes import Psa, Seed, SeedOrganization
from tests.integration.test_quarantine import Keys
from tests.support.ledgers import notice_kinds
from tests.support.rehearsal import KEY, Rehearsal
from workers.intake.intake import Acknowledged, Intake
from workers.ledger.events.deliveries import Replay
from workers.ledger.records import Deletion, ErrorEntry
from workers.settings import Settings
from workers.times.clock import rfc3339

SIGNING_KEY = "the key"
GUID = "a1da62a4-2c49-40a8-8183-69994ce5b3eb"

CW = {
    "vendor": "connectwise",
    "host": "na.myconnectwise.net",
    "company": "Cobalt",
    "key_origin": "http://127.0.0.1:9",
    "confirm_delete": True,
}
AT = {
    "vendor": "autotask",
    "secrets": ["an autotask webhook secret"],
    "webhook_guid": GUID,
    "confirm_delete": True,
}
NINJA = {
    "vendor": "ninjaone",
    "secrets": ["Bearer what ninja knows"],
    "inactive_when": {"pointer": "/data/state", "equals": ["gone"]},
}
HALO = {"vendor": "halopsa", "auth": "bearer", "secrets": ["what halo knows, and we"]}
STD = {
    "vendor": "standard",
    "secrets": ["whsec_" + "c3RhbmRhcmQgc291cmNlIG51bWJlciBvbmUuLi4h"],
    "confirm_delete": True,
}
CE = {
    "vendor": "cloudevents",
    "secrets": ["whsec_" + "Y2xvdWQgZXZlbnRzIHNlbmRlciBudW1iZXIgb25l"],
    "confirm_delete": True,
}
SOURCES: Mapping[str, Mapping[str, Any]] = {
    "cw": CW, "at": AT, "ninja": NINJA, "halo": HALO, "std": STD, "ce": CE,
}  # fmt: skip

ORG, NAME, COMPANY = "401", "Violet Pump Works", 250


def account(*more: SeedOrganization, psa: Psa | None = None, **changes: Any) -> dict[str, Any]:
    """A sandbox whose account holds one client that left (`ORG`), and others that did not."""
    client = SeedOrganization(
        **{
            "id": int(ORG),
            "name": NAME,
            "status": "Inactive",
            "psa": psa or Psa("manage", str(COMPANY)),
            **changes,
        }
    )
    msp = SeedOrganization(id=101, name="Lantern & Loop", type="Owner", primary=True)
    stayed = [SeedOrganization(id=number, name=f"Client {number}") for number in range(201, 208)]
    return {
        "seed": Seed(
            organizations=(msp, *stayed, client, *more),
            statuses={1: "Active", 2: "Inactive"},
            types={15: "Owner", 86: "Customer"},
            flexible_asset_types={35: "LAN"},
        )
    }


class Sources:
    """The senders of an installation, its intake, and a person who decides."""

    def __init__(
        self, it: Rehearsal, *, sources: Mapping[str, Any] = SOURCES, **tables: Any
    ) -> None:
        self.it = it
        self.keys = Keys()
        self.keys.answer = SIGNING_KEY
        self._number = 0
        self.configure(sources, **tables)

    def configure(self, sources: Mapping[str, Any], **tables: Any) -> None:
        """Start service and worker with these sources, and other tables of the file."""
        policy = {"export": False, "grace_period": "0s", **self.it.policy}
        policy |= tables.pop("policy", {})
        settings = Settings(
            itglue={"base_url": self.it.url, "api_key": KEY},
            policy=policy,
            sources=sources,
            **tables,
        )
        self.it.set_settings(settings)
        self.settings = settings
        self.intake = Intake(
            sources=settings.sources,
            deliveries=self.it.ledger.deliveries,
            quarantine=self.it.ledger.quarantine,
            keys=self.keys,
            callback_url=None,
            max_event_age=settings.policy.max_event_age,
            clock=self.it.clock,
            new_id=self.new_id,
        )
        self.intake.mode = settings.policy.mode

    def new_id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}_s{self._number}"

    # -- what they send --------------------------------------------------------------------------

    async def send(self, source: str, body: object, *, message: str = "") -> Acknowledged:
        """A signed delivery, a second after whatever was before."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = self.signed(source, raw, message)
        self.it.clock.forward(seconds=1)
        return await self.intake.accept(source, signed, raw)

    def signed(self, source: str, body: bytes, message: str = "") -> Headers:
        """The headers with which the vendor would send it now."""
        config, adapter = self.intake.source(source)
        name = message or self.new_id("msg")
        signed = adapter.sign(config, body, SIGNING_KEY, name, self.it.clock())
        return Headers.of(list(signed.items()))

    def _at(self, at: datetime | None) -> str:
        return rfc3339(at or self.it.clock())

    async def cw(
        self, status: str | dict[str, Any] = "Inactive", *, source: str = "cw", **said: Any
    ) -> Acknowledged:
        """A company callback of ConnectWise."""
        return await self.send(source, self.callback(status, source=source, **said))

    def callback(
        self,
        status: str | dict[str, Any] = "Inactive",
        *,
        company: int = COMPANY,
        name: str | None = NAME,
        at: datetime | None = None,
        source: str = "cw",
        **envelope: Any,
    ) -> bytes:
        """The body of one."""
        config: Any = self.intake.source(source)[0]
        entity: dict[str, Any] = {
            "id": company,
            "status": {"id": 2, "name": status} if isinstance(status, str) else status,
            "deletedFlag": False,
            "_info": {"lastUpdated": self._at(at)},
        }
        if name is not None:
            entity["name"] = name
        url = f"{config.key_origin}/system/callbackkey/index.rails?companyName={config.company}"
        callback = {
            "Action": "updated",
            "Type": "company",
            "ID": company,
            "CompanyId": config.company,
            "FromUrl": config.host,
            "MessageId": self.new_id("msg"),
            "Entity": json.dumps(entity),
            "Metadata": {"key_url": f"{url}&id=1"},
            **envelope,
        }
        return json.dumps(callback).encode()

    async def at(
        self,
        active: object = False,
        *,
        company: int = COMPANY,
        name: str | None = NAME,
        number: int | None = None,
        at: datetime | None = None,
        **callout: Any,
    ) -> Acknowledged:
        """A company callout of Autotask."""
        fields: dict[str, Any] = {"isActive": active}
        if name is not None:
            fields["companyName"] = name
        self._number += 1
        content = {
            "Action": "Update",
            "Guid": GUID,
            "EntityType": "Account",
            "Id": company,
            "Fields": fields,
            "EventTime": self._at(at),
            "SequenceNumber": self._number if number is None else number,
            **callout,
        }
        return await self.send("at", content)

    async def ninja(
        self,
        code: str = "CLIENT_DELETED",
        *,
        number: int = 7,
        name: str | None = NAME,
        at: datetime | None = None,
        **activity: Any,
    ) -> Acknowledged:
        """An activity of NinjaOne."""
        organization = {"id": number, **({"name": name} if name is not None else {})}
        content = {
            "id": self.new_id("act"),
            "activityTime": (at or self.it.clock()).timestamp(),
            "statusCode": code,
            "organizationId": number,
            "organization": organization,
            **activity,
        }
        return await self.send("ninja", content)

    async def halo(
        self, inactive: object = True, *, client: int | None = 57, name: str | None = NAME
    ) -> Acknowledged:
        """An event of HaloPSA."""
        content = {
            "client_id": client,
            "client_name": name,
            "inactive": inactive,
            "occurred_at": self._at(None),
        }
        return await self.send("halo", content)

    async def std(
        self,
        kind: str = "client.inactive",
        *,
        message: str = "",
        at: datetime | None = None,
        timed: bool = True,
        source: str = "std",
        **data: Any,
    ) -> Acknowledged:
        """A Standard Webhooks message about the client named in `data`."""
        content = {"type": kind, "data": data or {"org_id": ORG, "org_name": NAME}}
        if timed:
            content["timestamp"] = self._at(at)
        return await self.send(source, content, message=message)

    async def ce(self, kind: str = "client.inactive", **data: Any) -> Acknowledged:
        """A structured CloudEvent."""
        content = {
            "specversion": "1.0",
            "id": self.new_id("ce"),
            "source": "crm",
            "type": kind,
            "time": self._at(None),
            "data": data or {"org_id": ORG, "org_name": NAME},
        }
        return await self.send("ce", content)

    async def replay(self, delivery_id: str) -> Acknowledged:
        """A person has a stored delivery read again."""
        return await self.intake.replay(delivery_id, Replay("alice", self.new_id("again")))

    # -- what becomes of it ----------------------------------------------------------------------

    async def settle(
        self, deletion_id: str, *, most: timedelta = timedelta(days=5), until: str = ""
    ) -> Deletion:
        """Jobs until it ends, waits for a person, or is in the state `until`.

        What stands still (paused, held) is looked at less and less, and given up after `most`.
        """
        stop = self.it.clock() + most
        pause = timedelta(seconds=1)
        while True:
            deletion = await self.it.advance(deletion_id)
            if deletion.terminal or deletion.state in {"awaiting_approval", until}:
                return deletion
            if self.it.clock() >= stop:
                return deletion
            self.it.clock.now = max(deletion.ready_at, self.it.clock() + pause)
            pause = min(pause * 16, timedelta(hours=12))

    async def in_grace(self, deletion_id: str) -> Deletion:
        """The deletion in its grace period, approved if somebody has to be asked."""
        found = await self.settle(deletion_id, until="scheduled")
        if found.state == "awaiting_approval":
            await self.approve(found)
            found = await self.settle(deletion_id, until="scheduled")
        assert found.state == "scheduled", (found.state, found.errors)
        return found

    async def once(self, deletion_id: str, state: str = "") -> Deletion:
        """One job, after which it is in this state."""
        deletion = await self.it.advance(deletion_id)
        assert not state or deletion.state == state, (deletion.state, deletion.errors)
        return deletion

    async def approve(
        self, shown: Deletion, *, operator: str = "carol", force: bool = False
    ) -> None:
        """Approve what was shown."""
        assert shown.asked is not None
        await self.it.ledger.approvals.approve(
            shown, seen=shown.asked.seen, operator=operator, force=force, reason="",
            now=self.it.clock(),
        )  # fmt: skip

    async def reject(self, shown: Deletion, *, operator: str = "carol") -> None:
        await self.it.ledger.approvals.reject(
            shown.id, operator=operator, reason="they pay again", error=self._no(),
            now=self.it.clock(),
        )  # fmt: skip

    async def cancel(self, deletion_id: str, *, operator: str = "bob") -> None:
        await self.it.ledger.deletions.cancel(
            deletion_id, operator=operator, error=self._no(), now=self.it.clock()
        )

    def _no(self) -> ErrorEntry:
        return ErrorEntry("Cancelled", "they pay again", rfc3339(self.it.clock()))

    async def pause(self) -> None:
        await self.it.ledger.stop_switch.pause("alice", "wait", self.it.clock())

    async def resume(self) -> None:
        await self.it.ledger.stop_switch.resume("alice", "go on", self.it.clock())

    async def open(self) -> list[str]:
        """Every deletion that has not ended."""
        return [each.id for each in await self.it.ledger.listing.open()]

    async def all_settled(self) -> list[Deletion]:
        """Everything that is open, as far as it goes by itself."""
        return [await self.settle(each) for each in await self.open()]

    async def shown(self, deletion: Deletion) -> str:
        """All that a person is told of a deletion that waits."""
        plan = deletion.plan
        words = [each.message for each in plan.answers] if plan else []
        return "\n".join([*words, *(each.message for each in deletion.errors)])

    async def told(self) -> list[str]:
        """The kinds of the notices so far."""
        return await notice_kinds(self.it.ledger)

    async def untouched(self) -> None:
        """Nothing was deleted, and the client's organization is there."""
        assert await self.it.deletes() == []
        assert await self.it.exists(ORG)


async def created(sent: Awaitable[Acknowledged]) -> str:
    """The deletion that a delivery led to."""
    receipt = (await sent).strongest
    assert receipt.deletion_id is not None, receipt
    return receipt.deletion_id


def without(sources: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: table for name, table in sources.items() if name not in names}


def changed(name: str, **table: Any) -> dict[str, Any]:
    """The sources, one of them with other settings."""
    return {**SOURCES, name: {**SOURCES[name], **table}}
