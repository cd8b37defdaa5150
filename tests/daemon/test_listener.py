"""The listener: hears, notices when it does not, comes back, and holds the doorbell rightly."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import psycopg
import pytest

from daemon.listener import cancelled_id
from tests.kit.parts import parts
from tests.kit.proxy import Proxy
from tests.kit.signals import eventually
from tests.kit.worker import count, insert

Connection = psycopg.AsyncConnection[Any]

SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'ai-daemon/%%/listener'"
)
DOORBELLS = (
    "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.mode = 'ExclusiveLock'"
    " AND a.application_name LIKE 'ai-daemon/%%/listener' AND a.datname = current_database()"
)


async def test_start_means_that_it_hears(database: str, aconnection: Connection) -> None:
    """After start a notification arrives without anybody asking for it."""
    async with parts(database) as p:
        listener = p.listener()
        await listener.start(p.group)
        assert listener.hearing
        listener.wake.clear()
        await aconnection.execute("NOTIFY ai_requests")
        await asyncio.wait_for(listener.wake.wait(), 5)
        await listener.stop()


async def test_terminated_backend_is_replaced(database: str, aconnection: Connection) -> None:
    """After pg_terminate_backend it listens again by itself and has the queue looked at."""
    async with parts(database) as p:
        listener = p.listener()
        await listener.start(p.group)
        listener.wake.clear()
        again = listener.signals.expect("hearing")
        await aconnection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'ai-daemon/%%/listener'"
            " AND datname = current_database()",
            (),
        )
        await again
        assert listener.wake.is_set()
        assert p.meters.listener_reconnects._value.get() == 1
        assert await count(aconnection, SESSIONS) == 1
        await listener.stop()


async def test_dead_socket_is_not_watched(database: str, aconnection: Connection) -> None:
    """Once a connection is dead its socket's number is free: whoever gets it next is heard."""
    closed_but_watched: list[list[int]] = []

    async with parts(database) as p:

        async def connect() -> Connection:
            selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
            closed_but_watched.append([n for n in selector.get_map() if not is_open(n)])
            return await p.database.direct("listener")

        listener = p.listener(connect=connect)
        await listener.start(p.group)
        again = listener.signals.expect("hearing")
        await aconnection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'ai-daemon/%%/listener'"
            " AND datname = current_database()",
            (),
        )
        await again
        assert closed_but_watched == [[], []]
        await listener.stop()


async def test_reconnects_slow_down_where_nothing_is_heard(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that end before they heard anything are replaced ever more slowly."""
    pauses: list[int] = []

    def jitter(attempt: int, **_: float) -> float:
        pauses.append(attempt)
        return 0.0

    monkeypatch.setattr("daemon.listener.backoff.full_jitter", jitter)
    with Proxy.before(database) as proxy:
        async with parts(database) as p:

            async def notify(*_: str) -> None:
                proxy.cut()

            listener = p.listener(proxy.through(database), notify=notify)
            starting = asyncio.create_task(listener.start(p.group))
            await eventually(lambda: len(pauses) >= 5)
            await listener.stop()
            await starting
    assert pauses[:5] == [1, 2, 3, 4, 5]


def is_open(number: int) -> bool:
    """Whether some file or socket has this number."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


async def test_cut_connection_is_replaced(database: str) -> None:
    """A connection reset by the network is replaced as soon as the network is back."""
    with Proxy.before(database) as proxy:
        async with parts(database) as p:
            listener = p.listener(proxy.through(database))
            await listener.start(p.group)
            proxy.refuse()
            await eventually(lambda: not listener.hearing)
            again = listener.signals.expect("hearing", 20)
            proxy.forward()
            await again
            await listener.stop()


async def test_silent_connection_is_noticed_and_replaced(database: str) -> None:
    """A half-open connection, which never errs, is found by the self-test and replaced."""
    with Proxy.before(database) as proxy:
        async with parts(database) as p:
            listener = p.listener(
                proxy.through(database), self_test_seconds=0.2, answer_seconds=0.5
            )
            await listener.start(p.group)
            proxy.swallow()
            await eventually(lambda: not listener.hearing)
            proxy.forward()
            await listener.signals.expect("hearing", 20)
            await listener.stop()


async def test_deaf_listener_says_so_once_and_never_locks(
    database: str, aconnection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where notifications never arrive, that is told once and the doorbell is left alone."""

    async def into_the_void(_channel: str, _payload: str) -> None:
        """As a transaction pooler does: accepted, and gone."""

    async with parts(database) as p:
        listener = p.listener(notify=into_the_void, self_test_seconds=0.05, answer_seconds=0.05)
        await listener.start(p.group)
        assert not listener.hearing
        for _ in range(3):
            await listener.signals.expect("deaf")
        assert not await listener.lie_down()
        assert await count(aconnection, DOORBELLS) == 0
        assert p.meters.listener_connected._value.get() == 0
        await listener.stop()
    assert capsys.readouterr().out.count("listener_deaf") == 1


async def test_lock_is_held_only_while_lying(database: str, aconnection: Connection) -> None:
    """lie_down takes one doorbell slot and get_up gives it back; both may be repeated."""
    async with parts(database) as p:
        listener = p.listener()
        await listener.start(p.group)
        assert await listener.lie_down()
        assert not await listener.lie_down()
        assert await count(aconnection, DOORBELLS) == 1
        await listener.get_up()
        await listener.get_up()
        assert await count(aconnection, DOORBELLS) == 0
        await listener.lie_down()
        await listener.stop()
        await eventually(lambda: _is_zero(aconnection))


async def _is_zero(connection: Connection) -> bool:
    return await count(connection, DOORBELLS) == 0


async def test_inserts_ring_only_for_a_sleeper(database: str, aconnection: Connection) -> None:
    """An insert notifies while somebody lies, and costs nothing while nobody does."""
    async with parts(database) as p:
        listener = p.listener(self_test_seconds=0.1)
        await listener.start(p.group)
        await listener.lie_down()
        listener.wake.clear()
        await insert(aconnection, "test_echo")
        await asyncio.wait_for(listener.wake.wait(), 5)
        await listener.get_up()
        listener.rings = 0
        await insert(aconnection, "test_echo")
        # The next self-test comes back after everything that was notified before it.
        await listener.signals.expect("hearing")
        assert listener.rings == 0
        await listener.stop()


async def test_lying_down_waits_for_producers_in_flight(
    database: str, aconnection: Connection
) -> None:
    """A transaction that has passed the doorbell is committed before lie_down returns."""
    async with parts(database) as p:
        listener = p.listener()
        await listener.start(p.group)
        async with aconnection.transaction():
            await insert(aconnection, "test_echo")
            await aconnection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            lying = asyncio.create_task(listener.lie_down())
            await asyncio.sleep(0)
            done, _ = await asyncio.wait({lying}, timeout=0.3)
            assert not done
        assert await lying
        await listener.stop()


async def test_cancel_hints_name_the_request(database: str, aconnection: Connection) -> None:
    """A cancel in the database reaches on_cancel with the request's id; forged hints do not."""
    heard: list[int] = []
    async with parts(database) as p:
        listener = p.listener(on_cancel=heard.append)
        await listener.start(p.group)
        for forged in ('{"cancel": "7"}', '{"cancel": true}', "{", "[7]", '{"x":1}', "7" * 7999):
            await aconnection.execute("SELECT pg_notify('ai_requests', %s)", (forged,))
        [request_id] = await insert(aconnection, "test_echo")
        await aconnection.execute(
            "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", (request_id,)
        )
        await eventually(lambda: heard)
        assert heard == [request_id]
        await listener.stop()


async def test_nine_sleepers_share_eight_slots(database: str, aconnection: Connection) -> None:
    """The ninth daemon sleeps without a slot, and all nine hear the ring of the others' locks."""
    async with parts(database) as p:
        listeners = [p.listener() for _ in range(9)]
        for listener in listeners:
            await listener.start(p.group)
            await listener.lie_down()
            listener.wake.clear()
        assert await count(aconnection, DOORBELLS) == 8
        await insert(aconnection, "test_echo")
        for listener in listeners:
            await asyncio.wait_for(listener.wake.wait(), 5)
        for listener in listeners:
            await listener.stop()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [('{"cancel": 7}', 7), ('{"cancel":7}', 7), ("", None), ('{"cancel": 1.5}', None)],
)
def test_only_the_exact_form_is_a_cancel(payload: str, expected: int | None) -> None:
    """A payload is a hint: anything but an integer id is ignored."""
    assert cancelled_id(payload) == expected
