"""Schedules: which instants are slots, and one request for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agents.crm import Crm, open_engine
from daemon.demo.gym import load
from daemon.schedule import Schedules
from daemon.trigger import Trigger, named_weekdays
from tests.kit.parts import parts
from tests.kit.worker import count

Connection = psycopg.AsyncConnection[Any]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_time_that_a_change_skips_has_no_slot() -> None:
    """02:30 in Berlin does not exist on the last Sunday of March: no slot that day."""
    trigger = Trigger("30 2 * * *", "Europe/Berlin")
    assert trigger.next(at("2026-03-28T02:00")) == at("2026-03-30T00:30")


def test_time_that_comes_twice_has_one_slot() -> None:
    """02:30 in Berlin comes twice on the last Sunday of October: the first counts."""
    trigger = Trigger("30 2 * * *", "Europe/Berlin")
    first = trigger.next(at("2026-10-24T12:00"))
    assert first == at("2026-10-25T00:30")
    assert trigger.next(first) == at("2026-10-26T01:30")


def test_noon_stays_noon_over_the_change() -> None:
    """A cron line speaks of the clock on the wall, on both sides of a change."""
    trigger = Trigger("0 12 * * *", "Europe/Berlin")
    assert trigger.next(at("2026-03-28T00:00")) == at("2026-03-28T11:00")
    assert trigger.next(at("2026-03-29T00:00")) == at("2026-03-29T10:00")


@pytest.mark.parametrize(
    ("cron", "first"),
    [
        ("0 9 * * 0", "2026-03-01T09:00"),
        ("0 9 * * 7", "2026-03-01T09:00"),
        ("0 9 * * 1", "2026-03-02T09:00"),
        ("0 9 * * 1-5", "2026-03-02T09:00"),
        ("0 9 * * sat", "2026-03-07T09:00"),
        ("0 9 * * 6,2", "2026-03-03T09:00"),
    ],
)
def test_weekdays_are_counted_as_cron_does(cron: str, first: str) -> None:
    """0 and 7 are Sunday, 1 is Monday, names work as well. The first of March 2026 is a Sunday."""
    assert Trigger(cron, "UTC").next(at("2026-03-01T00:00")) == at(first)


@pytest.mark.parametrize(
    ("weekdays", "named"),
    [
        ("*/2", "sun,tue,thu,sat"),
        ("1-5/2", "mon,wed,fri"),
        ("2/2", "tue,thu,sat"),
        ("mon,3", "mon,wed"),
        ("6,*/3", "sat,sun,wed"),
        ("sat-sun", "sat,sun"),
        ("Sun-Tue", "sun,mon,tue"),
        ("mon-5", "mon,tue,wed,thu,fri"),
        ("1-wed", "mon,tue,wed"),
        ("mon-fri/2", "mon,wed,fri"),
        ("monday", "monday"),
        ("*", "*"),
    ],
)
def test_steps_of_weekdays_are_counted_as_cron_does(weekdays: str, named: str) -> None:
    """Numbers and steps beside names begin with Sunday too; what is no weekday stays as it is."""
    assert named_weekdays(f"0 9 * * {weekdays}") == f"0 9 * * {named}"


def test_ranges_of_months_that_begin_with_a_name_end_where_they_say() -> None:
    """Neither a number behind a name nor a step is passed over."""
    half = Trigger("0 9 1 jan-6/2 *", "UTC")
    slots = [at("2026-01-01T00:00")]
    for _ in range(4):
        slots.append(half.next(slots[-1]) or slots[-1])
    assert [slot.month for slot in slots[1:]] == [1, 3, 5, 1]


def test_every_does_not_depend_on_a_start() -> None:
    """Intervals are counted from 1970, so all daemons see the same slots."""
    trigger = Trigger("every 90 minutes", "Europe/Berlin")
    assert trigger.next(at("2026-03-01T00:10")) == at("2026-03-01T01:30")
    assert trigger.newest(at("2026-03-01T00:10"), at("2026-03-01T05:00")) == at("2026-03-01T04:30")


@settings(deadline=None)
@given(
    minutes=st.integers(0, 525_600),
    width=st.integers(0, 5_000),
    cron=st.sampled_from(["*/15 * * * *", "30 2 * * *", "0 0 1 * *", "5 3 * * 1", "0 */6 * * *"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_newest_is_the_last_of_all(minutes: int, width: int, cron: str, zone: str) -> None:
    """newest() gives what stepping through every slot gives."""
    trigger = Trigger(cron, zone)
    start = at("2026-01-01T00:00") + timedelta(minutes=minutes)
    end = start + timedelta(minutes=width)
    last, slot = None, trigger.next(start)
    while slot is not None and slot <= end:
        assert last is None or slot > last
        last, slot = slot, trigger.next(slot)
    assert trigger.newest(start, end) == last


@pytest.mark.parametrize(
    ("text", "zone", "says"),
    [
        ("every 0 seconds", "UTC", "never comes round"),
        ("0 9 * * 8", "UTC", "'8' names no weekday"),
        ("0 9 * * 1-99999999999", "UTC", "'1-99999999999' names no weekday"),
        ("0 9 * * 5-1", "UTC", "'5-1' names no weekday"),
        ("0 9 * * */0", "UTC", "'\\*/0' names no weekday"),
        ("61 * * * *", "UTC", "61"),
        ("noon", "UTC", "five cron fields"),
        ("every 3000000 days", "UTC", "five cron fields"),
        ("every 99999999999 days", "UTC", "five cron fields"),
        ("0 9 * * *", "Mars/Base", "IANA"),
        ("0 9 * * *", "../etc/passwd", "IANA"),
        ("0 9 * * *", "localtime", "IANA"),
    ],
)
def test_nonsense_is_explained(text: str, zone: str, says: str) -> None:
    """A trigger that cannot be used says what would be right."""
    with pytest.raises(ValueError, match=says):
        Trigger(text, zone)


@pytest.mark.parametrize(
    ("cron", "zone"),
    [("0 0 30 2 *", "UTC"), ("0 0 31 2,4,6 *", "UTC"), ("30 2 25-31 3 sun", "Europe/Berlin")],
)
def test_slot_that_never_comes(cron: str, zone: str) -> None:
    """A date that no year has, or a time that always falls into the skipped hour, is refused in
    words."""
    with pytest.raises(ValueError, match=f"never comes round in {zone}"):
        Trigger(cron, zone)


def test_day_of_the_month_and_weekday_mean_both() -> None:
    """Other than in cron, and as the documents say: Friday the 13th, no other 13th or Friday."""
    trigger = Trigger("0 9 13 * fri", "UTC")
    first = trigger.next(at("2026-01-01T00:00"))
    assert first == at("2026-02-13T09:00")
    assert trigger.next(first) == at("2026-03-13T09:00")


def test_slot_that_seldom_comes() -> None:
    """29 February on a Monday is up to forty years away, and no error."""
    trigger = Trigger("0 0 29 2 mon", "UTC")
    assert trigger.next(at("2072-03-01T00:00")) == at("2112-02-29T00:00")


@pytest.mark.parametrize("text", ["every 90 minutes", "every 1000 days", "0 12 * * *"])
def test_nothing_comes_behind_the_calendars_end(text: str) -> None:
    """A last_slot that never comes, by SQL, leads to no next slot, and to no error."""
    last = Trigger(text, "Europe/Berlin").next(at("9999-12-30T23:59"))
    assert last is None or last.year == 9999


REQUESTS = "SELECT count(*) FROM ai_requests"
BEHIND = "SELECT count(*) FROM ai_schedules WHERE last_slot <= now()"


async def add(connection: Connection, name: str, trigger: str, **columns: Any) -> None:
    """A schedule that was last edited long ago and has run up to two days ago."""
    await connection.execute(
        "INSERT INTO ai_agents (name, type) VALUES ('Echo', 'test_echo') ON CONFLICT DO NOTHING"
    )
    await connection.execute(
        "INSERT INTO ai_schedules (name, task_type, trigger, misfire, misfire_grace_seconds,"
        " last_slot, updated_at) VALUES (%s, 'test_echo', %s, %s, %s,"
        " now() - interval '2 days', now() - interval '30 days')",
        (name, trigger, columns.get("misfire", "latest"), columns.get("grace", 3600)),
    )


async def test_one_request_per_slot_however_many_daemons(
    database: str, aconnection: Connection
) -> None:
    """Three daemons that look at the same time insert one request, for the newest missed slot."""
    async with parts(database) as p:
        await add(aconnection, "often", "every 6 hours")
        looks = await asyncio.gather(*(Schedules(p.store).look() for _ in range(3)))
        assert sorted(looks) == [0, 0, 1]
        assert await count(aconnection, "SELECT count(*) FROM ai_requests") == 1
        assert await Schedules(p.store).look() == 0


async def test_schedule_of_a_deleted_agent_says_so(database: str, aconnection: Connection) -> None:
    """While nobody answers what a schedule asks it makes no requests, which would fail, and tells;
    once somebody does, the newest missed slot is run."""
    async with parts(database) as p:
        await add(aconnection, "often", "every 6 hours")
        schedules = Schedules(p.store)
        told = "SELECT count(*) FROM ai_schedules WHERE problem LIKE %s"
        await aconnection.execute("UPDATE ai_agents SET archived_at = now()")
        assert await schedules.look() == 0
        assert await count(aconnection, told, "no agent answers 'test_echo'") == 1
        await aconnection.execute("UPDATE ai_agents SET archived_at = NULL")
        assert await schedules.look() == 1
        assert await count(aconnection, told, "%") == 0


async def test_late_slot_is_skipped_where_asked(database: str, aconnection: Connection) -> None:
    """misfire = skip: a slot later than the grace is passed over, not made up for."""
    async with parts(database) as p:
        before = datetime.now(UTC) - timedelta(hours=3)
        await add(aconnection, "strict", f"0 {before.hour} * * *", misfire="skip", grace=0)
        assert await Schedules(p.store).look() == 0
        moved = "SELECT count(*) FROM ai_schedules WHERE last_slot > now() - interval '25 hours'"
        assert await count(aconnection, moved) == 1


async def test_slot_that_somebody_looks_at_is_not_late(
    database: str, aconnection: Connection
) -> None:
    """Without any grace a slot is run when it comes: a look takes its time, and is no lateness."""
    async with parts(database) as p:
        await add(aconnection, "strict", "every 1 second", misfire="skip", grace=0)
        assert await Schedules(p.store).look() == 1


async def test_last_slot_before_all_time_is_left_behind(
    database: str, aconnection: Connection
) -> None:
    """A last_slot of '-infinity', by SQL, keeps a schedule from nothing."""
    async with parts(database) as p:
        await add(aconnection, "anew", "every 6 hours")
        await aconnection.execute("UPDATE ai_schedules SET last_slot = '-infinity'")
        assert await Schedules(p.store).look() == 1
        assert await Schedules(p.store).look() == 0


async def test_a_clock_that_was_ahead_silences_no_schedule(
    database: str, aconnection: Connection
) -> None:
    """Slots go on where the database's clock goes on, although one was run by a clock that was a
    year ahead, as on a standby that took over for a while; and none is run a second time."""
    async with parts(database) as p:
        await add(aconnection, "often", "every 1 second")
        for made in (0, 1):
            await aconnection.execute("UPDATE ai_schedules SET last_slot = now() + '1 year'")
            assert await count(aconnection, REQUESTS) == made
            inserted = await Schedules(p.store).look()
            assert await count(aconnection, REQUESTS) == made + inserted
            assert await count(aconnection, BEHIND) == 1


async def test_edit_by_sql_starts_nothing_old(database: str, aconnection: Connection) -> None:
    """Changing a trigger counts from now on: what lies before the edit is not missed."""
    async with parts(database) as p:
        await add(aconnection, "edited", "0 0 1 1 *")
        await aconnection.execute("UPDATE ai_schedules SET trigger = '* * * * *'")
        await aconnection.execute("UPDATE ai_schedules SET enabled = false")
        await aconnection.execute("UPDATE ai_schedules SET enabled = true")
        inserted = await Schedules(p.store).look()
        # A minute may have begun since the edit.
        assert inserted <= 1
        if inserted:
            fresh = "SELECT count(*) FROM ai_schedules WHERE last_slot >= updated_at"
            assert await count(aconnection, fresh) == 1


@pytest.mark.parametrize("trigger", ["whenever", "0 9 * * 10"])
async def test_bad_row_is_explained_and_others_go_on(
    database: str, aconnection: Connection, trigger: str
) -> None:
    """A schedule that cannot be read says why in its row; mending it clears that."""
    async with parts(database) as p:
        await add(aconnection, "bad", trigger)
        await add(aconnection, "good", "every 6 hours")
        assert await Schedules(p.store).look() == 1
        told = "SELECT count(*) FROM ai_schedules WHERE problem LIKE '%%five cron fields%%'"
        assert await count(aconnection, told) == 1
        await aconnection.execute("UPDATE ai_schedules SET trigger = '0 0 1 1 *'")
        await Schedules(p.store).look()
        assert await count(aconnection, told) == 0


async def test_disabled_schedule_rests(database: str, aconnection: Connection) -> None:
    """enabled = false stops it."""
    async with parts(database) as p:
        await add(aconnection, "off", "every 6 hours")
        await aconnection.execute("UPDATE ai_schedules SET enabled = false")
        assert await Schedules(p.store).look() == 0


async def nightly(connection: Connection) -> None:
    """A schedule that asks for every active client and has a slot to run."""
    await add(connection, "nightly", "every 6 hours")
    await connection.execute(
        "UPDATE ai_schedules SET for_each = 'active_clients',"
        ' input_data = \'{"narrative": "off"}\''
    )


async def test_one_request_per_active_client(database: str, aconnection: Connection) -> None:
    """Two daemons make one request for each active client of the main app, and none besides."""
    truth = load(database, clients=12, variant="B")
    async with parts(database) as p:
        await nightly(aconnection)
        crm = Crm(open_engine(database))
        daemons = [Schedules(p.store), Schedules(p.store)]
        for daemon in daemons:
            daemon.people = crm.active_clients
        looks = await asyncio.gather(*(daemon.look() for daemon in daemons))
        crm.close()
        cursor = await aconnection.execute(
            "SELECT c.id FROM clients c WHERE c.deleted_at IS NULL"
            " AND coalesce(lower(c.status), 'active') = 'active' ORDER BY 1"
        )
        active = [row[0] for row in await cursor.fetchall()]
        assert 0 < len(active) < len(truth.clients)
        assert sorted(looks) == [0, len(active)]
        cursor = await aconnection.execute(
            "SELECT (input_data ->> 'client_id')::int, input_data ->> 'narrative', priority,"
            " fair_key, requested_by FROM ai_requests ORDER BY 1"
        )
        fair = "schedule:nightly"
        assert await cursor.fetchall() == [(id_, "off", -10, fair, fair) for id_ in active]


async def test_no_client_is_too_many(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More clients than one statement takes: each is asked about once, whoever looks, and also
    where a daemon ends in the midst of them."""
    monkeypatch.setattr("daemon.schedule.CLIENTS_AT_ONCE", 5)
    asked = "SELECT count(DISTINCT input_data -> 'client_id') FROM ai_requests"
    async with parts(database) as p:
        await nightly(aconnection)
        load(database, clients=3)
        await aconnection.execute(
            "INSERT INTO clients (name, email) SELECT 'c', 'm' || g FROM generate_series(4, 30) g;"
            "UPDATE clients SET status = 'active'"
        )
        crm = Crm(open_engine(database))
        daemons = [Schedules(p.store) for _ in range(3)]

        def ends(after: int, limit: int) -> tuple[int, ...] | None:
            if after >= 10:
                raise RuntimeError("the daemon ends")
            return crm.active_clients(after, limit)

        daemons[0].people = ends
        with pytest.raises(RuntimeError):
            await daemons[0].look()
        assert await count(aconnection, asked) == 10
        for daemon in daemons:
            daemon.people = crm.active_clients
        looks = await asyncio.gather(*(daemon.look() for daemon in daemons))
        assert sum(looks) == 20
        assert await count(aconnection, asked) == 30
        assert await count(aconnection, "SELECT count(*) FROM ai_requests") == 30
        assert await daemons[0].look() == 0
        crm.close()


async def test_a_slot_that_has_begun_is_brought_to_its_end(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """misfire = skip: a daemon that comes back after the grace goes on with the slot in the midst
    of which it ended, and leaves out one that never began."""
    monkeypatch.setattr("daemon.schedule.CLIENTS_AT_ONCE", 2)
    load(database, clients=5)
    async with parts(database) as p:
        await aconnection.execute("UPDATE clients SET status = 'active'")
        crm = Crm(open_engine(database))
        schedules = Schedules(p.store)
        schedules.people = lambda after, limit: (
            crm.active_clients(after, limit) if not after else None
        )
        before = datetime.now(UTC) - timedelta(hours=3)
        for name in ("begun", "missed"):
            await add(aconnection, name, f"0 {before.hour} * * *", misfire="latest", grace=0)
        await aconnection.execute("UPDATE ai_schedules SET for_each = 'active_clients'")
        await aconnection.execute("UPDATE ai_schedules SET enabled = name = 'begun'")
        await schedules.look()
        asked = "SELECT count(*) FROM ai_requests"
        assert await count(aconnection, asked) == 2
        schedules.people = crm.active_clients
        await aconnection.execute("UPDATE ai_schedules SET misfire = 'skip', enabled = true")
        assert await schedules.look() == 3
        assert await schedules.look() == 0
        assert await count(aconnection, asked) == 5
        crm.close()


async def test_slot_waits_for_the_main_app(database: str, aconnection: Connection) -> None:
    """A slot for every client waits until the tables can be read, and says what it misses."""
    told = "SELECT count(*) FROM ai_schedules WHERE problem LIKE '%%table of clients%%'"
    async with parts(database) as p:
        await nightly(aconnection)
        schedules = Schedules(p.store)
        assert await schedules.look() == 0
        crm = Crm(open_engine(database))
        schedules.people = crm.active_clients
        assert await schedules.look() == 0
        assert await count(aconnection, told) == 1
        load(database, clients=3, variant="C")
        crm.refresh()
        assert await schedules.look() == 3
        assert await count(aconnection, told) == 0
        crm.close()


async def test_a_locked_table_of_clients_holds_up_its_slot_alone(
    database: str, aconnection: Connection
) -> None:
    """While the clients cannot be read their slot waits, and says why; other schedules run."""
    load(database, clients=3)
    async with parts(database) as p:
        await nightly(aconnection)
        await add(aconnection, "other", "every 6 hours")
        crm = Crm(open_engine(database), statement_timeout_seconds=0.1)
        schedules = Schedules(p.store)
        schedules.people = crm.active_clients
        async with aconnection.transaction():
            await aconnection.execute("LOCK TABLE clients IN ACCESS EXCLUSIVE MODE")
            with capture_logs() as said:
                assert await schedules.look() == 1
        delayed = next(line["error"] for line in said if line["event"] == "schedule_delayed")
        assert delayed.startswith("reading clients of the main app took more than")
        assert await schedules.look() > 0
        crm.close()


async def test_without_clients_nobody_asks_for_them(
    database: str, aconnection: Connection
) -> None:
    """A schedule that no longer asks for each client does not go on missing them."""
    async with parts(database) as p:
        await nightly(aconnection)
        crm = Crm(open_engine(database))
        schedules = Schedules(p.store)
        schedules.people = crm.active_clients
        assert await schedules.look() == 0
        told = "SELECT count(*) FROM ai_schedules WHERE problem IS NOT NULL"
        assert await count(aconnection, told) == 1
        await aconnection.execute("UPDATE ai_schedules SET for_each = NULL")
        assert await schedules.look() == 1
        assert await count(aconnection, told) == 0
        crm.close()


async def test_refused_requests_are_one_schedules_trouble(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schedule whose requests cannot be inserted says why, keeps its slot, and costs the others
    nothing; mended, it runs the slot that it missed."""
    monkeypatch.setattr("daemon.schedule.REFUSED_SECONDS", 0.0)
    async with parts(database) as p:
        await nightly(aconnection)
        await aconnection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'not at night'; END $$"
        )
        await aconnection.execute(
            "CREATE TRIGGER refused BEFORE INSERT ON ai_requests FOR EACH ROW"
            " WHEN (NEW.requested_by = 'schedule:nightly') EXECUTE FUNCTION refuse()"
        )
        await add(aconnection, "other", "every 6 hours")
        schedules = Schedules(p.store)
        schedules.people = lambda *_: (1, 2)
        told = (
            "SELECT count(*) FROM ai_schedules"
            " WHERE problem LIKE '%%requests for client 1, 2: RaiseException, SQLSTATE P0001,"
            " by refuse'"
        )
        assert [await schedules.look() for _ in range(2)] == [1, 0]
        assert await count(aconnection, told) == 1
        await aconnection.execute("DROP TRIGGER refused ON ai_requests")
        assert await schedules.look() == 2
        assert await count(aconnection, told) == 0


async def test_a_client_whose_request_is_refused_costs_the_others_nothing(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All others are asked about at once, also where many are refused; the slot waits for those,
    is tried again each minute, not at each look, and at once where the schedule is edited."""
    monkeypatch.setattr("daemon.schedule.CLIENTS_AT_ONCE", 8)
    clients = range(1, 31)
    async with parts(database) as p:
        await nightly(aconnection)
        await aconnection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'not about them'; END $$;"
            "CREATE TRIGGER refused BEFORE INSERT ON ai_requests FOR EACH ROW"
            " WHEN (NEW.input_data ->> 'client_id' IN ('3', '17')) EXECUTE FUNCTION refuse()"
        )
        asked: list[int] = []

        def people(after: int, limit: int) -> Sequence[int]:
            asked.append(after)
            return [client for client in clients if client > after][:limit]

        schedules = Schedules(p.store)
        schedules.people = people
        assert [await schedules.look() for _ in range(3)] == [28, 0, 0]
        assert asked == [0, 8, 16, 24]
        told = "SELECT count(*) FROM ai_schedules WHERE problem LIKE '%%for client 3, 17: Raise%%'"
        assert await count(aconnection, told) == 1
        await aconnection.execute(
            "DROP TRIGGER refused ON ai_requests;"
            " UPDATE ai_schedules SET misfire_grace_seconds = 9"
        )
        assert await schedules.look() == 2
        assert await count(aconnection, "SELECT count(*) FROM ai_schedules WHERE problem IS NULL")


@pytest.mark.parametrize("over", ["moved", "passed", "edited"])
async def test_a_refusal_ends_with_its_slot(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    """What was refused is no problem any more once its slot is behind: run for nobody, passed over
    or forgotten with an edit."""
    monkeypatch.setattr("daemon.schedule.LOOK_SECONDS", 0.0)  # no slot is just now
    async with parts(database) as p:
        await nightly(aconnection)
        await aconnection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'not at night'; END $$;"
            "CREATE TRIGGER refused BEFORE INSERT ON ai_requests"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        schedules = Schedules(p.store)
        schedules.people = lambda *_: (1, 2)
        told = "SELECT count(*) FROM ai_schedules WHERE problem IS NOT NULL"
        assert await schedules.look() == 0
        assert await count(aconnection, told) == 1
        if over == "moved":
            monkeypatch.setattr("daemon.schedule.REFUSED_SECONDS", 0.0)
            schedules.people = lambda *_: ()
        else:
            skip, edit = "misfire = 'skip', misfire_grace_seconds = 0", "trigger = 'every 9 hours'"
            change = skip if over == "passed" else edit
            await aconnection.execute(f"UPDATE ai_schedules SET {change}".encode())
        assert await schedules.look() == 0
        assert await count(aconnection, told) == 0
