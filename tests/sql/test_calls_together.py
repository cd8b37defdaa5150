"""Model calls that come together: one statement for all, and still each for itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from daemon import statements
from daemon.llm.classify import Bucket
from daemon.llm.journal import Entry, Feedback, Journal, Limit
from daemon.llm.wire import digest
from tests.kit.ledger import CENT, Ledger, answered, entry
from tests.kit.signals import eventually

Pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]]


@asynccontextmanager
async def pool_on(database: str) -> AsyncIterator[Pool]:
    """Connections that wait for no lock longer than a moment."""
    options = "-c lock_timeout=500ms -c deadlock_timeout=100ms"
    kwargs = {"autocommit": True, "options": options}
    async with AsyncConnectionPool(
        database, min_size=2, max_size=12, open=False, kwargs=kwargs
    ) as pool:
        yield pool


@pytest.fixture
async def ledger(database: str) -> AsyncIterator[Ledger]:
    async with pool_on(database) as pool:
        yield Ledger(pool)


async def calls_of(ledger: Ledger, count: int, **changes: Any) -> list[Entry]:
    return [entry(await ledger.request(), **changes) for _ in range(count)]


async def test_calls_that_come_together_are_begun_and_settled_together(ledger: Ledger) -> None:
    """The first goes alone, all others with the next statement: one transaction wrote them."""
    calls = await calls_of(ledger, 20)
    begun = await asyncio.gather(*map(ledger.journal.begin, calls))
    assert {b.verdict for b in begun} == {"go"}
    assert await transactions(ledger) == [20]
    assert await ledger.money() == (0, 20 * CENT, 0)

    ends = (ledger.journal.end(call, answered(), Feedback()) for call in calls)
    assert set(await asyncio.gather(*ends)) == {"done"}
    assert await transactions(ledger) == [20]
    assert await ledger.money() == (20 * CENT, 0, 0)
    assert await ledger.differences() == []


async def test_first_call_of_an_attempt_waits_for_the_disk(ledger: Ledger) -> None:
    """With it the claim is there, so that no crash lets somebody else make this call too; those
    after it do not wait, unless another attempt's first call comes with them."""
    await ledger.run("CREATE TABLE commits (how text)")
    await ledger.run(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO commits VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$"
    )
    await ledger.run(
        "CREATE TRIGGER note AFTER INSERT ON ai_llm_calls FOR EACH ROW EXECUTE FUNCTION note()"
    )

    async def committed(*calls: Entry) -> set[str]:
        await asyncio.gather(*map(ledger.journal.begin, calls))
        return {row[0] for row in await ledger.all("DELETE FROM commits RETURNING how")}

    first, other = await ledger.request(), await ledger.request()
    call = entry(first, "1")
    assert await committed(call) == {"on"}
    # Begun is not enough: that commit may have been broken off while it waited for a standby.
    assert await committed(entry(first, "2")) == {"on"}
    await ledger.journal.end(call, answered(), Feedback())
    assert await committed(entry(first, "3")) == {"off"}
    call = entry(other, "1")
    assert await committed(entry(first, "4"), call) == {"on"}
    await ledger.journal.end(call, answered(), Feedback())
    assert await committed(entry(first, "5"), entry(other, "2")) == {"off"}
    again = await ledger.claim(first, "w2")
    assert await committed(entry(again, "6")) == {"on"}


async def transactions(ledger: Ledger) -> list[int]:
    """How many lines each transaction wrote."""
    rows = await ledger.all("SELECT count(*) FROM ai_llm_calls GROUP BY xmin::text ORDER BY 1")
    return [row[0] for row in rows]


async def test_each_gets_its_own_answer(ledger: Ledger) -> None:
    """In one batch a call goes, one is replayed, one is lost: none is mixed up."""
    known = entry(await ledger.request("w1"), "known")
    await ledger.journal.begin(known)
    await ledger.journal.end(known, answered(text="kept"), Feedback())
    replayed = entry(await ledger.claim(known.authority, "w2"), "known")
    lost = entry(known.authority, "other")
    fresh = entry(await ledger.request(), "fresh")

    begun = await asyncio.gather(*map(ledger.journal.begin, [fresh, replayed, lost]))

    assert [b.verdict for b in begun] == ["go", "replay", "lost"]
    assert begun[1].response == {"text": "kept"}


async def test_a_batch_stops_at_the_budget(ledger: Ledger) -> None:
    """Of ten calls that come together as many go as the budget has room for."""
    limits = [Limit("agent:x", "day"), Limit("global", "day", Decimal("0.035"))]
    begun = await asyncio.gather(
        *map(ledger.journal.begin, await calls_of(ledger, 10, limits=limits))
    )
    assert sorted(b.verdict for b in begun) == ["budget"] * 7 + ["go"] * 3
    assert await ledger.money() == (0, 3 * CENT, 0)


async def test_a_call_that_somebody_holds_stops_no_other(ledger: Ledger, database: str) -> None:
    """The others of its batch are begun without it, and it is once it is free."""
    held, *others = await calls_of(ledger, 4)
    await ledger.journal.begin(held)
    async with await psycopg.AsyncConnection.connect(database) as holder:
        await holder.execute(
            "SELECT FROM ai_llm_calls WHERE request_id = %s FOR UPDATE",
            [held.authority.request_id],
        )
        waiting = asyncio.create_task(ledger.journal.begin(held))
        begun = await asyncio.gather(*map(ledger.journal.begin, others))
        assert {b.verdict for b in begun} == {"go"}
        assert not waiting.done()
    assert (await waiting).verdict == "go"


async def test_a_lone_call_that_somebody_holds_stops_none_after_it(
    ledger: Ledger, database: str
) -> None:
    """Those that come while it waits for the lock go beside it."""
    held, *others = await calls_of(ledger, 4)
    await ledger.journal.begin(held)
    async with await psycopg.AsyncConnection.connect(database) as holder:
        await holder.execute(
            "SELECT FROM ai_llm_calls WHERE request_id = %s FOR UPDATE",
            [held.authority.request_id],
        )
        waiting = asyncio.create_task(ledger.journal.begin(held))
        await eventually(lambda: waits_for_a_lock(ledger))
        async with asyncio.timeout(5):
            begun = await asyncio.gather(*map(ledger.journal.begin, others))
        assert {b.verdict for b in begun} == {"go"}
        assert not waiting.done()
    assert (await waiting).verdict == "go"


async def test_a_call_that_nobody_will_make_gives_its_money_back(
    ledger: Ledger, database: str
) -> None:
    """Cancelled while its reservation was on the way: the line ends as failed, for nothing."""
    [call] = await calls_of(ledger, 1)
    await ledger.run("INSERT INTO ai_budgets (scope, period) VALUES ('global', 'day')")
    async with await psycopg.AsyncConnection.connect(database) as holder:
        await holder.execute("LOCK TABLE ai_budgets")
        begin = asyncio.create_task(ledger.journal.begin(call))
        await eventually(lambda: waits_for_a_lock(ledger))
        begin.cancel()
        await asyncio.sleep(0)
        await holder.commit()
    await ledger.journal.idle()

    assert begin.cancelled()
    assert await ledger.statuses(call.authority.request_id) == [("failed", "none")]
    assert await ledger.money() == (0, 0, 0)
    assert await ledger.differences() == []


async def waits_for_a_lock(ledger: Ledger) -> bool:
    rows = await ledger.all(
        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    return bool(rows)


async def test_daemons_with_batches_never_wait_for_each_other_in_a_circle(
    ledger: Ledger, database: str
) -> None:
    """Models, keys and requests mixed at random in the batches of four daemons: no deadlock."""
    journals = [Journal(ledger.pool, statements.load()) for _ in range(4)]
    dice = random.Random(11)
    for model in "abc":
        buckets = [Bucket(kind, 1e6, 1e6, 1e6) for kind in ("rpm", "tpm")]
        known = entry(await ledger.request(), model=model)
        await ledger.journal.begin(known)
        await ledger.journal.end(known, answered(), Feedback("ok", buckets=buckets))

    async def buy(journal: Journal, number: int) -> None:
        key = f"key:{dice.randrange(6)}"
        call = entry(
            await ledger.request(),
            hashes=[digest(str(number))],
            model=dice.choice("abc"),
            limits=[
                Limit(key, "day", Decimal(9)),
                Limit("agent:x", "day"),
                Limit("global", "day"),
            ],
        )
        assert (await journal.begin(call)).verdict == "go"
        assert await journal.end(call, answered(), Feedback("ok")) == "done"

    for _ in range(5):
        await asyncio.gather(*(buy(journals[n % 4], n) for n in range(80)))
    assert await ledger.differences() == []
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as own:
        await own.execute("SELECT pg_stat_clear_snapshot()")
        cursor = await own.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        assert await cursor.fetchone() == (0,)
