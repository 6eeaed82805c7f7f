"""The PSAs' own APIs, over real sockets: what they say, and what is no answer."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.autotask.config import AutotaskConfig
from adapters.connectwise.config import ConnectWiseConfig
from adapters.errors import PsaAnswerUnreadable, PsaError, PsaRefused, PsaUnreachable
from adapters.halopsa.config import HaloPSAConfig
from adapters.ninjaone.config import NinjaOneConfig
from service.sandbox.psa.autotask import AT_KEYS
from service.sandbox.psa.connectwise import CW_KEYS
from service.sandbox.psa.oauth import OAUTH_KEYS
from service.sandbox.psa.tenant import Tenant
from workers.bulk.links import every_company
from workers.network.addresses import AddressRefused
from workers.processes.connections import open_context
from workers.psa.companies import Asked
from workers.psa.connectwise import client as connectwise
from workers.psa.http import PsaHttp, _address
from workers.settings import Settings

NAME = "Zinc & Sons"


@pytest.fixture
def psa(served: tuple[Tenant, str]) -> Tenant:
    """The stand-in as it is made."""
    known, _ = served
    known.reset()
    return known


@pytest.fixture
async def asked(served: tuple[Tenant, str]) -> AsyncIterator[Asked]:
    async with Asked(sources(served[1])) as asked:
        yield asked


def sources(url: str, cw: Any = None, at: Any = None, oauth: Any = None) -> dict[str, Any]:
    return {
        "cw": ConnectWiseConfig.model_validate(
            {
                "vendor": "connectwise",
                "host": "na.myconnectwise.net",
                "company": "Cobalt",
                "api": {**CW_KEYS, "base_url": url, **(cw or {})},
            }
        ),
        "at": AutotaskConfig.model_validate(
            {
                "vendor": "autotask",
                "secrets": ["sixteen characters"],
                "webhook_guid": "11111111-2222-4333-8444-555555555555",
                "api": {**AT_KEYS, "base_url": url, **(at or {})},
            }
        ),
        "ninja": NinjaOneConfig.model_validate(
            {
                "vendor": "ninjaone",
                "secrets": ["Bearer eighteen letters"],
                "api": {**OAUTH_KEYS, "base_url": url, **(oauth or {})},
            }
        ),
        "halo": HaloPSAConfig.model_validate(
            {
                "vendor": "halopsa",
                "auth": "bearer",
                "secrets": ["seventeen characters"],
                "api": {**OAUTH_KEYS, "base_url": url, **(oauth or {})},
            }
        ),
    }


@pytest.mark.parametrize(
    ("status", "more", "active"),
    [
        (1, {}, True),
        (2, {}, False),
        (12, {}, False),
        (1, {"deletedFlag": True}, False),
        # What the reference says of itself is not what counts.
        (1, {"status": {"id": 1, "name": "Inactive", "inactiveFlag": True}}, True),
        (2, {"status": {"id": 2, "name": "Active", "inactiveFlag": False}}, False),
    ],
)
async def test_connectwise_says_it_by_the_status_flag(
    psa: Tenant, asked: Asked, status: int, more: dict[str, Any], active: bool
) -> None:
    psa.company(250, NAME, status, more)
    found = await asked.company("cw", "250")
    assert found is not None
    assert (found.id, found.name, found.active) == ("250", NAME, active)


@pytest.mark.parametrize("active", [True, False])
async def test_autotask_says_it_in_its_zone(psa: Tenant, asked: Asked, active: bool) -> None:
    psa.account(174, NAME, active=active)
    for _ in range(2):
        found = await asked.company("at", "174")
        assert found is not None
        assert (found.id, found.name, found.active) == ("174", NAME, active)
    assert [path for path in psa.asked if "zone" in path] == [psa.asked[0]]


async def test_gone_is_said_in_the_vendors_own_form(psa: Tenant, asked: Asked) -> None:
    assert await asked.company("cw", "9") is None
    assert await asked.company("at", "9") is None
    psa.fault = 404
    for source in ("cw", "at"):
        with pytest.raises(PsaAnswerUnreadable):
            await asked.company(source, "9")


def everywhere(psa: Tenant) -> None:
    psa.company(250, NAME)
    psa.account(250, NAME)
    psa.organization(250, NAME)
    psa.client(250, NAME)


@pytest.mark.parametrize("source", ["cw", "at", "ninja", "halo"])
@pytest.mark.parametrize(
    ("fault", "error", "retryable"),
    [
        (401, PsaRefused, False),
        (403, PsaRefused, False),
        (302, PsaAnswerUnreadable, True),
        (429, PsaUnreachable, True),
        (500, PsaUnreachable, True),
        (503, PsaUnreachable, True),
    ],
)
async def test_what_is_no_answer(
    psa: Tenant, asked: Asked, source: str, fault: int, error: type[PsaError], retryable: bool
) -> None:
    everywhere(psa)
    psa.fault, psa.headers = fault, {"retry-after": "77", "location": "http://127.0.0.1:1/"}
    with pytest.raises(error) as told:
        await asked.company(source, "250")
    assert told.value.retryable is retryable
    assert told.value.source == source
    assert len(psa.asked) == 1
    if error is PsaUnreachable:
        assert told.value.retry_after == 77
    # Once it is well again the same client goes on.
    psa.fault = None
    assert await asked.company(source, "250") is not None


@pytest.mark.parametrize(
    "record",
    [
        {"id": 250},
        {"id": 250, "name": ""},
        {"name": NAME, "status": {"id": 2}},
        {"id": "x", "name": NAME, "status": {"id": 2}},
        {"id": 250, "name": NAME},
        {"id": 250, "name": NAME, "status": {"name": "Inactive", "inactiveFlag": True}},
        {"id": 250, "name": NAME, "status": {"id": 77}},
        {"id": 250, "name": NAME, "status": {"id": 2}, "deletedFlag": "no"},
        [],
    ],
)
async def test_half_a_company_is_neither(psa: Tenant, asked: Asked, record: Any) -> None:
    psa.companies["250"] = record
    with pytest.raises(PsaAnswerUnreadable):
        await asked.company("cw", "250")


@pytest.mark.parametrize("active", [None, "false", 0])
async def test_half_an_account_is_neither(psa: Tenant, asked: Asked, active: Any) -> None:
    psa.accounts["250"] = {"id": 250, "companyName": NAME, "isActive": active}
    with pytest.raises(PsaAnswerUnreadable):
        await asked.company("at", "250")


@pytest.mark.parametrize("raw", [b"<html>", b"", b"[" * 100, b'"' + b"x" * (5 * 1024**2) + b'"'])
async def test_an_answer_has_bounds(psa: Tenant, asked: Asked, raw: bytes) -> None:
    psa.raw = raw
    for source in ("cw", "at"):
        with pytest.raises(PsaAnswerUnreadable):
            await asked.company(source, "250")


@pytest.mark.parametrize("source", ["cw", "at"])
async def test_a_question_that_is_refused_as_such(psa: Tenant, asked: Asked, source: str) -> None:
    psa.fault = 400
    with pytest.raises(PsaAnswerUnreadable):
        await asked.company(source, "250")


async def test_a_wait_has_an_end(served: tuple[Tenant, str], psa: Tenant) -> None:
    psa.pause = 0.5
    async with PsaHttp("cw", seconds=0.1) as http:
        with pytest.raises(PsaUnreachable, match="did not answer within"):
            await http.get(f"{served[1]}/v4_6_release/apis/3.0/company/companies/1", {})


@pytest.mark.parametrize(
    "zone",
    [
        "https://evil.example/ATServicesRest/",
        "https://webservices5.autotask.net.evil.example/ATServicesRest/",
        "http://webservices5.autotask.net/ATServicesRest/",
        "https://webservices5.autotask.net:8443/ATServicesRest/",
        "https://webservices5.autotask.net/other/",
        "http://127.0.0.1:1/ATServicesRest/",
        "no url",
    ],
)
async def test_the_secret_goes_to_the_vendor_only(psa: Tenant, asked: Asked, zone: str) -> None:
    psa.zone = zone
    with pytest.raises(PsaAnswerUnreadable, match="zone"):
        await asked.company("at", "174")


@pytest.mark.usefixtures("psa")
async def test_wrong_keys_are_refused_and_not_told(served: tuple[Tenant, str]) -> None:
    url = served[1]
    secret = {"client_secret": "wrong-key-3"}
    wrong = sources(url, {"private_key": "wrong-key-1"}, {"secret": "wrong-key-2"}, secret)
    async with Asked(wrong) as asked:
        for source in ("cw", "at", "ninja", "halo"):
            with pytest.raises(PsaRefused) as told:
                await asked.company(source, "250")
            assert "wrong-key" not in told.value.message
            assert f"sources.{source}.api" in told.value.message


@pytest.mark.usefixtures("served")
async def test_nobody_is_there() -> None:
    async with Asked(sources("http://127.0.0.1:1")) as asked:
        for source in ("cw", "at"):
            with pytest.raises(PsaUnreachable):
                await asked.company(source, "250")


@pytest.mark.parametrize("url", ["https://169.254.169.254/x", "http://10.0.0.1/x"])
async def test_where_no_psa_is_asked(url: str) -> None:
    with pytest.raises(AddressRefused):
        await _address(url)


async def test_every_page(psa: Tenant, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectwise, "_PAGE", 2)
    client = await asked.client("cw")
    found = await client.statuses()
    assert found is not None
    assert {(each.id, each.inactive) for each in found} == {("1", False), ("2", True), ("12", True)}
    assert await (await asked.client("at")).statuses() is None
    psa.fault = 404
    for source in ("cw", "at"):
        with pytest.raises(PsaAnswerUnreadable):
            await (await asked.client(source)).statuses()


@pytest.mark.usefixtures("ledger")
async def test_workers_can_ask(served: tuple[Tenant, str], psa: Tenant, valkey_url: str) -> None:
    psa.company(250, NAME)
    itglue = {"base_url": "http://127.0.0.1:1", "api_key": "ITG.x"}
    given = {name: each.model_dump() for name, each in sources(served[1]).items()}
    settings = Settings(redis_url=valkey_url, itglue=itglue, sources=given)
    async with open_context(settings) as context:
        found = await context.companies.company("cw", "250")
    assert found is not None
    assert not found.active


@pytest.mark.parametrize("source", ["ninja", "halo"])
async def test_a_token_is_kept_and_replaced_once(psa: Tenant, asked: Asked, source: str) -> None:
    everywhere(psa)
    for _ in range(2):
        found = await asked.company(source, "250")
        assert found is not None
        assert (found.id, found.name, found.active) == ("250", NAME, source == "ninja")
    assert sum("token" in each for each in psa.asked) == 1
    # It was withdrawn before its time.
    psa.tokens.clear()
    assert await asked.company(source, "250") is not None
    assert sum("token" in each for each in psa.asked) == 2
    assert await asked.company(source, "9") is None
    await (await asked.client(source)).statuses()


async def test_halo_shows_all(psa: Tenant, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.psa.halopsa.client._CLIENTS", 2)
    for number in range(1, 6):
        psa.client(number, f"Client {number}", active=number > 2)
    client = await asked.client("halo")
    found = await every_company(client)
    assert [(each.id, each.active) for each in found] == [
        ("1", False), ("2", False), ("3", True), ("4", True), ("5", True),
    ]  # fmt: skip
    psa.before[psa.reads + 2] = lambda: psa.client(9, "Client 9")
    with pytest.raises(PsaAnswerUnreadable, match="while it was read"):
        await every_company(client)


async def test_all_of_ninja(psa: Tenant, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.psa.ninjaone.client._ORGANIZATIONS", 2)
    for number in (3, 11, 7):
        psa.organization(number, f"Client {number}")
    client = await asked.client("ninja")
    assert [each.id for each in await every_company(client)] == ["3", "7", "11"]
    psa.fault = 404
    with pytest.raises(PsaAnswerUnreadable):
        await asked.company("ninja", "3")
