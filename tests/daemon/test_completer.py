"""Ends of attempts: batched, written once, never lost."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from daemon.completer import Completer
from daemon.database import Database
from daemon.model import Authority, Complete
from daemon.store import Store
from tests.kit.parts import TEXTS, Parts, parts
from tests.kit.proxy import Proxy
from tests.kit.signals import eventually
from tests.kit.worker import count, insert

Connection = psycopg.AsyncConnection[Any]
ANSWER = Complete({"said": "hi"}, "deterministic")
RESULTS = "SELECT count(*) FROM ai_results"
WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def claim(p: Parts, connection: Connection, how_many: int) -> list[Authority]:
    """Requests that this worker has claimed."""
    await p.store.agent_insert_missing(name="Echo", type="test_echo", description="", config={})
    await connection.execute("UPDATE ai_control SET concurrency = 1000")
    await insert(connection, "test_echo", how_many)
    claim = await p.store.claim(p.worker_id, ["test_echo"], how_many, 30)
    assert len(claim.requests) == how_many
    return [one.authority for one in claim.requests]


async def test_lone_end_is_written_at_once(database: str, aconnection: Connection) -> None:
    """One end alone does not wait for company."""
    async with parts(database) as p:
        completer = Completer(p.store, p.worker_id, gather_seconds=3600.0)
        await completer.start(p.group)
        [authority] = await claim(p, aconnection, 1)
        async with asyncio.timeout(10):
            assert await completer.submit(authority, ANSWER) == "accepted"
        await completer.stop()


async def test_nobody_is_waited_for_who_is_not_there(
    database: str, aconnection: Connection
) -> None:
    """Once every attempt there is has ended, their ends are written together, at once."""
    async with parts(database) as p:
        completer = Completer(p.store, p.worker_id, gather_seconds=3600.0)
        await completer.start(p.group)
        first, *others = await claim(p, aconnection, 4)
        await completer.submit(first, ANSWER)
        completer.could_join = lambda: 0
        async with asyncio.timeout(10):
            await asyncio.gather(*(completer.submit(one, ANSWER) for one in others))
        assert completer.signals.counts["flushed"] == 2
        await completer.stop()


async def test_many_ends_share_a_commit(database: str, aconnection: Connection) -> None:
    """Ends that come together are written together, at most two hundred at a time."""
    async with parts(database) as p:
        completer = Completer(p.store, p.worker_id)
        await completer.start(p.group)
        authorities = await claim(p, aconnection, 250)
        verdicts = await asyncio.gather(*(completer.submit(a, ANSWER) for a in authorities))
        assert verdicts == ["accepted"] * 250
        assert completer.signals.counts["flushed"] == 2
        assert completer.waiting == 0
        await completer.stop()


async def test_unknown_commit_is_sent_again(database: str, aconnection: Connection) -> None:
    """Wherever the reply is cut off, the batch is sent again and nothing is written twice."""
    with Proxy.before(database) as proxy:
        async with parts(database) as p:
            way = Database(proxy.through(database), database, p.worker_id)
            await way.open()
            completer = Completer(Store(way.pool, TEXTS), p.worker_id)
            await completer.start(p.group)
            # A batch is answered in about 350 bytes: BEGIN, the statement, COMMIT.
            cuts = range(0, 440, 20)
            authorities = await claim(p, aconnection, 2 * len(cuts))
            verdicts: list[str] = []
            for number, byte in enumerate(cuts):
                await way.pool.wait()
                proxy.cut_after(byte, "to_client")
                pair = authorities[2 * number : 2 * number + 2]
                verdicts += await asyncio.gather(*(completer.submit(a, ANSWER) for a in pair))
            proxy.forward()
            assert set(verdicts) == {"accepted", "repeated"}
            assert completer.signals.counts["delayed"] >= 1
            assert await count(aconnection, RESULTS) == len(authorities)
            await completer.stop()
            await way.close()


async def test_ends_survive_the_absence_of_the_database(
    database: str, aconnection: Connection
) -> None:
    """While the database is away ends wait; when it is back they are written."""
    with Proxy.before(database) as proxy:
        async with parts(database) as p:
            way = Database(proxy.through(database), database, p.worker_id)
            await way.open()
            completer = Completer(Store(way.pool, TEXTS), p.worker_id)
            await completer.start(p.group)
            [authority] = await claim(p, aconnection, 1)
            proxy.refuse()
            delayed = completer.signals.expect("delayed", 20)
            end = asyncio.create_task(completer.submit(authority, ANSWER))
            await delayed
            assert not end.done()
            assert completer.waiting == 1
            proxy.forward()
            assert await end == "accepted"
            await completer.stop()
            await way.close()


async def test_locked_row_holds_up_nobody_else(database: str, aconnection: Connection) -> None:
    """A request that somebody else has locked waits alone; the others of its batch are written."""
    async with parts(database) as p:
        completer = Completer(p.store, p.worker_id)
        await completer.start(p.group)
        authorities = await claim(p, aconnection, 4)
        async with await psycopg.AsyncConnection.connect(database) as locker:
            await locker.execute(
                "SELECT FROM ai_requests WHERE id = %s FOR UPDATE", (authorities[0].request_id,)
            )
            # The first goes alone and waits for the lock, so the others are one batch with it.
            ends = [
                asyncio.create_task(completer.submit(authority, ANSWER))
                for authority in authorities
            ]
            async with asyncio.timeout(20):
                assert await asyncio.gather(*ends[1:]) == ["accepted"] * 3
            assert not ends[0].done()
            await locker.rollback()
        assert await ends[0] == "accepted"
        await completer.stop()


async def test_locked_row_alone_holds_up_nobody_who_comes_later(
    database: str, aconnection: Connection
) -> None:
    """While a lone end waits for its request's lock, those that come later are written."""
    async with parts(database) as p:
        completer = Completer(p.store, p.worker_id)
        await completer.start(p.group)
        locked, *later = await claim(p, aconnection, 3)
        async with await psycopg.AsyncConnection.connect(database) as locker:
            await locker.execute(
                "SELECT FROM ai_requests WHERE id = %s FOR UPDATE", (locked.request_id,)
            )
            end = asyncio.create_task(completer.submit(locked, ANSWER))
            await eventually(lambda: count(aconnection, WAITING), what="the first one waits")
            async with asyncio.timeout(20):
                verdicts = await asyncio.gather(*(completer.submit(a, ANSWER) for a in later))
            assert verdicts == ["accepted"] * 2
            assert not end.done()
            await locker.rollback()
        assert await end == "accepted"
        await completer.stop()


async def test_stranger_is_told(database: str, aconnection: Connection) -> None:
    """An end under an authority that never was writes nothing."""
    async with parts(database) as p:
        completer = Completer(p.store, p.worker_id)
        await completer.start(p.group)
        [authority] = await claim(p, aconnection, 1)
        stranger = Authority(authority.request_id, authority.fence + 1, p.worker_id)
        assert await completer.submit(stranger, ANSWER) == "foreign"
        assert await count(aconnection, RESULTS) == 0
        await completer.stop()


async def test_ends_wait_through_a_restart_of_the_service(
    database: str, aconnection: Connection
) -> None:
    """What was handed in while stopped is written after the next start."""
    async with parts(database) as p:
        completer = Completer(p.store, p.worker_id)
        [authority] = await claim(p, aconnection, 1)
        end = asyncio.create_task(completer.submit(authority, ANSWER))
        await completer.start(p.group)
        assert await end == "accepted"
        await completer.stop()
