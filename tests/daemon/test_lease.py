"""Leases stay alive whatever the event loop does, and are given up in time when they cannot."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from daemon.model import Authority
from tests.kit.parts import Parts, parts
from tests.kit.proxy import Proxy
from tests.kit.signals import eventually
from tests.kit.worker import becomes, count, insert, request, running

Connection = psycopg.AsyncConnection[Any]
LEASE_SECONDS = 3.0


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


async def claimed(p: Parts, connection: Connection) -> Authority:
    """A request that this worker has claimed."""
    await p.store.agent_insert_missing(name="Echo", type="test_echo", description="", config={})
    await insert(connection, "test_echo")
    [claim] = (await p.store.claim(p.worker_id, ["test_echo"], 1, LEASE_SECONDS)).requests
    return claim.authority


async def expiry(connection: Connection, authority: Authority) -> float:
    """When the lease ends, in seconds of the database's clock."""
    cursor = await connection.execute(
        "SELECT extract(epoch FROM expires_at)::float8 FROM ai_leases WHERE request_id = %s",
        (authority.request_id,),
    )
    row = await cursor.fetchone()
    return float(row[0]) if row else 0.0


async def test_lease_is_renewed(database: str, aconnection: Connection) -> None:
    """A watched lease is prolonged again and again."""
    async with parts(database) as p:
        leases = p.leases()
        await leases.start(p.group)
        authority = await claimed(p, aconnection)
        before = await expiry(aconnection, authority)
        leases.watch(authority)
        await leases.signals.expect("renewed")
        assert await expiry(aconnection, authority) > before
        await leases.stop()


async def test_blocked_loop_keeps_its_leases(database: str, aconnection: Connection) -> None:
    """An agent that blocks the event loop for longer than a lease loses none: another daemon that
    looks for dead workers meanwhile finds nobody."""
    async with running(database, lease_seconds=LEASE_SECONDS, drain_seconds=30):
        seen: list[int] = []

        def another_daemon() -> None:
            with psycopg.connect(database, autocommit=True) as other:
                end = time.monotonic() + 4.5
                while time.monotonic() < end:
                    rows = other.execute(
                        "SELECT count(*) FROM ai_reap_v2(interval '3 seconds', 5, 100)"
                    ).fetchone()
                    seen.append(rows[0] if rows else 0)
                    time.sleep(0.05)

        reaper = threading.Thread(target=another_daemon)
        [request_id] = await insert(aconnection, "test_block", seconds=5)
        reaper.start()
        row = await becomes(aconnection, request_id, "completed", 20)
        await asyncio.to_thread(reaper.join)
        assert sum(seen) == 0
        assert (row["attempt"], row["lost_count"]) == (1, 0)


async def test_lease_taken_over_is_lost(database: str, aconnection: Connection) -> None:
    """What the heartbeat does not get back is lost, and said so to the attempt."""
    async with parts(database) as p:
        leases = p.leases()
        await leases.start(p.group)
        authority = await claimed(p, aconnection)
        state = leases.watch(authority)
        await aconnection.execute("DELETE FROM ai_leases")
        await aconnection.execute(
            "UPDATE ai_requests SET status = 'pending', fence = fence + 1 WHERE id = %s",
            (authority.request_id,),
        )
        await eventually(lambda: state.lost)
        assert p.meters.leases_lost._value.get() == 1
        assert leases.count == 0
        await leases.stop()


async def test_lost_lease_stops_the_attempt_and_writes_nothing(
    database: str, aconnection: Connection
) -> None:
    """An attempt whose request was given to somebody else ends, and leaves no outcome."""
    async with running(database, lease_seconds=LEASE_SECONDS) as daemon:
        [request_id] = await insert(aconnection, "test_sleep", seconds=60)
        await becomes(aconnection, request_id, "running")
        lost = daemon.leases.signals.expect("lost")
        await aconnection.execute("UPDATE ai_requests SET fence = fence + 1, attempt = 2")
        await aconnection.execute(
            "UPDATE ai_leases SET fence = fence + 1, worker_id = 'other',"
            " expires_at = now() + interval '1 hour'"
        )
        await lost
        await eventually(lambda: daemon.vitals.running() == 0)
        row = await request(aconnection, request_id)
        assert (row["status"], row["fence"]) == ("running", 2)
        assert await count(aconnection, "SELECT count(outcome) FROM ai_attempts") == 0


async def test_unreachable_database_fences_before_the_lease_ends(
    database: str, aconnection: Connection
) -> None:
    """Without an answer the attempt is given up while its lease is still its own."""
    clock = Clock()
    async with parts(database) as p:
        leases = p.leases(lease_seconds=30.0, monotonic=clock)
        authority = await claimed(p, aconnection)
        state = leases.watch(authority)
        clock.ahead = 24.0
        leases.tick()
        assert not state.lost
        clock.ahead = 26.0
        leases.tick()
        assert state.lost


async def test_lost_leases_are_known_until_nobody_can_find_them(database: str) -> None:
    """What was lost lately is not taken for a claim that nobody read; what was lost long ago is no
    more in the database, and the process does not gather it for its whole life."""
    clock = Clock()
    async with parts(database) as p:
        leases = p.leases(lease_seconds=30.0, monotonic=clock)
        for number in range(1, 5):
            leases.watch(Authority(number, 1, p.worker_id))
            clock.ahead += 40.0
            leases.tick()
            assert leases.known == {(earlier, 1) for earlier in range(1, number + 1)}
        clock.ahead += 86_400.0
        leases.watch(Authority(9, 1, p.worker_id))
        clock.ahead += 40.0
        leases.tick()
        assert leases.known == {(9, 1)}


async def test_black_hole_does_not_hold_the_heartbeat(
    database: str, aconnection: Connection
) -> None:
    """A connection that swallows everything is cut off, and renewals go on over a fresh one."""
    with Proxy.before(database) as proxy:
        async with parts(database) as p:
            leases = p.leases(proxy.through(database), lease_seconds=6.0)
            await leases.start(p.group)
            authority = await claimed(p, aconnection)
            state = leases.watch(authority)
            await leases.signals.expect("renewed")
            proxy.swallow()
            await eventually(lambda: leases._sent_monotonic is not None)
            accepted = proxy.accepted
            await eventually(lambda: proxy.accepted > accepted)
            proxy.forward()
            await leases.signals.expect("renewed")
            assert not state.lost
            await leases.stop()


async def test_cancel_is_learned_by_the_heartbeat(database: str, aconnection: Connection) -> None:
    """A cancel that nobody heard as a notification is learned with the next renewal."""
    async with parts(database) as p:
        leases = p.leases()
        await leases.start(p.group)
        authority = await claimed(p, aconnection)
        state = leases.watch(authority)
        await aconnection.execute("UPDATE ai_requests SET cancel_requested_at = now()")
        await eventually(lambda: state.cancelled)
        assert not state.lost
        await leases.stop()


async def test_attempt_past_its_deadline_is_not_renewed(
    database: str, aconnection: Connection
) -> None:
    """A stuck attempt cannot keep its slot for ever: past deadline and grace its lease lapses."""
    async with parts(database) as p:
        leases = p.leases()
        await leases.start(p.group)
        authority = await claimed(p, aconnection)
        state = leases.watch(authority)
        state.deadline_monotonic = time.monotonic() - 60
        await eventually(lambda: state.lost)
        await leases.stop()


async def test_dead_loop_is_noticed_by_the_thread(database: str, aconnection: Connection) -> None:
    """When the event loop does not tick any more, the heartbeat says so instead of going on."""
    wedged = threading.Event()
    async with parts(database) as p:
        leases = p.leases(wedged_seconds=1.0, wedged=wedged.set)
        await leases.start(p.group)
        assert wedged.wait(10)  # blocks the loop
        await leases.stop()


async def test_end_on_its_way_is_no_loss(database: str, aconnection: Connection) -> None:
    """A lease that goes because the attempt was completed is not counted as lost."""
    async with parts(database) as p:
        leases = p.leases()
        await leases.start(p.group)
        authority = await claimed(p, aconnection)
        state = leases.watch(authority)
        state.finishing = True
        await aconnection.execute("DELETE FROM ai_leases")
        await aconnection.execute(
            "UPDATE ai_requests SET status = 'completed', finished_at = now()"
        )
        await leases.signals.expect("renewed")
        assert not state.lost
        await leases.stop()


async def test_no_room_for_a_thread_ends_no_heartbeat(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the host has no room for another thread, a renewal that failed is tried again all the
    same, well before the next is due."""
    async with parts(database) as p:
        leases = p.leases(lease_seconds=30.0)
        authority = await claimed(p, aconnection)
        await leases.start(p.group)
        connect = leases._connect
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", raising(RuntimeError("no new thread")))
            full.setattr(leases, "_connect", raising(OSError("no route")))
            leases.watch(authority)
            leases.hurry(authority.request_id)
            await eventually(lambda: leases._failing)
            renewed = leases.signals.expect("renewed")
            leases._connect = connect
            try:
                await asyncio.wait_for(renewed, 5)
            finally:
                full.undo()
                await leases.stop()


async def test_dead_heartbeat_ends_the_daemon(database: str, aconnection: Connection) -> None:
    """A daemon whose heartbeat died of whatever does not go on while its leases lapse."""
    with pytest.raises(ExceptionGroup) as ended:
        async with parts(database) as p:
            leases = p.leases()
            leases._connect = raising(MemoryError("no room"))
            await leases.start(p.group)
            leases.watch(await claimed(p, aconnection))
            await asyncio.wait(leases._tasks, timeout=10)
            await leases.stop()
    assert ended.group_contains(MemoryError)


def raising(error: BaseException) -> Callable[..., Any]:
    """Something that cannot be called."""

    def call(*args: object, **more: object) -> None:
        raise error

    return call
