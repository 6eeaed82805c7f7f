"""What the demonstration does, step by step, and what a person sees of it."""

import asyncio
import json
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import click
import httpx
from standardwebhooks import Webhook

from adapters.errors import UnglueError
from adapters.registry import VENDORS
from adapters.rehearsal import timestamp
from service.demo.installation import COMPANY, HOST, Installation
from service.demo.stand_ins import KEY_PATH
from service.sandbox.seed import EMPTY, EXAMPLE_CLIENT, LONG_ID, TEST_COMPANY, WITH_DEPENDENTS
from service.terminal.screen import say, show_json
from workers.pipeline.states import AWAITING_APPROVAL, TERMINAL
from workers.settings import load_settings

_END_SECONDS = 15.0


class DemoFailed(UnglueError):
    """Something came out otherwise than it should."""

    code = "DemoFailed"


def company_updated(
    installation: Installation, *, company_id: int, name: str, now: datetime
) -> bytes:
    """A ConnectWise callback "company updated, status Inactive", in its real shape."""
    entity = {
        "id": company_id,
        "identifier": name.replace(" ", ""),
        "name": name,
        "status": {"id": 2, "name": "Inactive"},
        "deletedFlag": False,
        "_info": {"lastUpdated": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "updatedBy": "api"},
    }
    key_url = f"{installation.key_origin}{KEY_PATH}?companyName={COMPANY}&id=demo"
    envelope = {
        "Action": "updated",
        "CallbackObjectRecId": 26601,
        "CompanyId": COMPANY,
        "Entity": json.dumps(entity, separators=(",", ":")),
        "FromUrl": HOST,
        "ID": company_id,
        "MemberId": "api",
        "MessageId": f"demo-{company_id}-{int(now.timestamp())}",
        "Metadata": {"key_url": key_url},
        "Type": "company",
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def signed(
    installation: Installation, body: bytes, now: datetime, *, source: str = "cw", event: str = ""
) -> dict[str, str]:
    """The headers with which a source would send the body: ConnectWise, if none is named."""
    settings = load_settings({**os.environ, "UNGLUE_CONFIG": str(installation.config)})
    config = settings.sources[source]
    return VENDORS[config.vendor].sign(config, body, installation.signing_key, event, now)


class Story:
    """The steps, against a running installation."""

    def __init__(self, installation: Installation, http: httpx.AsyncClient) -> None:
        self._at = installation
        self._http = http
        self._results = 0
        self._shown: dict[str, int] = {}
        self._operator = {"Authorization": f"Bearer {installation.token}"}

    async def tell(self) -> None:
        """All of it. Raises DemoFailed: something came out otherwise than it should."""
        await self._webhook()
        _title(2, "A dry run: what would happen to a client that still has documents?")
        result = await self._ask({"org_id": str(WITH_DEPENDENTS), "dry_run": True})
        _require(result, success=True, deleted=False)
        _title(3, "The same client, for real: blocked, because it would lose its documents")
        result = await self._ask({"org_id": str(WITH_DEPENDENTS), "confirm_delete": True})
        _require(result, success=False, deleted=False)
        await self._approval()
        await self._reactivation()
        await self._lost()

    async def _approval(self) -> None:
        _title(4, "A sender that may not confirm by itself: a person looks, and approves")
        deletion = await self._waiting(EMPTY)
        page = await self._http.get(deletion["approval_url"])
        _say(f"the link that approvers get: {deletion['approval_url'][:60]}… → {page.status_code}")
        url = f"{self._at.service}/v1/deletions/{deletion['id']}/approve"
        seen = {"digest": deletion["approval"]["digest"], "reason": "their contract has ended"}
        answer = await self._http.post(url, json=seen, headers=self._operator)
        _say(f"POST {url} → {answer.status_code}")
        if (page.status_code, answer.status_code) != (200, 200):
            raise DemoFailed("what waits for a person could not be looked at and approved")
        result = await self._follow(deletion["id"])
        _require(result, success=True, deleted=True)

    async def _reactivation(self) -> None:
        _title(5, "A client that comes back while its deletion waits: nothing is deleted")
        deletion = await self._waiting(EXAMPLE_CLIENT)
        answer = await self._event("client.active", EXAMPLE_CLIENT)
        if answer["verdict"] != "cancelled":
            raise DemoFailed(f"the reactivation cancelled nothing: {json.dumps(answer)}")
        result = await self._follow(deletion["id"])
        _require(result, success=False, deleted=False)

    async def _lost(self) -> None:
        _title(6, "A webhook that got lost: ConnectWise is asked, and the deletion is made up for")
        name, company = "Far Meridian Surveying", 28
        url = f"{self._at.key_origin}/_sandbox/clients/{company}"
        saved = {"name": name, "active": False, "ago": 300}
        await self._http.post(url, json=saved)
        _say(f"company {company}, {name!r}, was made Inactive 5 minutes ago; nothing was sent")
        url = f"{self._at.service}/v1/sources/cw/catch-up"
        answer = await self._http.post(url, headers=self._operator)
        _say(f"POST {url} (done every hour by itself) → {answer.status_code}")
        result = await self._follow(await self._made_up_for())
        _require(result, success=True, deleted=True)
        if result["org_id"] != str(LONG_ID):
            raise DemoFailed(f"organization {result['org_id']} was deleted")

    async def _made_up_for(self) -> str:
        """The deletion that nobody sent a webhook about."""
        url = f"{self._at.service}/v1/deliveries?source=cw"
        async with asyncio.timeout(_END_SECONDS):
            while True:
                listed = (await self._http.get(url, headers=self._operator)).json()["deliveries"]
                for each in listed:
                    if each["caught_up"] and each["deletion_id"]:
                        found: str = each["deletion_id"]
                        return found
                await asyncio.sleep(0.1)

    async def _waiting(self, org_id: int) -> dict[str, Any]:
        """A deletion that waits for a person."""
        answer = await self._event("client.inactive", org_id)
        return await self._until(answer["deletion_id"], {AWAITING_APPROVAL})

    async def _event(self, kind: str, org_id: int) -> dict[str, Any]:
        now = datetime.now(UTC)
        content = {"type": kind, "timestamp": timestamp(now), "data": {"org_id": str(org_id)}}
        body = json.dumps(content).encode()
        url = f"{self._at.service}/webhooks/scripts"
        headers = signed(self._at, body, now, source="scripts", event=f"{kind}-{org_id}")
        answer = await self._http.post(url, content=body, headers=headers)
        _say(f"POST {url} {body.decode()} → {answer.status_code} {answer.text}")
        received: dict[str, Any] = answer.json()
        return received

    async def _webhook(self) -> None:
        _title(1, 'ConnectWise says by webhook: company 2, "TestCompany", is now Inactive')
        now = datetime.now(UTC)
        body = company_updated(self._at, company_id=2, name="TestCompany", now=now)
        headers = {**signed(self._at, body, now), "content-type": "application/json"}
        url = f"{self._at.service}/webhooks/cw"
        forged = await self._http.post(url, content=body + b" ", headers=headers)
        _say(f"POST {url}, one byte changed → {forged.status_code} (nothing stored)")
        answer = await self._http.post(url, content=body, headers=headers)
        _say(f"POST {url}, as signed → {answer.status_code} {answer.text}")
        if forged.status_code != 401 or answer.status_code != 202:
            raise DemoFailed("the service did not answer 401 to the forgery and 202 to the event")
        result = await self._follow(answer.json()["deletion_id"])
        _require(result, success=True, deleted=True)
        if result["org_id"] != str(TEST_COMPANY):
            raise DemoFailed(f"organization {result['org_id']} was deleted")
        gone = await self._http.get(
            f"{self._at.sandbox}/organizations/{TEST_COMPANY}", headers={"x-api-key": "ITG.sandbox"}
        )
        _say(f"GET {gone.request.url} → {gone.status_code}")

    async def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{self._at.service}/v1/deletions"
        answer = await self._http.post(url, json=request, headers=self._operator)
        _say(f"POST {url} {json.dumps(request)} → {answer.status_code}")
        return await self._follow(answer.json()["id"])

    async def _follow(self, deletion_id: str) -> dict[str, Any]:
        """Show the journal as it grows, then the result that the callback URL received."""
        await self._until(deletion_id, TERMINAL)
        return await self._received()

    async def _until(self, deletion_id: str, states: Collection[str]) -> dict[str, Any]:
        """Show the journal as it grows, until the deletion is in one of these states."""
        url = f"{self._at.service}/v1/deletions/{deletion_id}"
        async with asyncio.timeout(_END_SECONDS):
            while True:
                self._at.processes.require_running()
                answer = await self._http.get(url, headers=self._operator)
                deletion: dict[str, Any] = answer.json()
                for entry in deletion["journal"][self._shown.get(deletion_id, 0) :]:
                    _say(_line(entry))
                self._shown[deletion_id] = len(deletion["journal"])
                if deletion["state"] in states:
                    return deletion
                await asyncio.sleep(0.1)

    async def _received(self) -> dict[str, Any]:
        url = f"{self._at.receiver}/received/{self._results}"
        delivery = (await self._http.get(url, timeout=35)).json()
        self._results += 1
        headers = delivery["headers"]
        Webhook(self._at.callback_secret).verify(delivery["body"], headers, json_parse=False)
        result: dict[str, Any] = json.loads(delivery["body"])
        _say(f"the callback URL received {headers['webhook-id']}; its signature is valid:")
        show_json(result)
        return result


def _title(number: int, text: str) -> None:
    click.secho(f"\n{number}. {text}", bold=True, err=True)


def _say(text: str) -> None:
    say(f"   {text}", err=True)


def _line(entry: dict[str, Any]) -> str:
    hidden = {"entry", "at", "answer", "digest"}
    shown = {name: value for name, value in entry.items() if name not in hidden}
    details = ", ".join(f"{name}={value}" for name, value in shown.items() if value not in ("", []))
    return f"{entry['at'][11:19]}  {entry['entry']:<15} {details}"


def _require(result: Mapping[str, Any], *, success: bool, deleted: bool) -> None:
    if (result["success"], result["deleted"]) != (success, deleted):
        raise DemoFailed(f"expected success={success}, deleted={deleted}; got {json.dumps(result)}")
