"""`unglue sandbox`: a stand-in for IT Glue, or for a PSA that sends, for rehearsals."""

import asyncio
from functools import partial

import click
import uvicorn

from adapters.errors import ConfigurationError
from service.sandbox.app import create_sandbox
from service.sandbox.faults import FAULTS, InvalidFault, parse_faults
from service.sandbox.psa.app import ROUTES, create_vendor, populated
from service.sandbox.settings import SandboxSettings
from service.supervision.ports import require_free
from service.terminal.options import HOST, port
from service.terminal.screen import say
from workers.times.clock import system_clock

_time = partial(click.option, show_default=True, type=click.FloatRange(min=0))


def _fault_list() -> str:
    width = max(len(name) for name in FAULTS)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in sorted(FAULTS.items()))


@click.command()
@HOST
@port(9100)
@click.option(
    "--api-key", default="ITG.sandbox", show_default=True, help="The only key that it takes."
)
@_time("--removal-seconds", default=2.0, help="How long a deleted organization is still shown.")
@_time("--export-seconds", default=2.0, help="How long an export takes.")
@_time("--latency-ms", default=0.0, help="How long each answer takes.")
@click.option(
    "--requests-per-5-minutes",
    default=3000,
    show_default=True,
    type=click.IntRange(1),
    help="How many requests it takes before it answers 429.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=VALUE][@WHERE][:COUNT]",
    help="Make something go wrong; may be given several times. See --list-faults.",
)
@click.option(
    "--vendor",
    type=click.Choice(tuple(ROUTES)),
    help="Run this PSA or RMM instead of IT Glue: its API, and what it sends.",
)
@click.option(
    "--signing-key",
    default="a-signing-key",
    show_default=True,
    help="With --vendor connectwise: what it signs with.",
)
@click.option(
    "--deliver-to",
    metavar="ORIGIN",
    help="With --vendor: where it sends to, instead of to what is registered.",
)
@click.option(
    "--pace",
    default=1.0,
    show_default=True,
    help="With --vendor: its waits between attempts, times this.",
)
@click.option("--list-faults", is_flag=True, help="List what --fault knows, and end.")
def sandbox(
    host: str,
    port: int,
    faults: tuple[str, ...],
    vendor: str | None,
    signing_key: str,
    deliver_to: str | None,
    pace: float,
    *,
    list_faults: bool,
    **settings: float,
) -> None:
    """Run an IT Glue to rehearse with: invented organizations, real behaviour, no harm.

    Point Unglue at it with UNGLUE_ITGLUE__BASE_URL and UNGLUE_ITGLUE__API_KEY. What was asked of
    it stands at /_sandbox/requests, what is left at /_sandbox/world.

    With --vendor: a tenant of ConnectWise, Autotask, NinjaOne or HaloPSA with the same clients, in
    the vendor's documented shapes. POST /_sandbox/clients/ID changes one, and what is registered is
    sent, with the vendor's time-outs, retries and deactivation; POST /_sandbox/mishaps loses,
    doubles, delays or turns round what is sent next; it stands at /_sandbox/deliveries. The keys:
    ConnectWise Cobalt+PUB:a-private-key, clientId guid-1; Autotask api@zinc.example, an-api-secret,
    CODE; NinjaOne and HaloPSA unglue-client, an-oauth-secret.
    """
    if list_faults:
        say(_fault_list())
        return
    asyncio.run(require_free(host, port, 0))
    if vendor is not None:
        app = create_vendor(
            vendor, populated(), signing_key=signing_key, pace=pace, origin=deliver_to
        )
    else:
        try:
            configured = SandboxSettings(faults=parse_faults(list(faults)), **settings)
        except (InvalidFault, ValueError) as error:
            raise ConfigurationError(f"--fault: {error}") from None
        app = create_sandbox(configured, now=system_clock)
    say(f"{vendor or 'IT Glue'} sandbox on http://{host}:{port} (Ctrl-C ends it)", err=True)
    uvicorn.run(app, host=host, port=port, log_config=None, access_log=False)
