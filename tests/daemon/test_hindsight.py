"""Forecasts and proposed times meet their outcome, in the main app's tables, once."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import event

from agents.crm import Crm
from daemon.hindsight import Hindsight
from tests.kit.parts import Parts, parts
from tests.kit.progress import MainApp, main_app
from tests.kit.signals import eventually
from tests.kit.worker import count, running

Connection = psycopg.AsyncConnection[Any]
ZONE = "Europe/Berlin"
TODAY = datetime.now(UTC).date()
NOW = datetime.now(UTC)


def day(ago: int) -> date:
    return TODAY - timedelta(days=ago)


def weigh(app: MainApp, curve: Callable[[int], float], first: int, last: int = 1) -> None:
    """A reading every third day from `first` to `last` days ago."""
    for ago in range(first, last - 1, -3):
        moment = datetime.combine(day(ago), time(8, 30))
        app.weigh(0, curve(ago), measurement_date=moment)


def forecast(app: MainApp, as_of: int, p10: int, p50: int, p90: int, target: float = 80) -> int:
    """A forecast made `as_of` days ago; p10, p50, p90 in days ago too."""
    return app.insert(
        "ai_progress_reports",
        request_id=app.dice.randrange(10**9),
        client_id=app.client_id,
        status="on_track",
        ord=1,
        metric="weight",
        unit="kg",
        as_of=day(as_of),
        target=target,
        direction="decrease",
        p10_date=day(p10),
        p50_date=day(p50),
        p90_date=day(p90),
        p_reach_365=0.9,
    )


def wall(hours: float) -> datetime:
    """The gym's clock, that many hours from now."""
    moment = (NOW + timedelta(hours=hours)).astimezone(ZoneInfo(ZONE))
    return moment.replace(tzinfo=None, minute=0, second=0, microsecond=0)


def proposal(app: MainApp, hours: float, rank: int = 1) -> int:
    """A time proposed four days ago."""
    start = wall(hours)
    return app.insert(
        "ai_schedule_suggestions",
        request_id=7,
        client_id=app.client_id,
        trainer_id=1,
        status="ok",
        kind="slot",
        rank=rank,
        slot_start_utc=NOW + timedelta(hours=hours),
        slot_local=start,
        tz=ZONE,
        duration_minutes=60,
        p_attend=0.8,
        p_lo=0.6,
        p_hi=0.9,
        basis_sessions=20,
        created_at=NOW - timedelta(days=4),
    )


def book(app: MainApp, hours: float, status: str = "scheduled", **columns: Any) -> int:
    values = {
        "client_id": app.client_id,
        "trainer_id": 1,
        "session_date": wall(hours) + timedelta(minutes=10),
        "status": status,
        "created_at": (NOW - timedelta(days=3)).replace(tzinfo=None),
    }
    return app.insert("sessions", **(values | columns))


def hindsight(p: Parts, crm: Crm) -> Hindsight:
    return Hindsight(p.store, crm, ZONE)


def judged(app: MainApp) -> list[tuple[Any, ...]]:
    return app.connection.execute(
        "SELECT actual_date, abs_err_days, covered80 FROM ai_progress_reports ORDER BY id"
    ).fetchall()


def taken(app: MainApp) -> list[tuple[Any, ...]]:
    return app.connection.execute(
        "SELECT accepted_session_id, outcome FROM ai_schedule_suggestions ORDER BY rank"
    ).fetchall()


async def test_goal_reached_later(database: str) -> None:
    """A forecast whose goal was reached since gets the day, its error and whether it was covered;
    one whose goal is out of sight stays open."""
    with main_app(database) as app:
        weigh(app, lambda ago: 78 + ago / 20, 100)
        forecast(app, 60, p10=50, p50=45, p90=30)
        forecast(app, 60, p10=30, p50=20, p90=10)
        forecast(app, 60, p10=30, p50=20, p90=10, target=70)
        # Reached already when it was made: no forecast, so nothing to learn.
        reached = forecast(app, 20, p10=20, p50=20, p90=20)
        app.connection.execute(
            "UPDATE ai_progress_reports SET status = 'reached' WHERE id = %s", (reached,)
        )
        async with parts(database) as p:
            assert await hindsight(p, app.crm).look() == (2, 0)
        first, second, *others = judged(app)
        assert abs((first[0] - day(40)).days) <= 3
        assert first[1:] == ((first[0] - day(45)).days, True)
        assert second == (first[0], (day(20) - first[0]).days, False)
        assert others == [(None, None, None)] * 2
        view = app.connection.execute(
            "SELECT sum(forecasts), sum(still_open), sum(judged), sum(reached),"
            " sum(covered80_share * judged), sum(mae_days * judged) FROM ai_progress_calibration"
        ).fetchone()
        assert view == (3, 1, 2, 2, 1, first[1] + second[1])


async def test_pounds_are_no_goal_reached(database: str) -> None:
    """A slip in the readings is cleaned away before it is compared with a target."""
    with main_app(database) as app:
        weigh(app, lambda ago: 90 + ago / 50, 100)
        slip = datetime.combine(day(10), time(9))
        app.weigh(0, 9.1, measurement_date=slip)
        app.weigh(0, 200.0, measurement_date=slip + timedelta(days=2))
        forecast(app, 60, p10=50, p50=45, p90=30)
        async with parts(database) as p:
            assert await hindsight(p, app.crm).look() == (0, 0)


async def test_never_reached(database: str) -> None:
    """A year later, a client who is still measured and not there makes it 365 days; after two
    years without any reading it is given up."""
    with main_app(database) as app:
        weigh(app, lambda _: 90, 500)
        forecast(app, 400, p10=300, p50=200, p90=100)
        app.insert("clients", name="Client 002", email="client-002@gym.example")
        app.client_id = 2
        forecast(app, 400, p10=300, p50=200, p90=100)
        forecast(app, 800, p10=700, p50=600, p90=500)
        async with parts(database) as p:
            assert await hindsight(p, app.crm).look() == (2, 0)
        assert judged(app) == [(None, 165, False), (None, None, None), (None, None, None)]
        closed = app.connection.execute(
            "SELECT matured_at IS NOT NULL FROM ai_progress_reports ORDER BY id"
        ).fetchall()
        assert closed == [(True,), (False,), (True,)]


async def test_booked_and_kept(database: str, aconnection: Connection) -> None:
    """A proposal that is booked shows its session at once and its end when it is noted; the
    others of the request were not taken."""
    with main_app(database) as app:
        proposal(app, 48, rank=1)
        proposal(app, -30, rank=2)
        session = book(app, 48)
        book(app, -30, created_at=(NOW - timedelta(days=9)).replace(tzinfo=None))
        async with parts(database) as p:
            look = hindsight(p, app.crm).look
            assert await look() == (0, 2)
            assert taken(app) == [(session, None), (None, "not_taken")]
            assert await look() == (0, 0)
            await aconnection.execute(
                "UPDATE sessions SET status = 'Completed', session_date = session_date"
                " - interval '3 days' WHERE id = %s",
                (session,),
            )
            await aconnection.execute(
                "UPDATE ai_schedule_suggestions SET look_on = look_on - 1,"
                " slot_local = slot_local - interval '3 days'"
            )
            assert await look() == (0, 1)
            assert taken(app) == [(session, "completed"), (None, "not_taken")]
        view = app.connection.execute(
            "SELECT requests, acceptance_rate, proposals, taken, completed, not_taken, still_open,"
            " p_attend_mean, attended_share FROM ai_schedule_acceptance"
        ).fetchone()
        assert view is not None
        assert [float(value) for value in view] == [1, 1, 2, 1, 1, 1, 0, 0.8, 1]


@pytest.mark.parametrize(
    ("status", "outcome"), [("canceled", "cancelled"), ("No-Show", "no_show"), ("scheduled", None)]
)
async def test_booked_and_not_kept(database: str, status: str, outcome: str | None) -> None:
    """A cancelled or missed session says so; one that nobody closed stays open for a week."""
    with main_app(database) as app:
        proposal(app, -30)
        session = book(app, -30, status)
        async with parts(database) as p:
            assert await hindsight(p, app.crm).look() == (0, 1)
        assert taken(app) == [(session, outcome)]


async def test_two_daemons_judge_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several daemons each looks at rows of its own, and everything is judged once."""
    monkeypatch.setattr("daemon.hindsight.BATCH", 3)
    with main_app(database) as app:
        weigh(app, lambda ago: 78 + ago / 20, 100)
        for _ in range(20):
            forecast(app, 60, p10=50, p50=45, p90=30)
        for rank in range(20):
            proposal(app, -30 - 2 * rank, rank)
        async with parts(database) as p, parts(database) as q:
            looks = await asyncio.gather(
                *(hindsight(part, app.crm).look() for part in (p, q, p, q))
            )
            assert [sum(found) for found in zip(*looks, strict=True)] == [20, 20]
            assert await hindsight(p, app.crm).look() == (0, 0)
            assert await p.store.forecast_settle([{"id": 1, "abs_err_days": 0}]) == 0
            assert await p.store.suggestion_settle([{"id": 1, "outcome": "completed"}]) == 0


async def test_no_row_is_looked_at_twice(database: str) -> None:
    """Rows that one daemon looks at are nobody else's that day."""
    with main_app(database) as app:
        for rank in range(40):
            forecast(app, 60, p10=50, p50=45, p90=30)
            proposal(app, -30, rank)
        async with parts(database) as p, parts(database) as q:
            for looks in (
                [part.store.forecast_look(8) for part in (p, q) * 3],
                [part.store.suggestion_look(8) for part in (p, q) * 3],
            ):
                found = [row["id"] for rows in await asyncio.gather(*looks) for row in rows]
                assert len(found) == len(set(found)) >= 8


async def test_the_daemon_does_it(database: str) -> None:
    """A daemon beside a main app looks back among its duties, once it has read its agents."""
    with main_app(database) as app:
        proposal(app, -30)
        async with running(database, gym_time_zone=ZONE) as daemon:
            await daemon.upkeep.learn()
            # Its own duty may be looking at this moment; then ours has nothing to do.
            await eventually(lambda: taken(app) == [(None, "not_taken")])


async def test_without_a_main_app(database: str, aconnection: Connection) -> None:
    """Where there is no main app, nothing is taken and nothing is put off."""
    async with parts(database) as p:
        with main_app(database) as app:
            proposal(app, -30)
            forecast(app, 60, p10=50, p50=45, p90=30)
            assert await hindsight(p, Crm(None)).look() == (0, 0)
            for table in ("ai_schedule_suggestions", "ai_progress_reports"):
                due = (
                    f"SELECT count(*) FROM {table}"
                    " WHERE look_on <= (now() AT TIME ZONE 'UTC')::date"
                )
                assert await count(aconnection, due) == 1


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE measurements, sessions CASCADE",
        """ALTER TABLE sessions DROP COLUMN client_id CASCADE;
            ALTER TABLE measurements DROP COLUMN client_id CASCADE""",
        """ALTER TABLE sessions ALTER session_date TYPE text;
            ALTER TABLE measurements ALTER weight TYPE text""",
    ],
)
async def test_broken_tables(database: str, aconnection: Connection, damage: str) -> None:
    """Tables that cannot be read are no reason to say that a time was not taken, nor to fail."""
    with main_app(database) as app:
        weigh(app, lambda ago: 78 + ago / 20, 100)
        forecast(app, 60, p10=50, p50=45, p90=30)
        proposal(app, -30)
        book(app, -30, "completed")
        await aconnection.execute(damage.encode())
        app.crm.refresh()
        async with parts(database) as p:
            assert await hindsight(p, app.crm).look() == (0, 0)
        assert judged(app) == [(None, None, None)]
        assert taken(app) == [(None, None)]


async def test_a_client_that_cannot_be_judged(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One client's rows that break everything leave the others' judgement alone."""
    with main_app(database) as app:
        weigh(app, lambda ago: 78 + ago / 20, 100)
        forecast(app, 60, p10=50, p50=45, p90=30)
        # A zone that no computer knows.
        proposal(app, -30)
        await aconnection.execute("UPDATE ai_schedule_suggestions SET tz = 'Gym/Upstairs'")
        app.client_id = 2
        proposal(app, -30, rank=2)
        async with parts(database) as p:
            assert await hindsight(p, app.crm).look() == (1, 1)
        assert taken(app) == [(None, None), (None, "not_taken")]


async def test_many_clients_that_cannot_be_judged(database: str, aconnection: Connection) -> None:
    """However many clients have odd rows, those between and behind them are judged."""
    odd = (1, 2, 3, 4, 6, 7, 8, 9)
    with main_app(database) as app:
        for app.client_id in (*odd, 5, 10):
            proposal(app, -30, rank=app.client_id)
        await aconnection.execute(
            "UPDATE ai_schedule_suggestions SET tz = 'Gym/Upstairs' WHERE client_id = ANY (%s)",
            [list(odd)],
        )
        async with parts(database) as p:
            assert await hindsight(p, app.crm).look() == (0, 2)


@pytest.mark.parametrize("ahead", [5_000, 7])
async def test_many_clients_cost_few_scans(
    database: str, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """Sixty clients are read with two scans of a table; what is too much together, one by one, and
    what comes of it is the same."""
    monkeypatch.setattr("agents.crm.reader.MOST_AHEAD", ahead)
    scans: Counter[str] = Counter()
    with main_app(database) as app:
        for app.client_id in range(1, 61):
            if app.client_id > 1:
                app.insert("clients", name="c", email=f"c{app.client_id}")
            if app.client_id % 3:
                weigh(app, lambda ago: 78 + ago / 20, 100, 1 + app.client_id % 3)
                book(app, -30, "completed")
            forecast(app, 60, p10=50, p50=45, p90=30)
            proposal(app, -30, rank=app.client_id)
        assert app.crm._engine is not None

        def count_scan(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            scans.update(re.findall(r"\nFROM (\w+)", statement))

        event.listen(app.crm._engine, "before_cursor_execute", count_scan)
        async with parts(database) as p:
            assert await hindsight(p, app.crm).look() == (40, 60)
        assert Counter(row[0] is None for row in judged(app)) == {False: 40, True: 20}
        assert Counter(row[1] for row in taken(app)) == {"completed": 40, "not_taken": 20}
    if ahead == 5_000:
        assert scans == {"sessions": 2, "measurements": 2, "progress_records": 2, "goals": 2}
