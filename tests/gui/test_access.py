"""Who gets in, who may do what, and what no other site can make a browser do."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from daemon.web.access import form_token
from tests.gui.conftest import ADMIN_KEY, ROLES, Served, serving
from tests.gui.fill import fill
from tests.gui.page import Page, Person

SERVICE_KEY = "the-key-of-the-main-app"
RANK = {role: rank for rank, role in enumerate(ROLES)}


async def try_key(session: aiohttp.ClientSession, url: str, key: str) -> tuple[int, str]:
    """What signing in with a key is answered with: status and page."""
    async with session.post("/gui/login", data={"key": key}, headers={"Origin": url}) as answer:
        return answer.status, await answer.text()


async def test_closed_until_there_is_a_key(database: str) -> None:
    """Without a key with a role every page is 403 and names the command that makes one."""
    async with (
        serving(database, admin_api_key=None, main_app_api_key=SERVICE_KEY) as served,
        aiohttp.ClientSession(served.url) as session,
    ):
        for path in ("/gui", "/gui/requests", "/gui/login"):
            async with session.get(path) as answer:
                assert answer.status == 403
                text = await answer.text()
                assert "python -m daemon keys" in text
                assert "MAIN_APP_API_KEY" not in text, "that one opens no console"
        status, _ = await try_key(session, served.url, SERVICE_KEY)
        assert status == 403


async def test_the_service_key_is_for_machines(database: str) -> None:
    """The main app's key does not open the console."""
    async with (
        serving(database, main_app_api_key=SERVICE_KEY) as served,
        aiohttp.ClientSession(served.url) as session,
    ):
        status, text = await try_key(session, served.url, SERVICE_KEY)
        assert status == 403
        assert "does not open the console" in text


async def test_sign_in_leads_back(console: Served) -> None:
    """Whoever is not signed in is sent to do so, then where they wanted to go, never elsewhere."""
    async with aiohttp.ClientSession(console.url) as session:
        async with session.get("/", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "/gui")
        async with session.get("/gui/agents?x=1", allow_redirects=False) as answer:
            assert answer.status == 303
            assert answer.headers["Location"] == "/gui/login?next=%2Fgui%2Fagents%3Fx%3D1"
        for wish, leads in (
            ("/gui/agents", "/gui/agents"),
            ("https://evil.example/gui", "/gui"),
            ("//evil.example/gui", "/gui"),
            ("/gui/../elsewhere", "/gui"),
            ("/guile", "/gui"),
            ("/gui\\evil", "/gui"),
        ):
            async with session.post(
                "/gui/login",
                data={"key": ADMIN_KEY, "next": wish},
                headers={"Origin": console.url},
                allow_redirects=False,
            ) as answer:
                assert answer.headers["Location"] == leads, wish
                cookie = answer.headers["Set-Cookie"]
                assert "HttpOnly" in cookie and "SameSite=Lax" in cookie


async def test_what_was_sent_after_the_session_did_nothing(console: Served) -> None:
    """A form that is sent without a session is told to have done nothing, and the way to sign in
    leads back to the page that it was on."""
    async with (
        aiohttp.ClientSession(console.url) as session,
        session.post("/gui/requests/7/retry", headers={"Origin": console.url}) as answer,
    ):
        page = Page(answer.status, await answer.text(), answer.headers)
    assert page.status == 401
    assert "What you just sent did nothing" in page.text
    assert page.links() == ["/gui/login?next=%2Fgui%2Frequests%2F7"]


async def test_behind_tls_the_cookie_is_secure(console: Served) -> None:
    """At a platform's edge the cookies of a session and of what is to be said are __Host- and
    Secure, and one that a neighbouring host could have set counts for nothing."""
    headers = {"Origin": console.url, "X-Forwarded-Proto": "https"}
    async with aiohttp.ClientSession(console.url, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def post(path: str, cookie: str = "", **form: str) -> tuple[int, str]:
            sent = headers | {"Cookie": cookie}
            async with session.post(path, data=form, headers=sent, allow_redirects=False) as got:
                return got.status, got.headers.get("Set-Cookie", "")

        _, given = await post("/gui/login", key=ADMIN_KEY)
        assert given.startswith("__Host-ai_session=") and "Secure" in given
        name, _, value = given.partition(";")[0].partition("=")
        token = form_token(value)
        status, said = await post("/gui/agents/1/pause", f"{name}={value}", token=token)
        assert status == 303
        assert said.startswith("__Host-gui_said=") and "Secure" in said and "Strict" in said
        status, _ = await post("/gui/agents/1/pause", f"ai_session={value}", token=token)
        assert status == 401
        for planted, shown in ((said.partition(";")[0], True), (said[len("__Host-") :], False)):
            cookies = f"{name}={value}; {planted}"
            async with session.get("/gui", headers=headers | {"Cookie": cookies}) as answer:
                assert ("is paused; its requests wait" in await answer.text()) is shown


async def test_a_wrong_key(console: Served) -> None:
    """A wrong key is told so, with 401, and what was typed is not shown again."""
    async with (
        aiohttp.ClientSession(console.url) as session,
        session.post(
            "/gui/login", data={"key": "wrong-key"}, headers={"Origin": console.url}
        ) as answer,
    ):
        assert answer.status == 401
        text = await answer.text()
        assert "unknown, expired or revoked" in text and "wrong-key" not in text


@pytest.mark.parametrize("role", ROLES)
async def test_every_route_knows_its_role(database: str, role: str) -> None:
    """A role reaches the routes that need no more than it, and is refused at all others."""
    fill(database, 2)
    async with serving(database) as served:
        person = await served.sign_in(role)
        for (method, route), least in sorted(served.gui.roles.items()):
            path = route.replace(r"{id:\d+}", "1").replace("{what:input|result}", "input")
            if path in {"/gui/events", "/gui/logout"}:
                continue
            page = await (person.get(path) if method == "GET" else person.post(path, follow=False))
            allowed = RANK[role] >= RANK[least]
            assert (page.status != 403) == allowed, (method, path, page.status, page.text[:200])
            assert page.status < 500, (method, path, page.text[:300])
        await person.close()


async def test_forms_of_other_sites(console: Served, admin: Person, rows: Any) -> None:
    """A POST without the session's token, or from another origin, changes nothing."""
    await console.actions.submit(await who(console), "scheduling", {"client_id": 1})
    (request_id,) = rows("SELECT max(id) FROM ai_requests")[0]
    path = f"/gui/requests/{request_id}/cancel"
    assert (await admin.post(path, token="")).status == 403
    assert (await admin.post(path, token="0" * 64)).status == 403
    for headers in (
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {},
    ):
        async with admin.session.post(
            path, data={"token": await admin.token()}, headers=headers
        ) as answer:
            assert answer.status == 403, headers
    assert rows("SELECT cancel_requested_at FROM ai_requests WHERE id = %s", request_id) == [
        (None,)
    ]


async def test_get_changes_nothing(database: str, console: Served, rows: Any) -> None:
    """Looking at every page leaves every table as it was, but for the sign-in itself."""
    fill(database, 3)
    person = await console.sign_in("admin")
    await person.get("/gui")
    tables = [
        name
        for (name,) in rows(
            "SELECT relname FROM pg_class WHERE relname LIKE 'ai\\_%' AND relkind = 'r'"
            " AND relname NOT IN ('ai_sessions', 'ai_api_keys') ORDER BY 1"
        )
    ]

    def state() -> list[Any]:
        return [
            rows(f"SELECT count(*), sum(hashtext(t::text)) FROM {table} t") for table in tables
        ]

    before = state()
    for method, route in console.gui.roles:
        if method == "GET" and route != "/gui/events":
            path = route.replace(r"{id:\d+}", "1").replace("{what:input|result}", "input")
            await person.get(path)
    assert state() == before
    await person.close()


async def test_a_revoked_key_is_out_at_once(console: Served, admin: Person, rows: Any) -> None:
    """Revoking a key on the page ends what its owner sees, with the next click."""
    other = await console.sign_in("viewer", "dana")
    assert (await other.get("/gui")).status == 200
    (key_id,) = rows("SELECT id FROM ai_api_keys WHERE name = 'dana'")[0]
    page = await admin.post(f"/gui/access/keys/{key_id}/revoke", back="/gui/access")
    assert "The key of dana opens nothing any more." in page.text
    async with other.session.get("/gui", allow_redirects=False) as answer:
        assert answer.status == 303
    await other.close()


async def test_a_new_key_is_shown_once(console: Served, admin: Person) -> None:
    """The page that makes a key shows it, no other ever does, and it works."""
    made = await admin.post("/gui/access/keys", name="sam", role="operator", days="30")
    [key] = [word for word in made.text.split() if word.startswith("fai_") and len(word) > 20]
    again = await admin.get("/gui/access")
    assert key not in again.html and "sam" in again.text
    person = await console.enter(key)
    assert (await person.get("/gui/requests/new")).status == 200
    await person.close()


async def test_no_link_leads_to_what_a_role_may_not_see(console: Served) -> None:
    """The page of keys is an admin's, and nobody else's navigation has it."""
    for role, seen in (("operator", False), ("admin", True)):
        person = await console.sign_in(role)
        page = await person.get("/gui")
        assert ('href="/gui/access"' in page.html) == seen
        assert (await person.get("/gui/access")).status == (200 if seen else 403)
        await person.close()


async def test_viewers_see_no_health_details(database: str, console: Served, rows: Any) -> None:
    """What people say of their health is hidden from viewers, and from nobody who operates."""
    rows(
        "SET session_replication_role = replica;"
        " INSERT INTO ai_requests (id, task_type, input_data, status, finished_at) VALUES"
        " (5, 'scheduling', '{\"client_id\": 1, \"injuries\": [\"torn meniscus\"]}', 'completed',"
        " now()); INSERT INTO ai_results (request_id, task_type, mode, result) VALUES"
        " (5, 'scheduling', 'full', '{\"screening\": {\"conditions\": [\"torn meniscus\"]}}')"
    )
    for role, seen in (("viewer", False), ("operator", True)):
        person = await console.sign_in(role)
        for path in (
            "/gui/requests/5",
            "/gui/requests",
            "/gui/requests.csv",
            "/gui/requests/5/input.json",
            "/gui/requests/5/result.json",
        ):
            page = await person.get(path)
            assert page.status == 200
            assert ("meniscus" in page.html) == seen, (role, path)
        await person.close()


async def who(console: Served) -> Any:
    from daemon.web.access import Principal

    return Principal("the test", "admin", "key")
