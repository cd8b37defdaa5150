"""Keys, sessions and the audit log: closed by default, revoked at once, nothing to be guessed."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from pydantic import SecretStr
from structlog.testing import capture_logs

from daemon import clock
from daemon.settings import Settings
from daemon.web import access as module
from daemon.web.access import (
    COOKIE,
    SECURE_COOKIE,
    Access,
    Principal,
    del_cookie,
    form_token,
    new_key,
    same_origin,
    set_cookie,
    token_is_right,
)
from daemon.web.actions import Actions
from daemon.web.addresses import address_of, limit_name
from daemon.web.limits import MOST_NAMES, Buckets
from daemon.web.refused import Refused
from tests.kit.http import add_key
from tests.kit.parts import TEXTS, Parts, parts

Connection = psycopg.AsyncConnection[Any]


class Now:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def asked(key: str = "", remote: str = "203.0.113.7", **headers: str) -> web.Request:
    """A request with this bearer key from this address."""
    sent = {"Host": "crm.example", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if key:
        sent["Authorization"] = f"Bearer {key}"
    request = make_mocked_request("POST", "/api/execute", headers=sent)
    return request.clone(remote=remote)


def built(p: Parts, **values: Any) -> Access:
    settings = Settings(database_url=SecretStr(p.url), **values)
    return Access(settings, p.database.web_read, p.database.web_write, TEXTS)


@asynccontextmanager
async def accessible(url: str, **values: Any) -> AsyncIterator[tuple[Access, Actions]]:
    async with parts(url) as p:
        access = built(p, **values)
        registry: Any = None
        yield access, Actions(p.database.web_write, TEXTS, registry, access)


async def refusal(call: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await call
    return caught.value


ADMIN = Principal("test", "admin", "key", 1, "198.51.100.1")


async def test_closed_until_there_is_a_key(database: str, aconnection: Connection) -> None:
    """Without any key everybody is told how to make one; with one, who has none is a stranger."""
    async with accessible(database) as (access, _):
        for call in (access.bearer(asked()), access.bearer(asked("guess"))):
            refused = await refusal(call)
            assert (refused.status, refused.code) == (403, "no_key_set")
            assert "python -m daemon keys add" in refused.hint
        refused = await refusal(access.sign_in(asked(), "guess"))
        assert refused.status == 403
        key = await add_key(aconnection, "viewer")
        access.forget()
        who = await access.bearer(asked(key))
        assert (who.name, who.role, who.kind) == ("viewer", "viewer", "key")
        for call in (access.bearer(asked()), access.bearer(asked("guess"))):
            refused = await refusal(call)
            assert (refused.status, refused.code) == (401, "unauthorised")
            assert refused.headers == {"WWW-Authenticate": "Bearer"}


async def test_a_short_key_is_spoken_of(database: str) -> None:
    """A key that may be guessed still works, and the start names its variable, not the key."""
    with capture_logs() as lines:
        async with accessible(database, admin_api_key="first", main_app_api_key="s" * 40):
            pass
    told = [line for line in lines if line["event"] == "key_is_short"]
    assert [line["variable"] for line in told] == ["ADMIN_API_KEY"]
    assert "first" not in str(told)


async def test_keys_of_the_environment(database: str) -> None:
    """ADMIN_API_KEY is an admin; the main app's key is the main app and opens no console."""
    keys = {"admin_api_key": "first", "main_app_api_key": "shared"}
    async with accessible(database, **keys) as (access, _):
        admin = await access.bearer(asked("first"))
        assert (admin.name, admin.role) == ("ADMIN_API_KEY", "admin")
        app = await access.bearer(asked("shared"))
        assert (app.role, app.kind) == ("service", "service")
        assert app.may("operator", service=True)
        assert not app.may("viewer")
        assert (await refusal(access.sign_in(asked(), "shared"))).status == 403
    async with accessible(database, main_app_api_key="shared") as (access, _):
        assert await access.is_open()
        assert not await access.is_open(console=True)
    async with accessible(database, admin_api_key="first") as (access, _):
        digest_of_nothing = await refusal(access.bearer(asked("")))
        assert digest_of_nothing.status == 401


async def test_revoked_and_expired_at_once(database: str, aconnection: Connection) -> None:
    """A key that was revoked, or whose time is over, opens nothing from that moment on."""
    async with accessible(database, admin_api_key="first") as (access, actions):
        key_id, key = await actions.add_key(ADMIN, "dana", "operator")
        assert (await access.bearer(asked(key))).name == "dana"
        _, cookie = await access.sign_in(asked(), key)
        signed = asked(Cookie=f"{COOKIE}={cookie}")
        assert await access.session(signed) is not None
        await actions.revoke_key(ADMIN, key_id)
        assert (await refusal(access.bearer(asked(key)))).status == 401
        assert await access.session(signed) is None
        assert (await refusal(actions.revoke_key(ADMIN, key_id))).status == 404

        soon = datetime.now(UTC) + timedelta(hours=1)
        key_id, key = await actions.add_key(ADMIN, "dana", "viewer", soon)
        assert (await access.bearer(asked(key))).role == "viewer"
        await aconnection.execute("UPDATE ai_api_keys SET expires_at = now() - interval '1 s'")
        access.forget()
        assert (await refusal(access.bearer(asked(key)))).status == 401


async def test_revoked_elsewhere(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key revoked by another process is refused once what is remembered is a second old."""
    now = Now()
    monkeypatch.setattr(clock, "monotonic", now)
    async with accessible(database) as (access, _):
        key = await add_key(aconnection, "viewer")
        assert (await access.bearer(asked(key))).role == "viewer"
        await aconnection.execute("UPDATE ai_api_keys SET revoked_at = now()")
        now.seconds += module.REMEMBER_SECONDS
        assert (await refusal(access.bearer(asked(key)))).status in {401, 403}


async def test_last_use_is_noted(database: str, aconnection: Connection) -> None:
    """Each key shows when it was last used, without a write for every call."""
    async with accessible(database) as (access, _):
        key = await add_key(aconnection, "viewer")
        used = "SELECT last_used_at FROM ai_api_keys"
        await access.bearer(asked(key))
        first = await (await aconnection.execute(used)).fetchone()
        access.forget()
        await access.bearer(asked(key))
        assert await (await aconnection.execute(used)).fetchone() == first
        assert first is not None
        assert first[0] is not None


async def test_guessing_is_slowed(database: str, aconnection: Connection) -> None:
    """After some wrong keys an address waits, right guess or not; a key in use is not held up."""
    async with accessible(database, admin_api_key="first") as (access, _):
        other = await add_key(aconnection, "viewer")
        assert (await access.bearer(asked("first"))).role == "admin"
        for _ in range(10):
            assert (await refusal(access.bearer(asked("wrong")))).status == 401
        refused = await refusal(access.bearer(asked("wrong")))
        assert (refused.status, refused.code) == (429, "too_many_requests")
        assert int(refused.headers["Retry-After"]) >= 1
        assert (await refusal(access.bearer(asked(other)))).status == 429
        assert (await refusal(access.sign_in(asked(), other))).status == 429
        assert (await access.bearer(asked("first"))).role == "admin"
        assert (await access.bearer(asked(other, "203.0.113.8"))).role == "viewer"


async def test_made_up_cookies_cost_the_database_nothing(database: str) -> None:
    """After some cookies that open nothing, an address is asked to sign in, unread; who signed in
    here or was seen before goes on, and so does everybody elsewhere."""
    async with (
        accessible(database, admin_api_key="first") as (elsewhere, _),
        accessible(database, admin_api_key="first") as (access, _),
    ):
        seen, unseen = [
            f"{COOKIE}={(await elsewhere.sign_in(asked(), 'first'))[1]}" for _ in range(2)
        ]
        own = f"{COOKIE}={(await access.sign_in(asked(), 'first'))[1]}"
        assert await access.session(asked(Cookie=seen)) is not None
        for number in range(60):
            assert await access.session(asked(Cookie=f"{COOKIE}=e.{number:040}")) is None
        assert await access.session(asked(Cookie=unseen)) is None
        for known in (seen, own):
            assert await access.session(asked(Cookie=known)) is not None
        assert await access.session(asked("", "203.0.113.8", Cookie=unseen)) is not None


async def test_calls_are_limited_per_key(database: str, aconnection: Connection) -> None:
    """A key that is used too often waits, and others do not."""
    async with parts(database) as p:
        settings = Settings(database_url=SecretStr(database))
        access = Access(
            settings,
            p.database.web_read,
            p.database.web_write,
            TEXTS,
            calls_per_second=0.001,
            calls_burst=3,
        )
        busy = await add_key(aconnection, "viewer", "busy")
        calm = await add_key(aconnection, "viewer", "calm")
        for _ in range(3):
            await access.bearer(asked(busy))
        assert (await refusal(access.bearer(asked(busy)))).status == 429
        assert (await access.bearer(asked(calm))).name == "calm"


async def test_sessions(database: str, aconnection: Connection) -> None:
    """The cookie is nowhere stored, nor what forms carry; signing out ends it; all is audited."""
    async with accessible(database, secret_key="pepper") as (access, _):
        key = await add_key(aconnection, "operator", "dana")
        who, cookie = await access.sign_in(asked(), key)
        assert (who.name, who.role, who.kind, who.channel) == (
            "dana",
            "operator",
            "session",
            "console",
        )
        stored = await (await aconnection.execute("SELECT s::text FROM ai_sessions s")).fetchone()
        assert stored is not None
        plain = hashlib.sha256(cookie.encode()).hexdigest()
        assert not any(secret in stored[0] for secret in (cookie, plain, who.token))
        signed = asked(Cookie=f"{COOKIE}={cookie}")
        again = await access.session(signed)
        assert again is not None
        assert again.token == who.token == form_token(cookie)
        assert token_is_right(again, who.token)
        assert not token_is_right(again, "")
        assert not token_is_right(ADMIN, "")
        assert await access.session(asked(Cookie=f"{COOKIE}={cookie[:-1]}")) is None
        await access.sign_out(again)
        assert await access.session(signed) is None
        cursor = await aconnection.execute(
            "SELECT actor, channel, action, origin FROM ai_audit_log ORDER BY id"
        )
        assert await cursor.fetchall() == [
            ("dana", "console", "sign_in", "203.0.113.7"),
            ("dana", "console", "sign_out", "203.0.113.7"),
        ]


async def test_changed_secrets_end_sessions(database: str) -> None:
    """Sessions do not outlive the ADMIN_API_KEY or the SECRET_KEY they were made with."""
    async with parts(database) as p:
        old = built(p, admin_api_key="old", secret_key="pepper")
        _, cookie = await old.sign_in(asked(), "old")
        signed = asked(Cookie=f"{COOKIE}={cookie}")
        same = built(p, admin_api_key="old", secret_key="pepper")
        assert await same.session(signed) is not None
        for changed in (
            {"admin_api_key": "new", "secret_key": "pepper"},
            {"admin_api_key": "old", "secret_key": "salt"},
        ):
            assert await built(p, **changed).session(signed) is None


async def test_audit_log_only_grows(aconnection: Connection) -> None:
    """Lines are neither changed nor deleted, nor is the log emptied; after a year they may go."""
    await aconnection.execute(
        "INSERT INTO ai_audit_log (at, actor, channel, action, target)"
        " VALUES (now(), 'a', 'sql', 'b', 'c'),"
        " (now() - interval '366 days', 'old', 'sql', 'b', 'c')"
    )
    for statement in (
        "UPDATE ai_audit_log SET actor = 'x'",
        "DELETE FROM ai_audit_log WHERE actor = 'a'",
        "TRUNCATE ai_audit_log",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            await aconnection.execute(statement.encode())
    await aconnection.execute("DELETE FROM ai_audit_log WHERE actor = 'old'")


def test_cookies() -> None:
    """Over TLS the cookie is __Host- and Secure, else neither; never for scripts, always Lax."""
    response = web.Response()
    set_cookie(response, asked(X_Forwarded_Proto="https"), "value")
    morsel = response.cookies[SECURE_COOKIE]
    assert (morsel["secure"], morsel["httponly"], morsel["samesite"]) == (True, True, "Lax")
    assert (morsel["path"], morsel["domain"]) == ("/", "")
    plain = web.Response()
    set_cookie(plain, asked(), "value")
    assert not plain.cookies[COOKIE]["secure"]
    del_cookie(response)
    assert response.cookies[SECURE_COOKIE]["max-age"] == "0"


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "cross-site", "Origin": "https://crm.example"}, False),
        ({"Sec_Fetch_Site": "none"}, False),
        ({"Origin": "http://crm.example"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_same_origin(headers: dict[str, str], ours: bool) -> None:
    """A POST counts as ours only if the browser says that a page of ours sent it."""
    assert same_origin(asked(**headers)) is ours


def test_addresses() -> None:
    """X-Forwarded-For counts only from a private neighbour, and only its last entry."""
    claims = {"X_Forwarded_For": "1.1.1.1, 203.0.113.9"}
    assert address_of(asked(remote="8.8.4.4", **claims)) == "8.8.4.4"
    assert address_of(asked(remote="100.64.0.2", **claims)) == "203.0.113.9"
    assert address_of(asked(remote="10.0.0.1", X_Forwarded_For="nonsense")) == "10.0.0.1"
    assert address_of(asked(remote="::ffff:10.0.0.1")) == "10.0.0.1"
    assert limit_name("2001:db8::1") == limit_name("2001:db8::ffff") != limit_name("2001:db9::1")


def test_buckets() -> None:
    """A bucket runs dry, refills with time, and made-up names cost no memory."""
    now = Now()
    buckets = Buckets(0.5, 2, now)
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 2.0]
    assert buckets.look("b") == 0.0
    now.seconds += 2
    assert buckets.take("a") == 0.0
    for number in range(MOST_NAMES + 10):
        buckets.take(str(number))
    assert len(buckets._buckets) == MOST_NAMES


def test_keys_are_long() -> None:
    """256 random bits, another one each time, never shown by a principal's repr."""
    (one, digest, prefix), (two, _, _) = new_key(), new_key()
    assert one != two
    assert len(one) >= 43
    assert digest == hashlib.sha256(one.encode()).digest()
    assert one.startswith(prefix)
    assert "secret" not in repr(Principal("a", "viewer", "session", token="secret"))
