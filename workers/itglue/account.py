"""The one read a day: it keeps the key alive, and learns how large the account is.

IT Glue revokes a key that is unused for 90 days (api.itglue.com/developer), and an installation
may well delete nothing for that long.
"""

import structlog

from adapters.errors import ITGlueError, Postponed
from workers.ledger.installation.account import AccountChanged
from workers.pipeline.steps.outcome import Context

log = structlog.get_logger()


async def measured(context: Context) -> int | None:
    """How many organizations there are, remembered; `None` if IT Glue does not say."""
    organizations = await context.itglue.control()
    if organizations is not None:
        await context.ledger.account.remember(organizations, context.clock())
    return organizations


async def daily_read(context: Context) -> None:
    """Read, whatever comes of it. Only a failure is written down."""
    try:
        await measured(context)
        await context.ledger.account.recognise(await context.itglue.primary(), context.clock())
    except AccountChanged as error:
        log.error("account_changed", error=error.message)
    except Postponed:
        # Others use the key so much that it needs no read of ours.
        log.info("daily_read_postponed")
    except ITGlueError as error:
        log.error("daily_read_failed", code=error.code, error=error.message)
        detail = {"code": error.code, "error": error.message}
        await context.ledger.audit.write("daily_read_failed", detail, context.clock())
