"""Who is asking, and may they: keys of the API, sessions of the console, and what slows guessing.

**Nothing is open by default.** Until there is a key (``python -m daemon keys add``, or
``ADMIN_API_KEY`` for the first admin) every caller is refused with a sentence that says so.

**Keys.** A key of ``ai_api_keys`` is random and kept as its SHA-256; ``ADMIN_API_KEY`` and
``MAIN_APP_API_KEY`` stand in the environment and are compared in constant time. The latter is the
main app's: it submits, reads and cancels, and opens no console. What a key may do is remembered
for a second, so that a flood of calls is no flood of reads; revoking one in this process counts
at once, anywhere else within that second.

**Sessions.** Signing in to the console gives a random cookie; ``ai_sessions`` holds its hash,
made with ``SECRET_KEY``, and for ``ADMIN_API_KEY`` with that key too, so that changing it ends
them. Form tokens are derived from the cookie: whoever can read the database can forge neither.

**Guessing.** Wrong keys are counted per address, and so are wrong cookies; when there were too
many, further ones are refused unread: a stranger costs the database nothing. A key or a cookie
that was right before is no guess and passes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from aiohttp import web
from psycopg import rows
from psycopg_pool import AsyncConnectionPool

from daemon import clock
from daemon.log import get_logger
from daemon.settings import Settings
from daemon.statements import Statements
from daemon.web.addresses import address_of, is_local, limit_name
from daemon.web.audit import audit, begin
from daemon.web.limits import Buckets
from daemon.web.refused import Refused

Role = Literal["viewer", "operator", "admin", "service"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RANK = {"viewer": 0, "operator": 1, "admin": 2}
KEY_PREFIX = "fai_"
SESSION_SECONDS = 8 * 3600.0
REMEMBER_SECONDS = 1.0
"""How long a key or session that was found, or not found, is taken at its word."""
WRONG_PER_SECOND, WRONG_BURST = 1 / 30, 10.0
STALE_PER_SECOND, STALE_BURST = 1.0, 60.0
"""Cookies that open nothing, as a page left open keeps sending."""
CALLS_PER_SECOND, CALLS_BURST = 50.0, 200.0
KNOWN_KEYS = 1000
SHORT = 16
"""Letters below which a key of the environment may be guessed, from many addresses at once."""
COOKIE, SECURE_COOKIE = "ai_session", "__Host-ai_session"
CONSOLE_HINT = (
    "python -m daemon keys add NAME --role admin; or start the service with ADMIN_API_KEY"
)
OPEN_HINT = f"{CONSOLE_HINT} (people) or MAIN_APP_API_KEY (the main app)"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever is asking. name: the key's. token: what this person's forms must carry ('' without
    a session). address: where they are, for the audit log."""

    name: str
    role: Role
    kind: Literal["key", "session", "service"]
    key_id: int | None = None
    address: str = ""
    session_id: int | None = None
    token: str = field(default="", repr=False)

    @property
    def channel(self) -> Literal["api", "console"]:
        """As ``ai_audit_log.channel`` has it."""
        return "console" if self.kind == "session" else "api"

    def may(self, least: Role, *, service: bool = False) -> bool:
        """Whether the role reaches ``least``; service: or this is the main app."""
        if self.role == "service":
            return service
        return RANK[self.role] >= RANK[least]


class Access:
    """Answers who asks. Safe to share between tasks."""

    def __init__(
        self,
        settings: Settings,
        reader: AsyncConnectionPool[Any],
        writer: AsyncConnectionPool[Any],
        texts: Statements,
        *,
        calls_per_second: float = CALLS_PER_SECOND,
        calls_burst: float = CALLS_BURST,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._texts = texts
        self._admin = _secret(settings.admin_api_key)
        self._service = _secret(settings.main_app_api_key)
        self._pepper = _secret(settings.secret_key)
        for name, key in (("ADMIN_API_KEY", self._admin), ("MAIN_APP_API_KEY", self._service)):
            if 0 < len(key) < SHORT:
                log.warning(
                    "key_is_short", variable=name, hint="`openssl rand -hex 24` makes a good one"
                )
        self._wrong = Buckets(WRONG_PER_SECOND, WRONG_BURST)
        self._stale = Buckets(STALE_PER_SECOND, STALE_BURST)
        self._calls = Buckets(calls_per_second, calls_burst)
        self._seen: OrderedDict[bytes, tuple[float, Principal | None]] = OrderedDict()
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._open_until = 0.0
        self._open = False

    # --- keys -----------------------------------------------------------------------------------

    async def is_open(self, *, console: bool = False) -> bool:
        """Whether there is a key at all; console: one that opens the console."""
        if self._admin or (self._service and not console):
            return True
        if not self._open and clock.monotonic() > self._open_until:
            found = await self._row(self._reader, "access_any")
            self._open = bool(found and found["found"])
            self._open_until = clock.monotonic() + REMEMBER_SECONDS
        return self._open

    async def bearer(self, request: web.Request) -> Principal:
        """Who the Authorization header speaks for.

        Raises Refused: 403 while there is no key at all, 401 without or with a wrong one, 429
        after too many wrong ones or too many calls.
        """
        kind, _, key = request.headers.get("Authorization", "").partition(" ")
        address = address_of(request)
        if kind.lower() != "bearer" or not key.strip():
            if not await self.is_open():
                raise Refused(403, "no_key_set", "the API is closed: no key is set", OPEN_HINT)
            raise unauthorised("an API key is needed", "send Authorization: Bearer KEY")
        found = await self._check(key.strip(), address)
        if found is None:
            if not await self.is_open():
                raise Refused(403, "no_key_set", "the API is closed: no key is set", OPEN_HINT)
            raise unauthorised(
                "this key is unknown, expired or revoked", "python -m daemon keys list"
            )
        wait = self._calls.take(f"{found.kind}:{found.key_id}:{found.name}")
        if wait:
            raise too_many("this key is used too often", wait)
        return replace(found, address=address)

    async def _check(self, key: str, address: str) -> Principal | None:
        """The key's principal, or None. Raises Refused (429) for a guesser."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        guesser = limit_name(address)
        if digest not in self._good and (wait := self._wrong.look(guesser)):
            raise too_many("too many wrong keys from this address", wait)
        found = self._from_environment(digest) or await self._from_table(digest)
        if found is None:
            self._wrong.take(guesser)
            self._good.pop(digest, None)
            log.warning("key_refused", address=address)
            return None
        self._was_right(digest)
        return found

    def _was_right(self, digest: bytes) -> None:
        self._good[digest] = None
        while len(self._good) > KNOWN_KEYS:
            self._good.popitem(last=False)

    def _from_environment(self, digest: bytes) -> Principal | None:
        # Both are always compared: how long it takes tells nothing.
        admin = hmac.compare_digest(digest, hashlib.sha256(self._admin).digest())
        service = hmac.compare_digest(digest, hashlib.sha256(self._service).digest())
        if self._admin and admin:
            return Principal("ADMIN_API_KEY", "admin", "key")
        if self._service and service:
            return Principal("main app", "service", "service")
        return None

    async def _from_table(self, digest: bytes) -> Principal | None:
        known, found = self._remembered(digest)
        if known:
            return found
        found = None
        row = await self._row(self._reader, "access_key", hash=digest)
        if row is not None:
            found = Principal(row["name"], row["role"], "key", row["id"])
            if row["stale"]:
                await self._row(self._writer, "access_used", key_id=row["id"])
        self._remember(digest, found)
        return found

    # --- sessions -------------------------------------------------------------------------------

    async def sign_in(self, request: web.Request, key: str) -> tuple[Principal, str]:
        """A session for whoever has this key, and its cookie's value.

        Raises Refused: 403 while the console is closed or for the main app's key, 401 for a wrong
        one, 429 for a guesser.
        """
        if not await self.is_open(console=True):
            raise Refused(403, "no_key_set", "the console is closed: no key is set", CONSOLE_HINT)
        address = address_of(request)
        found = await self._check(key.strip(), address)
        if found is None:
            raise unauthorised("this key is unknown, expired or revoked", CONSOLE_HINT)
        if found.role == "service":
            raise Refused(
                403, "not_for_people", "the main app's key does not open the console", CONSOLE_HINT
            )
        kind = "k" if found.key_id is not None else "e"
        cookie = f"{kind}.{secrets.token_urlsafe(32)}"
        who = replace(found, address=address, kind="session", token=form_token(cookie))
        async with self._writer.connection() as connection, connection.transaction():
            await begin(connection, self._texts, who)
            cursor = await connection.execute(
                self._texts["session_put"],
                {
                    "hash": self._hash(cookie),
                    "key_id": found.key_id,
                    "name": found.name,
                    "role": found.role,
                    "address": address,
                    "seconds": SESSION_SECONDS,
                },
            )
            row = await cursor.fetchone()
            assert row is not None
            await audit(connection, self._texts, who, "sign_in", f"session:{row[0]}")
        self._was_right(self._hash(cookie))
        return replace(who, session_id=row[0]), cookie

    async def session(self, request: web.Request) -> Principal | None:
        """Who is signed in, or None."""
        # Over TLS the other name does not count: a neighbouring host could have set it.
        cookie = request.cookies.get(SECURE_COOKIE if is_secure(request) else COOKIE, "")
        if not 20 < len(cookie) < 200:
            return None
        digest = self._hash(cookie)
        known, found = self._remembered(digest)
        if not known:
            guesser = limit_name(address_of(request))
            if digest not in self._good and self._stale.look(guesser):
                return None
            found = None
            row = await self._row(self._reader, "session_get", hash=digest)
            if row is not None:
                found = Principal(
                    row["name"], row["role"], "session", row["key_id"], session_id=row["id"]
                )
                self._was_right(digest)
            else:
                self._stale.take(guesser)
                self._good.pop(digest, None)
            self._remember(digest, found)
        if found is None:
            return None
        return replace(found, address=address_of(request), token=form_token(cookie))

    async def sign_out(self, who: Principal) -> None:
        """End the session; its cookie opens nothing from now on."""
        async with self._writer.connection() as connection, connection.transaction():
            await begin(connection, self._texts, who)
            values = {"session_id": who.session_id, "by": who.name}
            await connection.execute(self._texts["session_revoke"], values)
            await audit(connection, self._texts, who, "sign_out", f"session:{who.session_id}")
        self.forget()

    async def still(self, request: web.Request) -> bool:
        """Whether the key of a long answer still opens it; ask now and then."""
        key = request.headers.get("Authorization", "").partition(" ")[2].strip()
        try:
            found = await self._check(key, address_of(request))
        except Refused:
            return False
        return found is not None and found.role == request[PRINCIPAL].role

    def forget(self) -> None:
        """Ask the database again for everybody: a key or a session was just changed."""
        self._seen.clear()
        self._good.clear()
        self._open = False
        self._open_until = 0.0

    def _hash(self, cookie: str) -> bytes:
        pepper = self._pepper + (self._admin if cookie.startswith("e.") else b"")
        return hmac.new(pepper, cookie.encode("utf-8", "surrogateescape"), "sha256").digest()

    # --- what was just looked up ----------------------------------------------------------------

    def _remembered(self, digest: bytes) -> tuple[bool, Principal | None]:
        until, found = self._seen.get(digest, (0.0, None))
        return until > clock.monotonic(), found

    def _remember(self, digest: bytes, found: Principal | None) -> None:
        self._seen[digest] = (clock.monotonic() + REMEMBER_SECONDS, found)
        self._seen.move_to_end(digest)
        while len(self._seen) > KNOWN_KEYS:
            self._seen.popitem(last=False)

    async def _row(
        self, pool: AsyncConnectionPool[Any], name: str, **values: Any
    ) -> dict[str, Any] | None:
        async with (
            pool.connection() as connection,
            connection.cursor(row_factory=rows.dict_row) as cursor,
        ):
            await cursor.execute(self._texts[name], values)
            return await cursor.fetchone() if cursor.description else None


ACCESS: web.AppKey[Access] = web.AppKey("access", Access)
PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
"""Who is asking, for a handler that :func:`require` guards."""


def require(least: Role, *, service: bool = False) -> Callable[[Handler], Handler]:
    """Let an API handler run for callers of this role or a higher one; service: for the main app
    too. The handler finds them in ``request[PRINCIPAL]``."""

    def decorate(handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            who = await request.app[ACCESS].bearer(request)
            if not who.may(least, service=service):
                raise Refused(
                    403,
                    "role_too_low",
                    f"role {who.role} may not do this; {least} is needed",
                    "ask an admin for a key of that role",
                )
            request[PRINCIPAL] = who
            return await handler(request)

        return guarded

    return decorate


def new_key() -> tuple[str, bytes, str]:
    """A key, its hash, and how it begins."""
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    return key, hashlib.sha256(key.encode()).digest(), key[:10]


def form_token(cookie: str) -> str:
    """What a form of this session carries; nobody without the cookie can make it."""
    return hmac.new(cookie.encode("utf-8", "surrogateescape"), b"form", "sha256").hexdigest()


def token_is_right(who: Principal, given: str) -> bool:
    """Whether a form was made by a page of this session."""
    return bool(who.token) and hmac.compare_digest(who.token.encode(), given.encode())


def same_origin(request: web.Request) -> bool:
    """Whether a POST comes from one of our own pages, as the browser says.

    ``Sec-Fetch-Site`` where it is sent, which is over TLS and to localhost; else ``Origin``.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin", "")
    return origin.partition("://")[2].lower() == request.host.lower() != ""


def is_secure(request: web.Request) -> bool:
    """Whether the browser speaks TLS: to us, or to the platform's edge in front of us."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def set_cookie(response: web.StreamResponse, request: web.Request, cookie: str) -> None:
    """Hand the session to the browser. Over plain http it takes no Secure cookie but from
    localhost, and without Secure there is no ``__Host-``."""
    secure = is_secure(request)
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        cookie,
        path="/",
        max_age=int(SESSION_SECONDS),
        httponly=True,
        secure=secure,
        samesite="Lax",
    )


def cookie_arrives(request: web.Request) -> bool:
    """Whether a sign-in can be trusted to the line: TLS, or this very machine."""
    return is_secure(request) or is_local(request)


def del_cookie(response: web.StreamResponse) -> None:
    """Take the session from the browser."""
    for name, secure in ((SECURE_COOKIE, True), (COOKIE, False)):
        response.del_cookie(name, path="/", secure=secure, httponly=True, samesite="Lax")


def unauthorised(message: str, hint: str) -> Refused:
    return Refused(401, "unauthorised", message, hint, headers={"WWW-Authenticate": "Bearer"})


def too_many(message: str, wait_seconds: float) -> Refused:
    seconds = max(1, round(wait_seconds + 0.5))
    return Refused(
        429,
        "too_many_requests",
        message,
        f"try again in {seconds} s",
        headers={"Retry-After": str(seconds)},
    )


def _secret(value: Any) -> bytes:
    return value.get_secret_value().encode() if value is not None else b""
