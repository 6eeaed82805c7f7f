"""A console session: a signed cookie that says who logged in, and when; no session lies in Redis.

Redis keeps only what ends sessions before their time: those that somebody logged out of, and for
each operator a number that "log out everywhere" moves on.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from starlette.requests import HTTPConnection

from service.access.operators import Caller
from service.access.proxied import proxied
from workers.ledger.store import Store
from workers.outbox.approval_link import opened, sealed
from workers.settings import Settings
from workers.settings.operators import Role
from workers.times.clock import from_ms, to_ms

IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=12)
_SALT: Final = "console session"
_FIELDS: Final = 8
_FORM: Final = "console form"
# How somebody came in: by an operator's token, a proxy's header, an identity provider.
Way = Literal["token", "header", "oidc"]
_FROM_US: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Session:
    """Who is logged in. `token` is a fingerprint: a new operator token ends older sessions.

    `roles` are those that an identity provider gave; `None`: those of the file.
    """

    id: str
    operator: str
    begun_at: datetime
    seen_at: datetime
    generation: int
    token: str
    way: Way = "token"
    roles: tuple[Role, ...] | None = None

    def over(self, now: datetime) -> bool:
        """Whether its time is over: idle for too long, or simply old."""
        return now - self.seen_at >= IDLE or now - self.begun_at >= LONGEST

    def sealed(self, settings: Settings, now: datetime) -> str:
        """The cookie's value, as of now."""
        moments = (to_ms(self.begun_at), to_ms(now))
        content = (
            self.id, self.operator, *moments, self.generation, self.token, self.way, self.roles,
        )  # fmt: skip
        return sealed(settings.secret_keys, _SALT, content)

    def form(self, settings: Settings) -> str:
        """What proves that a form came from a page of this session."""
        return sealed(settings.secret_keys, _FORM, (self.id,))

    def sent(self, connection: HTTPConnection, settings: Settings, form: str) -> bool:
        """Whether a form came from a page of this session, and from no other site."""
        content = opened(settings.secret_keys, _FORM, form)
        return from_us(connection) and content == [self.id]


def from_us(connection: HTTPConnection) -> bool:
    """Whether the browser says that no other site sent this. One that says nothing is believed."""
    return connection.headers.get("sec-fetch-site", "same-origin") in _FROM_US


def begun(
    settings: Settings, name: str, generation: int, now: datetime, way: Way = "token",
    roles: tuple[Role, ...] | None = None,
) -> Session:  # fmt: skip
    """A new session of this operator, with an id that was never used before."""
    token = _fingerprint(settings, name, way)
    return Session(secrets.token_urlsafe(18), name, now, now, generation, token, way, roles)


def cookie_name(settings: Settings) -> str:
    """Over https the browser itself refuses the cookie of another host, path or protocol."""
    return "__Host-unglue" if secure(settings) else "unglue_session"


def secure(settings: Settings) -> bool:
    """Whether the service is reached by https."""
    return settings.public_url.startswith("https:")


def read(settings: Settings, cookies: Mapping[str, str], now: datetime) -> Session | None:
    """The session of a cookie of ours whose time is not over and whose operator is still known."""
    content = opened(settings.secret_keys, _SALT, cookies.get(cookie_name(settings), ""))
    if content is None or len(content) != _FIELDS:
        return None
    name, operator, begun_at, seen_at, generation, token, way, roles = content
    session = Session(
        name, operator, from_ms(begun_at), from_ms(seen_at), generation, token, way,
        None if roles is None else tuple(roles),
    )  # fmt: skip
    known = operator in settings.operators or session.roles is not None
    expected = _fingerprint(settings, operator, session.way)
    if not known or not hmac.compare_digest(expected, token) or session.over(now):
        return None
    return session


def caller(settings: Settings, session: Session) -> Caller:
    """The operator, with the roles of now, or of the log-in if a provider gives them."""
    if session.roles is not None:
        return Caller(session.operator, session.roles)
    return Caller(session.operator, settings.operators[session.operator].roles)


def _fingerprint(settings: Settings, name: str, way: Way) -> str:
    """Of what lets this operator in this way: a session ends when that is changed."""
    operator, configured = (
        settings.operators.get(name),
        {"header": settings.login, "oidc": settings.oidc},
    )
    known = (operator.token_sha256, operator.sign_on) if operator else ()
    text = f"console:{known}:{configured.get(way)!r}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Ends:
    """What ended sessions before their time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def generation(self, operator: str) -> int:
        """The number that a new session of this operator gets."""
        name = self._store.key("console", "generations")
        return int(await self._store.redis.hget(name, operator) or 0)

    async def ended(self, session: Session) -> bool:
        """Whether somebody logged out of it, or of everything."""
        redis, key = self._store.redis, self._store.key
        async with redis.pipeline(transaction=False) as reads:
            reads.exists(key("console", "ended", session.id))
            reads.hget(key("console", "generations"), session.operator)
            gone, generation = await reads.execute()
        return bool(gone) or int(generation or 0) != session.generation

    async def end(self, session: Session) -> None:
        """Log out; the cookie is worth nothing any more, whoever has a copy."""
        name = self._store.key("console", "ended", session.id)
        await self._store.redis.set(name, 1, ex=LONGEST)

    async def end_all(self, operator: str) -> None:
        """Log this operator out everywhere."""
        await self._store.redis.hincrby(self._store.key("console", "generations"), operator, 1)


async def live(
    settings: Settings, store: Store, connection: HTTPConnection, now: datetime
) -> Session | None:
    """The session of this browser that nothing ended; a proxy's needs its word each time."""
    session = read(settings, connection.cookies, now)
    if session is None or await Ends(store).ended(session):
        return None
    if session.way == "header" and proxied(settings, connection).operator != session.operator:
        return None
    return session
