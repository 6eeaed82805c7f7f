"""What the demonstration does, step by step, and what a person sees of it."""

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
import httpx
from standardwebhooks import Webhook

from adapters.errors import UnglueError
from adapters.registry import VENDORS
from service.demo.installation import COMPANY, HOST, Installation
from service.demo.stand_ins import KEY_PATH
from workers.sandbox.seed import TEST_COMPANY, WITH_DEPENDENTS
from workers.settings import load_settings
from workers.states import TERMINAL

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


def signed(installation: Installation, body: bytes, now: datetime) -> dict[str, str]:
    """The headers with which ConnectWise would send the body."""
    settings = load_settings({**os.environ, "UNGLUE_CONFIG": str(installation.config)})
    return VENDORS["connectwise"].sign(
        settings.sources["cw"], body, installation.signing_key, "", now
    )


class Story:
    """The steps, against a running installation."""

    def __init__(self, installation: Installation, http: httpx.AsyncClient) -> None:
        self._at = installation
        self._http = http
        self._results = 0
        self._operator = {"Authorization": f"Bearer {installation.token}"}

    async def tell(self) -> None:
        """All of it.

        Raises:
            DemoFailed: something came out otherwise than it should.
        """
        await self._webhook()
        _title(2, "A dry run: what would happen to a client that still has documents?")
        result = await self._ask({"org_id": str(WITH_DEPENDENTS), "dry_run": True})
        _require(result, success=True, deleted=False)
        _title(3, "The same client, for real: blocked, because it would lose its documents")
        result = await self._ask({"org_id": str(WITH_DEPENDENTS), "confirm_delete": True})
        _require(result, success=False, deleted=False)

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
        url = f"{self._at.service}/v1/deletions/{deletion_id}"
        shown = 0
        async with asyncio.timeout(_END_SECONDS):
            while True:
                self._at.processes.require_running()
                deletion = (await self._http.get(url, headers=self._operator)).json()
                for entry in deletion["journal"][shown:]:
                    _say(_line(entry))
                shown = len(deletion["journal"])
                if deletion["state"] in TERMINAL:
                    return await self._received()
                await asyncio.sleep(0.1)

    async def _received(self) -> dict[str, Any]:
        url = f"{self._at.receiver}/received/{self._results}"
        delivery = (await self._http.get(url, timeout=35)).json()
        self._results += 1
        headers = delivery["headers"]
        Webhook(self._at.callback_secret).verify(delivery["body"], headers, json_parse=False)
        result: dict[str, Any] = json.loads(delivery["body"])
        _say(f"the callback URL received {headers['webhook-id']}; its signature is valid:")
        click.echo(json.dumps(result, indent=2))
        return result


def _title(number: int, text: str) -> None:
    click.secho(f"\n{number}. {text}", bold=True, err=True)


def _say(text: str) -> None:
    click.echo(f"   {text}", err=True)


def _line(entry: dict[str, Any]) -> str:
    hidden = {"entry", "at", "answer", "digest"}
    shown = {name: value for name, value in entry.items() if name not in hidden}
    details = ", ".join(f"{name}={value}" for name, value in shown.items() if value not in ("", []))
    return f"{entry['at'][11:19]}  {entry['entry']:<10} {details}"


def _require(result: Mapping[str, Any], *, success: bool, deleted: bool) -> None:
    if (result["success"], result["deleted"]) != (success, deleted):
        raise DemoFailed(f"expected success={success}, deleted={deleted}; got {json.dumps(result)}")
