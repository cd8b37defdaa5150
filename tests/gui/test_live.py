"""The stream of changes: quick to tell, quick to end, nothing while nobody looks."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from daemon.web.gui import reads, shared
from daemon.web.gui.live import EVERYTHING, MOST_QUEUED
from tests.gui.conftest import Served, serving
from tests.gui.page import Person
from tests.kit.signals import eventually


async def next_event(answer: aiohttp.ClientResponse) -> str:
    """The data of the next ``changed``."""
    name = ""
    while True:
        line = (await answer.content.readline()).decode().strip()
        if line.startswith("event:"):
            name = line.partition(":")[2].strip()
        elif line.startswith("data:") and name == "changed":
            return line.partition(":")[2].strip()


async def test_a_change_is_told(console: Served, admin: Person, rows: Any) -> None:
    """Whoever changes something, by whatever program, open pages hear its topic."""
    async with admin.session.get("/gui/events") as answer:
        assert answer.content_type == "text/event-stream"
        assert await next_event(answer) == EVERYTHING
        rows("UPDATE ai_control SET paused = true WHERE task_type = 'scheduling'")
        async with asyncio.timeout(15):
            assert "agents" in (await next_event(answer)).split()
            rows("INSERT INTO ai_requests (task_type) VALUES ('scheduling')")
            while "requests" not in (await next_event(answer)).split():
                pass


CHANGES = {
    "a request expires": (
        "requests",
        "UPDATE ai_requests SET status = 'expired', finished_at = clock_timestamp()",
    ),
    "an alert opens": (
        "health",
        (
            "INSERT INTO ai_alerts (check_id, severity, message)"
            " VALUES ('queue.depth', 'critical', 'much waits')"
        ),
    ),
    "somebody takes care": (
        "health",
        "UPDATE ai_alerts SET acknowledged_by = 'sam', acknowledged_at = now()",
    ),
    "it is over": ("health", "UPDATE ai_alerts SET state = 'resolved', resolved_at = now()"),
    "healing proposes": (
        "health",
        (
            "INSERT INTO ai_healing_actions (rule, mode, outcome, finished_at, proposed_at)"
            " VALUES ('reindex_invalid_own', 'propose', 'proposed', now(), now())"
        ),
    ),
    "and is declined": ("health", "UPDATE ai_healing_actions SET outcome = 'skipped'"),
    "a day has a limit": (
        "money",
        "INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('global', 'day', 5)",
    ),
    "money is counted": (
        "money",
        (
            "INSERT INTO ai_budgets (scope, period, spent_usd)"
            " VALUES ('global', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 1)"
        ),
    ),
    "an agent has a limit": (
        "money",
        "INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('agent:scheduling', 'day', 1)",
    ),
}
"""What somebody or something changes, one after the other, and the topic that must be told."""


async def test_every_change_that_a_page_shows_is_told(
    console: Served, admin: Person, rows: Any
) -> None:
    """Expiry, alerts and what people say of them, healing, limits and money: open pages hear."""
    rows("INSERT INTO ai_requests (task_type) VALUES ('scheduling')")
    async with admin.session.get("/gui/events") as answer:
        assert await next_event(answer) == EVERYTHING
        for what, (topic, statement) in CHANGES.items():
            rows(statement)
            try:
                async with asyncio.timeout(4):
                    assert (await next_event(answer)).split() == [topic], what
            except TimeoutError:
                raise AssertionError(f"nothing was told: {what}") from None


TAKEN_BACK = {
    "a pause": ("agents", "UPDATE ai_control SET paused = NOT paused"),
    "a limit": ("money", "UPDATE ai_budgets SET limit_usd = 6 - limit_usd WHERE scope = 'global'"),
    "a silence": (
        "health",
        (
            "UPDATE ai_alerts SET silenced_until = CASE WHEN silenced_until IS NULL"
            " THEN now() + interval '1 hour' END"
        ),
    ),
}
"""What can be changed and changed back between two looks."""


async def test_what_is_taken_back_at_once_is_told(
    console: Served, admin: Person, rows: Any
) -> None:
    """A page that was made in between shows what is no longer so: it must hear of it."""
    rows("INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('global', 'day', 5)")
    rows("INSERT INTO ai_alerts (check_id, severity, message) VALUES ('x', 'critical', 'y')")
    async with admin.session.get("/gui/events") as answer:
        assert await next_event(answer) == EVERYTHING
        for what, (topic, statement) in TAKEN_BACK.items():
            rows("BEGIN; " + statement + "; COMMIT; BEGIN; " + statement + "; COMMIT")
            try:
                async with asyncio.timeout(4):
                    assert (await next_event(answer)).split() == [topic], what
            except TimeoutError:
                raise AssertionError(f"nothing was told: {what}") from None


async def test_what_is_fetched_for_a_change_is_no_older(
    console: Served, admin: Person, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counters of the frame are kept for a while, but never past a change that was told."""
    monkeypatch.setattr(reads, "FRAME_SECONDS", 3600.0)

    async def shows(pending: int) -> bool:
        return f" {pending} pending " in (await admin.get("/gui")).text

    assert await shows(0)
    # Between the page and its stream, which has nothing to compare with.
    rows("INSERT INTO ai_requests (task_type) VALUES ('scheduling')")
    async with admin.session.get("/gui/events") as answer, asyncio.timeout(15):
        assert await next_event(answer) == EVERYTHING
        assert await shows(1)
        rows("INSERT INTO ai_requests (task_type) VALUES ('scheduling')")
        assert "requests" in (await next_event(answer)).split()
        assert await shows(2)


async def test_an_open_stream_does_not_delay_a_stop(database: str) -> None:
    """Twenty streams end at once with the service; each was alive before."""
    async with serving(database) as served:
        person = await served.sign_in("viewer")
        answers = [await person.session.get("/gui/events") for _ in range(20)]
        assert served.gui.live.streams == 20
        async with asyncio.timeout(served.gui.live.ping_seconds / 2):
            await served.site.stop()
        assert served.gui.live.streams == 0
        for answer in answers:
            answer.close()
        await person.close()


async def test_nobody_looks_nothing_is_read(console: Served, admin: Person) -> None:
    """After the last stream has gone no statement runs any more."""
    console.gui.live.ping_seconds = 0.2
    async with admin.session.get("/gui/events"):
        await eventually(lambda: console.gui.live.looked)
    await eventually(lambda: not console.gui.live.looking)


async def test_a_session_that_ends_takes_its_stream_along(
    console: Served, admin: Person, rows: Any
) -> None:
    """A revoked session hears nothing more than a ping's time."""
    other = await console.sign_in("viewer", "dana")
    console.gui.live.ping_seconds = 0.2
    async with other.session.get("/gui/events") as answer:
        (key_id,) = rows("SELECT id FROM ai_api_keys WHERE name = 'dana'")[0]
        await admin.post(f"/gui/access/keys/{key_id}/revoke")
        async with asyncio.timeout(15):
            await answer.content.read()
    await other.close()


async def test_a_session_that_ends_is_noticed_however_much_happens(
    console: Served, admin: Person, rows: Any
) -> None:
    """Where each look brings news a stream is never quiet, and ends all the same."""
    other = await console.sign_in("viewer", "dana")
    console.gui.live.ping_seconds = 3.0
    async with other.session.get("/gui/events") as answer:
        (key_id,) = rows("SELECT id FROM ai_api_keys WHERE name = 'dana'")[0]
        await admin.post(f"/gui/access/keys/{key_id}/revoke")
        ended = asyncio.ensure_future(answer.content.read())
        async with asyncio.timeout(20):
            while not ended.done():
                rows("INSERT INTO ai_requests (task_type) VALUES ('scheduling')")
                await asyncio.wait({ended}, timeout=0.2)
    await other.close()


async def test_too_many_streams(console: Served, admin: Person) -> None:
    """Beyond the limit a stream is refused for a while; pages work on."""
    console.gui.live.most_streams = 1
    async with admin.session.get("/gui/events"):
        async with admin.session.get("/gui/events") as second:
            assert second.status == 503
        assert (await admin.get("/gui")).status == 200


async def test_a_slow_reader_misses_nothing(console: Served) -> None:
    """To whoever is told of more than can be kept for him, everything has changed."""
    live = console.gui.live
    queue: asyncio.Queue[str] = asyncio.Queue(MOST_QUEUED)
    live._queues.add(queue)
    for number in range(MOST_QUEUED + 2):
        live._compare({"agents": 0, "requests": number})
    live._compare({"agents": 1, "requests": number})
    told = {queue.get_nowait() for _ in range(queue.qsize())}
    live._queues.discard(queue)
    assert "agents" in told or "*" in told


async def test_people_at_one_page_cost_what_one_does(
    console: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A section is read and made once for all of a role; its forms carry each one's own token; and
    after a change it is made anew."""
    monkeypatch.setattr(shared, "KEPT_SECONDS", 600.0)
    asked: list[str] = []
    rows_of = reads.Reads.rows

    async def counted(self: reads.Reads, name: str, **values: Any) -> Any:
        asked.append(name)
        return await rows_of(self, name, **values)

    monkeypatch.setattr(reads.Reads, "rows", counted)
    people = [await console.sign_in(name=f"admin {n}") for n in range(4)]
    people.append(await console.sign_in("viewer"))
    tokens = [await person.token() for person in people]

    async def look() -> list[str]:
        asked.clear()
        wanted = {"X-Fragment": "agents"}
        pages = await asyncio.gather(*(one.get("/gui/agents", **wanted) for one in people))
        return [page.html for page in pages]

    first = await look()
    assert asked.count("console_agents") == 2
    for html, own in zip(first[:-1], tokens, strict=False):
        assert [token for token in tokens if token in html] == [own]
        assert ">Pause<" in html
    assert ">Pause<" not in first[-1] and not any(token in first[-1] for token in tokens)
    assert (await look(), asked) == (first, [])

    first_agent = first[0].split('data-href="')[1].split('"')[0]
    await people[0].post(f"{first_agent}/pause")
    again = await look()
    assert asked.count("console_agents") == 2
    assert ">Resume<" in again[1] and again != first
    for person in people:
        await person.close()


async def test_a_page_of_one_thing_is_made_for_each(
    console: Served, admin: Person, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads its row before its sections are made: kept, they could be of before a change."""
    monkeypatch.setattr(shared, "KEPT_SECONDS", 600.0)
    ((request_id,),) = rows(
        "INSERT INTO ai_requests (task_type, run_after) VALUES"
        " ('scheduling', now() + interval '1 hour') RETURNING id"
    )

    async def look() -> str:
        return (await admin.get(f"/gui/requests/{request_id}", **{"X-Fragment": "state"})).html

    assert ">pending<" in await look()
    rows("UPDATE ai_requests SET status = 'cancelled', finished_at = now()")
    assert ">cancelled<" in await look()


async def test_who_hangs_up_takes_nothing_from_the_others() -> None:
    """The first to ask may leave while a section is made; a failure is nobody's for long."""
    sections, go, made = shared.Sections(), asyncio.Event(), 0

    async def make() -> str:
        nonlocal made
        made += 1
        await go.wait()
        if made == 1:
            return "html"
        raise LookupError("gone")

    key = ("/gui", "admin", "agents")
    first = asyncio.create_task(sections.html(key, make))
    second = asyncio.create_task(sections.html(key, make))
    await asyncio.sleep(0)
    first.cancel()
    go.set()
    assert (await second, made) == ("html", 1)
    sections.forget()
    for _ in range(2):
        with pytest.raises(LookupError):
            await sections.html(key, make)
    assert made == 3


async def test_a_quiet_stream_says_that_it_lives(console: Served, admin: Person) -> None:
    """Where nothing changes a page hears that the connection is there: it cannot see comments, and
    a connection that died on its way is as quiet."""
    console.gui.live.ping_seconds = 0.2
    async with admin.session.get("/gui/events") as answer, asyncio.timeout(15):
        while (await answer.content.readline()).strip() != b"event: still":
            pass
        assert (await answer.content.readline()).startswith(b"data: ")
