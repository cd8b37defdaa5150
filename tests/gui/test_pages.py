"""Every page, empty and full: whole, small, safe to look at, and quick to leave."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.gui.conftest import Served, serving
from tests.gui.fill import HOSTILE, fill
from tests.gui.page import Page, Person

PAGE_BYTES, SCRIPT_BYTES, SHEET_BYTES = 60_000, 10_240, 20_480
PLACES = {r"{id:\d+}": "1", "{what:input|result}": "result"}
RESULTS = tuple(f"/gui/requests/{number}" for number in range(2, 8))
"""A page for each kind of result, and for each status."""
EXTRA = (
    "/gui/requests?status=failed",
    "/gui/requests?status=pending",
    "/gui/requests?client=1",
    "/gui/requests?q=nonsense+status:what",
    "/gui/requests?status=failed&code=timeout",
    "/gui/metrics?window=7d&by=model",
    "/gui/metrics?window=30d",
    "/gui/agents/1001",
    "/gui/suggestions?status=rejected&severity=low",
    "/gui/audit?actor=x",
)


def paths(served: Served) -> list[str]:
    """A path for each GET route of the console but the stream, and some with parameters."""
    found = []
    for method, route in served.gui.roles:
        path = route
        for pattern, value in PLACES.items():
            path = path.replace(pattern, value)
        if method == "GET" and not path.endswith("/events"):
            found.append(path)
    return [*found, *EXTRA]


def is_page(page: Page) -> bool:
    return page.headers["Content-Type"].startswith("text/html")


def check_page(path: str, page: Page) -> None:
    """What holds for each page whatever it shows."""
    assert page.unbalanced == [], path
    assert len(page.all("h1")) == 1, path
    assert len(page.html) <= PAGE_BYTES, (path, len(page.html))
    assert page.all("style") == [] and all("style" not in a for _, a in page.tags), path
    assert all(not name.startswith("on") for _, a in page.tags for name in a), path
    assert [s for s in page.all("script") if "src" not in s] == [], path
    assert all(a.get("src", "/gui").startswith("/gui") for _, a in page.tags), path
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids)), (path, sorted({i for i in ids if ids.count(i) > 1}))
    for table in page.html.split("<table")[1:]:
        assert "<caption" in table[:200], path
    for form in page.all("form"):
        assert form.get("method") != "post" or form["action"].startswith("/gui/"), path


@pytest.mark.parametrize("count", [0, 1, 50])
async def test_every_page(database: str, count: int) -> None:
    """A page is whole with no, one and fifty rows: one heading, small, nothing inline."""
    fill(database, count)
    async with serving(database) as served:
        person = await served.sign_in("admin")
        for path in [*paths(served), *(RESULTS if count > 1 else ())]:
            page = await person.get(path)
            wanted = (200, 404) if count == 0 or path.endswith("chart.svg") else (200,)
            assert page.status in wanted, (path, page.status, page.text[:300])
            if is_page(page):
                check_page(path, page)
        await person.close()


@pytest.mark.parametrize("role", ["viewer", "admin"])
async def test_hostile_text(database: str, role: str) -> None:
    """Text from clients, code and models stays text on every page, for every role."""
    fill(database, 8, HOSTILE)
    async with serving(database) as served:
        person = await served.sign_in(role)
        seen = 0
        for path in [*paths(served), *RESULTS]:
            page = await person.get(path)
            assert page.status in {200, 403, 404}, (path, page.status, page.text[:200])
            if not is_page(page):
                continue
            check_page(path, page)
            assert page.all("xss") == [], path
            assert "onerror=alert(1)" not in "".join(
                f"{name}={value}"
                for _, a in page.tags
                for name, value in a.items()
                if name
                not in {"value", "href", "title", "placeholder", "aria-label", "data-href", "alt"}
            ), path
            assert "49" not in page.text.split("xss")[1][:40] if "xss" in page.text else True
            seen += "<xss" in page.text
            for href in page.links():
                assert href.startswith(("/gui", "#", "/health")), (path, href)
        assert seen > 10
        await person.close()


async def test_headers(console: Served, admin: Person) -> None:
    """Pages carry a strict policy and are kept by nobody; files for long, but only under the name
    of this release: beside another one, nobody keeps the wrong file under the right name."""
    page = await admin.get("/gui")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    (asked,) = [a["href"] for a in page.all("link") if a["rel"] == "stylesheet"]
    sheet = await admin.get(asked)
    script = await admin.get("/gui/static/console.js")
    assert "immutable" in sheet.headers["Cache-Control"]
    for other in ("console.css", "console.css?0123456789", "console.js"):
        file = await admin.get(f"/gui/static/{other}")
        assert file.headers["Cache-Control"] == "no-cache", other
    missing = await admin.get(asked.replace("console.css", "nothing.css"))
    assert (missing.status, missing.headers["Cache-Control"]) == (404, "no-store")
    assert "http" not in sheet.html and "@import" not in sheet.html
    assert len(sheet.html.encode()) <= SHEET_BYTES, len(sheet.html.encode())
    assert len(script.html.encode()) <= SCRIPT_BYTES


async def test_fragments(database: str, console: Served, admin: Person) -> None:
    """An open page gets the sections it asks for, with the same ids, and nothing else."""
    fill(database, 5)
    whole = await admin.get("/gui")
    part = await admin.get("/gui", **{"X-Fragment": "agents,frame"})
    ids = {a["id"] for _, a in part.tags if "id" in a}
    assert {"agents", "frame"} <= ids
    assert "failures" not in ids and part.all("h1") == []
    assert len(part.html) < len(whole.html) / 2
    live = {a["id"] for _, a in whole.tags if "data-live" in a}
    again = await admin.get("/gui", **{"X-Fragment": ",".join(live)})
    assert live <= {a["id"] for _, a in again.tags if "id" in a}


async def test_a_slow_block(database: str, console: Served, admin: Person, rows: Any) -> None:
    """A read that takes too long costs its own block, not the page."""
    rows("ALTER TABLE ai_code_suggestions RENAME TO ai_slow")
    rows(
        "CREATE VIEW ai_code_suggestions AS SELECT s.* FROM ai_slow s,"
        " LATERAL (SELECT pg_sleep(3) WHERE s.id IS NOT NULL) z"
    )
    rows(
        "INSERT INTO ai_slow (file_path, issue_type, severity, description, suggestion)"
        " VALUES ('a', 'bug', 'low', 'b', 'c')"
    )
    page = await admin.get("/gui/suggestions")
    assert page.status == 200
    assert "took too long" in page.text and "Narrow the window" in page.text


async def test_the_database_is_away(database: str, console: Served, admin: Person) -> None:
    """Without the database the console says so with 503, and shows nothing of its insides."""
    await console.database.close()
    page = await admin.get("/gui")
    assert page.status == 503
    assert "does not answer" in page.text


@pytest.mark.parametrize("role", ["viewer", "admin"])
async def test_odd_json_takes_its_own_place(console: Served, rows: Any, role: str) -> None:
    """Brackets within brackets, numbers of 5,000 digits: the pages show what can be shown."""
    deep, digits = "[" * 3000 + "]" * 3000, "7" * 5000
    for odd in (f'{{"a": {deep}}}', f'{{"a": {digits}, "client_id": 7}}', f'{{"a": {digits}.5}}'):
        rows("INSERT INTO ai_requests (task_type, input_data) VALUES ('nobody', %s)", odd)
    ids = [request_id for (request_id,) in rows("SELECT id FROM ai_requests ORDER BY id")]
    person = await console.sign_in(role)
    page = await person.get("/gui/requests")
    assert page.status == 200
    assert all(f"/gui/requests/{request_id}" in page.links() for request_id in ids)
    for request_id in ids:
        for path in ("", "/input.json"):
            one = await person.get(f"/gui/requests/{request_id}{path}")
            assert one.status == 200, (request_id, path, one.text[:200])
        assert (await person.get("/gui/requests.csv")).status == 200
    if role == "admin":
        again = await person.get(f"/gui/requests/{ids[1]}")
        assert f'"a": {digits}' in again.text  # as SQL: exactly what was asked
    await person.close()


async def test_what_is_nested_too_deeply_keeps_the_rest_of_a_trace(
    database: str, admin: Person, rows: Any
) -> None:
    """An error, a question or an answer that cannot be read takes its own place in the trace."""
    fill(database, 3)
    deep = f'{{"a": {"[" * 3000}{"]" * 3000}}}'
    rows("UPDATE ai_attempts SET error = %s::jsonb", deep)
    rows("UPDATE ai_llm_calls SET error = %s::jsonb", deep)
    rows("UPDATE ai_approvals SET question = %s::jsonb, answer = %s::jsonb", deep, deep)
    page = await admin.get("/gui/requests/1")
    assert page.status == 200
    assert "Attempt 1" in page.text and "Model call plain words" in page.text
    assert (await admin.get("/gui/approvals")).status == 200


@pytest.mark.parametrize("value", ["5", "true", '"x"', '{"file": 5}', "[null, 7, [1]]"])
async def test_a_suggestion_with_an_odd_path(
    database: str, admin: Person, rows: Any, value: str
) -> None:
    """Steps that are none are left out of its page, or shown as they are."""
    fill(database, 1)
    rows("UPDATE ai_code_suggestions SET taint_path = %s::jsonb, gate = %s::jsonb", value, value)
    ((suggestion_id,),) = rows("SELECT id FROM ai_code_suggestions")
    assert (await admin.get(f"/gui/suggestions/{suggestion_id}")).status == 200


async def test_sums_and_moments_that_are_none(database: str, admin: Person, rows: Any) -> None:
    """What a price of NaN spoilt before such prices were refused, and moments that no calendar
    has, leave every page standing."""
    fill(database, 3)
    rows(
        "SET session_replication_role = replica;"
        " UPDATE ai_call_hours SET cost_usd = 'NaN', unpriced_usd = 'NaN', uncertain_usd = 'NaN';"
        " INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('global', 'day', 5);"
        " INSERT INTO ai_budgets (scope, period, spent_usd, reserved_usd, uncertain_usd)"
        " SELECT 'global', to_char(now() AT TIME ZONE 'UTC', form), 'NaN', 'NaN', 'NaN'"
        " FROM unnest(ARRAY['YYYY-MM-DD', 'YYYY-MM']) form;"
        " UPDATE ai_requests SET cost_usd = 'NaN'; UPDATE ai_attempts SET cost_usd = 'NaN';"
        " UPDATE ai_llm_calls SET cost_usd = 'NaN', charged_usd = 'NaN';"
        " UPDATE ai_system_health SET checked_at = 'infinity', since = '-infinity';"
        " UPDATE ai_hours SET completed = 2147483647, failed = 2147483647,"
        "     cancelled = 2147483647, expired = 2147483647;"
        " UPDATE ai_attempts SET started_at = 'infinity';"
        " UPDATE ai_agent_versions SET version = -2147483648 WHERE (agent_id, version) IN"
        "     (SELECT agent_id, max(version) FROM ai_agent_versions GROUP BY agent_id);"
        " UPDATE ai_llm_calls SET started_at = '-infinity'"
    )
    for path in ("", "/metrics", "/metrics?by=model", "/metrics.csv", "/budgets", "/health",
                 "/agents", "/agents/1001", "/requests", "/requests/1"):  # fmt: skip
        page = await admin.get(f"/gui{path}")
        assert page.status == 200, (path, page.text[-300:])


@pytest.mark.parametrize(
    "path",
    [
        "/gui/requests?q=%C2%B2",
        "/gui/requests?q=task:a%00b",
        "/gui/requests?before=%C2%B2",
        "/gui/requests?before=" + "9" * 5000,
        "/gui/approvals/%C2%B2",
        "/gui/audit?before=%C2%B2",
        "/gui/requests/" + "9" * 5000,
    ],
)
async def test_an_odd_address_is_no_failure(admin: Person, path: str) -> None:
    """Digits that are no numbers, numbers without end, bytes that no text has: a page, or none."""
    page = await admin.get(path)
    assert page.status in {200, 400, 404}, page.text[:200]


async def test_what_is_not_there_is_said(admin: Person) -> None:
    """Only what goes with age is said to have gone with it."""
    page = await admin.get("/gui/requests/77")
    assert page.status == 404
    assert "There is no request 77 It may have been pruned by age." in page.text
    for path, said in (("/gui/agents/77", "agent 77"), ("/gui/nothing", "/gui/nothing")):
        page = await admin.get(path)
        assert page.status == 404
        assert f"There is no {said} Overview" in page.text


async def test_the_list_of_requests_tells_how_each_was_answered(admin: Person, rows: Any) -> None:
    """Whether a model had part in an answer is seen without opening it."""
    rows(
        "SET session_replication_role = replica; INSERT INTO ai_requests (id, task_type, status,"
        " mode, finished_at) VALUES (1, 'scheduling', 'completed', 'full', now()),"
        " (2, 'scheduling', 'completed', 'deterministic', now())"
    )
    page = await admin.get("/gui/requests")
    assert [a["class"] for tag, a in page.tags if a.get("class", "").startswith("tag ")] == [
        "tag deterministic",
        "tag full",
    ]


async def test_the_csv_of_requests_is_for_programs(
    console: Served, admin: Person, rows: Any
) -> None:
    """Costs are digits, moments are ISO 8601, and what has not ended has no end."""
    rows(
        "SET session_replication_role = replica; INSERT INTO ai_requests (id, task_type, status,"
        " cost_usd, created_at, finished_at) VALUES"
        " (1, 'a', 'pending', 0, '2026-01-02 03:04:05.678Z', NULL),"
        " (2, '=1+1', 'completed', 0.0000012, '2026-01-02 03:04:05Z', '2026-01-02 03:04:06Z')"
    )
    answer = await admin.get("/gui/requests.csv")
    lines = {line["id"]: line for line in csv.DictReader(io.StringIO(answer.html))}
    assert (lines["1"]["cost_usd"], lines["1"]["finished_at"]) == ("0", "")
    assert lines["1"]["created_at"] == "2026-01-02T03:04:05.678Z"
    assert (lines["2"]["cost_usd"], lines["2"]["task_type"]) == ("0.0000012", "'=1+1")
    assert lines["2"]["finished_at"] == "2026-01-02T03:04:06.000Z"


async def test_a_theme_is_chosen(admin: Person) -> None:
    """The button goes round: the system's colours, dark, light; it says which of them it is."""
    seen = []
    for _ in range(4):
        page = await admin.get("/gui/agents")
        switch = next(a for a in page.all("button") if "data-theme-switch" in a)
        (html,) = page.all("html")
        seen.append(html.get("data-theme", ""))
        assert f"Theme {seen[-1] or 'system'}" in page.text
        await admin.post("/gui/theme", theme=switch["value"], back="/gui/agents")
    assert seen == ["", "dark", "light", ""]
